"""The band that a claim promises: which numbers lie in it, and how it is written."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from genbook.course._numerals import bound, promised


@dataclass(frozen=True)
class Band:
    """The numbers from one end to another, both included.

    Attributes:
        low: The smallest.
        high: The largest.
        centre: The promised value, of which the ends are so far; or None.
        within: How far.
    """

    low: float
    high: float
    centre: float | None = None
    within: float = 0.0

    def holds(self, v: float) -> bool:
        """Return whether a number lies in the band; NaN never does."""
        if self.centre is None:
            return bool(self.low <= v <= self.high)
        return bool(abs(v - self.centre) <= self.within or v == self.centre)

    def text(self, marks: Iterable[float] = ()) -> str:
        """Write the band, with the digits that tell its ends from the marks."""
        if self.centre is not None:
            edge = (self.centre + self.within / 5,) if self.within else ()
            middle = promised(self.centre, edge)
            return middle + (f" ± {promised(self.within, ())}" if self.within else "")
        ends = tuple(b for b in (self.low, self.high) if math.isfinite(b))
        near = [*marks, *ends]
        sign = "≥ " if self.high == math.inf else "≤ " if self.low == -math.inf else ""
        return sign + " to ".join(promised(b, near) for b in ends)


def band(
    name: str,
    equals: Any = None,
    within: Any = None,
    at_least: Any = None,
    at_most: Any = None,
    between: Any = None,
) -> Band:
    """Make the band of a claim from the arguments of ``check``.

    Raises:
        TypeError: If a bound is not one number.
        ValueError: If not exactly one kind of band is given, it is empty, or every
            number lies in it.

    Example:
        >>> band("two-and-two", equals=4, within=1).text()
        '4 ± 1'
    """
    kinds = [
        equals is not None,
        at_least is not None or at_most is not None,
        between is not None,
    ]
    if sum(kinds) != 1:
        raise ValueError(
            f"claim {name!r} needs one band: equals (and within), at_least and/or "
            f"at_most, or between; got {sum(kinds)}"
        )
    if within is not None and equals is None:
        raise ValueError(f"claim {name!r}: within must stand beside equals")
    if equals is not None:
        return _near(name, equals, 0.0 if within is None else within)
    ends = (at_least, at_most) if between is None else between
    if not isinstance(ends, tuple | list) or len(ends) != 2:
        raise TypeError(f"between must be (low, high), got {between!r}")
    return _inside(name, *ends)


def _near(name: str, equals: Any, within: Any) -> Band:
    """Return the band around a number."""
    equals, within = bound(equals, "equals"), bound(within, "within")
    if not 0 <= within < math.inf:
        raise ValueError(
            f"claim {name!r}: within must be zero or positive, and finite, got {within}"
        )
    return Band(equals - within, equals + within, equals, within)


def _inside(name: str, low: Any, high: Any) -> Band:
    """Return the band between two numbers."""
    low = -math.inf if low is None else bound(low, "the lower bound")
    high = math.inf if high is None else bound(high, "the upper bound")
    if low > high:
        raise ValueError(f"claim {name!r}: the band {low} to {high} is empty")
    if low == -math.inf and high == math.inf:
        raise ValueError(f"claim {name!r}: the band holds every number")
    return Band(low, high)
