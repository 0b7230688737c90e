"""Representation: whether codes say what matters."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from genbook._validate import (
    check_generator,
    check_labels,
    check_share,
    check_tensor,
)
from genbook.metrics.two_sample import _permutation

__all__ = ["clustering_accuracy", "linear_probe_r2"]

#: A table of labels and clusters may have so many entries, and takes eight bytes each.
MOST_PAIRS = 25_000_000


def linear_probe_r2(
    codes: Tensor,
    factors: Tensor,
    *,
    held_out: float = 0.5,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Return how well a straight line reads each true factor off the codes.

    A linear regression with intercept is fitted on one random part; the other gives

    .. math:: R^2 = 1 - \frac{\sum_i (f_i - \hat f_i)^2}{\sum_i (f_i - \bar f)^2}

    for each factor: 1 is perfect, 0 no better than the mean, below 0 worse than that.

    Args:
        codes: The representations, ``(n, k)``.
        factors: The true factors, ``(n, f)``.
        held_out: The share of observations kept for the measurement.
        generator: The source of the random parts; the global one when ``None``.

    Returns:
        The held-out :math:`R^2` of each factor, ``(f,)``, in double precision.

    Raises:
        ValueError: If the shapes do not fit, a part is too small, or a factor does not
            vary.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> codes = torch.randn(100, 3, generator=g)
        >>> factors = torch.stack([codes[:, 0] - codes[:, 2], codes[:, 1] ** 2], 1)
        >>> linear_probe_r2(codes, factors, generator=g).round(decimals=1)[0]
        tensor(1., dtype=torch.float64)
    """
    check_generator(generator)
    check_tensor(codes, "codes", ("n", "k"))
    n = len(codes)
    check_tensor(factors, "factors", (n, "f"))
    held_out = check_share(held_out, "held_out")
    size = round(n * (1 - held_out))
    if size <= codes.shape[1] or n - size < 2:
        raise ValueError(
            f"codes must have more than {codes.shape[1]} rows to fit on and 2 to "
            f"measure on, got {size} and {n - size}"
        )
    order = _permutation(n, generator).to(codes.device)
    ones = torch.ones(n, 1, dtype=torch.float64, device=codes.device)
    z = torch.cat([codes.detach().double(), ones], 1)[order]  # (n, k + 1)
    f = factors.detach().double()[order]  # (n, f)
    spread = ((f[size:] - f[size:].mean(0)) ** 2).sum(0)
    if (spread == 0).any():
        still = int((spread == 0).nonzero()[0])
        raise ValueError(f"factors must vary, column {still} has one value only")
    weights = torch.linalg.pinv(z[:size]) @ f[:size]  # (k + 1, f)
    return 1 - ((f[size:] - z[size:] @ weights) ** 2).sum(0) / spread


def clustering_accuracy(labels: Tensor, clusters: Tensor) -> float:
    """Return the accuracy of a clustering under its best naming of the clusters.

    Each cluster gets a label of its own (no two the same) so that as many observations
    as possible are right: an assignment problem, solved exactly by SciPy. Clusters
    beyond the number of labels stay without one. Only which labels and clusters are
    equal counts, not their numbers.

    Args:
        labels: The true labels, ``(n,)`` integers from 0.
        clusters: The clusters found, ``(n,)`` integers from 0.

    Returns:
        The share of observations whose cluster bears their label.

    Raises:
        TypeError: If either is not an integer tensor.
        ValueError: If the shapes differ or are empty, or there are more pairs of a
            label and a cluster than ``MOST_PAIRS``.

    Reference:
        D. F. Crouse, "On implementing 2D rectangular assignment algorithms", 2016,
        doi:10.1109/TAES.2016.140952.

    Example:
        >>> labels = torch.tensor([0, 0, 1, 1, 2])
        >>> clustering_accuracy(labels, torch.tensor([2, 2, 0, 0, 0]))
        0.8
    """
    from scipy.optimize import linear_sum_assignment  # slow to import

    labels = check_labels(labels, "labels").cpu()
    clusters = check_labels(clusters, "clusters", n=len(labels)).cpu()
    if len(labels) == 0:
        raise ValueError("labels must hold at least one observation, got none")
    names, label = labels.unique(return_inverse=True)  # numbered without gaps
    piles, cluster = clusters.unique(return_inverse=True)
    shape = (len(piles), len(names))
    if prod(shape) > MOST_PAIRS:
        raise ValueError(
            f"labels and clusters must make at most {MOST_PAIRS:,} pairs, got "
            f"{len(names):,} labels and {len(piles):,} clusters"
        )
    pairs = cluster * len(names) + label
    table = torch.bincount(pairs, minlength=prod(shape)).view(shape).numpy()
    hits = table[linear_sum_assignment(table, maximize=True)].sum().item()
    return hits / len(labels)
