"""The digits' scoreboard with several seeds of training, and a U-Net at equal seconds.

    python benchmarks/digit_board.py --seed 0 --seed 1 --seed 2
    python benchmarks/digit_board.py --seed 0 --seed 1 --seed 2 \
        --out src/genbook/course/digit_board.json

The chapter trains each contender once, and its U-Net for a minute. Here diffusion and
flow matching with the fully connected network are trained with each seed, and the U-Net
for so few steps that it takes no longer than they do; ``--full`` adds its whole
training. All are judged as in the chapter, at 14 by 14 pixels: three drawings of 300,
the Fréchet distance in floors, and the means of the shares.

With ``--out``, all contenders that learned are trained with each seed as the chapters
train them, which takes half an hour, and the chapter reads the file.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor

from genbook import metrics
from genbook.course.digit_board import at_side, judge_digits
from genbook.course.digit_contenders import DIGIT_CONTENDERS, DigitContender, Learned
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


def asked_what_the_board_asks(
    c: DigitContender, learned: Learned, judged: tuple
) -> dict[str, Any]:
    """Return what the board says of one that learned: three drawings, judged."""
    reader, real, floor = judged
    drawn = (at_side(learned.draw(ASKED, dice(k)), 14) for k in (1, 2, 3))
    asked = ASKED if c.on_request else None
    three = [judge_digits(reader, x, real, asked) for x in drawn]
    row: dict[str, Any] = {"far": sum(v.frechet for v in three) / 3 / floor}
    for share in ("read", "precision", "recall", "coverage"):
        values = [getattr(v, share) for v in three]
        row[share] = None if None in values else sum(values) / 3
    return {k: v if v is None else round(v, 4) for k, v in row.items()}


def all_again(seeds: list[int], out: Path) -> None:
    """Train all that learn with each seed, and write what the board says of them."""
    judged, rows = judge(), {}
    for c in (c for c in DIGIT_CONTENDERS if c.year):
        digits = load_digits("train", size=c.size)
        rows[c.name] = []
        for seed in seeds:
            learned = c.learn(c.see(digits.x), digits.y, seed=seed)
            row = asked_what_the_board_asks(c, learned, judged)
            head = {"seed": seed, "seconds": round(learned.seconds or 0.0, 1)}
            rows[c.name].append(head | row)
            print(c.name, rows[c.name][-1], flush=True)
    out.write_text(json.dumps({"seeds": seeds, "rows": rows}, indent=1) + "\n", "utf8")


def main() -> None:
    """Train, draw, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, action="append", help="may be repeated")
    parser.add_argument(
        "--full", action="store_true", help="the U-Net for a minute too"
    )
    parser.add_argument("--out", type=Path, help="all contenders, into this file")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.out:
        all_again(args.seed or [0], args.out)
        return
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
