"""Checks of counts, numbers, switches and words: each gives back a plain value.

NumPy's numbers pass like Python's own and come back as these, so that what is kept of
them can be written to a file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")

#: No count may be larger: a loop over more would not end, a tensor of more not fit.
MOST = 100_000_000
#: The largest seed that every source of randomness takes.
MOST_SEED = 2**63 - 1


def check_count(n: int, name: str, minimum: int = 0, maximum: int = MOST) -> int:
    """Return ``n`` as an ``int`` if it is an integer from ``minimum`` to ``maximum``.

    Raises:
        TypeError: If ``n`` is not an integer.
        ValueError: If ``n`` is below ``minimum`` or above ``maximum``.

    Example:
        >>> check_count(3, "n")
        3
    """
    if isinstance(n, bool) or not isinstance(n, Integral):
        raise TypeError(f"{name} must be an integer, got {type(n).__name__} {n!r}")
    if n < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {n}")
    if n > maximum:
        raise ValueError(f"{name} must be at most {maximum:,}, got {n}")
    return int(n)


def check_seed(seed: int, name: str = "seed") -> int:
    """Return ``seed`` as an ``int`` if a generator can start from it.

    Raises:
        TypeError: If ``seed`` is not an integer.
        ValueError: If ``seed`` is negative or does not fit into 63 bits.

    Example:
        >>> check_seed(0)
        0
    """
    return check_count(seed, name, 0, MOST_SEED)


def check_sizes(
    sizes: Sequence[int],
    name: str,
    minimum: int = 1,
    maximum: int = MOST,
    *,
    empty: bool = False,
) -> tuple[int, ...]:
    """Return ``sizes`` as a tuple if it is a sequence of integers.

    Args:
        sizes: Shapes, or widths of layers.
        name: The argument's name, for the message.
        minimum: The least of each.
        maximum: The most of each.
        empty: Whether there may be none.

    Raises:
        TypeError: If it is not a sequence of integers.
        ValueError: If one is below ``minimum`` or above ``maximum``, or there is none.

    Example:
        >>> check_sizes([64, 64], "hidden")
        (64, 64)
    """
    if isinstance(sizes, str) or not isinstance(sizes, Sequence):
        raise TypeError(
            f"{name} must be a sequence of integers, got "
            f"{type(sizes).__name__} {sizes!r}"
        )
    if not sizes and not empty:
        raise ValueError(f"{name} must hold at least one integer, got none")
    return tuple(check_count(s, name, minimum, maximum) for s in sizes)


def check_number(v: float, name: str) -> float:
    """Return ``v`` as a ``float`` if it is a finite number.

    Raises:
        TypeError: If ``v`` is not a real number.
        ValueError: If ``v`` is NaN or infinite.

    Example:
        >>> check_number(-0.5, "optimism")
        -0.5
    """
    if isinstance(v, bool) or not isinstance(v, Real):
        raise TypeError(f"{name} must be a number, got {type(v).__name__} {v!r}")
    if not -math.inf < v < math.inf:
        raise ValueError(f"{name} must be finite, got {v}")
    return float(v)


def check_positive(
    v: float, name: str, *, zero: bool = False, maximum: float = math.inf
) -> float:
    """Return ``v`` as a ``float`` if it is finite and above zero (or zero, if allowed).

    Raises:
        TypeError: If ``v`` is not a real number.
        ValueError: If ``v`` is negative, NaN or infinite, zero when ``zero`` is false,
            or above ``maximum``.

    Example:
        >>> check_positive(0.5, "lr")
        0.5
    """
    if isinstance(v, bool) or not isinstance(v, Real):
        raise TypeError(f"{name} must be a number, got {type(v).__name__} {v!r}")
    wanted = "zero or positive" if zero else "positive"
    if not (0 <= v < math.inf) or (v == 0 and not zero):
        raise ValueError(f"{name} must be {wanted} and finite, got {v}")
    if v > maximum:
        raise ValueError(f"{name} must be at most {maximum:,}, got {v}")
    return float(v)


def check_share(v: float, name: str) -> float:
    """Return ``v`` as a ``float`` if it is a number between 0 and 1, without its ends.

    Raises:
        TypeError: If ``v`` is not a real number.
        ValueError: If ``v`` is not between 0 and 1.

    Example:
        >>> check_share(0.5, "held_out")
        0.5
    """
    if isinstance(v, bool) or not isinstance(v, Real):
        raise TypeError(f"{name} must be a number, got {type(v).__name__} {v!r}")
    if not 0 < v < 1:
        raise ValueError(f"{name} must be between 0 and 1, got {v}")
    return float(v)


def check_flag(value: bool, name: str) -> bool:
    """Return ``value`` as a ``bool`` if it is true or false, and no text that says so.

    Raises:
        TypeError: If it is anything else: ``"no"`` would count as true.

    Example:
        >>> check_flag(True, "resume")
        True
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(
            f"{name} must be True or False, got {type(value).__name__} {value!r}"
        )
    return bool(value)


def check_choice(value: str, name: str, choices: Sequence[str]) -> str:
    """Return ``value`` if it is one of the choices.

    Raises:
        ValueError: If it is not.

    Example:
        >>> check_choice("linear", "output", ("sigmoid", "linear"))
        'linear'
    """
    if not isinstance(value, str) or value not in choices:
        *others, last = choices
        wanted = f"{', '.join(others)} or {last}" if others else last
        raise ValueError(f"{name} must be {wanted}, got {value!r}")
    return value


def check_text(value: str, name: str) -> str:
    """Return ``value`` if it is a string.

    Raises:
        TypeError: If it is anything else.

    Example:
        >>> check_text("loss", "label")
        'loss'
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, got {type(value).__name__}")
    return value


def check_function(value: Callable[..., Any], name: str, what: str = "") -> None:
    """Refuse what cannot be called.

    Args:
        value: The function.
        name: The argument's name, for the message.
        what: What it is a function of, for the message: ``" of x"``.

    Raises:
        TypeError: If it cannot be called.

    Example:
        >>> check_function(len, "metric")
    """
    if not callable(value):
        raise TypeError(f"{name} must be a function{what}, got {type(value).__name__}")


def check_kind(value: T, name: str, kind: type) -> T:
    """Return ``value`` if it is of a class.

    Raises:
        TypeError: If it is anything else.

    Example:
        >>> check_kind(True, "resume", bool)
        True
    """
    if not isinstance(value, kind):
        got = type(value).__name__
        raise TypeError(f"{name} must be of the type {kind.__name__}, got {got}")
    return value


def check_each(values: Sequence[T], name: str, kind: type) -> Sequence[T]:
    """Return ``values`` if it is a sequence of things of one class.

    Raises:
        TypeError: If it is anything else, one such thing for instance.

    Example:
        >>> check_each(["a", "b"], "names", str)
        ['a', 'b']
    """
    wanted = f"{name} must be a sequence of {kind.__name__}"
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise TypeError(f"{wanted}, got {type(values).__name__}")
    for value in values:
        if not isinstance(value, kind):
            raise TypeError(f"{wanted}, got {type(value).__name__} among them")
    return values
