"""The box of an energy: even inside, with a wall whose height grows as a square.

Everything is in units of the box: it is [-1, 1] along each coordinate.
"""

from __future__ import annotations

import math

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
