"""``genbook.training.fit`` against a bare loop: the same model, batches and optimiser.

    python benchmarks/fit.py

The bare loop does nothing but learn: no schedule, no history, no check for NaN, no
validation. Both are timed in turn in one process (CPU time a step), then each in whole
processes, imports included. The ratio is that of the medians; the aim is at most 1.05.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor, nn

from genbook.models.base import TractableModel
from genbook.models.density.gaussian import Gaussian
from genbook.models.density.grid import GridNetwork

BATCH, AIM = 512, 1.05


class Wide(Gaussian):
    """A Gaussian seen through a wide network: a step that costs milliseconds."""

    def __init__(self, width: int = 512) -> None:
        super().__init__(2)
        layers = [nn.Linear(2, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()]
        self.net = nn.Sequential(*layers, nn.Linear(width, 2))

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return super().log_prob(x + self.net(x)) - self.net(x).square().sum(1)


MODELS: dict[str, Callable[[], TractableModel]] = {
    "gaussian": lambda: Gaussian(2),
    "network": lambda: GridNetwork([-6.0, -6.0], [6.0, 6.0], bins=32),
    "wide": Wide,
}
STEPS = {"gaussian": 500, "network": 200, "wide": 50}


def bare(model: TractableModel, x: Tensor, steps: int) -> None:
    """Train without anything around it."""
    adam = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0, fused=True)
    generator = torch.Generator().manual_seed(0)
    step = 0
    while True:
        order = torch.randperm(len(x), generator=generator)
        for i in range(0, len(x) - BATCH + 1, BATCH):
            loss = model.loss(x[order[i : i + BATCH]])
            adam.zero_grad()
            loss.backward()
            adam.step()
            step += 1
            if step == steps:
                return


def ours(model: TractableModel, x: Tensor, steps: int) -> None:
    """Train with the loop of the book."""
    from genbook.training import fit

    fit(model, x, steps=steps, batch_size=BATCH, lr=1e-3)


LOOPS = {"bare": bare, "fit": ours}


def once(loop: str, name: str, steps: int) -> float:
    """Return the CPU time of one training, in seconds."""
    torch.manual_seed(0)
    x = torch.randn(20_000, 2)
    model = MODELS[name]()
    start = time.process_time()
    LOOPS[loop](model, x, steps)
    return time.process_time() - start


def process(loop: str, name: str, steps: int) -> float:
    """Return the CPU time of a whole process that trains once, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, __file__, "--once", loop, name, str(steps)]
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(
    measure: Callable[[str, str, int], float], name: str, steps: int, pairs: int
) -> tuple[float, float, float]:
    """Return the median times of both loops, taken in turn, and their ratio."""
    times: dict[str, list[float]] = {"bare": [], "fit": []}
    for i in range(pairs):
        for loop in ("bare", "fit") if i % 2 else ("fit", "bare"):
            times[loop].append(measure(loop, name, steps))
    bare, fit = (statistics.median(times[loop]) for loop in LOOPS)
    return bare, fit, fit / bare


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=25, help="of runs, taken in turn")
    parser.add_argument("--processes", type=int, default=5, help="pairs of processes")
    parser.add_argument("--once", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.once:
        loop, name, steps = args.once
        once(loop, name, int(steps))
        return
    print(f"{'model':10}{'':16}{'bare':>12}{'fit':>12}{'ratio':>8}   aim {AIM}")
    for name, steps in STEPS.items():
        for loop in LOOPS:
            once(loop, name, 20)  # imports and caches
        b, f, ratio = compare(once, name, steps, args.pairs)
        b, f = 1e6 * b / steps, 1e6 * f / steps
        print(f"{name:10}{'a step':16}{b:9.0f} µs{f:9.0f} µs{ratio:8.3f}")
    for name, steps in STEPS.items():
        b, f, ratio = compare(process, name, 4 * steps, args.processes)
        print(f"{name:10}{'whole process':16}{b:10.2f} s{f:10.2f} s{ratio:8.3f}")


if __name__ == "__main__":
    main()
