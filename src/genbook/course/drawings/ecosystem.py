"""The diagram of what stands around a generative model; each box leads to its chapter.

It is narrow, so that its letters can be read on a telephone.
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from genbook._validate import check_each
from genbook.course import _boxes
from genbook.course._boxes import LINE, PAD, Point, draw_arrow, draw_box, draw_text
from genbook.course.ecosystem import FLOWS, PARTS, Part

__all__ = ["draw_ecosystem"]

_WIDE, _GAP, _DOWN = 1.44, 0.2, 0.3  # of a column, beside it and below it, in inches
_TALL = 2 * LINE + 2.4 * PAD


def draw_ecosystem(
    parts: Sequence[Part] = PARTS, flows: Sequence[tuple[str, str]] = FLOWS
) -> Axes:
    """Draw every part as a box, and an arrow for everything that is handed on.

    In an SVG each name is a link to its chapter, from a page one folder below the root.

    Args:
        parts: The parts, each with its place.
        flows: Names of parts: from which, to which.

    Returns:
        The axes, whose figure is as large as what stands in it.

    Raises:
        TypeError: If ``parts`` are none, or ``flows`` no pairs.
        ValueError: If there are no parts, or an arrow names a part that is not there.

    Example:
        >>> [text.get_text() for text in draw_ecosystem(PARTS[:1], []).texts]
        ['consumers']
    """
    if not check_each(parts, "parts", Part):
        raise ValueError("parts must hold at least one, got none")
    known = {part.name: part for part in parts}
    ways = [_way(flow, known) for flow in _boxes.listed(flows, "flows", empty=True)]
    columns = max(p.place[0] + p.place[2] for p in parts)
    rows = max(p.place[1] for p in parts) + 1
    step = _TALL + _DOWN
    ax = _boxes.sheet(columns * (_WIDE + _GAP) - _GAP, rows * step - _DOWN, "parts")
    at, drawn = {}, {}
    for part in parts:
        column, row, span = part.place
        wide = span * (_WIDE + _GAP) - _GAP
        at[part.name] = column * (_WIDE + _GAP) + wide / 2, -row * step - _TALL / 2
        size = wide, _TALL
        drawn[part.name] = draw_box(ax, at[part.name], size, "", part.kind)
        text = _boxes.broken(part.name, wide - 1.2 * PAD)
        address = f"../{part.chapter}.html"
        draw_text(ax, at[part.name], text, url=address, size=_boxes.SIZE + 0.5)
    for start, end in ways:
        a, b = _ends(known[start], known[end], at)
        draw_arrow(ax, drawn[start], drawn[end], a, b)
    return ax


def _ends(start: Part, end: Part, at: dict[str, Point]) -> tuple[Point, Point]:
    """Return where an arrow runs: straight down or up wherever the boxes allow it."""
    a, b = at[start.name], at[end.name]
    narrow = min((start, end), key=lambda part: part.place[2])
    wide = end if narrow is start else start
    x, reach = at[narrow.name][0], wide.place[2] * (_WIDE + _GAP) / 2
    if a[1] == b[1] or abs(x - at[wide.name][0]) >= reach:
        return a, b
    return (x, a[1]), (x, b[1])


def _way(flow: object, known: dict[str, Part]) -> tuple[str, str]:
    """Return the two ends of an arrow."""
    if not isinstance(flow, tuple) or len(flow) != 2:
        raise TypeError(f"flows must be pairs (from, to), got {flow!r}")
    for end in flow:
        if not isinstance(end, str) or end not in known:
            raise ValueError(f"flows must join {list(known)}, got {end!r}")
    return flow
