"""Networks and processes drawn as boxes and arrows, in the book's colours.

Three kinds of box, told apart by colour and by line: data (blue), what is learned
(orange, a heavy line), and what is fixed (grey, dashed). A diagram sizes itself by what
stands in it; lengths are inches, so that its letters are as large as those of figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.patches import Circle

from genbook._validate import check_choice, check_count, check_sizes
from genbook.course import _boxes, _grid, _telephone, _upright, plotting
from genbook.course._boxes import LINE, LOOKS, PAD, Box, Kind, draw_arrow, draw_text

_GAP = 0.24  # between boxes in inches, room for an arrow


def layers_diagram(
    layers: Sequence[tuple[str, str] | tuple[str, str, Kind]],
    *,
    skips: Sequence[tuple[int, int]] = (),
) -> Axes:
    """Draw a network as a stack of boxes, its shapes beside them, from top to bottom.

    Args:
        layers: Each layer's name, what stands beside it, such as the shape of its
            output, and its kind: ``"data"``, ``"model"`` (learned, the default) or
            ``"fixed"``.
        skips: Pairs of layers, counted from zero; an arrow runs past what is between.

    Returns:
        The axes, whose figure is as high as the stack.

    Raises:
        TypeError: If ``layers`` or ``skips`` are no sequences of tuples.
        ValueError: If a kind is unknown, a skip does not run down past a layer, or a
            row is wider than a page.

    Example:
        >>> layers = [("x", "(n, 2)", "data"), ("linear", "(n, 64)")]
        >>> [text.get_text() for text in layers_diagram(layers).texts]
        ['x', '(n, 2)', 'linear', '(n, 64)']
    """
    rows = [_boxes.layer(row) for row in _boxes.listed(layers, "layers")]
    pairs = _boxes.listed(skips, "skips", empty=True)
    pairs = [_boxes.skip(pair, len(rows)) for pair in pairs]
    left = 0.45 if pairs else 0.0
    wide = max(_boxes.measured(name) for name, _, _ in rows) + 4 * PAD
    beside = max(_boxes.measured(shape) for _, shape, _ in rows)
    tall = LINE + 2 * PAD
    step = tall + _GAP
    ax = _boxes.sheet(left + wide + 0.15 + beside, len(rows) * step - _GAP, "layers")
    boxes, middle = [], left + wide / 2
    for i, (name, shape, kind) in enumerate(rows):
        y = -i * step - tall / 2
        boxes.append(_boxes.draw_box(ax, (middle, y), (wide, tall), name, kind))
        draw_text(ax, (left + wide + 0.15, y), shape, plotting.MUTED, ha="left")
        if i:
            draw_arrow(ax, boxes[i - 1], boxes[i], (middle, y + step), (middle, y))
    for i, j in pairs:
        y, v = (-k * step - tall / 2 for k in (i, j))
        x = left - 0.12 - 0.3 * (j - i) / len(rows)
        _boxes.draw_bent(ax, [(left, y), (x, y), (x, v), (left, v)])
    return ax


def process_diagram(
    rows: Mapping[str, Sequence[Box]],
    *,
    back: Mapping[str, tuple[int, int, str]] | None = None,
    width: Literal["narrow", "text", "wide"] = "text",
) -> Axes:
    """Draw processes as rows of boxes from left to right, each row under its name.

    Args:
        rows: The name of each row and its boxes, such as
            ``{"train": [("map", "data"), "network", ("loss", "fixed")]}``.
        back: For a row, an arrow back below it: from a box, to an earlier one, both
            counted from zero, and its word.
        width: The width of the figure; texts are broken into lines that fit.

    Returns:
        The axes, whose figure is as high as the rows.

    Raises:
        TypeError: If ``rows`` or ``back`` are no such mappings.
        ValueError: If a kind is unknown, an arrow does not run back, or a word is wider
            than its box.

    Example:
        >>> rows = {"sample": [("noise", "fixed"), "model", ("x", "data")]}
        >>> [text.get_text() for text in process_diagram(rows).texts]
        ['sample', 'noise', 'model', 'x']
    """
    chains = {
        name: _boxes.chain(rows[name], name) for name in _boxes.named(rows, "rows")
    }
    loops = {} if back is None else {k: back[k] for k in _boxes.named(back, "back")}
    for name, loop in loops.items():
        _boxes.loop(name, loop, chains)
    check_choice(width, "width", sorted(plotting.WIDTH))
    most = max(len(chain) for chain in chains.values())
    total = plotting.WIDTH[width] - 0.1
    wide = min((total + _GAP) / most - _GAP, 1.6)
    lines = {
        name: [(_boxes.broken(text, wide - 1.5 * PAD), kind) for text, kind in chain]
        for name, chain in chains.items()
    }
    talls = {k: max(t.count("\n") for t, _ in v) + 1 for k, v in lines.items()}
    heights = {k: 0.3 + n * LINE + 2 * PAD for k, n in talls.items()}
    heights = {k: h + (0.42 if k in loops else 0.12) for k, h in heights.items()}
    used = most * (wide + _GAP) - _GAP
    ax = _boxes.sheet(used, sum(heights.values()), "rows")
    top = 0.0
    for name, row in lines.items():
        draw_text(ax, (0, top - 0.12), name, plotting.MUTED, ha="left", weight="bold")
        tall = talls[name] * LINE + 2 * PAD
        y = top - 0.3 - tall / 2
        at = [(wide / 2 + i * (wide + _GAP), y) for i in range(len(row))]
        boxes = [
            _boxes.draw_box(ax, p, (wide, tall), *box)
            for p, box in zip(at, row, strict=True)
        ]
        for i in range(1, len(row)):
            draw_arrow(ax, boxes[i - 1], boxes[i], at[i - 1], at[i])
        if name in loops:
            i, j, word = loops[name]
            x, u, edge = at[i][0], at[j][0], y - tall / 2
            corners = [(x, edge), (x, edge - 0.17), (u, edge - 0.17), (u, edge)]
            _boxes.draw_bent(ax, corners)
            draw_text(ax, ((x + u) / 2, edge - 0.28), word)
        top -= heights[name]
    if _upright.fits(chains):
        _telephone.draw_instead(ax, lambda: _upright.upright(chains, loops))
    return ax


def boxes_diagram(
    boxes: Mapping[str, tuple[float, float] | tuple[float, float, Kind]],
    arrows: Sequence[tuple[str, str] | tuple[str, str, str]],
    *,
    width: Literal["narrow", "text", "wide"] = "text",
) -> Axes:
    """Draw boxes anywhere on a grid, and arrows between them, with words or without.

    Args:
        boxes: The text of each box, its column and row (halves are allowed; rows run
            down), and its kind.
        arrows: From which box, to which, and what stands on the arrow.
        width: The width of the figure; texts are broken into lines that fit.

    Returns:
        The axes, whose figure is as high as the rows.

    Raises:
        TypeError: If ``boxes`` or ``arrows`` hold something else.
        ValueError: If a kind or a box is unknown, or a word is wider than its box.

    Example:
        >>> boxes = {"z": (0, 0, "fixed"), "generator": (1, 0)}
        >>> len(boxes_diagram(boxes, [("z", "generator", "noise")]).patches)
        3
    """
    places = {
        text: _boxes.place(boxes[text], text) for text in _boxes.named(boxes, "boxes")
    }
    ways = [
        _boxes.way(way, places) for way in _boxes.listed(arrows, "arrows", empty=True)
    ]
    check_choice(width, "width", sorted(plotting.WIDTH))
    ax = _grid.placed(places, ways, plotting.WIDTH[width] - 0.1)
    hand = _telephone.WIDTH - 0.1
    upright = {text: (r, c, kind) for text, (c, r, kind) in places.items()}
    for other in (places, upright):
        if plotting.WIDTH[width] > hand and _grid.fits(other, ways, hand):
            _telephone.draw_instead(ax, partial(_grid.figure, other, ways, hand))
            break
    return ax


def units_diagram(sizes: Sequence[int], names: Sequence[str] | None = None) -> Axes:
    """Draw a network with a circle for each unit and a line for each weight.

    Args:
        sizes: The number of units in each layer, the input first; one to twelve.
        names: What stands below each layer.

    Returns:
        The axes.

    Raises:
        TypeError: If a size is not an integer, or a name is not a text.
        ValueError: If there are fewer than two layers, a size is below one or above
            twelve, or the names are not one a layer.

    Example:
        >>> len(units_diagram([2, 3, 1]).lines)
        9
    """
    sizes = check_sizes(sizes, "sizes")
    for n in sizes:
        check_count(n, "sizes", 1, 12)
    if len(sizes) < 2:
        raise ValueError(f"sizes must have at least two layers, got {list(sizes)}")
    names = _boxes.listed([""] * len(sizes) if names is None else names, "names")
    if len(names) != len(sizes) or not all(isinstance(n, str) for n in names):
        raise ValueError(f"names must be {len(sizes)} texts, got {list(names)}")
    apart, step, radius = 1.25, 0.36, 0.12
    low = -(max(sizes) - 1) / 2 * step - 0.35
    ax = _boxes.sheet((len(sizes) - 1) * apart + 1, max(sizes) * step + 0.35, "sizes")
    at = [
        [(0.5 + i * apart, ((n - 1) / 2 - k) * step) for k in range(n)]
        for i, n in enumerate(sizes)
    ]
    line: dict[str, Any] = {"color": plotting.MUTED, "linewidth": 0.6, "zorder": 0}
    for before, after in pairwise(at):
        for (x, y), (u, v) in ((p, q) for p in before for q in after):
            ax.plot([x, u], [y, v], **line)
    for i, layer in enumerate(at):
        look = LOOKS["model" if i else "data"]
        for place in layer:
            ax.add_patch(Circle(place, radius, facecolor=plotting.PAPER, zorder=1))
            face = to_rgba(look["edgecolor"], 0.12)
            ax.add_patch(Circle(place, radius, **look, facecolor=face, zorder=2))
        draw_text(ax, (layer[0][0], low), names[i], plotting.MUTED)
    ax.set(ylim=(low - 0.12, -low - 0.12))
    return ax
