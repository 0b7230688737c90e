"""``fit(..., capture=True)`` on a GPU against plain steps there, and one core.

    python benchmarks/capture.py

Each number is the wall time of one more step: that of a longer training less that of a
shorter one, over the steps between. What recording costs once stands in a column of its
own. Without a GPU there is only the core.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor

from genbook.models.autoregressive.transformer import Transformer
from genbook.models.base import Model
from genbook.models.diffusion.diffusion import Diffusion
from genbook.models.flows.flow import Flow
from genbook.models.variational.vae import VAE
from genbook.training import fit

Case = tuple[Callable[[], Model], Tensor, int]


def cases() -> dict[str, Case]:
    """Return what makes a model, what it is trained on, and the size of a batch."""
    g = torch.Generator().manual_seed(0)
    plane = torch.randn(20_000, 2, generator=g)
    digits = (torch.rand(10_000, 1, 28, 28, generator=g) < 0.2).float()
    text = torch.randint(30, (10_000, 64), generator=g)
    return {
        "flow, 4 splines in the plane": (lambda: Flow(2), plane, 512),
        "diffusion in the plane": (lambda: Diffusion((2,), width=64), plane, 512),
        "autoencoder, 784 pixels": (
            lambda: VAE((1, 28, 28), 8, likelihood="bernoulli"),
            digits,
            128,
        ),
        "transformer, 64 letters": (lambda: Transformer(30, 64), text, 32),
    }


def seconds(case: Case, device: str, steps: int, capture: bool) -> float:
    """Return how long a training takes."""
    make, x, size = case
    torch.manual_seed(0)
    model, x = make().to(device), x.to(device)
    start = time.perf_counter()
    fit(model, x, steps=steps, batch_size=size, lr=1e-3, capture=capture)
    return time.perf_counter() - start  # the weights were looked at: all is done


def a_step(
    case: Case, device: str, steps: int, capture: bool, rounds: int
) -> tuple[float, float]:
    """Return the time of one more step, and what comes once, in seconds."""
    seconds(case, device, 3, capture)  # imports and caches
    found = []
    for _ in range(rounds):
        short = seconds(case, device, steps // 5, capture)
        long = seconds(case, device, steps, capture)
        each = (long - short) / (steps - steps // 5)
        found.append((each, short - each * (steps // 5)))
    return tuple(statistics.median(f[i] for f in found) for i in (0, 1))  # type: ignore[return-value]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=500, help="of the longer training")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    gpu = torch.cuda.is_available()
    name = torch.cuda.get_device_name() if gpu else "no GPU"
    print(f"{name}, PyTorch {torch.__version__}; milliseconds a step\n")
    print("| | one core | GPU, plain | GPU, recorded | times faster | recording, s |")
    print("|---|---|---|---|---|---|")
    for title, case in cases().items():
        core, _ = a_step(case, "cpu", args.steps // 5, False, args.rounds)
        row = f"| {title} | {1e3 * core:.2f} |"
        if gpu:
            plain, before = a_step(case, "cuda", args.steps, False, args.rounds)
            fast, once = a_step(case, "cuda", 4 * args.steps, True, args.rounds)
            row += f" {1e3 * plain:.2f} | {1e3 * fast:.3f} | {plain / fast:.0f} |"
            row += f" {once - before:.1f} |"
        print(row if gpu else row + 4 * " – |", flush=True)


if __name__ == "__main__":
    main()
