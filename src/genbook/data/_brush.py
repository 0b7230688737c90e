"""How the program paints: strokes of a brush, many at a time."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genbook.data.palettes import _HIS, _OTHERS

_BRUSH = (0.5, 1.2)  # smallest and largest half-width of a stroke, pixels

_HALF = 3.6  # half the length of a stroke between its round ends, pixels

_REACH = 6  # a stroke touches no pixel farther away than this

_SPACING = 8 / 3  # pixels from stroke to stroke


def _paint(factors: Tensor, size: int, g: torch.Generator | None) -> Tensor:
    n, across = len(factors), round(size / _SPACING)
    k = across**2  # strokes, one in each cell of a grid
    dtype = factors.dtype

    def share(f: Tensor) -> Tensor:  # mark this share of the strokes, at random
        u = torch.rand(n, k, generator=g, dtype=torch.float32)
        return u.argsort(1) < f[:, None] * k

    order = torch.rand(n, k, generator=g, dtype=torch.float32).argsort(1)
    cell = torch.stack([order // across, order % across], 2)
    at = (cell + torch.rand(n, k, 2, generator=g, dtype=dtype)) * (
        size / across
    )  # (y, x)
    centre = size * (0.25 + 0.5 * torch.rand(n, 1, 2, generator=g, dtype=dtype))
    dy, dx = (at - centre).unbind(2)
    anyhow = math.pi * torch.rand(n, k, generator=g, dtype=dtype)
    angle = torch.where(share(factors[:, 1]), torch.atan2(dx, -dy), anyhow)
    colour = torch.where(
        share(factors[:, 0])[..., None],
        _pick(_HIS, n, k, g).to(factors),
        _pick(_OTHERS, n, k, g).to(factors),
    )
    thick = _BRUSH[0] + (_BRUSH[1] - _BRUSH[0]) * factors[:, 2:]

    side = size + 2 * _REACH  # a margin for strokes at the edge
    canvas = colour[:, :1].mT.repeat(1, 1, side * side)  # (n, 3, side²)
    near = torch.arange(-_REACH, _REACH + 1)
    near_y, near_x = torch.cartesian_prod(near, near).T
    for i in range(k):
        corner = at[:, i].floor().long() + _REACH
        py, px = corner[:, :1] + near_y, corner[:, 1:] + near_x  # (n, window)
        y = py.to(dtype) + (0.5 - _REACH) - at[:, i, :1]
        x = px.to(dtype) + (0.5 - _REACH) - at[:, i, 1:]
        cos, sin = angle[:, i : i + 1].cos(), angle[:, i : i + 1].sin()
        beyond = ((x * cos + y * sin).abs() - _HALF).clamp(min=0)
        distance = (beyond**2 + (y * cos - x * sin) ** 2).sqrt()
        cover = (thick + 0.5 - distance).clamp(0, 1)[:, None]
        where = (py * side + px)[:, None].expand(-1, 3, -1)
        old = canvas.gather(2, where)
        canvas.scatter_(2, where, old + cover * (colour[:, i, :, None] - old))
    inside = slice(_REACH, _REACH + size)
    return canvas.view(n, 3, side, side)[:, :, inside, inside].clone()


def _pick(
    palettes: tuple[Tensor, ...], n: int, k: int, g: torch.Generator | None
) -> Tensor:
    """Return k colours for each of n pictures, all from one palette a picture."""
    which = torch.randint(len(palettes), (n,), generator=g)
    u = torch.rand(n, k, generator=g, dtype=torch.float32)
    colours = torch.empty(n, k, 3, dtype=torch.float32)
    for i, palette in enumerate(palettes):
        rows = which == i
        colours[rows] = palette[(u[rows] * len(palette)).long()]
    return colours
