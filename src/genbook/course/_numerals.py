"""Numbers as a reader can take them in: with the digits that say something."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

LEAST = 2  # digits of a measured number
MOST = 17  # digits that tell any number from any other
TYPED = 4  # digits of a number that somebody may have typed
_SAME = 1e-7  # single precision: 0.3 comes back as 0.30000001192


def number(value: Any) -> float:
    """Return Python's number for one of NumPy's, or for a tensor of one element.

    Raises:
        TypeError: If it is not one number.

    Example:
        >>> number(True), number(2.5)
        (True, 2.5)
    """
    if hasattr(value, "item") and getattr(value, "size", None) is not None:
        count = value.numel() if hasattr(value, "numel") else value.size
        if count != 1:
            raise TypeError(f"value must be one number, got {count} of them")
        value = value.item()
    if isinstance(value, bool | int | float):
        return value if isinstance(value, int) else float(value)
    raise TypeError(f"value must be one number, got {type(value).__name__}")


def bound(value: Any, called: str) -> float:
    """Return a number that other numbers can be compared with.

    Raises:
        TypeError: If it is not one number.
        ValueError: If it is NaN.

    Example:
        >>> bound(1, "at_most")
        1
    """
    try:
        found = number(value)
    except TypeError:
        raise TypeError(f"{called} must be one number, got {value!r}") from None
    if math.isnan(found):
        raise ValueError(f"{called} must be a number, got NaN")
    return found


def show(value: float) -> str:
    """Write a number with six digits at most; a count as it is.

    Example:
        >>> show(1.0), show(0.123456789), show(1.2e-12), show(50000)
        ('1', '0.123457', '1.2e-12', '50,000')
    """
    value = number(value)
    return _plain(value) or _minus(f"{value:.6g}")


def measured(value: float, marks: Iterable[float]) -> str:
    """Write a number with as few digits as tell it from others.

    A measured number has the fewest digits, two or more, at which rounding moves it
    by no more than half the way to the nearest mark. Whole digits always stay, counts
    and infinities stand as they are; a number that equals a mark is written like it.

    Args:
        value: The number.
        marks: What it must not be taken for: the ends of a band, alternatives.

    Example:
        >>> measured(0.1312, [0.15]), measured(0.1496, [0.15]), measured(4.27793, [3])
        ('0.13', '0.1496', '4.3')
        >>> measured(543.21, [600]), measured(0.89999, [0.5]), measured(12, [0.5])
        ('543', '0.90', '12')
    """
    value = number(value)
    if text := _plain(value):
        return text
    gaps = [abs(value - mark) for mark in marks if math.isfinite(mark)]
    if 0 in gaps and (text := _typed(value)):
        return text
    room = min((gap for gap in gaps if gap > 0), default=math.inf) / 2
    for digits in range(LEAST, MOST + 1):
        text = _rounded(value, digits)
        if abs(float(text.replace(",", "")) - value) <= room:
            break
    return _minus(text)


def promised(value: float, marks: Iterable[float]) -> str:
    """Write an end of a band: as it was typed, or as :func:`measured` if computed.

    Example:
        >>> promised(0.15, [0.1312]), promised(0.1328473, [0.09]), promised(1e-6, [])
        ('0.15', '0.13', '1e-06')
    """
    value = number(value)
    return _plain(value) or _typed(value) or measured(value, marks)


def _plain(value: float) -> str:
    """Return how a whole number is written, or one that is none; else nothing."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "−∞"
    if value == int(value) and abs(value) < 1e15:
        return _minus(f"{int(value):,}")
    return ""


def _typed(value: float) -> str:
    """Return a number as somebody may have typed it; nothing if nobody would have."""
    typed = f"{value:.{TYPED}g}"
    same = abs(float(typed) - value) <= _SAME * abs(value)
    return _minus(typed) if same else ""


def _rounded(value: float, digits: int) -> str:
    """Round to so many significant digits; the whole ones are kept."""
    exponent = int(f"{value:.{digits - 1}e}".partition("e")[2])
    if not -5 < exponent < 15:
        text = f"{value:.{digits}g}"
    else:
        text = f"{value:,.{max(0, digits - 1 - exponent)}f}"
    short = f"{value:,.{digits}g}" if exponent < digits else text
    return short if float(short.replace(",", "")) == value else text


def _minus(text: str) -> str:
    return text.replace("-", "−", 1) if text.startswith("-") else text
