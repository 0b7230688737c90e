"""Checks at the doors of the pieces of a flow.

Pieces are called at every step of a training, so what they check of their input is its
shape and type, which cost nothing; NaN goes in and comes out again. The functions of
:mod:`genbook.models.flows.splines` look at the values too.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from genbook._validate import (
    check_count,
    check_flag,
    check_sizes,
    check_tensor,
    check_unit_interval,
)

MIN_SHARE = 1e-3  # of the interval: no piece of a spline is narrower or lower
MAX_BINS = 999  # a thousand pieces would be all least shares, and could not differ
MAX_DIM = 16_384  # of which a matrix has a gigabyte
MAX_WIDTH = 2**20  # of a layer, or labels that it sees
MAX_NUMBERS = 2**30  # of one layer, for all observations of a call
MAX_FREQUENCIES = 24  # each twice the last, until float32 has no digits for the phase


def check_bins(bins: int, minimum: int = 1) -> int:
    """Return ``bins`` if so many pieces of the least share leave something over."""
    return check_count(bins, "bins", minimum, MAX_BINS)


def check_frequencies(frequencies: int) -> int:
    """Return ``frequencies`` if it is a number of them."""
    return check_count(frequencies, "frequencies", 0, MAX_FREQUENCIES)


def check_widths(hidden: Sequence[int]) -> tuple[int, ...]:
    """Return ``hidden`` as a tuple if it holds widths of layers."""
    return check_sizes(hidden, "hidden", maximum=MAX_WIDTH)


def check_theta(
    theta: Tensor, bins: int, linear_tails: bool, *, values: bool = True
) -> None:
    """Refuse parameters that are not those of a spline of so many pieces."""
    check_bins(bins)
    check_flag(linear_tails, "linear_tails")
    check_tensor(theta, "theta", finite=values, allow_empty=True)
    numbers = 3 * bins + (-1 if linear_tails else 1)
    if theta.ndim == 0 or theta.shape[-1] != numbers:
        raise ValueError(
            f"theta must be (…, {numbers}) for bins={bins} and "
            f"linear_tails={linear_tails}, got {tuple(theta.shape)}"
        )


def check_numbers(
    v: Tensor,
    name: str,
    theta: Tensor,
    bins: int,
    linear_tails: bool,
    *,
    values: bool = True,
) -> None:
    """Refuse numbers that are not one for each spline, or not in the unit interval."""
    check_theta(theta, bins, linear_tails, values=values)
    check_tensor(v, name, None, finite=values, allow_empty=True)
    if v.shape != theta.shape[:-1]:
        raise ValueError(
            f"theta must be {(*v.shape, theta.shape[-1])} for {name} of "
            f"{tuple(v.shape)}, got {tuple(theta.shape)}"
        )
    if v.dtype != theta.dtype:
        raise TypeError(f"{name} must be {theta.dtype} like theta, got {v.dtype}")
    if values:
        check_unit_interval(v, name)


def check_pairs(v: Tensor, name: str, theta: Tensor) -> None:
    """Refuse numbers ``(n, m)`` without two parameters each, ``(n, m, 2)``."""
    check_tensor(theta, "theta", ("n", "m", 2), finite=False, allow_empty=True)
    check_tensor(v, name, theta.shape[:2], finite=False, allow_empty=True)


def check_unused(h: Tensor | None, n: int) -> None:
    """Refuse what is not features of conditions, where they change nothing."""
    if h is not None:
        check_tensor(h, "h", (n, "features"), finite=False, allow_empty=True)


def check_varied(x: Tensor) -> Tensor:
    """Return ``x``, ``(n, dim)``, if no column is constant: it has no density then."""
    flat = x.amin(0) == x.amax(0)
    if flat.any():
        i = int(flat.nonzero()[0])
        raise ValueError(
            f"x must vary in every column, got {x[0, i]:.6g} alone in column {i} of "
            f"the first {len(x)} rows; leave such a column out, or add noise to it"
        )
    return x


def check_features(h: Tensor | None, n: int, features: int, dtype: torch.dtype) -> None:
    """Refuse features of a condition that a network does not see, or miss."""
    if not features:
        if h is not None:
            raise ValueError("h must be None: context_features is 0")
        return
    if h is None:
        raise ValueError(f"h must be ({n}, {features}), got None")
    check_tensor(h, "h", (n, features), dtype=dtype, finite=False, allow_empty=True)
