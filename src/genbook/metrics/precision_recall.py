"""Generation: how many samples are among the data, and how much of the data is met."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from genbook._validate import check_count
from genbook.metrics.frechet import _features

__all__ = ["PrecisionRecall", "precision_recall"]


class PrecisionRecall(NamedTuple):
    """Fidelity and variety of drawn observations, each a share but the third.

    Attributes:
        precision: The share of drawn observations that lie among the real ones.
        recall: The share of real observations that lie among the drawn ones.
        density: How many real neighbourhoods a drawn observation lies in, over ``k``;
            1 on average where the two distributions are one.
        coverage: The share of real neighbourhoods that hold a drawn observation.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def precision_recall(real: Tensor, drawn: Tensor, k: int = 5) -> PrecisionRecall:
    r"""Return precision and recall of drawn observations, in features of a judge.

    Around each observation of a set lies a ball that reaches to its ``k``-th neighbour
    in the same set, itself not counted; the union of the balls stands for where the
    distribution lives. With :math:`B_k` for the balls,

    .. math:: \text{precision} = \frac1m \sum_j
              \mathbf 1\Bigl[\mathbf d_j \in \bigcup_i B_k(\mathbf r_i)\Bigr],
              \qquad
              \text{recall} = \frac1n \sum_i
              \mathbf 1\Bigl[\mathbf r_i \in \bigcup_j B_k(\mathbf d_j)\Bigr].

    One outlier among the real observations, whose ball is large, can raise precision,
    and one among the drawn ones recall. Density and coverage use the real balls only,

    .. math:: \text{density} = \frac1{km} \sum_{i,j}
              \mathbf 1[\mathbf d_j \in B_k(\mathbf r_i)],
              \qquad
              \text{coverage} = \frac1n \sum_i
              \mathbf 1[\exists j: \mathbf d_j \in B_k(\mathbf r_i)],

    and coverage of one distribution by :math:`m = n` draws of its own is close to
    :math:`1 - 2^{-k}`.

    All four depend on ``k`` and on the sizes of the sets: compare with real against
    real of the same sizes (:func:`~genbook.metrics.noise_floor.noise_floor`).

    Args:
        real: Features of observations, ``(n, features)``.
        drawn: Features of samples of a model, ``(m, features)``.
        k: Which neighbour bounds a ball.

    Returns:
        A :class:`PrecisionRecall`.

    Raises:
        TypeError: If a set is not a floating-point tensor.
        ValueError: If a set has ``k`` rows or fewer, is not finite, or has another
            number of columns than the other.

    Reference:
        T. Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing
        Generative Models", 2019, arXiv:1904.06991; M. F. Naeem et al., "Reliable
        Fidelity and Diversity Metrics for Generative Models", 2020, arXiv:2002.09797.

    Example:
        >>> real = torch.arange(10.0)[:, None]
        >>> found = precision_recall(real, real[:5] + 0.25, k=1)
        >>> found.precision, found.recall
        (1.0, 0.6)
    """
    k = check_count(k, "k", 1)
    real, drawn = _features(real, drawn, ("real", "drawn"), k + 1)
    real_radius, drawn_radius = _radii(real, k), _radii(drawn, k)
    drawn_met = torch.zeros(len(drawn), dtype=torch.long, device=drawn.device)
    real_met = []
    covered = []
    for rows in torch.arange(len(real)).split(256):
        d = _distances(real[rows], drawn)  # (rows, m)
        within = d <= real_radius[rows, None]
        drawn_met += within.sum(0)
        covered.append(within.any(1))
        real_met.append((d <= drawn_radius).any(1))
    return PrecisionRecall(
        (drawn_met > 0).double().mean().item(),
        torch.cat(real_met).double().mean().item(),
        drawn_met.double().mean().item() / k,
        torch.cat(covered).double().mean().item(),
    )


def _radii(x: Tensor, k: int) -> Tensor:
    """Return the distance of each row to its k-th neighbour among the others."""
    radii = []
    for rows in torch.arange(len(x)).split(256):
        d = _distances(x[rows], x)
        d[torch.arange(len(rows)), rows] = torch.inf  # no row is its own neighbour
        radii.append(d.kthvalue(k, dim=1).values)
    return torch.cat(radii)


def _distances(a: Tensor, b: Tensor) -> Tensor:
    """Return Euclidean distances by differences, so that equal rows are at zero."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
