"""What a fit must not depend on: the order of the rows, and the columns' units."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor


def row_order(x: Tensor) -> Tensor:
    """Return an order of the observations that is theirs, not the caller's.

    A random start that is drawn from sorted rows, and sums that are taken over them,
    come out the same however the rows were shuffled.

    Args:
        x: Observations, ``(n, d)``.

    Returns:
        Row numbers, ``(n,)``: by the first column, then by the second, and so on.

    Example:
        >>> row_order(torch.tensor([[3.0, 0.0], [1.0, 9.0], [1.0, 2.0]]))
        tensor([2, 1, 0])
    """
    return x.unique(dim=0, return_inverse=True)[1].argsort(stable=True)


class Units(NamedTuple):
    """The mean and the standard deviation of each column."""

    centre: Tensor  # (d,)
    scale: Tensor  # (d,)


def column_units(x: Tensor) -> Units:
    """Return the units in which each column has mean 0 and variance 1.

    Args:
        x: Observations, ``(n, d)``, of whatever size their type can hold.

    Returns:
        Mean and standard deviation of each column, in float64.

    Raises:
        ValueError: If a column holds one value over and over: it has no unit.

    Example:
        >>> column_units(torch.tensor([[0.0, 1e30], [2.0, -1e30]]))
        Units(centre=tensor([1., 0.], dtype=torch.float64), \
scale=tensor([1.0000e+00, 1.0000e+30], dtype=torch.float64))
    """
    same = (x == x[0]).all(dim=0)
    if same.all():
        raise ValueError(f"x must not be constant, got {len(x)} times one point")
    if same.any():
        j = int(same.nonzero()[0])
        raise ValueError(
            f"x must hold two different values in each column, got only "
            f"{x[0, j]:g} in column {j}: a density could be infinite there"
        )
    x = x.double()
    centre = x.mean(dim=0)
    far = (x - centre).abs().amax(dim=0)  # so that squares stay within the type
    scale = far * ((x - centre) / far).square().mean(dim=0).sqrt()
    return Units(centre, scale)


def power_of_two(x: Tensor) -> Tensor:
    """Return a power of two for each column that brings it near 1, ``(d,)``.

    Dividing by it is exact: it changes no digit, and squares stay within the type.

    Args:
        x: Observations, ``(n, d)``.

    Example:
        >>> power_of_two(torch.tensor([[3.0, -1e30], [0.5, 0.0]]))
        tensor([4.0000e+00, 1.2677e+30])
    """
    _, exponent = torch.frexp(x.abs().amax(dim=0))
    most = math.frexp(torch.finfo(x.dtype).max)[1] - 2  # its inverse is a number, too
    return torch.ldexp(torch.ones_like(x[0]), exponent.clamp(-most, most))
