"""Where a flow's observations live: in a box, or anywhere in units of their own."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from genbook._validate import check_corners


def corners(
    low: Tensor | Sequence[float] | None,
    high: Tensor | Sequence[float] | None,
    dim: int,
) -> tuple[Tensor, Tensor] | None:
    """Return the two corners of a box, each ``(dim,)``, or ``None`` without a box."""
    if low is None and high is None:
        return None
    if low is None or high is None:
        raise ValueError("low and high must be given together, got one of them")
    low, high = check_corners(low, high)
    if low.shape != (dim,):
        raise ValueError(f"low must be ({dim},), got {tuple(low.shape)}")
    return low, high


def centre_and_spread(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and the standard deviation of each column, ``(dim,)``.

    The spread is taken in shares of the largest distance from the mean, so that no
    square is too large or too small for the type, whatever the unit.
    """
    mean = x.mean(0)
    rest = x - mean
    most = rest.abs().amax(0)
    return mean, most * (rest / most).std(0, unbiased=False)


def open_box(
    x: Tensor, low: Tensor, high: Tensor, uniform: bool
) -> tuple[Tensor, Tensor]:
    """Take the box to [-1, 1] for a uniform base, or to the plane by the log-odds.

    Returns:
        The images, ``(n, dim)``, and the log-determinants, ``(n,)``.
    """
    sides = high - low
    u = (x - low) / sides  # (n, dim)
    log_det = -sides.log().sum().expand(len(x))  # (n,)
    if uniform:
        return 2 * u - 1, log_det + len(sides) * math.log(2)
    tiny = torch.finfo(u.dtype).eps
    u = u.clamp(tiny, 1 - tiny)
    return u.logit(), log_det - (u * (1 - u)).log().sum(1)


def close_box(z: Tensor, low: Tensor, high: Tensor, uniform: bool) -> Tensor:
    """Undo :func:`open_box`."""
    u = (z + 1) / 2 if uniform else z.sigmoid()
    return (low + u * (high - low)).clamp(low, high)


def check_inside(
    x: Tensor, low: Tensor | float, high: Tensor | float, name: str, of: str
) -> None:
    """Refuse points outside a box."""
    outside = ((x < low) | (x > high)).any(1)
    if outside.any():
        i = int(outside.nonzero()[0])
        raise ValueError(
            f"{name} must lie in the box of {of}, got {x[i].tolist()} in row {i}"
        )
