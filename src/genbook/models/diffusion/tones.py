"""Tones put right: the values that were drawn get the distribution of wanted ones.

A model that learned by squared error answers with means, and a mean of black and white
is grey. A curve, the same for all pixels, gives its answers as many dark, grey and
light ones as its teacher's have, or as the images have that it learned from.
"""

from __future__ import annotations

import torch
from torch import Tensor

from genbook._validate import check_count, check_tensor

MOST_LEVELS = 1_000_000
TINY = 1e-30  # a gap that no two quantiles have, but is no zero


def match_quantiles(
    x: Tensor, source: Tensor, target: Tensor, *, levels: int = 1000
) -> Tensor:
    r"""Return ``x`` after the curve that gives ``source`` the values of ``target``.

    Each value goes from its quantile among the one set's to the same quantile among the
    other's,

    .. math:: h(x) = F_{\text{target}}^{-1}\bigl(F_{\text{source}}(x)\bigr),

    Equation :eq:`eq-step-tones`: of all rising curves that turn the one distribution
    into the other there is one, and none moves values less. It is known as histogram
    matching, and goes in straight lines between ``levels`` quantiles. Below the least
    and above the largest value of ``source`` it is level.

    Args:
        x: Values, of any shape.
        source: Values that have one distribution, of any shape.
        target: Values that have the wanted one, of any shape.
        levels: How many quantiles, from 2 to a million.

    Returns:
        A tensor of the shape of ``x``; no value is outside those of ``target``.

    Raises:
        TypeError: If a tensor is not floating-point, or of another type than ``x``, or
            ``levels`` not an integer.
        ValueError: If a value is NaN or infinite, ``source`` or ``target`` is empty, or
            ``levels`` out of range.

    Reference:
        R. Gonzalez and R. Woods, "Digital image processing", 4th edition, 2018, section
        3.3 (histogram matching).

    Example:
        >>> x = torch.linspace(0, 1, 5)
        >>> match_quantiles(x, x, 10 * x, levels=5)
        tensor([ 0.0000,  2.5000,  5.0000,  7.5000, 10.0000])
    """
    check_tensor(x, "x", allow_empty=True)
    for name, values in (("source", source), ("target", target)):
        check_tensor(values, name, dtype=x.dtype)
    levels = check_count(levels, "levels", 2, MOST_LEVELS)
    before, after = (_quantiles(v, levels) for v in (source, target))  # (21.2)
    # A value that several quantiles share goes to the first: paper stays paper.
    right = torch.searchsorted(before, x.contiguous()).clamp(1, levels - 1)
    left = right - 1
    gap = before[right] - before[left]
    share = ((x - before[left]) / gap.clamp_min(TINY)).clamp(0, 1)
    return after[left] + share * (after[right] - after[left])


def _quantiles(values: Tensor, levels: int) -> Tensor:
    """Return quantiles at equal distances, least and largest value at the ends."""
    ordered = values.flatten().sort()[0]
    at = torch.linspace(0, len(ordered) - 1, levels, dtype=torch.float64)
    low = at.long().clamp(0, len(ordered) - 1).to(values.device)
    high = (low + 1).clamp_max(len(ordered) - 1)
    part = (at.to(values.device) - low).to(values.dtype)
    return ordered[low] + part * (ordered[high] - ordered[low])
