"""The spline with its derivatives written out against the plain one, by autograd.

    python benchmarks/splines.py

Both forms of ``genbook.models.flows.splines`` send the same numbers through the same
splines, forwards alone and forwards and backwards; then whole steps of training of two
of the book's flows are timed with either form in their couplings. One thread, CPU
time, the forms in turn; a ratio is the median over the rounds, and above 1 the fast
form is faster.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from unittest.mock import patch

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor

from genbook.data.toy import TwoMoons
from genbook.models.flows import couplings
from genbook.models.flows.flow import Flow
from genbook.models.flows.splines import RQSpline, rqs_forward

torch.set_num_threads(1)
BATCH = 512


class Plain:
    """The plain form under the name that couplings call."""

    apply = staticmethod(rqs_forward)


FORMS = {"plain": Plain, "fast": RQSpline}


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def spline(form: type, bins: int, backwards: bool) -> Callable[[], None]:
    """Return a function that sends a batch through splines once."""
    theta = torch.randn(BATCH, 1, 3 * bins - 1, generator=seeded(0))
    x = torch.rand(BATCH, 1, generator=seeded(1))
    theta.requires_grad_(backwards), x.requires_grad_(backwards)

    def once() -> None:
        z, log_slope = form.apply(x, theta, bins, True)
        if backwards:
            torch.autograd.grad((z - log_slope).sum(), (x, theta))

    return once


def step(form: type, x: Tensor, **config: object) -> Callable[[], None]:
    """Return a function that trains a flow by one step."""
    torch.manual_seed(0)
    flow = Flow(2, **config)  # type: ignore[arg-type]
    optimiser = torch.optim.Adam(flow.parameters(), lr=1e-3)

    def once() -> None:
        with patch.object(couplings, "RQSpline", form):
            loss = flow.loss(x)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return once


def cpu_time(once: Callable[[], None], repeats: int) -> float:
    """Return the CPU time of one call, in seconds."""
    start = time.process_time()
    for _ in range(repeats):
        once()
    return (time.process_time() - start) / repeats


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="of both, taken in turn")
    parser.add_argument("--repeats", type=int, default=50, help="calls in each round")
    args = parser.parse_args()

    moons = TwoMoons(noise=0.05).sample(BATCH, generator=seeded(2))
    square = 2 * torch.rand(BATCH, 2, generator=seeded(3)) - 1
    world = {"transforms": 2, "bins": 32, "hidden": (96, 96), "frequencies": 6}
    world |= {"low": [-1.0, -1.0], "high": [1.0, 1.0]}
    jobs: dict[str, Callable[[type], Callable[[], None]]] = {
        "8 pieces, forwards": lambda form: spline(form, 8, False),
        "8 pieces, and backwards": lambda form: spline(form, 8, True),
        "32 pieces, forwards": lambda form: spline(form, 32, False),
        "32 pieces, and backwards": lambda form: spline(form, 32, True),
        "step of the moons' flow": lambda form: step(form, moons, transforms=3),
        "step of the map's flow": lambda form: step(form, square, **world),
    }
    print(f"{BATCH} numbers or points; medians of {args.rounds} rounds")
    for name, make in jobs.items():
        calls = {form: make(FORMS[form]) for form in FORMS}
        times: dict[str, list[float]] = {form: [] for form in FORMS}
        for once in calls.values():
            cpu_time(once, 5)  # warms up
        for i in range(args.rounds):
            for form in list(FORMS)[:: 1 if i % 2 else -1]:
                times[form].append(cpu_time(calls[form], args.repeats))
        pairs = zip(times["plain"], times["fast"], strict=True)
        ratio = statistics.median(a / b for a, b in pairs)
        spent = {form: 1e3 * statistics.median(t) for form, t in times.items()}
        print(
            f"{name:28}plain {spent['plain']:6.2f} ms, fast {spent['fast']:6.2f} ms: "
            f"{ratio:.1f}"
        )


if __name__ == "__main__":
    main()
