"""What another training does to the decade's replay.

    python benchmarks/replay.py --seed 0 --seed 1 --seed 2

The chapter fits and trains each method once. Here each is fitted and trained with each
seed, and judged as in the chapter: three drawings of 300 digits at 14 by 14 pixels, the
Fréchet distance in floors, and the share that is read as asked. Flow matching with the
U-Net takes a minute a seed; ``--brief`` leaves it out.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from digit_board import ASKED, N, dice, judge
from torch import Tensor

from genbook.course.digit_contenders import DIGIT_CONTENDERS
from genbook.course.recipes.adversarial import gan_digits
from genbook.course.recipes.autoregressive import pixelcnn_digits
from genbook.course.recipes.diffusion import diffusion_images
from genbook.course.recipes.flow_matching import flow_matching_images
from genbook.course.recipes.vae import vae_digits
from genbook.course.timeline import evaluate
from genbook.data.digits import load_digits
from genbook.models.density.class_conditional import ClassConditional


def seen(name: str) -> tuple[Tensor, Tensor]:
    """Return the training digits as a contender of the board sees them."""
    (contender,) = [c for c in DIGIT_CONTENDERS if c.name == name]
    digits = load_digits("train", size=contender.size)
    return contender.see(digits.x), digits.y


def planes(seed: int) -> Callable:
    """Fit the mixture of planes of each digit."""
    x, y = seen("GAN")
    model = ClassConditional(x.shape[1:], 10, 4, 8)
    return model.fit(x, y, iterations=15, generator=dice(seed)).sample


def trained(make: Callable, name: str, seed: int, **options: object) -> Callable:
    """Train a network of the chapters."""
    model, _ = make(*seen(name), seed=seed, **options)
    return model.sample


def painter(
    make: Callable, name: str, guidance: float, seed: int, **options: object
) -> Callable:
    """Train a network of the chapters that draws from -1 to 1."""
    model, _ = make(*seen(name), seed=seed, **options)
    return lambda *args, **kwargs: (
        (model.sample(*args, guidance=guidance, **kwargs) + 1) / 2
    )


def main() -> None:
    """Train, draw, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, action="append", help="may be repeated")
    parser.add_argument("--brief", action="store_true", help="without flow matching")
    args = parser.parse_args()
    torch.set_num_threads(1)
    reader, real, floor = judge()
    for seed in args.seed or [0]:
        makers: dict[str, Callable[[], Callable]] = {
            "planes": lambda s=seed: planes(s),
            "VAE": lambda s=seed: trained(vae_digits, "VAE", s, latent_dim=4),
            "GAN": lambda s=seed: trained(gan_digits, "GAN", s),
            "PixelCNN": lambda s=seed: trained(pixelcnn_digits, "PixelCNN", s),
            "diffusion": lambda s=seed: painter(
                diffusion_images, "GAN", 1.5, s, steps=700
            ),
            "flow matching": lambda s=seed: painter(
                flow_matching_images, "U-Net flow", 1.6, s
            ),
        }
        for name, make in list(makers.items())[: 5 if args.brief else None]:
            draw = make()
            sets = [draw(N, ASKED, generator=dice(k)).clamp(0, 1) for k in (1, 2, 3)]
            found = [evaluate(x, reader, real, ASKED) for x in sets]
            far = " ".join(f"{e['Fréchet distance'] / floor:.1f}" for e in found)
            read = sum(e["read as asked"] for e in found) / 3
            print(f"seed {seed} {name:14} floors {far} read {read:.2f}", flush=True)


if __name__ == "__main__":
    main()
