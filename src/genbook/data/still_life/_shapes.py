"""The outlines of the six things that may stand on the table.

Each is a function that is positive inside, about as far from the edge as it says, so
that a pixel that the edge crosses can be covered in part. The coordinates ``(u, v)``
are in units of the thing's size, its middle at the origin, ``v`` upwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

#: Half the width and half the height of each kind, in units of its size.
HALF = ((1.0, 0.92), (0.80, 1.12), (1.05, 0.72), (1.25, 0.62), (0.95, 0.82), (0.6, 1.5))
STEM = (0.36, 0.25, 0.13)
LEAF = (0.25, 0.50, 0.16)


class Layer(NamedTuple):
    """Something painted on top of a body: where, and in which colour.

    Attributes:
        inside: Positive inside, ``(n, h, w)``.
        colour: Red, green, blue; ``None`` for a dark shade of the body's own.
    """

    inside: Tensor
    colour: tuple[float, float, float] | None


Drawn = tuple[Tensor, list[Layer]]


def segment(
    u: Tensor, v: Tensor, a: tuple[float, float], b: tuple[float, float]
) -> Tensor:
    """Return the distance to the segment from ``a`` to ``b``."""
    du, dv = b[0] - a[0], b[1] - a[1]
    t = (((u - a[0]) * du + (v - a[1]) * dv) / (du * du + dv * dv)).clamp(0, 1)
    return ((u - a[0] - t * du) ** 2 + (v - a[1] - t * dv) ** 2).sqrt()


def ellipse(u: Tensor, v: Tensor, a: float, b: float) -> Tensor:
    """Return how far inside an ellipse of half-axes ``a`` and ``b`` a point lies."""
    return (1 - ((u / a) ** 2 + (v / b) ** 2).sqrt()) * min(a, b)


def _apple(u: Tensor, v: Tensor) -> Drawn:
    dimple = torch.exp(-((u / 0.3) ** 2))
    w = v + 0.22 * dimple * (v > 0) - 0.10 * dimple * (v < 0)
    stem = 0.09 - segment(u, v, (0.0, 0.55), (0.15, 1.15))
    leaf = ellipse(u - 0.42, v - 1.02, 0.30, 0.14)
    return ellipse(u, w, 1.0, 0.92), [Layer(stem, STEM), Layer(leaf, LEAF)]


def _pear(u: Tensor, v: Tensor) -> Drawn:
    top, low = ellipse(u, v - 0.52, 0.46, 0.60), ellipse(u, v + 0.34, 0.80, 0.78)
    soft = 0.35  # how softly the two are melted together
    h = (0.5 + 0.5 * (top - low) / soft).clamp(0, 1)
    body = low + (top - low) * h + soft * h * (1 - h) * 0.5
    return body, [Layer(0.09 - segment(u, v, (0.0, 1.0), (0.16, 1.36)), STEM)]


def _lemon(u: Tensor, v: Tensor) -> Drawn:
    tip = 0.24 * torch.exp(-((v / 0.2) ** 2)) * ((u.abs() - 0.55) / 0.45).clamp(0, 1)
    return ellipse(u, v, 0.88, 0.70) + tip, []


def _banana(u: Tensor, v: Tensor) -> Drawn:
    r = (u**2 + (v - 1.0) ** 2).sqrt()
    turn = torch.atan2(u, 1.0 - v).abs()
    body = 0.30 * (1 - (turn / 1.12) ** 4) - (r - 1.22).abs()
    return body, [Layer(0.10 - segment(u, v, (1.06, 0.48), (1.18, 0.66)), STEM)]


def _cup(u: Tensor, v: Tensor) -> Drawn:
    side = 0.62 + 0.12 * v - u.abs()
    body = torch.minimum(side, torch.minimum(0.78 - v, v + 0.78))
    ring = (((u - 0.72) / 0.9) ** 2 + (v - 0.02) ** 2).sqrt()
    handle = torch.where(u > 0.6, 0.13 - (ring - 0.36).abs(), -1.0)
    return torch.maximum(body, handle), [Layer(ellipse(u, v - 0.74, 0.66, 0.17), None)]


def _bottle(u: Tensor, v: Tensor) -> Drawn:
    body = torch.minimum(0.56 - u.abs(), torch.minimum(0.35 - v, v + 1.45))
    shoulder = ellipse(u, v - 0.30, 0.56, 0.50)
    neck = torch.minimum(0.20 - u.abs(), torch.minimum(1.32 - v, v))
    cork = torch.minimum(0.25 - u.abs(), torch.minimum(1.48 - v, v - 1.24))
    return torch.maximum(torch.maximum(body, shoulder), neck), [Layer(cork, STEM)]


#: In the order of the kinds: apple, pear, lemon, banana, cup, bottle.
SHAPES: tuple[Callable[[Tensor, Tensor], Drawn], ...] = (
    _apple,
    _pear,
    _lemon,
    _banana,
    _cup,
    _bottle,
)
