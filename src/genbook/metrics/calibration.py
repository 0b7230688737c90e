"""Probabilities of labels: whether they are as frequent as they say."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from genbook._validate import check_count, check_labels, check_tensor

__all__ = ["Reliability", "brier_score", "calibration_error", "reliability"]


class Reliability(NamedTuple):
    """Predicted probabilities beside what happened, bin by bin; no bin is empty.

    Attributes:
        predicted: The mean probability that was predicted, ``(bins,)``.
        observed: The share of label 1 among those observations, ``(bins,)``.
        size: How many observations, ``(bins,)``.
    """

    predicted: Tensor
    observed: Tensor
    size: Tensor


def reliability(p: Tensor, y: Tensor, *, bins: int = 10) -> Reliability:
    """Return predicted probabilities beside what happened.

    Args:
        p: Predicted probabilities of label 1, ``(n,)``.
        y: Labels 0 or 1, ``(n,)``.
        bins: Bins of equal width between 0 and 1.

    Raises:
        TypeError: If ``p`` is not floating point or ``y`` not integer.
        ValueError: If a probability is outside [0, 1], or the shapes differ.

    Example:
        >>> reliability(torch.tensor([0.1, 0.1, 0.9]), torch.tensor([0, 1, 1]), bins=2)
        Reliability(predicted=tensor([0.1000, 0.9000], dtype=torch.float64), \
observed=tensor([0.5000, 1.0000], dtype=torch.float64), size=tensor([2, 1]))
    """
    bins = check_count(bins, "bins", 1, 1_000_000)
    p, hit = _forecast(p, y)
    place = (p * bins).long().clamp(max=bins - 1)
    count = torch.bincount(place, minlength=bins)
    kept = count > 0
    predicted = torch.bincount(place, p, bins)[kept] / count[kept]
    observed = torch.bincount(place, hit, bins)[kept] / count[kept]
    return Reliability(predicted, observed, count[kept])


def calibration_error(p: Tensor, y: Tensor, *, bins: int = 10) -> float:
    r"""Return the expected calibration error of predicted probabilities.

    .. math:: \sum_b \frac{n_b}{n}\, \lvert \bar y_b - \bar p_b \rvert

    over bins of equal width. It is positive even for true probabilities, because the
    share in a bin is a matter of chance.

    Args:
        p: Predicted probabilities of label 1, ``(n,)``.
        y: Labels 0 or 1, ``(n,)``.
        bins: Bins of equal width between 0 and 1.

    Reference:
        M. Pakdaman Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining Well Calibrated
        Probabilities Using Bayesian Binning", 2015, doi:10.1609/aaai.v29i1.9602.

    Example:
        >>> p, y = torch.tensor([0.2, 0.2, 0.9]), torch.tensor([0, 1, 1])
        >>> round(calibration_error(p, y), 4)
        0.2333
    """
    r = reliability(p, y, bins=bins)
    gap = (r.observed - r.predicted).abs()
    return ((r.size.double() / r.size.sum()) @ gap).item()


def brier_score(p: Tensor, y: Tensor) -> float:
    """Return the mean squared error of predicted probabilities.

    Args:
        p: Predicted probabilities of label 1, ``(n,)``.
        y: Labels 0 or 1, ``(n,)``.

    Reference:
        G. W. Brier, "Verification of Forecasts Expressed in Terms of Probability",
        Monthly Weather Review 78(1), 1950.

    Example:
        >>> round(brier_score(torch.tensor([0.2, 0.9]), torch.tensor([0, 1])), 3)
        0.025
    """
    p, hit = _forecast(p, y)
    return (p - hit).square().mean().item()


def _forecast(p: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Check probabilities and labels; return both in double precision."""
    check_tensor(p, "p", ("n",))
    y = check_labels(y, "y", 2, len(p))
    if p.min() < 0 or p.max() > 1:
        raise ValueError(f"p must lie in [0, 1], got {p.min():.3g} to {p.max():.3g}")
    return p.detach().double(), y.double()
