"""A flow of images that starts from the table of pixels, beside the chapter's flow.

    python benchmarks/image_flow.py --seed 0 --seed 1 --seed 2

Both learn the digits of 14 by 14 pixels with their labels, in turn and in about the
same CPU seconds: the chapter's four affine couplings with fully connected networks
(``flow_digits``), and ``ImageFlow``, whose couplings let pixels of a chessboard, of
rows and of columns say what their neighbours are. Printed are bits a pixel on held-out
digits, the Fréchet distance of 1,000 drawings from the held-out digits in the features
of a reader of digits, and the share that it reads as asked; beside them the table of
single pixels, and training digits as a floor.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor

from genbook import metrics
from genbook.course.cached_fit import seeded_init
from genbook.course.recipes.flows import flow_digits
from genbook.course.recipes.reading import digit_reader
from genbook.data.digits import load_digits
from genbook.models.flows.dequantisation import bits_per_dimension, dequantise
from genbook.models.flows.flow import Flow
from genbook.models.flows.image_flow import ImageFlow
from genbook.training import fit


def image_flow(x: Tensor, y: Tensor, steps: int, seed: int) -> ImageFlow:
    """Train the flow of images, each of them four times with fresh noise."""
    noise = torch.Generator().manual_seed(seed)
    flat = dequantise(x.flatten(1).repeat(4, 1), generator=noise)
    with seeded_init(seed):
        model = ImageFlow(14, transforms=4, classes=10).start_from(flat)
    fit(model, flat, y.repeat(4), steps=steps, batch_size=32, lr=3e-3, seed=seed)
    return model


def main() -> None:
    """Train both with each seed and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, action="append", help="may be repeated")
    parser.add_argument("--steps", type=int, default=230, help="of the flow of images")
    told = parser.parse_args()
    torch.set_num_threads(1)
    train, test = (load_digits(part, size=14) for part in ("train", "test"))
    judge = digit_reader(train.x, train.y)
    real, asked = judge.features(test.x), torch.arange(10).repeat(100)
    noisy = dequantise(test.x.flatten(1), generator=torch.Generator().manual_seed(4))

    def row(name: str, model: Flow | ImageFlow, seconds: float, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        drawn = model.sample(1000, asked, generator=generator).view(-1, 1, 14, 14)
        far = metrics.frechet_distance(judge.features(drawn), real)
        read = judge.accuracy(drawn, asked)
        print(f"seed {seed} {name:6} {seconds:5.1f} s {bits(model):.3f} bits ", end="")
        print(f"Fréchet {far:6.1f} read {read:.3f}", flush=True)

    @torch.no_grad()
    def bits(model: Flow | ImageFlow, y: Tensor | None = test.y) -> float:
        return bits_per_dimension(model.log_prob(noisy, y), dims=196).mean().item()

    table = ImageFlow(14, transforms=1).start_from(train.x.flatten(1))
    snow = table.sample(1000, generator=torch.Generator().manual_seed(0))
    far = metrics.frechet_distance(judge.features(snow.view(-1, 1, 14, 14)), real)
    floor = metrics.frechet_distance(judge.features(train.x[:1000]), real)
    print(f"table {bits(table, None):.3f} bits Fréchet {far:.1f}, floor {floor:.1f}")
    for seed in told.seed or [0]:
        start = time.process_time()
        model, _ = flow_digits(train.x, train.y, seed=seed)
        middle = time.process_time()
        row("flow", model, middle - start, seed)
        middle = time.process_time()
        images = image_flow(train.x, train.y, told.steps, seed)
        row("images", images, time.process_time() - middle, seed)


if __name__ == "__main__":
    main()
