"""Convolutions or connected layers alone in a variational autoencoder, equal seconds.

    python benchmarks/vae.py

Both learn the black-and-white digits of 28×28 pixels, with no label and with one, and
take turns, so that both meet the same machine. The connected ones are those that the
chapter had before: layers of 256 and 128, 900 steps at a rate of 0.003. With
``GENBOOK_RUNS`` set, what was trained before is read, with the seconds that it took.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor

from genbook.course.cached_fit import cached_fit, seeded_init
from genbook.course.recipes.reading import digit_reader
from genbook.course.recipes.vae import vae_digits
from genbook.data.digits import load_digits
from genbook.discriminative.convolutional import ConvolutionalClassifier
from genbook.metrics import frechet_distance
from genbook.models.variational.vae import VAE
from genbook.training import History


def connected(
    x: Tensor, y: Tensor | None, *, latent_dim: int, seed: int
) -> tuple[VAE, History]:
    """Train the model with connected layers alone."""
    with seeded_init(seed):
        model = VAE((1, 28, 28), latent_dim, hidden=(256, 128),
                    likelihood="bernoulli", classes=0 if y is None else 10)  # fmt: skip
    options = {"batch_size": 100, "lr": 3e-3, "seed": seed}
    return model, cached_fit(model, x, y, steps=900, **options)


@torch.no_grad()
def measure(
    model: VAE, judge: ConvolutionalClassifier, new: Tensor, y: Tensor
) -> dict[str, float]:
    """Return what the model comes to on digits that it has not seen."""
    g = torch.Generator().manual_seed(1)
    asked = torch.arange(1000) % 10 if model.classes else None
    labels = y if model.classes else None
    z = torch.randn(1000, model.latent_dim, generator=g)
    drawn, grey = model.sample(1000, asked, generator=g), model.decode(z, asked)
    real, between = judge.features(new), (grey > 0.1) & (grey < 0.9)
    found = {
        "bound": model.elbo(new, labels, generator=g).mean().item(),
        "of ten weights": model.elbo(new, labels, k=10, generator=g).mean().item(),
        "Fréchet, samples": frechet_distance(judge.features(drawn), real),
        "Fréchet, probabilities": frechet_distance(judge.features(grey), real),
        "grey": between.sum().item() / (grey >= 0.1).sum().item(),
    }
    if asked is not None:
        found["read as asked"] = judge.accuracy(drawn, asked)
        found["probabilities read"] = judge.accuracy(grey, asked)
    return found


def main() -> None:
    """Train both with each seed, in turn, and print what they come to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    digits, fresh = load_digits("train"), load_digits("test")
    ink, new = (digits.x > 0.5).float(), (fresh.x > 0.5).float()
    judge = digit_reader(ink, digits.y, steps=250)
    for seed in range(parser.parse_args().seeds):
        for y, size in ((None, 16), (digits.y, 4)):
            for make in (connected, vae_digits):
                model, history = make(ink, y, latent_dim=size, seed=seed)
                print(f"seed {seed}, {make.__name__}, code of {size}: "
                      f"{history.cpu_seconds:.1f} s", flush=True)  # fmt: skip
                for name, value in measure(model, judge, new, fresh.y).items():
                    print(f"  {name}: {value:.3g}" if abs(value) < 1 else
                          f"  {name}: {value:.1f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
