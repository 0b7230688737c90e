"""A statement of the text, checked while the book is built.

A chapter says ``claim("box-integrates-to-one", value, equals=1, within=1e-6)``. Inside
its band the claim shows as one quiet line; outside it the cell fails, and with it the
build. Numbers in the prose come from :func:`number`, so none of them is typed.
"""

from __future__ import annotations

import html
import math
import re
from dataclasses import dataclass
from typing import Any

from genbook._printing import printable
from genbook.course.tex import escape

MIME = "application/vnd.genbook.claim+json"
GLUE_PREFIX = "application/papermill.record/"
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class ClaimError(AssertionError):
    """A claim of the text lies outside its band."""


@dataclass(frozen=True)
class Claim:
    """One checked statement.

    Attributes:
        name: A short identifier, words joined by hyphens.
        says: The statement, as a sentence of the book.
        value: What was computed.
        band: What was promised, in words: ``"1 ± 1e-06"``.
        unit: The unit of the value, such as ``"nats"``.
        ok: Whether the value lies in the band.
    """

    name: str
    says: str
    value: float
    band: str
    unit: str
    ok: bool

    def line(self) -> str:
        """Return the claim as one line of plain text that the output can show."""
        mark = "✓" if self.ok else "✗"
        return printable(f"{mark} {self.says}: {self._value()} (wanted {self.band})")

    def _value(self) -> str:
        return f"{show(self.value)} {self.unit}".rstrip()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict:
        says, value, band = self.says, self._value(), self.band
        record = {
            "name": self.name,
            "says": says,
            "value": self.value,
            "band": band,
            "unit": self.unit,
            "ok": self.ok,
        }
        page = (
            '<div class="gb-claim" role="note">'
            '<span class="gb-claim-mark" aria-hidden="true">✓</span> '
            f'<span class="gb-claim-says">{html.escape(says)}:</span> '
            f'<span class="gb-claim-value">{html.escape(value)}</span> '
            f'<span class="gb-claim-band">(wanted {html.escape(band)})</span></div>'
        )
        tex = "".join(f"{{{escape(part)}}}" for part in (says, value, band))
        return {
            MIME: record,
            "text/html": page,
            "text/latex": rf"\gbclaim{tex}",
            "text/markdown": f"> ✓ {says}: **{value}** (wanted {band})",
            "text/plain": self.line(),
        }


def show(value: float) -> str:
    """Write a number so that a reader can take it in.

    Example:
        >>> show(1.0), show(0.123456789), show(1.2e-12), show(50000)
        ('1', '0.123457', '1.2e-12', '50,000')
    """
    value = _number(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "−∞"
    if value == int(value) and abs(value) < 1e15:
        text = f"{int(value):,}"
    else:
        text = f"{value:.6g}"
    return text.replace("-", "−", 1) if text.startswith("-") else text


def check(
    name: str,
    value: Any,
    *,
    equals: float | None = None,
    within: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    between: tuple[float, float] | None = None,
    says: str = "",
    unit: str = "",
) -> Claim:
    """Compare a value with the band that the text promises.

    Args:
        name: Words joined by hyphens, unique in the book.
        value: A number: Python's, NumPy's, or a tensor of one element.
        equals: The promised value; needs ``within``, or an exact match when that is
            missing.
        within: How far from ``equals`` is still right.
        at_least: The smallest value that is still right.
        at_most: The largest value that is still right.
        between: Both at once, ``(low, high)``.
        says: The statement; made from the name when empty.
        unit: The unit of the value.

    Returns:
        The claim, whether it holds or not.

    Raises:
        TypeError: If ``value`` or a bound is not one number, or a text is none.
        ValueError: If the name is not made of lower-case words joined by hyphens, if
            not exactly one kind of band is given, or if every number lies in it.

    Example:
        >>> check("two-and-two", 2 + 2, equals=4).line()
        '✓ Two and two: 4 (wanted 4)'
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            f"name must be lower-case words joined by hyphens, got {name!r}"
        )
    for text, called in ((says, "says"), (unit, "unit")):
        if not isinstance(text, str):
            raise TypeError(f"{called} must be a text, got {type(text).__name__}")
    v = _number(value)
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
        ok, band = _near(name, v, equals, 0.0 if within is None else within)
    else:
        ends = (at_least, at_most) if between is None else between
        if not isinstance(ends, tuple | list) or len(ends) != 2:
            raise TypeError(f"between must be (low, high), got {between!r}")
        ok, band = _inside(name, v, *ends)
    says = says.rstrip(".:") or name.replace("-", " ").capitalize()
    return Claim(name, says, v, band, unit, ok)


def _near(name: str, v: float, equals: Any, within: Any) -> tuple[bool, str]:
    """Return whether a number is near another, and the band in words."""
    equals, within = _bound(equals, "equals"), _bound(within, "within")
    if not 0 <= within < math.inf:
        raise ValueError(
            f"claim {name!r}: within must be zero or positive, and finite, got {within}"
        )
    ok = abs(v - equals) <= within or v == equals
    return bool(ok), show(equals) + (f" ± {show(within)}" if within else "")


def _inside(name: str, v: float, low: Any, high: Any) -> tuple[bool, str]:
    """Return whether a number lies between two others, and the band in words."""
    low = -math.inf if low is None else _bound(low, "the lower bound")
    high = math.inf if high is None else _bound(high, "the upper bound")
    if low > high:
        raise ValueError(f"claim {name!r}: the band {low} to {high} is empty")
    if low == -math.inf and high == math.inf:
        raise ValueError(f"claim {name!r}: the band holds every number")
    ends = [show(b) for b in (low, high) if math.isfinite(b)]
    sign = "≥ " if high == math.inf else "≤ " if low == -math.inf else ""
    return bool(low <= v <= high), sign + " to ".join(ends)


def claim(name: str, value: Any, **band: Any) -> None:
    """Check a statement of the text and show it as one quiet line.

    Takes the arguments of :func:`check`. Shows nothing outside Jupyter.

    Raises:
        ClaimError: If the value lies outside the band, naming the claim, the value
            and the band.
        TypeError: As :func:`check`.
        ValueError: As :func:`check`.

    Example:
        >>> claim("two-and-two", 2 + 2, equals=4)
        >>> claim("two-and-two", 2 + 2, equals=5)
        Traceback (most recent call last):
        ...
        genbook.course.claims.ClaimError: claim 'two-and-two' failed: got 4, wanted 5
    """
    result = check(name, value, **band)
    if not result.ok:
        raise ClaimError(
            f"claim {name!r} failed: got {result._value()}, wanted {result.band}"
        )
    _display(result._repr_mimebundle_())


def number(name: str, value: Any, fmt: str = ".3g") -> None:
    """Keep a number under a name, so that the prose can say ``{glue:text}`name```.

    Args:
        name: Words joined by hyphens, unique in the chapter.
        value: A number, or a string that is kept as it is.
        fmt: A format specification, such as ``".2f"``, ``",d"`` or ``".0%"``.

    Raises:
        TypeError: If ``value`` is neither a string nor one number.
        ValueError: If the name is not made of lower-case words joined by hyphens, the
            number is NaN or infinite, or ``fmt`` is no format of a number.

    Example:
        >>> number("share", 0.281, ".1%")
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            f"name must be lower-case words joined by hyphens, got {name!r}"
        )
    if isinstance(value, str):
        text = value
    else:
        v = _number(value)
        if not math.isfinite(v):
            raise ValueError(f"number {name!r} must be finite, got {v}")
        try:
            text = format(int(v) if fmt.endswith("d") else v, fmt)
        except (AttributeError, TypeError, ValueError):
            raise ValueError(f"fmt must be like '.3g' or ',d', got {fmt!r}") from None
        text = "−" + text[1:] if text.startswith("-") else text
    prefix = GLUE_PREFIX
    _display(
        {prefix + "text/plain": repr(text)},  # bare, "50,000" is read as a pair
        {"scrapbook": {"name": name, "mime_prefix": prefix}},
    )


def _number(value: Any) -> float:
    if hasattr(value, "item") and getattr(value, "size", None) is not None:
        count = value.numel() if hasattr(value, "numel") else value.size
        if count != 1:
            raise TypeError(f"value must be one number, got {count} of them")
        value = value.item()
    if isinstance(value, bool | int | float):
        return value if isinstance(value, int) else float(value)
    raise TypeError(f"value must be one number, got {type(value).__name__}")


def _bound(value: Any, called: str) -> float:
    """Return a bound of a band as a number that other numbers compare with."""
    try:
        bound = _number(value)
    except TypeError:
        raise TypeError(f"{called} must be one number, got {value!r}") from None
    if math.isnan(bound):
        raise ValueError(f"{called} must be a number, got NaN")
    return bound


def _display(bundle: dict, metadata: dict | None = None) -> None:
    """Publish a MIME bundle where there is a Jupyter front end, and only there."""
    try:
        from IPython import get_ipython
    except ImportError:
        return
    shell = get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return
    from IPython.display import display

    display(bundle, raw=True, metadata=metadata or {})
