"""Representation: whether codes say what matters."""

from __future__ import annotations

import torch
from torch import Tensor

from genbook._validate import check_generator, check_labels, check_tensor
from genbook.metrics.two_sample import _permutation

__all__ = ["clustering_accuracy", "linear_probe_r2"]


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
    if not 0 < held_out < 1:
        raise ValueError(f"held_out must be between 0 and 1, got {held_out}")
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
    beyond the number of labels stay without one.

    Args:
        labels: The true labels, ``(n,)`` integers from 0.
        clusters: The clusters found, ``(n,)`` integers from 0.

    Returns:
        The share of observations whose cluster bears their label.

    Raises:
        TypeError: If either is not an integer tensor.
        ValueError: If the shapes differ or are empty.

    Reference:
        D. F. Crouse, "On implementing 2D rectangular assignment algorithms", 2016,
        doi:10.1109/TAES.2016.140952.

    Example:
        >>> labels = torch.tensor([0, 0, 1, 1, 2])
        >>> clustering_accuracy(labels, torch.tensor([2, 2, 0, 0, 0]))
        0.8
    """
    from scipy.optimize import linear_sum_assignment  # slow to import

    check_labels(labels, "labels", 1 << 16)
    check_labels(clusters, "clusters", 1 << 16, len(labels))
    if len(labels) == 0:
        raise ValueError("labels must hold at least one observation, got none")
    size = int(torch.maximum(labels.max(), clusters.max().to(labels.device))) + 1
    pairs = clusters.cpu().long() * size + labels.cpu().long()
    table = torch.bincount(pairs, minlength=size * size).view(size, size).numpy()
    hits = table[linear_sum_assignment(table, maximize=True)].sum().item()
    return hits / len(labels)
