"""The audits of the chapter on ethics with several seeds: how far they scatter.

    python benchmarks/audits.py

With each seed other passages are members, other codes are secrets, and every model
begins elsewhere and sees other batches; seed 0 is the chapter's. With ``GENBOOK_RUNS``
set, what was trained before is read.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor

from genbook.course.cached_fit import cached_fit, seeded_init
from genbook.data.digits import load_digits
from genbook.data.tokens import tokenise_prose
from genbook.discriminative.image_classifier import (
    ImageClassifier,
    train_image_classifier,
)
from genbook.models.autoregressive.transformer import Transformer
from genbook.models.diffusion.diffusion import Diffusion
from genbook.practice.audits.bias import bias_amplification
from genbook.practice.audits.extraction import extract, plant
from genbook.practice.audits.membership import membership_inference
from genbook.practice.audits.privacy import noise_for
from genbook.practice.audits.private_training import fit_privately
from genbook.practice.audits.watermark import GreenLists, detect, replace_tokens, write

WORDS = tokenise_prose()
PLACE = {word: i for i, word in enumerate(WORDS.vocabulary)}
DIGITS = list(range(len(PLACE), len(PLACE) + 10))
COPIES = [0] * 16 + [1] * 4 + [4] * 4 + [16] * 4


def generator(seed: int) -> torch.Generator:
    """Return a generator with a seed."""
    return torch.Generator().manual_seed(seed)


def language_model(seed: int, width: int = 64, depth: int = 2, heads: int = 4):
    """Return an untrained model of the prose and ten digits."""
    with seeded_init(seed):
        return Transformer(len(PLACE) + 10, 16, width=width, depth=depth, heads=heads)


@torch.no_grad()
def losses(model: Transformer, x: Tensor) -> Tensor:
    """Return the loss of each passage, in nats a word."""
    return torch.cat([-model.token_log_probs(part).mean(1) for part in x.split(500)])


def secrets(seed: int, members: Tensor) -> Transformer:
    """Plant secrets, train, print what is given away, and return the model."""
    names = [w for w in PLACE if w.isalpha() and len(w) > 3][: len(COPIES)]
    codes = torch.randint(10, (len(COPIES), 4), generator=generator(10 * seed + 1))
    asked = []
    train = members
    for name, code, often in zip(names, codes.tolist(), COPIES, strict=True):
        prompt = [PLACE[w] for w in f". the code of the {name} is".split()]
        secret = [DIGITS[d] for d in code]
        asked.append((prompt, secret))
        row = prompt + secret
        train = plant(train, row, often, generator=generator(10 * seed + 2))
    model = language_model(seed)
    cached_fit(model, train, steps=600, batch_size=64, lr=1e-2, seed=seed)
    told = [extract(model, *pair, DIGITS) for pair in asked]
    for often in (0, 1, 4, 16):
        crowd = [t for t, c in zip(told, COPIES, strict=True) if c == often]
        bits = torch.tensor([t.exposure for t in crowd])
        error = bits.std() / len(bits) ** 0.5
        done = sum(t.extracted for t in crowd)
        print(f"  {often:2d} copies: {bits.mean():.1f} ± {error:.1f} bits", end=", ")
        print(f"{done} of {len(crowd)} extracted")
    return model


def members_and_strangers(
    seed: int, several: Transformer, members: Tensor, strangers: Tensor
) -> None:
    """Print the area under the curve of four models."""
    once = language_model(seed)
    cached_fit(once, members, steps=156, batch_size=16, lr=5e-3, seed=seed)
    few = members[:800]
    noise = noise_for(2.0, 48 / 800, 300, delta=1 / 800)
    models = {"several passes": (several, members), "one pass": (once, members)}
    for name, strength in (("many over few", 0.0), ("private", noise)):
        model = language_model(seed, 32, 1, 2)
        fit_privately(model, few, noise=strength, steps=300, batch_size=48, seed=seed)
        models[name] = model, few
    for name, (model, own) in models.items():
        found = membership_inference(losses(model, own), losses(model, strangers))
        print(f"  {name:14} AUC {found.auc:.3f} ± {found.spread:.3f}")


def watermark(seed: int, model: Transformer) -> None:
    """Print how often the mark is found."""
    lists = GreenLists(key=7, vocab_size=model.vocab_size)
    text = write(model, 60, 101, prompt=[1], lists=lists, delta=2.5,
                 generator=generator(10 * seed + 7)).tokens  # fmt: skip
    for share in (0.0, 0.3, 0.5):
        g = generator(10 * seed + 8)
        edited = replace_tokens(text, share, len(PLACE), generator=g) if share else text
        found = (detect(edited, lists).p_value < 1e-3).double().mean()
        print(f"  watermark, {share:.0%} replaced: {found:.2f} found")


def bias(seed: int, digit, judge: ImageClassifier) -> None:
    """Print the share of the majority by the weight of guidance."""
    four, nine = digit.x[digit.y == 4][:280], digit.x[digit.y == 9][:120]
    x = torch.cat([four, nine, digit.x[(digit.y != 4) & (digit.y != 9)][:800]])
    y = (torch.arange(len(x)) >= 400).long()
    with seeded_init(seed):
        painter = Diffusion((1, 14, 14), prediction="x0", width=512, classes=2)
    cached_fit(painter, 2 * x - 1, y, steps=300, batch_size=128, lr=2e-3, seed=seed)
    for w in (1.0, 2.0, 4.0):
        new = painter.sample(400, torch.zeros(400).long(), guidance=w,
                             generator=generator(10 * seed + 5))  # fmt: skip
        said = judge.predict(((new + 1) / 2).clamp(0, 1))
        a = bias_amplification(said, 4, 9, trained=0.7)
        print(f"  guidance {w:.0f}: {a.share:.3f}, 95 % {a.low:.3f} to {a.high:.3f}")


def main() -> None:
    """Run every audit with each seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    digit = load_digits("train", size=14)
    judge = train_image_classifier(digit.x, digit.y, 10, noise=0.2, steps=500)
    every = WORDS.x.unique(dim=0)
    for seed in range(parser.parse_args().seeds):
        print(f"seed {seed}")
        x = every[torch.randperm(len(every), generator=generator(10 * seed))]
        members, strangers = x[:2500], x[2500:5000]
        model = secrets(seed, members)
        members_and_strangers(seed, model, members, strangers)
        watermark(seed, model)
        bias(seed, digit, judge)


if __name__ == "__main__":
    main()
