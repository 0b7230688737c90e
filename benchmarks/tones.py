"""The tones of the U-Net's digits put right by a curve, with several seeds.

    python benchmarks/tones.py --seed 0 --seed 1 --seed 2

The U-Net of the chapter on images is trained with each seed, and the curve of its tones
fitted to two hundred of its drawings and the training digits, as in the chapter. Five
drawings of 400 digits from other noise are judged against both halves of the test
digits: as drawn, after the whole curve, after the curve that keeps the paper, and in
black and white. Printed are means, and for the grey pixels and the Fréchet distance in
floors the five drawings one by one.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor

from genbook import metrics
from genbook.course.digit_board import judge_digits
from genbook.course.recipes.flow_matching import flow_matching_images
from genbook.course.recipes.reading import digit_reader
from genbook.data.digits import load_digits
from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.models.diffusion.tones import match_quantiles

N, NOISES, FIT = 400, (1, 2, 3, 5, 6), 8
ASKED = torch.arange(N) % 10


def dice(seed: int) -> torch.Generator:
    """Return a generator."""
    return torch.Generator().manual_seed(seed)


def grey(x: Tensor) -> float:
    """Return the share of pixels that are neither ink nor paper."""
    return ((x > 0.15) & (x < 0.85)).float().mean().item()


def main() -> None:
    """Train with each seed, draw, put the tones right, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, action="append", help="may be repeated")
    args = parser.parse_args()
    torch.set_num_threads(1)
    train, test = load_digits("train"), load_digits("test")
    reader = digit_reader(train.x, train.y, steps=300)
    every = reader.features(test.x)
    turn = torch.arange(len(test.x)) // 10 % 2 == 0
    halves = test.x[turn][:N], test.x[~turn][:N]
    floor = metrics.noise_floor(
        every, metrics.frechet_distance, N, 5, labels=test.y, generator=dice(2)
    ).mean

    def judged(x: Tensor) -> list[float]:
        """Grey, distances, precision, recall, read as asked, p-value for copies."""
        first, second = (judge_digits(reader, x, half, ASKED) for half in halves)
        far = [first.frechet / floor, second.frechet / floor]
        copies = metrics.nearest_neighbour_memorisation(
            x, train.x, test.x, ratio=0.6, generator=dice(4)
        )
        shares = first.precision, first.recall, first.read
        return [grey(x) / grey(test.x), *far, *shares, copies.p_value]

    print("seed  tones         grey  floors      prec.  recall  read   p")
    for seed in args.seed or [0]:
        model, history = flow_matching_images(train.x, train.y, seed=seed)

        def draw(y: Tensor, noise: int, model: FlowMatching = model) -> Tensor:
            x = model.sample(len(y), y, guidance=1.6, generator=dice(noise))
            return ((x + 1) / 2).clamp(0, 1)

        start = time.process_time()
        own = draw(ASKED[:200], FIT)
        drawn = [draw(ASKED, noise) for noise in NOISES]
        whole = [match_quantiles(x, own, train.x) for x in drawn]
        seconds = time.process_time() - start
        tones = {
            "as drawn": drawn,
            "whole curve": whole,
            "paper kept": [
                w.maximum(x.clamp_max(0.05)) for w, x in zip(whole, drawn, strict=True)
            ],
            "two tones": [(x > 0.5).float() for x in drawn],
        }
        for name, sets in tones.items():
            rows = torch.tensor([judged(x) for x in sets])
            g, a, b, *shares, p = rows.mean(0).tolist()
            line = f"{seed:4}  {name:12}  {g:.2f}  {a:4.1f}  {b:4.1f}  "
            line += "  ".join(f"{v:.3f}" for v in shares) + f"  {p:.2f}"
            single = (" ".join(f"{v:.2f}" for v in rows[:, k].tolist()) for k in (0, 1))
            print(line, "  | " + " | ".join(single), flush=True)
        print(f"      training {history.cpu_seconds:.0f} s, drawing {seconds:.0f} s")


if __name__ == "__main__":
    main()
