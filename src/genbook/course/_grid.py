"""Boxes anywhere on a grid, in a width that is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from genbook.course import _boxes
from genbook.course._boxes import LINE, PAD, draw_arrow, draw_text

_GAP = 0.36  # between boxes in inches at least, room for an arrow
_MOST = 1.6  # the width of a box in inches

Places = Mapping[str, tuple[float, float, str]]
Ways = Sequence[tuple[str, str, str]]


def _sizes(places: Places, ways: Ways, total: float) -> tuple[float, float, float]:
    """Return columns between the outermost, the gap and a box's width in inches."""
    columns = [c for c, _, _ in places.values()]
    gap = max(_GAP, *(0.2 + _boxes.measured(word) for _, _, word in ways), 0)
    span = max(columns) - min(columns)
    return span, gap, min((total - span * gap) / (span + 1), _MOST)


def fits(places: Places, ways: Ways, total: float) -> bool:
    """Say whether every word fits into its box in a width in inches."""
    return _boxes.longest(places) <= _sizes(places, ways, total)[2] - 1.5 * PAD


def placed(places: Places, ways: Ways, total: float) -> Axes:
    """Draw boxes and the arrows between them.

    Args:
        places: The text of each box, its column, row and kind.
        ways: From which box, to which, and the word on the arrow.
        total: The width of all in inches.

    Returns:
        The axes, whose figure is as high as the rows.

    Raises:
        ValueError: If a word is wider than its box.
    """
    span, gap, wide = _sizes(places, ways, total)
    first = min(c for c, _, _ in places.values())
    rows = [r for _, r, _ in places.values()]
    texts = {t: _boxes.broken(t, wide - 1.5 * PAD) for t in places}
    tall = (max(t.count("\n") for t in texts.values()) + 1) * LINE + 2 * PAD
    step = tall + _GAP
    ax = _boxes.sheet(
        span * (wide + gap) + wide, (max(rows) - min(rows)) * step + tall, "boxes"
    )
    at, drawn = {}, {}
    for text, (c, r, kind) in places.items():
        x = wide / 2 + (c - first) * (wide + gap)
        at[text] = x, -tall / 2 - (r - min(rows)) * step
        drawn[text] = _boxes.draw_box(ax, at[text], (wide, tall), texts[text], kind)
    for start, end, word in ways:
        draw_arrow(ax, drawn[start], drawn[end], at[start], at[end])
        if word:
            (x, y), (u, v) = at[start], at[end]
            up = 0.12 if abs(v - y) < tall / 2 else 0.16 if v < y else -0.16
            if x == u:
                draw_text(ax, (x + 0.1, (y + v) / 2), word, ha="left")
            else:
                draw_text(ax, ((x + u) / 2, (y + v) / 2 + up), word)
    return ax


def figure(places: Places, ways: Ways, total: float) -> Figure:
    """Draw boxes and arrows as :func:`placed` does, and return the figure."""
    found = placed(places, ways, total).get_figure(root=True)
    assert found is not None
    return found
