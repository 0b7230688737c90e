"""Draws from a categorical distribution: one uniform number, one category."""

from __future__ import annotations

import torch
from torch import Tensor


def inverse_cdf(cumulative: Tensor, u: Tensor) -> Tensor:
    """Return the category that each number falls into.

    A number from 0 up to the last cumulative sum falls into category ``j`` as often as
    that category's part of the sum: uniform numbers become draws.

    Args:
        cumulative: The sums of the categories' weights, ``(k,)`` for all numbers, or
            ``(n, k)``, a row of its own for each row of numbers.
        u: The numbers, ``(n,)``, or ``(n, m)`` with rows of their own.

    Returns:
        Integers from 0 to ``k - 1`` of the shape of ``u``; the last category where
        rounding leaves a number beyond the last sum.

    Example:
        >>> inverse_cdf(torch.tensor([0.25, 1.0]), torch.tensor([0.1, 0.25, 0.9]))
        tensor([0, 1, 1])
    """
    j = torch.searchsorted(cumulative, u.contiguous(), right=True)
    return j.clamp(max=cumulative.shape[-1] - 1)
