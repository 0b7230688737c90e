"""What a comparison of two sets gives when nothing differs: real against real."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from genbook._validate import (
    check_count,
    check_function,
    check_generator,
    check_labels,
    check_tensor,
)
from genbook.metrics.two_sample import _permutation

__all__ = ["NoiseFloor", "noise_floor"]


class NoiseFloor(NamedTuple):
    """What a metric says of two sets that differ by chance alone.

    Attributes:
        mean: Its mean over the splits: what a perfect model would get.
        spread: Its standard deviation over the splits: how far one comparison strays.
        splits: How many splits.
    """

    mean: float
    spread: float
    splits: int

    def __repr__(self) -> str:
        return f"{self.mean:.4g} ± {self.spread:.2g} ({self.splits} splits)"


def noise_floor(
    real: Tensor,
    metric: Callable[[Tensor, Tensor], float],
    n: int,
    splits: int = 10,
    *,
    labels: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> NoiseFloor:
    """Return what a metric gives between two sets of ``n`` real observations.

    Each split takes two sets at random that share no observation. A number measured
    between ``n`` real and ``n`` drawn observations means something beside this one
    only: a distance is never zero, and no recall is 1.

    Give the labels where the model draws as many of each class as the data have: sets
    that differ in their shares of classes are further apart than sets that do not.

    Splits of one set of observations share most of them, so that the spread comes out
    too small where ``2 * n`` is nearly all of ``real``.

    Args:
        real: Observations, or features of them, ``(m, *event_shape)``.
        metric: Takes two sets ``(n, *event_shape)`` and returns a number, such as
            :func:`~genbook.metrics.frechet.frechet_distance`.
        n: How many observations a set has.
        splits: How many pairs of sets are taken.
        labels: The class of each observation, ``(m,)``: the two sets of a split then
            hold each class equally often, or once more.
        generator: The source of randomness; the global one when ``None``.

    Returns:
        A :class:`NoiseFloor`.

    Raises:
        TypeError: If ``real`` is not a floating-point tensor, ``n`` not an integer, or
            ``labels`` hold no integers.
        ValueError: If ``real`` has fewer than ``2 * n`` observations or not as many
            labels, or there are fewer than two splits.

    Example:
        >>> from genbook.metrics import frechet_distance
        >>> g = torch.Generator().manual_seed(0)
        >>> x = torch.randn(4000, 3, generator=g)
        >>> floor = noise_floor(x, frechet_distance, 1000, generator=g)
        >>> 0.006 < floor.mean < 0.018  # 3 features of variance one: 3 · 8 / 2000
        True
    """
    check_tensor(real, "real")
    check_function(metric, "metric")
    n = check_count(n, "n", 1)
    splits = check_count(splits, "splits", 2)
    check_generator(generator)
    if len(real) < 2 * n:
        raise ValueError(
            f"real must have {2 * n} observations for two sets of {n}, got {len(real)}"
        )
    if labels is not None:
        labels = check_labels(labels, "labels", 1 << 16, len(real))
    values = []
    for _ in range(splits):
        rows = _permutation(len(real), generator)[: 2 * n].to(real.device)
        if labels is not None:
            rows = rows[labels[rows].argsort(stable=True)]
        values.append(float(metric(real[rows[::2]], real[rows[1::2]])))
    return NoiseFloor(statistics.fmean(values), statistics.stdev(values), splits)
