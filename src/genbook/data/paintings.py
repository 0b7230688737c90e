r"""Paintings by a program: two schools, and a known rule for who painted what.

The images are synthetic and say so. A painting has three hidden factors in [0, 1]:

- *colour*: the share of strokes whose colour is from a palette of Van Gogh's works; the
  others come from Hokusai, Monet or Renoir;
- *shape*: the share of strokes that follow a whirl; the others lie anyhow;
- *texture*: how broad the brush is.

Whether "our painter" made it is drawn from a logistic rule of the factors,

.. math:: P(y = 1) = \sigma\Bigl(\sum_j w_j \bigl(f_j - \tfrac12\bigr)\Bigr),

so that the best possible accuracy is known: nobody who sees only the painting can be
right more often than one who knows its factors.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from genbook._validate import (
    check_count,
    check_dtype,
    check_generator,
    check_tensor,
    check_unit_interval,
)
from genbook.data._brush import _paint
from genbook.data.palettes import _HIS, _OTHERS

#: The hidden factors, in the order of their columns.
#: The weight of each factor in the rule.
WEIGHTS = (3.5, 3.5, 3.5)

#: What :func:`measure_paintings` measures, and which factor each measure is about.
FEATURES = {
    "Van Gogh's colours": "colour",
    "brightness": "colour",
    "saturation": "colour",
    "whirl": "shape",
    "parallel strokes": "shape",
    "change over 1 pixel": "texture",
    "change over 2 pixels": "texture",
    "change over 3 pixels": "texture",
}


@dataclass(frozen=True)
class Paintings:
    """Paintings, who painted them, and the rule behind it.

    Attributes:
        x: Images, ``(n, 3, size, size)``, red, green and blue in [0, 1].
        y: 1 where our painter made it, 0 elsewhere, ``(n,)``.
        factors: Colour, shape and texture of each, ``(n, 3)`` in [0, 1].
        probability: P(y = 1) given the factors, ``(n,)``.
    """

    x: Tensor
    y: Tensor
    factors: Tensor
    probability: Tensor

    def __len__(self) -> int:
        return len(self.x)


def sample_paintings(
    n: int,
    *,
    size: int = 40,
    generator: torch.Generator | None = None,
    dtype: torch.dtype = torch.float32,
) -> Paintings:
    """Draw paintings and their painters.

    The factors are independent, and each is :math:`\\sin^2` of a uniform angle: near 0
    or 1 more often than between.

    Args:
        n: How many.
        size: Pixels along each side.
        generator: The source of randomness; the global one when ``None``.
        dtype: ``torch.float32`` or ``torch.float64``.

    Returns:
        The paintings with their painters, factors and probabilities.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``n`` or ``size`` is too small.

    Example:
        >>> p = sample_paintings(5, generator=torch.Generator().manual_seed(0))
        >>> p.x.shape, p.factors.shape
        (torch.Size([5, 3, 40, 40]), torch.Size([5, 3]))
    """
    n = check_count(n, "n")
    check_count(size, "size", minimum=16)
    check_generator(generator)
    check_dtype(dtype)
    u = torch.rand(n, 3, generator=generator, dtype=torch.float64)
    factors = (torch.pi / 2 * u).sin().square()
    p = painter_probability(factors)
    y = (torch.rand(n, generator=generator, dtype=torch.float64) < p).long()
    factors = factors.to(dtype)
    x = draw_paintings(factors, size=size, generator=generator)
    return Paintings(x, y, factors, p.to(dtype))


def painter_probability(factors: Tensor) -> Tensor:
    """Return P(y = 1), the probability that our painter made it, ``(n,)``.

    Args:
        factors: Colour, shape and texture, ``(n, 3)``.

    Example:
        >>> painter_probability(torch.tensor([[0.5, 0.5, 0.5]]))
        tensor([0.5000])
    """
    check_tensor(factors, "factors", ("n", 3), allow_empty=True)
    return ((factors - 0.5) @ factors.new_tensor(WEIGHTS)).sigmoid()


def bayes_accuracy(cells: int = 100) -> float:
    """Return the accuracy of one who knows every factor: the mean of max(p, 1 - p).

    Args:
        cells: Points of the midpoint rule along each of the three angles, up to 500.

    Example:
        >>> round(bayes_accuracy(), 3)
        0.797
    """
    check_count(cells, "cells", minimum=1, maximum=500)
    middle = (torch.arange(cells, dtype=torch.float64) + 0.5) / cells
    f = (torch.pi / 2 * middle).sin().square()
    p = painter_probability(torch.cartesian_prod(f, f, f))
    return torch.maximum(p, 1 - p).mean().item()


def draw_paintings(
    factors: Tensor, *, size: int = 40, generator: torch.Generator | None = None
) -> Tensor:
    """Paint one picture for each row of factors, stroke over stroke.

    Args:
        factors: Colour, shape and texture, ``(n, 3)`` in [0, 1].
        size: Pixels along each side.
        generator: The source of randomness; the global one when ``None``.

    Returns:
        Images, ``(n, 3, size, size)``, of the type of ``factors``.

    Raises:
        ValueError: If a factor is not in [0, 1], or ``size`` too small.

    Example:
        >>> draw_paintings(torch.rand(2, 3)).shape
        torch.Size([2, 3, 40, 40])
    """
    check_tensor(factors, "factors", ("n", 3), allow_empty=True)
    check_count(size, "size", minimum=16)
    check_generator(generator)
    check_unit_interval(factors, "factors")
    parts = [factors.new_empty(0, 3, size, size)]  # small ones stay in the cache
    return torch.cat(
        [*parts, *(_paint(f, size, generator) for f in factors.split(250))]
    )


def measure_paintings(x: Tensor) -> Tensor:
    """Measure colour, shape and texture on the pixels alone.

    The eight measures are those of :data:`FEATURES`. Every one is differentiable in the
    pixels.

    Args:
        x: Images, ``(n, 3, size, size)``; values outside of [0, 1] are measured as they
            stand.

    Returns:
        The measures, ``(n, 8)``.

    Raises:
        TypeError: If ``x`` is not floating point.
        ValueError: If the images are not square or have not three channels.

    Example:
        >>> p = sample_paintings(5, generator=torch.Generator().manual_seed(0))
        >>> measure_paintings(p.x).shape
        torch.Size([5, 8])
    """
    check_tensor(x, "x", ("n", 3, "size", "size"), allow_empty=True)
    if x.shape[2] != x.shape[3] or x.shape[2] < 16:
        raise ValueError(
            f"x must be square, 16 pixels a side or more, got {tuple(x.shape)}"
        )
    parts = [x.new_empty(0, len(FEATURES))]
    return torch.cat([*parts, *(_measure(part) for part in x.split(250))])


def _measure(x: Tensor) -> Tensor:
    far = _change(x, 8)
    change = [_change(x, lag) / far for lag in (1, 2, 3)]
    light = x.mean((1, 2, 3))
    saturation = (x.amax(1) - x.amin(1)).mean((1, 2))
    return torch.stack([_palette(x), light, saturation, *_strokes(x), *change], 1)


def _palette(x: Tensor) -> Tensor:
    """Return the share of pixels nearer to a colour of Van Gogh's than to others."""
    p = x.permute(0, 2, 3, 1)  # (n, size, size, 3)

    def nearest(palettes: tuple[Tensor, ...]) -> Tensor:
        q = torch.cat(palettes).to(x)
        return (q.square().sum(1) - 2 * p @ q.T).amin(3)  # up to |p|²

    return ((nearest(_OTHERS) - nearest(_HIS)) / 0.001).sigmoid().mean((1, 2))


def _change(x: Tensor, lag: int) -> Tensor:
    """Return the mean squared difference of pixels at a distance of ``lag``."""
    down = (x[:, :, lag:] - x[:, :, :-lag]).square().mean((1, 2, 3))
    right = (x[..., lag:] - x[..., :-lag]).square().mean((1, 2, 3))
    return (down + right) / 2 + 1e-6


def _strokes(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return how well strokes circle some point, and how parallel neighbours are.

    The structure tensor has the direction of strokes as twice the angle, so that
    a stroke up and a stroke down are one; its length says how sure the direction is.
    """
    gx = x[..., 1:-1, 2:] - x[..., 1:-1, :-2]
    gy = x[..., 2:, 1:-1] - x[..., :-2, 1:-1]
    tensor = [gx**2 - gy**2, 2 * gx * gy, gx**2 + gy**2]
    a, b, energy = avg_pool2d(torch.stack([t.sum(1) for t in tensor], 1), 3, 1).unbind(
        1
    )
    length = (a**2 + b**2 + 1e-8).sqrt()
    parallel = length.mean((1, 2)) / (energy.mean((1, 2)) + 1e-4)

    place = torch.arange(a.shape[1], dtype=x.dtype, device=x.device) + 2.5
    y, x_ = torch.cartesian_prod(place, place).T
    tried = torch.linspace(0.2, 0.8, 12, dtype=x.dtype, device=x.device)
    cy, cx = torch.cartesian_prod(tried, tried).T * (a.shape[1] + 4)
    around = 2 * torch.atan2(y[:, None] - cy, x_[:, None] - cx)  # gradients point out
    cos, sin = ((t / length).flatten(1) for t in (a, b))
    fit = (cos @ around.cos() + sin @ around.sin()) / len(around)  # (n, tried centres)
    return (40 * fit).logsumexp(1) / 40, parallel
