"""Pictures of the taxonomy: nested sets, and the tree of the three approaches.

Both are drawn from :mod:`genbook.course.taxonomy`, and so from what the classes can do:
a model that learns another trick moves by itself.
"""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from genbook.course import plotting, taxonomy
from genbook.course._axes import check_axes
from genbook.course.taxonomy import MEMBERS, SETS

_LINE = 0.62  # from one name to the next
_COLOURS = (plotting.MUTED, plotting.DATA, plotting.MODEL, plotting.ACCENT)


def rings() -> dict[str, list[str]]:
    """Return the models that lie in each set and in no smaller one, largest set first.

    Example:
        >>> rings()["generative models"]
        ['TextToImage', 'GAN']
    """
    found: dict[str, list[str]] = {s: [] for s in SETS}
    for m in MEMBERS:
        found[taxonomy.sets(m.cls)[-1]].append(m.name)
    return found


def draw_sets(ax: Axes) -> None:
    """Draw the nested sets as frames, each model by its name in its smallest set."""
    check_axes(ax)
    columns = {s: 3 for s in SETS}
    lines = {s: -(-len(names) // columns[s]) for s, names in rings().items()}
    top, left, right, bottom = 0.0, 0.0, 12.0, 0.0
    depth = sum(_LINE * lines[s] + 0.95 for s in SETS) - 0.3
    for i, (s, colour) in enumerate(zip(SETS, _COLOURS, strict=True)):
        inset = 0.3 * i
        low = -depth - 0.3 * (len(SETS) - i)
        ax.add_patch(
            FancyBboxPatch(
                (left + inset, low),
                right - left - 2 * inset,
                top - low,
                boxstyle="round,pad=0,rounding_size=0.2",
                facecolor="none",
                edgecolor=colour,
                linewidth=1.4,
            )
        )
        x = left + inset + 0.3
        ax.text(x, top - 0.4, s, va="center", color=colour, weight="bold", size=11)
        wide = (right - left - 2 * inset - 0.3) / columns[s]
        for k, name in enumerate(rings()[s]):
            row, column = divmod(k, columns[s])
            at = x + wide * column, top - 0.4 - _LINE * (row + 1)
            ax.text(*at, name, va="center", color=plotting.INK, size=10.5)
        top -= 0.95 + _LINE * lines[s]
        bottom = min(bottom, low)
    ax.set(xlim=(-0.05, 12.05), ylim=(bottom - 0.05, 0.05))
    ax.set_axis_off()


def draw_tree(ax: Axes) -> None:
    """Draw the three approaches as a tree that grows to the right, with years.

    The leaves of a branch stand in the order of their years, and a filled dot marks a
    latent-variable model.
    """
    check_axes(ax)
    years = {m.name: m.year for m in MEMBERS}
    latent = taxonomy.nested_sets()[SETS[-1]]
    ends: list[float] = []

    def leaves(names: list[str], x: float) -> float:
        """Write names below one another; return the height of their middle."""
        first = (ends[-1] if ends else 0.0) - (0.5 if ends else 0.0)
        heights = [first - 1.0 * i for i in range(1, len(names) + 1)]
        for h, name in zip(heights, sorted(names, key=years.__getitem__), strict=True):
            ax.text(x + 0.25, h, name, va="center", size=10.5, color=plotting.INK)
            inside = plotting.INK if name in latent else plotting.PAPER
            ax.plot(x, h, "o", ms=4.5, mfc=inside, mec=plotting.INK, mew=0.9)
            small: dict[str, Any] = {"size": 9.5, "color": plotting.MUTED}
            ax.text(12, h, str(years[name]), va="center", ha="right", **small)
        ends.append(heights[-1])
        _fork(ax, x - 0.35, x, heights)
        return (heights[0] + heights[-1]) / 2

    def name(x: float, y: float, words: str, colour: str) -> None:
        look = {"fc": plotting.PAPER, "ec": colour, "boxstyle": "round,pad=0.3"}
        ax.text(x, y, words, va="center", ha="left", color=colour, size=10.5, bbox=look)

    tree = taxonomy.tree()[taxonomy.GENERATIVE]
    explicit, implicit = tree["explicit density"], tree["implicit density"]
    kinds = zip(explicit, (plotting.DATA, plotting.ACCENT), strict=True)
    middles = []
    for kind, colour in kinds:
        y = leaves(explicit[kind], 7.5)
        name(5.0, y, kind, colour)
        middles.append(y)
    low = leaves(implicit, 7.5)
    ax.plot([3.0, 5.65], [low, low], color=plotting.MUTED, linewidth=0.9, zorder=0)
    high = sum(middles) / 2
    _fork(ax, 4.6, 5.0, middles)
    name(2.45, high, "explicit\ndensity", plotting.INK)
    name(2.45, low, "implicit\ndensity", plotting.MODEL)
    _fork(ax, 2.05, 2.45, [high, low])
    name(0.0, (high + low) / 2, "generative\nmodels", plotting.INK)
    ax.set(xlim=(-0.2, 12.1), ylim=(ends[-1] - 0.6, 0.0))
    ax.set_axis_off()


def _fork(ax: Axes, start: float, end: float, heights: list[float]) -> None:
    """Draw a line from the middle of the heights, then one to each of them."""
    options: dict[str, Any] = {"color": plotting.MUTED, "linewidth": 0.9, "zorder": 0}
    middle = (max(heights) + min(heights)) / 2
    ax.plot([start - 1.5, start], [middle, middle], **options)
    if len(heights) > 1:
        ax.plot([start, start], [min(heights), max(heights)], **options)
    for h in heights:
        ax.plot([start, end], [h, h], **options)
