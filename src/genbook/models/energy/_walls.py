"""The box of an energy: even inside, with a wall whose height grows as a square.

Points of the box are in its own units: it is [-1, 1] along each coordinate.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor


def rise(unit: Tensor, wall: float) -> Tensor:
    """Return how high the wall stands at each point, ``(n,)``: nothing inside."""
    out = (unit.abs() - 1).clamp(min=0) / wall
    return 0.5 * out.square().sum(1)


def log_size(dim: int, wall: float) -> float:
    """Return the log of the integral of ``exp(-rise)``."""
    return dim * math.log(2 + wall * math.sqrt(2 * math.pi))


def inside_and_tails(u: Tensor, z: Tensor, wall: float) -> Tensor:
    """Turn even numbers ``u`` and Gaussian ones ``z`` into points of ``exp(-rise)``."""
    tail = wall * math.sqrt(2 * math.pi)
    flat = (2 + tail) * u - 1 - tail / 2
    beyond = flat.sign() * (1 + wall * z.abs())
    return torch.where(flat.abs() < 1, flat, beyond)


def redraw(
    x: Tensor, log_w: Tensor, n: int, generator: torch.Generator | None
) -> Tensor:
    """Draw ``n`` rows of ``x`` by their weights, as evenly as can be, and shuffle."""
    u = torch.rand(1, generator=generator, dtype=x.dtype, device=x.device)
    at = (u + torch.arange(n, device=x.device)) / max(n, 1)
    cdf = log_w.softmax(0).cumsum(0)
    rows = torch.searchsorted(cdf, at).clamp(max=len(x) - 1)
    shuffle = torch.rand(n, generator=generator, device=x.device).argsort()
    return x[rows][shuffle]


def log_integral(
    energy: Callable[[Tensor], Tensor], low: Tensor, high: Tensor, points: int
) -> float:
    """Return the log of the integral of ``exp(-energy)`` over a box, on a grid."""
    dim = len(low)
    t = (torch.arange(points, dtype=low.dtype, device=low.device) + 0.5) / points
    grid = torch.cartesian_prod(*[t] * dim).view(-1, dim)
    cell = ((high - low) / points).log().sum()
    e = torch.cat([energy(low + c * (high - low)) for c in grid.split(65536)])
    return ((-e).logsumexp(0) + cell).item()
