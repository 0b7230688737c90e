"""The orders in which an autoregressive model may generate its coordinates."""

from __future__ import annotations

from collections.abc import Sequence

from genbook._validate import check_sizes


def check_orders(
    orders: Sequence[Sequence[int]] | None, dim: int
) -> tuple[tuple[int, ...], ...]:
    """Return the orders of generation, if each names each coordinate once.

    Args:
        orders: Permutations of ``0 … dim - 1``; the natural one alone when ``None``.
        dim: How many coordinates there are.

    Raises:
        TypeError: If it is not a sequence of sequences of integers.
        ValueError: If there is none, or one is not a permutation.

    Example:
        >>> check_orders(None, 3)
        ((0, 1, 2),)
    """
    if orders is None:
        return (tuple(range(dim)),)
    good = isinstance(orders, Sequence) and not isinstance(orders, str)
    if not good or not all(isinstance(order, Sequence) for order in orders):
        raise TypeError(f"orders must be a sequence of permutations, got {orders!r}")
    if not len(orders):
        raise ValueError("orders must hold at least one permutation, got none")
    found = tuple(check_sizes(o, "each of orders", 0, empty=True) for o in orders)
    for order in found:
        if sorted(order) != list(range(dim)):
            raise ValueError(
                f"orders: an order must name each of 0 to {dim - 1} once, got {order}"
            )
    return found
