"""The digits' scoreboard with several seeds of training, and a U-Net at equal seconds.

    python benchmarks/digit_board.py --seed 0 --seed 1 --seed 2

The chapter trains each contender once, and its U-Net for a minute. Here diffusion and
flow matching with the fully connected network are trained with each seed, and the U-Net
for so few steps that it takes no longer than they do; ``--full`` adds its whole
training. All are judged as in the chapter, at 14 by 14 pixels: three drawings of 300,
the Fréchet distance in floors, and the means of the shares.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor

from genbook import metrics
from genbook.course.digit_board import at_side, judge_digits
from genbook.course.recipes.diffusion import diffusion_digits
from genbook.course.recipes.flow_matching import (
    flow_matching_digits,
    flow_matching_images,
)
from genbook.course.recipes.reading import digit_reader
from genbook.data.digits import load_digits
from genbook.discriminative.convolutional import ConvolutionalClassifier

N, EQUAL = 300, 150  # drawings; steps of the U-Net in the seconds of the others
ASKED = torch.arange(N) % 10


def dice(seed: int) -> torch.Generator:
    """Return a generator."""
    return torch.Generator().manual_seed(seed)


def judge() -> tuple[ConvolutionalClassifier, Tensor, float]:
    """Return a reader of small digits, real ones, and the distance that is a floor."""
    small, test = load_digits("train", size=14), load_digits("test", size=14)
    reader = digit_reader(small.x, small.y)
    real = test.x[torch.arange(len(test.x)) // 10 % 2 == 0][:N]
    floor = metrics.noise_floor(
        reader.features(test.x),
        metrics.frechet_distance,
        N,
        5,
        labels=test.y,
        generator=dice(2),
    ).mean
    return reader, real, floor


def main() -> None:
    """Train, draw, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, action="append", help="may be repeated")
    parser.add_argument(
        "--full", action="store_true", help="the U-Net for a minute too"
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    small, large = load_digits("train", size=14), load_digits("train")
    reader, real, floor = judge()
    makers: dict[str, tuple[Callable, Tensor, dict, dict]] = {
        "diffusion": (diffusion_digits, small.x, {}, {"guidance": 1.5, "steps": 16}),
        "flow matching": (
            flow_matching_digits,
            small.x,
            {},
            {"guidance": 1.5, "steps": 10},
        ),
        "U-Net, as long": (
            flow_matching_images,
            large.x,
            {"steps": EQUAL},
            {"guidance": 1.6},
        ),
    }
    if args.full:
        makers["U-Net"] = flow_matching_images, large.x, {}, {"guidance": 1.6}
    print("seed  drawn by        CPU s  floors            read  prec.  recall  cover.")
    for seed in args.seed or [0]:
        for name, (recipe, x, training, drawing) in makers.items():
            model, history = recipe(x, small.y, seed=seed, **training)
            verdicts = []
            for k in (1, 2, 3):
                drawn = model.sample(N, ASKED, generator=dice(k), **drawing)
                drawn = at_side(((drawn + 1) / 2).clamp(0, 1), 14)
                verdicts.append(judge_digits(reader, drawn, real, ASKED))
            far = "  ".join(f"{v.frechet / floor:4.1f}" for v in verdicts)
            shares = torch.tensor([(v.read, *v[2:]) for v in verdicts]).mean(0)
            tail = "   ".join(f"{v:.2f}" for v in shares.tolist())
            print(f"{seed:4}  {name:14}  {history.cpu_seconds:5.1f}  {far}  {tail}")


if __name__ == "__main__":
    main()
