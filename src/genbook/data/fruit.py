"""Eight kinds of fruit, drawn from known rules: kind, hue, pose and size.

The images are synthetic and say so. What they buy is truth: every image's kind is
certain, and a model that is asked for an apple can be checked against what an apple is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from genbook._validate import (
    check_count,
    check_dtype,
    check_generator,
    check_labels,
)

#: The kinds, in the order of their labels.
FRUIT = ("apple", "banana", "cherry", "lemon", "lime", "orange", "pear", "plum")
#: The mean hue of each kind, degrees on the colour circle.
HUE = (2.0, 50.0, 345.0, 56.0, 95.0, 30.0, 72.0, 285.0)
#: Hues spread by this many degrees around their mean (standard deviation).
HUE_SPREAD = 4.0
#: Smallest and largest half-height of a fruit; the image spans [-1, 1] both ways.
SIZE = (0.50, 0.80)
#: Largest turn to either side, degrees.
TURN = 25.0
_FINE = 3  # samples of each pixel along each axis


@dataclass(frozen=True)
class Fruit:
    """Images of fruit and the rules that made them.

    Attributes:
        x: Images, ``(n, 3, size, size)``, red, green and blue in [0, 1].
        y: The kind of each, ``(n,)``; :data:`FRUIT` names them.
        hue: The hue of each, degrees, ``(n,)``.
        angle: The turn of each, degrees, ``(n,)``.
        scale: The half-height of each, ``(n,)``.
    """

    x: Tensor
    y: Tensor
    hue: Tensor
    angle: Tensor
    scale: Tensor

    def __len__(self) -> int:
        return len(self.x)


def sample_fruit(
    n: int,
    y: Tensor | None = None,
    *,
    size: int = 32,
    generator: torch.Generator | None = None,
    dtype: torch.dtype = torch.float32,
) -> Fruit:
    """Draw fruit: the kind uniform unless given, hue, pose and size independent.

    Args:
        n: How many.
        y: The kinds wanted, ``(n,)``; drawn uniformly when ``None``.
        size: Pixels along each side.
        generator: The source of randomness; the global one when ``None``.
        dtype: ``torch.float32`` or ``torch.float64``.

    Returns:
        The images with their labels and rules.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``y`` has a label outside 0 to 7 or another length than ``n``.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> apples = sample_fruit(3, torch.zeros(3, dtype=torch.long), generator=g)
        >>> apples.x.shape
        torch.Size([3, 3, 32, 32])
    """
    n = check_count(n, "n")
    check_count(size, "size", minimum=8)
    check_generator(generator)
    check_dtype(dtype)
    if y is None:
        y = torch.randint(len(FRUIT), (n,), generator=generator)
    y = check_labels(y, "y", len(FRUIT), n)
    u = torch.rand(n, 2, generator=generator, dtype=torch.float64)
    eps = torch.randn(n, generator=generator, dtype=torch.float64)
    hue = (torch.tensor(HUE, dtype=torch.float64)[y] + HUE_SPREAD * eps) % 360
    angle = TURN * (2 * u[:, 0] - 1)
    scale = SIZE[0] + (SIZE[1] - SIZE[0]) * u[:, 1]
    x = _draw(y, hue, angle, scale, size)
    return Fruit(x.to(dtype), y, hue.to(dtype), angle.to(dtype), scale.to(dtype))


def _ellipse(u: Tensor, v: Tensor, a: float, b: float) -> Tensor:
    """Return a function that is positive inside an ellipse of half-axes a and b."""
    return 1 - (u / a) ** 2 - (v / b) ** 2


def _apple(u: Tensor, v: Tensor) -> Tensor:
    dimple = 0.24 * torch.exp(-((u / 0.3) ** 2))
    return _ellipse(u, v + dimple * (v > 0) - 0.5 * dimple * (v < 0), 0.95, 0.85)


def _banana(u: Tensor, v: Tensor) -> Tensor:
    r = (u**2 + (v - 0.75) ** 2).sqrt()
    turn = torch.atan2(u, 0.75 - v).abs()
    return 0.30 * (1 - (turn / 1.05) ** 4) - (r - 1.10).abs()


def _cherry(u: Tensor, v: Tensor) -> Tensor:
    left = _ellipse(u + 0.48, v + 0.45, 0.42, 0.42)
    right = _ellipse(u - 0.48, v + 0.35, 0.42, 0.42)
    return torch.maximum(left, right)


def _lemon(u: Tensor, v: Tensor) -> Tensor:
    tip = 0.22 * torch.exp(-((v / 0.22) ** 2))
    return _ellipse(u, v, 0.78, 0.62) + tip * (u.abs() < 1.0) * (u.abs() > 0.6)


def _orange(u: Tensor, v: Tensor) -> Tensor:
    return _ellipse(u, v, 0.86, 0.86)


def _pear(u: Tensor, v: Tensor) -> Tensor:
    waist = 0.68 - 0.34 * torch.sigmoid(6 * (v - 0.12))
    return _ellipse(u / waist, v, 1.0, 0.98)


def _plum(u: Tensor, v: Tensor) -> Tensor:
    return _ellipse(u, v, 0.62, 0.85)


_SHAPE: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    _apple,
    _banana,
    _cherry,
    _lemon,
    _lemon,
    _orange,
    _pear,
    _plum,
)
#: Where a stem starts and ends, for the kinds that have one.
_STEMS: dict[int, tuple[tuple[float, float, float, float], ...]] = {
    0: ((0.0, 0.55, 0.12, 1.02),),
    2: ((-0.45, -0.08, 0.15, 0.9), (0.48, 0.02, 0.15, 0.9)),
    6: ((0.0, 0.9, 0.1, 1.2),),
}


def _draw(y: Tensor, hue: Tensor, angle: Tensor, scale: Tensor, size: int) -> Tensor:
    fine = size * _FINE
    line = (torch.arange(fine, dtype=torch.float64) + 0.5) / fine * 2 - 1
    row, column = line.flip(0)[:, None], line[None, :]
    out = torch.ones(len(y), 3, size, size, dtype=torch.float64)
    for i in range(len(y)):
        kind, a, s = int(y[i]), math.radians(float(angle[i])), float(scale[i])
        u = (column * math.cos(a) + row * math.sin(a)) / s
        v = (-column * math.sin(a) + row * math.cos(a)) / s
        inside = _SHAPE[kind](u, v)
        light = torch.exp(-((u + 0.35) ** 2 + (v - 0.4) ** 2) / 0.12)
        value = (0.62 + 0.34 * inside.clamp(0, 1).sqrt()) * (inside > 0)
        image = _hsv(float(hue[i]), 0.88 * (1 - 0.55 * light), value)
        paper = (inside <= 0).expand(3, -1, -1)
        image = torch.where(paper, 1.0, image)
        for stem in _STEMS.get(kind, ()):
            near = _segment(u, v, *stem) < 0.055
            image = torch.where(near & paper[0], _STEM_COLOUR, image)
        out[i] = avg_pool2d(image[None], _FINE)[0]
    return out


_STEM_COLOUR = torch.tensor([0.36, 0.25, 0.13], dtype=torch.float64)[:, None, None]


def _segment(
    u: Tensor, v: Tensor, u0: float, v0: float, u1: float, v1: float
) -> Tensor:
    """Return the distance to the segment from (u0, v0) to (u1, v1)."""
    du, dv = u1 - u0, v1 - v0
    t = (((u - u0) * du + (v - v0) * dv) / (du**2 + dv**2)).clamp(0, 1)
    return ((u - u0 - t * du) ** 2 + (v - v0 - t * dv) ** 2).sqrt()


def _hsv(hue: float, saturation: Tensor, value: Tensor) -> Tensor:
    """Return red, green and blue, ``(3, h, w)``, of a hue in degrees."""
    k = (torch.tensor([5.0, 3.0, 1.0], dtype=value.dtype) + hue / 60) % 6
    ramp = torch.minimum(k, 4 - k).clamp(0, 1)[:, None, None]
    return value * (1 - saturation * ramp)
