r"""Bias amplification: whether a model draws a majority more often than it saw it.

A model that has learned a condition draws the groups within it in the shares of its
training set: a bias of the data becomes one of the model. Guidance goes further. Had it
sampled from the tilted density :math:`p(x)\,(p(x \mid y) / p(x))^w`, a group with the
shares :math:`s` among the condition and :math:`u` among all would have the odds

.. math:: \frac{s_w}{1 - s_w} = \Bigl(\frac{s}{1-s}\Bigr)^{w}
          \Bigl(\frac{u}{1-u}\Bigr)^{1-w}.

A walk that is guided at every noise level samples from something else, which
:func:`bias_amplification` measures.

Reference:
    J. Zhao, T. Wang, M. Yatskar, V. Ordonez and K.-W. Chang, "Men Also Like Shopping:
    Reducing Gender Bias Amplification using Corpus-level Constraints", 2017,
    arXiv:1707.09457; J. Ho and T. Salimans, "Classifier-Free Diffusion Guidance", 2022,
    arXiv:2207.12598; A. Bradley and P. Nakkiran, "Classifier-Free Guidance is a
    Predictor-Corrector", 2024, arXiv:2408.09000, on what it samples from.
"""

from __future__ import annotations

from typing import NamedTuple

from scipy import stats
from torch import Tensor

from genbook._validate import (
    check_count,
    check_labels,
    check_number,
    check_share,
)

__all__ = ["Amplification", "bias_amplification", "tilted_share"]


class Amplification(NamedTuple):
    """How often a model draws the majority, beside how often it saw it.

    Attributes:
        share: The share of the majority among the drawn images of both groups.
        low: The lower end of its 95 % interval (Clopper and Pearson).
        high: The upper end.
        amplification: How much larger the share is than in the training set.
        p_value: The chance of a share so far from that of the training set, on either
            side, if the model draws as it saw.
        counted: How many images are of either group.
    """

    share: float
    low: float
    high: float
    amplification: float
    p_value: float
    counted: int


def bias_amplification(
    labels: Tensor, majority: int, minority: int, *, trained: float
) -> Amplification:
    """Compare the shares of two groups among what a model draws with its training set.

    Args:
        labels: What each drawn image shows, by a classifier that saw both groups
            equally often: integers, ``(n,)``.
        majority: The label of the larger group of the training set.
        minority: The label of the smaller one.
        trained: The share of the larger group among both in the training set.

    Returns:
        An :class:`Amplification`. Images of neither group do not count.

    Raises:
        TypeError: If ``labels`` are not integers.
        ValueError: If no image is of either group, the labels are the same, or
            ``trained`` is not between 0 and 1.

    Example:
        >>> import torch
        >>> found = bias_amplification(torch.tensor([4, 4, 4, 9, 7]), 4, 9, trained=0.5)
        >>> found.share, found.amplification, found.counted
        (0.75, 0.25, 4)
    """
    labels = check_labels(labels, "labels", 1_000_000)
    majority = check_count(majority, "majority", 0, 999_999)
    minority = check_count(minority, "minority", 0, 999_999)
    trained = check_share(trained, "trained")
    if majority == minority:
        raise ValueError(f"majority and minority must differ, got {majority} for both")
    large, small = int((labels == majority).sum()), int((labels == minority).sum())
    n = large + small
    if not n:
        raise ValueError(f"labels must show {majority} or {minority}, got neither")
    test = stats.binomtest(large, n, trained)
    low, high = test.proportion_ci(0.95, method="exact")
    share = large / n
    return Amplification(
        share, float(low), float(high), share - trained, float(test.pvalue), n
    )


def tilted_share(share: float, overall: float, weight: float) -> float:
    """Return the share that guidance would give if it tilted the density.

    Args:
        share: The share of a group among the observations of the condition.
        overall: Its share among all observations.
        weight: The weight of the guidance, 1 for none, up to a thousand either way.

    Raises:
        TypeError: If an argument is not a number.
        ValueError: If a share is not between 0 and 1, or the weight out of range.

    Example:
        >>> round(tilted_share(0.7, 0.5, weight=2), 3), tilted_share(0.7, 0.7, weight=8)
        (0.845, 0.7)
    """
    s, u = check_share(share, "share"), check_share(overall, "overall")
    w = check_number(weight, "weight")
    if abs(w) > 1000:
        raise ValueError(f"weight must be between -1,000 and 1,000, got {weight}")
    return float(stats.logistic.cdf(w * _logit(s) + (1 - w) * _logit(u)))


def _logit(p: float) -> float:
    return float(stats.logistic.ppf(p))
