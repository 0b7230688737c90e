"""Draws from a categorical distribution: one uniform number, one category."""

from __future__ import annotations

import torch
from torch import Tensor

from genbook._validate import check_positive

COLDEST = 1e-30  # a logit over less could leave float32


def inverse_cdf(weights: Tensor, u: Tensor) -> Tensor:
    """Return the category that each number falls into, never one without weight.

    A number from 0 up to the sum of the weights falls into category ``j`` as often as
    that category's part of the sum: uniform numbers become draws.

    Args:
        weights: The categories' weights, not negative, ``(k,)`` for all numbers, or
            ``(n, k)``, a row of its own for each row of numbers.
        u: The numbers, ``(n,)``, or ``(n, m)`` with rows of their own.

    Returns:
        Integers from 0 to ``k - 1`` of the shape of ``u``; the last category that has
        weight where rounding leaves a number beyond the sum.

    Example:
        >>> u = torch.tensor([0.1, 0.25, 0.9, 1.0])
        >>> inverse_cdf(torch.tensor([0.25, 0.75, 0.0]), u)
        tensor([0, 1, 1, 1])
    """
    sums = weights.cumsum(dim=-1).masked_fill_(weights <= 0, -torch.inf)
    sums = sums.cummax(dim=-1).values  # no step, and so no draw, where no weight is
    last = torch.searchsorted(sums, sums[..., -1:].contiguous())
    return torch.searchsorted(sums, u.contiguous(), right=True).minimum(last)


def check_temperature(temperature: float) -> float:
    """Return a temperature that logits can be divided by, or refuse it.

    Temperatures so low that the quotient would leave the floating-point type are
    raised to one that already leaves only the likeliest category.

    Raises:
        TypeError: If it is not a number.
        ValueError: If it is not positive and finite.

    Example:
        >>> check_temperature(0.5), check_temperature(1e-300)
        (0.5, 1e-30)
    """
    return max(check_positive(temperature, "temperature"), COLDEST)
