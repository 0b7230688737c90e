"""A second drawing of a figure, for telephones.

A figure as wide as the text of a book has letters of six pixels on a telephone, and
panels that share an axis lose its numbers when they are parted. So a figure is drawn
again as wide as a telephone, or with the numbers at each panel, and travels inside the
first drawing, where a viewer of images does not look.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from weakref import WeakKeyDictionary

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

WIDTH = 3.75  # inches, 360 CSS pixels
_HIGH = 2.6  # inches, where the height is free
_HELD = re.compile(r"<metadata>telephone:([A-Za-z0-9+/=]+)</metadata>")


#: Figures that a telephone shows in another arrangement, and how to draw that.
_INSTEAD: WeakKeyDictionary[Figure, Callable[[], Figure]] = WeakKeyDictionary()


def draw_instead(ax: Axes, again: Callable[[], Figure]) -> None:
    """Say what telephones show instead of the figure of some axes."""
    figure = ax.get_figure(root=True)
    if figure is not None:
        _INSTEAD[figure] = again


def with_second(draw: Callable[[Figure], str | None], fig: Figure) -> str | None:
    """Return a figure as SVG, with its drawing for telephones inside if it wants one.

    Args:
        draw: Returns a figure as SVG.
        fig: The figure; it is left as it was.
    """
    first = draw(fig)
    if first is None:
        return None
    with ExitStack() as stack:
        if fig in _INSTEAD:
            other = _INSTEAD[fig]()
            stack.callback(plt.close, other)
            second = draw(other)
        elif _prepare(fig, stack):
            second = draw(fig)
        else:
            return first
    assert second is not None
    held = base64.b64encode(zlib.compress(second.encode(), 9)).decode()
    end = first.rindex("</svg>")
    return f"{first[:end]}<metadata>telephone:{held}</metadata>\n{first[end:]}"


def second_drawing(svg: str) -> str | None:
    """Return the drawing for telephones that a figure holds, or nothing.

    Args:
        svg: A figure as :func:`with_second` returns it.
    """
    found = _HELD.search(svg)
    if found is None:
        return None
    return zlib.decompress(base64.b64decode(found[1])).decode()


def _prepare(fig: Figure, stack: ExitStack) -> bool:
    """Make a figure ready for a telephone; say whether it has to be drawn again."""
    axes = [ax for ax in fig.axes if ax.get_subplotspec() and ax.get_visible()]
    axes = [ax for ax in axes if ax.get_label() != "<colorbar>"]
    if not any(ax.axison for ax in axes):
        return False  # a diagram, whose boxes are as wide as their words, or images
    columns = {ax.get_subplotspec().colspan.start for ax in axes}  # type: ignore[union-attr]
    if len(columns) == 1:
        if fig.get_figwidth() <= WIDTH:
            return False
        stack.enter_context(_narrow(fig, any(_fixed(ax) for ax in axes)))
        return True
    lost = [ax for ax in axes if _lost(ax)]
    for ax in lost:
        stack.enter_context(_numbered(ax))
    return bool(lost)


def _fixed(ax: Axes) -> bool:
    """Say whether some axes keep their shape, as a map does."""
    return ax.get_aspect() != "auto"


@contextmanager
def _narrow(fig: Figure, fixed: bool) -> Iterator[None]:
    """Make a figure as wide as a telephone, for a while."""
    width, height = (float(v) for v in fig.get_size_inches())
    shrunk = height * WIDTH / width
    if not fixed:
        shrunk = max(shrunk, min(height, _HIGH))
    fig.set_size_inches(WIDTH, shrunk)
    try:
        yield
    finally:
        fig.set_size_inches(width, height)


def _lost(ax: Axes) -> list[str]:
    """Return the sides whose numbers stand at another panel only."""
    sides = []
    for side, axis, others in (
        ("left", ax.yaxis, ax.get_shared_y_axes()),
        ("bottom", ax.xaxis, ax.get_shared_x_axes()),
    ):
        shared = len(others.get_siblings(ax)) > 1
        shown = axis.get_tick_params(which="major").get(f"label{side}", True)
        if ax.axison and shared and not shown:
            sides.append(side)
    return sides


@contextmanager
def _numbered(ax: Axes) -> Iterator[None]:
    """Show the numbers and the names of shared axes at a panel, for a while."""
    sides = _lost(ax)
    names = {"left": ax.get_ylabel(), "bottom": ax.get_xlabel()}
    _label(ax, sides, True)
    if "left" in sides and not names["left"]:
        ax.set_ylabel(_named(ax, "y"))
    if "bottom" in sides and not names["bottom"]:
        ax.set_xlabel(_named(ax, "x"))
    try:
        yield
    finally:
        _label(ax, sides, False)
        ax.set_ylabel(names["left"])
        ax.set_xlabel(names["bottom"])


def _label(ax: Axes, sides: list[str], shown: bool) -> None:
    """Show the numbers on some sides of a panel, or hide them."""
    if "left" in sides:
        ax.tick_params(axis="y", labelleft=shown)
    if "bottom" in sides:
        ax.tick_params(axis="x", labelbottom=shown)


def _named(ax: Axes, which: str) -> str:
    """Return the name that a panel shares with those of its row, or of its column."""
    shared = getattr(ax, f"get_shared_{which}_axes")()
    place = ax.get_subplotspec()
    for other in shared.get_siblings(ax):
        at = other.get_subplotspec()
        if place is None or at is None:
            continue
        row = at.rowspan.start == place.rowspan.start
        column = at.colspan.start == place.colspan.start
        name = str(getattr(other, f"get_{which}label")())
        if name and (row if which == "y" else column):
            return name
    return ""
