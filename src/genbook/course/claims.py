"""A statement of the text, checked while the book is built.

A chapter says ``claim("box-integrates-to-one", value, equals=1, within=1e-6,
rejects={"half the box": half})``. Inside its band the claim shows as one quiet line;
outside it the cell fails, and with it the build. It also fails when one of the rejected
alternatives would pass: such a claim says nothing. Numbers in the prose come from
:func:`number`, so none of them is typed.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from genbook._printing import printable
from genbook.course._bands import Band, band
from genbook.course._numerals import bound, measured, show
from genbook.course._numerals import number as _number
from genbook.course.tex import escape

__all__ = ["Claim", "ClaimError", "check", "claim", "number", "show"]

MIME = "application/vnd.genbook.claim+json"
GLUE_PREFIX = "application/papermill.record/"
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class ClaimError(AssertionError):
    """A claim of the text lies outside its band, or could not fail."""


@dataclass(frozen=True)
class Claim:
    """One checked statement.

    Numbers are written with the fewest digits, two or more, that tell them from the
    ends of the band and from each other; whole digits always stay.

    Attributes:
        name: A short identifier, words joined by hyphens.
        says: The statement, as a sentence of the book.
        value: What was computed.
        wanted: What was promised.
        unit: The unit of the value, such as ``"nats"``.
        rejects: Alternatives that the claim would refuse, and their values.
    """

    name: str
    says: str
    value: float
    wanted: Band
    unit: str = ""
    rejects: Mapping[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the value lies in the band."""
        return self.wanted.holds(self.value)

    @property
    def accepts(self) -> tuple[str, ...]:
        """The alternatives that would pass: with any of them, the claim is empty."""
        return tuple(a for a, v in self.rejects.items() if self.wanted.holds(v))

    @property
    def shown(self) -> str:
        """The value in writing, with its unit."""
        marks = (self.wanted.low, self.wanted.high, *self.rejects.values())
        return f"{measured(self.value, marks)} {self.unit}".rstrip()

    @property
    def band(self) -> str:
        """The band in writing: ``"1 ± 1e-06"``."""
        return self.wanted.text((self.value, *self.rejects.values()))

    @property
    def refused(self) -> str:
        """The alternatives in writing: ``"one Gaussian has 0.90, a flow 1.2"``."""
        marks = (self.wanted.low, self.wanted.high, self.value)
        has = [(a, measured(v, marks)) for a, v in self.rejects.items()]
        return ", ".join(
            f"{name} {'' if i else 'has '}{value}"
            for i, (name, value) in enumerate(has)
        )

    @property
    def _wanted(self) -> str:
        return "; ".join(part for part in (self.band, self.refused) if part)

    def line(self) -> str:
        """Return the claim as one line of plain text that the output can show."""
        mark = "✓" if self.ok and not self.accepts else "✗"
        return printable(f"{mark} {self.says}: {self.shown} (wanted {self._wanted})")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict:
        says, value, wanted = self.says, self.shown, self._wanted
        record = {
            "name": self.name,
            "says": says,
            "value": _json(self.value),
            "shown": value,
            "band": self.band,
            "unit": self.unit,
            "ok": self.ok,
            "rejects": {a: _json(v) for a, v in self.rejects.items()},
            "refused": self.refused,
        }
        page = (
            '<div class="gb-claim" role="note">'
            '<span class="gb-claim-mark" aria-hidden="true">✓</span> '
            f'<span class="gb-claim-says">{html.escape(says)}:</span> '
            f'<span class="gb-claim-value">{html.escape(value)}</span> '
            f'<span class="gb-claim-band">(wanted {html.escape(wanted)})</span></div>'
        )
        tex = "".join(f"{{{escape(part)}}}" for part in (says, value, wanted))
        return {
            MIME: record,
            "text/html": page,
            "text/latex": rf"\gbclaim{tex}",
            "text/markdown": f"> ✓ {says}: **{value}** (wanted {wanted})",
            "text/plain": self.line(),
        }


def _json(value: float) -> float | str:
    """Return a number as JSON can hold it, which knows neither NaN nor infinity."""
    return value if math.isfinite(value) else show(value)


def check(
    name: str,
    value: Any,
    *,
    equals: float | None = None,
    within: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    between: tuple[float, float] | None = None,
    rejects: Mapping[str, Any] | None = None,
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
        rejects: What the claim would refuse: the values of alternatives, each under a
            short noun phrase, such as ``{"one Gaussian": 0.9}``.
        says: The statement; made from the name when empty.
        unit: The unit of the value.

    Returns:
        The claim, whether it holds or not.

    Raises:
        TypeError: If ``value``, a bound or an alternative is not one number, or a text
            is none.
        ValueError: If the name is not made of lower-case words joined by hyphens, if
            not exactly one kind of band is given, if every number lies in it, or if an
            alternative has no name or is NaN.

    Example:
        >>> check("two-and-two", 2 + 2, equals=4, rejects={"two": 2}).line()
        '✓ Two and two: 4 (wanted 4; two has 2)'
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            f"name must be lower-case words joined by hyphens, got {name!r}"
        )
    for text, called in ((says, "says"), (unit, "unit")):
        if not isinstance(text, str):
            raise TypeError(f"{called} must be a text, got {type(text).__name__}")
    v = _number(value)
    wanted = band(name, equals, within, at_least, at_most, between)
    says = says.rstrip(".:") or name.replace("-", " ").capitalize()
    return Claim(name, says, v, wanted, unit, _alternatives(name, rejects))


def _alternatives(name: str, rejects: Any) -> dict[str, float]:
    """Return the alternatives of a claim as numbers."""
    if rejects is None:
        return {}
    if not isinstance(rejects, Mapping):
        raise TypeError(
            f"rejects must be a mapping from names to numbers, got {rejects!r}"
        )
    if not rejects:
        raise ValueError(f"claim {name!r}: rejects must name one alternative or more")
    found = {}
    for called, value in rejects.items():
        if not isinstance(called, str) or not called.strip():
            raise ValueError(
                f"claim {name!r}: the name of an alternative must be a short noun "
                f"phrase, got {called!r}"
            )
        found[called.strip()] = bound(
            value, f"claim {name!r}: the alternative {called!r}"
        )
    return found


def claim(name: str, value: Any, **band: Any) -> None:
    """Check a statement of the text and show it as one quiet line.

    Takes the arguments of :func:`check`. Shows nothing outside Jupyter.

    Raises:
        ClaimError: If the value lies outside the band, or an alternative inside,
            naming the claim, the value and the band.
        TypeError: As :func:`check`.
        ValueError: As :func:`check`.

    Example:
        >>> claim("two-and-two", 2 + 2, equals=4)
        >>> claim("two-and-two", 2 + 2, equals=5)
        Traceback (most recent call last):
        ...
        genbook.course.claims.ClaimError: claim 'two-and-two' failed: got 4, wanted 5
        >>> claim("x", 4, at_least=3, rejects={"a": 5})
        Traceback (most recent call last):
        ...
        genbook.course.claims.ClaimError: claim 'x' cannot fail: it would accept 'a' (5)
    """
    result = check(name, value, **band)
    if not result.ok:
        raise ClaimError(
            f"claim {name!r} failed: got {result.shown}, wanted {result.band}"
        )
    if result.accepts:
        passing = ", ".join(
            f"{a!r} ({show(result.rejects[a])})" for a in result.accepts
        )
        raise ClaimError(f"claim {name!r} cannot fail: it would accept {passing}")
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
