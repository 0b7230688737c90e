"""What a model must beat: the best constant answer, and what its output can reach.

A loss means nothing by itself. Two numbers that need no training say what to compare it
with: the loss of the best single answer to everything, and the loss that no output of a
given range can pass.
"""

from __future__ import annotations

import math
from numbers import Real

import torch
from torch import Tensor

from genbook._validate import check_tensor

__all__ = ["best_constant", "clipping_error"]


def best_constant(x: Tensor, low: float = -math.inf, high: float = math.inf) -> Tensor:
    r"""Return the one answer that is closest to all observations.

    .. math:: \hat{\mathbf c} = \operatorname*{arg\,min}_{l \le \mathbf c \le h}\;
              \sum_i \lVert \mathbf x^{(i)} - \mathbf c \rVert^2
              = \min(\max(\bar{\mathbf x}, l), h).

    Without bounds it is the mean. A model whose squared error is not below that of this
    constant has learned nothing that depends on its input.

    Args:
        x: Observations of any shape, ``(n, *event)``.
        low: The smallest value that the answer may have.
        high: The largest.

    Returns:
        The answer, ``(*event)``.

    Raises:
        TypeError: If ``x`` is not a floating-point tensor.
        ValueError: If ``x`` is empty or not finite, or ``low`` is not below ``high``.

    Example:
        >>> import torch
        >>> x = torch.tensor([[-1.0, 0.0], [-1.0, 1.0]])
        >>> best_constant(x), best_constant(x, 0, 1)
        (tensor([-1.0000,  0.5000]), tensor([0.0000, 0.5000]))
    """
    low, high = _check(x, low, high)
    return x.mean(0).clamp(low, high)


def clipping_error(x: Tensor, low: float, high: float) -> Tensor:
    r"""Return the squared error that remains for the best output of a range.

    .. math:: \frac1{nD}\sum_{i,j} \bigl(x^{(i)}_j - \min(\max(x^{(i)}_j, l), h)\bigr)^2

    No model whose output lies in :math:`[l, h]` has a smaller mean squared error on
    these observations, whatever its size and however long it is trained. For a sigmoid
    the range is [0, 1], for a hyperbolic tangent [-1, 1].

    Args:
        x: Observations of any shape, ``(n, *event)``.
        low: The smallest value of the output.
        high: The largest.

    Returns:
        The mean over observations and features, ``()``.

    Raises:
        TypeError: If ``x`` is not a floating-point tensor.
        ValueError: If ``x`` is empty or not finite, or ``low`` is not below ``high``.

    Example:
        >>> import torch
        >>> x = torch.tensor([[-1.0, 0.5], [0.0, 1.0]])
        >>> clipping_error(x, 0, 1), clipping_error(x, -1, 1)
        (tensor(0.2500), tensor(0.))
    """
    low, high = _check(x, low, high)
    return (x - x.clamp(low, high)).square().mean()


def _check(x: Tensor, low: float, high: float) -> tuple[float, float]:
    """Check observations and a range, and return its ends."""
    check_tensor(x, "x")
    for bound, name in ((low, "low"), (high, "high")):
        if isinstance(bound, bool) or not isinstance(bound, Real):
            raise TypeError(
                f"{name} must be a number, got {type(bound).__name__} {bound!r}"
            )
        if torch.finfo(x.dtype).max < abs(bound) < math.inf:
            raise ValueError(f"{name} must be a number of {x.dtype}, got {bound}")
    if not low < high:
        raise ValueError(f"low must be below high, got {low} and {high}")
    return float(low), float(high)
