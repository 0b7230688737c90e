"""Fully connected layers, and features that let them draw sharp borders."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from genbook._validate import (
    check_count,
    check_function,
    check_positive,
    check_sizes,
    check_tensor,
)

#: More frequencies than any number type has digits for.
MOST_FREQUENCIES = 64
#: No layer may be wider.
MOST_WIDTH = 2**20
#: The first frequency may not be higher.
MOST_RATE = 10**6


def mlp(
    sizes: Sequence[int], between: Callable[[], nn.Module] = nn.ReLU
) -> list[nn.Module]:
    """Return linear layers of the given sizes, a nonlinearity between them.

    Args:
        sizes: How many numbers go in, stand between two layers, and come out; each at
            most 1,048,576.
        between: Makes a nonlinearity.

    Raises:
        TypeError: If ``sizes`` are not integers, or ``between`` cannot be called.
        ValueError: If a size is out of range.

    Example:
        >>> len(mlp([2, 16, 16, 1]))
        5
    """
    check_function(between, "between")
    sizes = check_sizes(sizes, "sizes", maximum=MOST_WIDTH)
    found: list[nn.Module] = []
    for a, b in pairwise(sizes):
        found += [nn.Linear(a, b), between()]
    return found[:-1]


def fourier_features(
    x: Tensor, frequencies: int, rate: float = math.pi / 2, noise: Tensor | None = None
) -> Tensor:
    """Return ``x`` beside sines and cosines of it, for borders that are sharp.

    Args:
        x: Vectors, ``(n, dim)``, whose values are not looked at: NaN and infinity come
            out again, as NaN.
        frequencies: How many, each twice the one before, at most 64; 0 gives ``x``
            alone.
        rate: The first frequency, in radians, at most a million.
        noise: The standard deviation of the noise in each vector, ``(n,)``, or one for
            all, ``(1,)``: a wave becomes as small as its mean over such noise. NaN
            comes out again, infinity leaves no wave.

    Returns:
        A tensor ``(n, dim * (1 + 2 * frequencies))``.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a shape is wrong or a number out of range.

    Reference:
        M. Tancik et al., "Fourier features let networks learn high frequency functions
        in low dimensional domains", 2020, arXiv:2006.10739.

    Example:
        >>> fourier_features(torch.ones(4, 2), frequencies=3).shape
        torch.Size([4, 14])
    """
    check_tensor(x, "x", ("n", "dim"), finite=False, allow_empty=True)
    check_count(frequencies, "frequencies", 0, MOST_FREQUENCIES)
    check_positive(rate, "rate", maximum=MOST_RATE)
    if noise is not None:
        check_tensor(
            noise, "noise", ("n",), dtype=x.dtype, finite=False, allow_empty=True
        )
        if len(noise) not in (1, len(x)):
            raise ValueError(f"noise must be ({len(x)},) or (1,), got ({len(noise)},)")
    if not frequencies:
        return x
    octave = rate * 2.0 ** torch.arange(frequencies, dtype=x.dtype, device=x.device)
    angle = (x[..., None] * octave).flatten(1)
    parts = [angle.sin(), angle.cos()]
    if noise is not None:
        left = (-0.5 * (noise[:, None] * octave).square()).clamp(min=-40).exp()
        left = left.repeat(1, x.shape[1])
        parts = [left * part for part in parts]
    return torch.cat([x, *parts], 1)
