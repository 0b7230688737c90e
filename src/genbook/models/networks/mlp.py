"""Fully connected layers, and features that let them draw sharp borders."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


def mlp(
    sizes: Sequence[int], between: Callable[[], nn.Module] = nn.ReLU
) -> list[nn.Module]:
    """Return linear layers of the given sizes, a nonlinearity between them.

    Example:
        >>> len(mlp([2, 16, 16, 1]))
        5
    """
    found: list[nn.Module] = []
    for a, b in pairwise(sizes):
        found += [nn.Linear(a, b), between()]
    return found[:-1]


def fourier_features(
    x: Tensor, frequencies: int, rate: float = math.pi / 2, noise: Tensor | None = None
) -> Tensor:
    """Return ``x`` beside sines and cosines of it, for borders that are sharp.

    Args:
        x: Vectors, ``(n, dim)``.
        frequencies: How many, each twice the one before; 0 gives ``x`` alone.
        rate: The first frequency, in radians.
        noise: The standard deviation of the noise in each vector, ``(n,)``: a wave
            becomes as small as its mean over such noise.

    Returns:
        A tensor ``(n, dim * (1 + 2 * frequencies))``.

    Reference:
        M. Tancik et al., "Fourier features let networks learn high frequency functions
        in low dimensional domains", 2020, arXiv:2006.10739.

    Example:
        >>> fourier_features(torch.ones(4, 2), frequencies=3).shape
        torch.Size([4, 14])
    """
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
