"""The panels of a figure, so that a telephone can show one below the other.

A figure of two panels is as wide as the text of a book; on a telephone its letters
would be four pixels high. Where clear lines part the panels, the page holds them as
pieces too: the same file, each piece a window on it. The style sheet shows the pieces
below 500 pixels and the figure above.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from xml.etree import ElementTree

_SVG = "{http://www.w3.org/2000/svg}"
_NUMBERS = re.compile(r"-?\d*\.?\d+(?:e-?\d+)?")
_VIEW = re.compile(r'\bviewBox="0 0 ([\d.]+) ([\d.]+)"')
_STEP = re.compile(r"(translate|scale|rotate)\(([^)]*)\)")
_GLYPH = 64.0  # the width of a usual letter, in hundredths of the size of its font
_THIN = 0.15  # of the figure's width: what is narrower goes with its neighbour
_GAP = 1.0  # points that must be clear between two panels
_SMALL = 240  # CSS pixels: of panels below that width two stand beside one another

Span = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A rectangle of a figure, in the units of its ``viewBox``."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """From left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """From top to bottom."""
        return self.bottom - self.top


def _path(element: ElementTree.Element) -> Iterator[tuple[float, float]]:
    """Yield the points of a path as Matplotlib writes it, controls of curves too."""
    numbers = [float(n) for n in _NUMBERS.findall(element.get("d", ""))]
    yield from zip(numbers[::2], numbers[1::2], strict=False)


def _text(group: ElementTree.Element) -> Iterator[tuple[float, float]]:
    """Yield the corners of a line of letters: Matplotlib moves, turns and scales it."""
    steps = dict(_STEP.findall(group.get("transform", "")))
    if "translate" not in steps or "scale" not in steps:
        return
    x, y = (float(n) for n in _NUMBERS.findall(steps["translate"]))
    size = 100 * abs(float(_NUMBERS.findall(steps["scale"])[0]))
    ends = [0.0]
    for use in group.iter(f"{_SVG}use"):
        places = _NUMBERS.findall(use.get("transform", "")) or ["0"]
        ends.append(float(places[0]) + _GLYPH)
    length = max(ends) * size / 100
    turned = abs(float(_NUMBERS.findall(steps.get("rotate", "0"))[0])) > 45
    corners = (-0.8 * size, -length) if turned else (length, -0.8 * size)
    yield from ((x, y), (x + corners[0], y + corners[1]))


def _image(element: ElementTree.Element) -> Iterator[tuple[float, float]]:
    """Yield the corners of pixels: Matplotlib turns them upside down."""
    steps = dict(_STEP.findall(element.get("transform", "")))
    x, y, width, height = (
        float(element.get(name, "0")) for name in ("x", "y", "width", "height")
    )
    if "translate" in steps:
        y = -y - height - float(_NUMBERS.findall(steps["translate"])[1])
    yield from ((x, y), (x + width, y + height))


def _points(
    element: ElementTree.Element, edges: dict[str, Box]
) -> Iterator[tuple[float, float]]:
    """Yield points around what is drawn; what is cut ends where its axes do."""
    if element.tag == f"{_SVG}image":
        yield from _image(element)
    elif element.get("clip-path"):
        edge = edges.get(element.get("clip-path", ""))
        if edge is not None:
            yield from ((edge.left, edge.top), (edge.right, edge.bottom))
    elif element.tag == f"{_SVG}path":
        yield from _path(element)
    elif element.get("transform"):
        yield from _text(element)
    elif element.tag != f"{_SVG}defs":
        for child in element:
            yield from _points(child, edges)


def _edges(root: ElementTree.Element) -> dict[str, Box]:
    """Return the rectangles at which parts of a figure are cut, by reference."""
    found = {}
    for clip in root.iter(f"{_SVG}clipPath"):
        for rect in clip.iter(f"{_SVG}rect"):
            x, y, width, height = (
                float(rect.get(name, "0")) for name in ("x", "y", "width", "height")
            )
            box = Box(x, y, x + width, y + height)
            found[f"url(#{clip.get('id')})"] = box
    return found


def _around(axes: ElementTree.Element, edges: dict[str, Box]) -> Box | None:
    """Return the box around all that belongs to some axes."""
    points = list(_points(axes, edges))
    if not points:
        return None
    xs, ys = zip(*points, strict=True)
    return Box(min(xs), min(ys), max(xs), max(ys))


def _parts(spans: Sequence[Span], thin: float = 0.0) -> list[Span]:
    """Return where clear lines part some spans: the ends of each part.

    Example:
        >>> _parts([(0, 4), (6, 9), (3, 5)])
        [(0, 5.5), (5.5, 9)]
    """
    joined: list[list[float]] = []
    for low, high in sorted(spans):
        if joined and low < joined[-1][1] + _GAP:
            joined[-1][1] = max(joined[-1][1], high)
        elif joined and high - low < thin:  # a colour bar, say
            joined[-1][1] = high
        else:
            joined.append([low, high])
    for one, other in pairwise(joined):
        one[1] = other[0] = (one[1] + other[0]) / 2
    return [(low, high) for low, high in joined]


def panels(svg: str) -> list[Box]:
    """Return the pieces of a figure in reading order, or nothing if it is one piece.

    Args:
        svg: a figure as Matplotlib writes it.

    Example:
        >>> axes = '<g id="axes_{}"><path d="M {} 10 L {} 50"/></g>'
        >>> two = axes.format(1, 10, 90) + axes.format(2, 110, 190)
        >>> svg = ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 60">'
        ...        f'<g id="figure_1">{two}</g></svg>')
        >>> [(box.left, box.right) for box in panels(svg)]
        [(0.0, 100.0), (100.0, 200.0)]
    """
    try:
        root = ElementTree.fromstring(svg)
    except ElementTree.ParseError:
        return []
    figure = root.find(f"{_SVG}g[@id='figure_1']")
    view = [float(n) for n in root.get("viewBox", "").split()]
    if figure is None or len(view) != 4:
        return []
    groups = [g for g in figure if g.get("id") != "patch_1"]
    if not all(g.get("id", "").startswith("axes_") for g in groups):
        return []  # something stands across the panels
    edges = _edges(root)
    boxes = [box for group in groups if (box := _around(group, edges)) is not None]
    pieces = []
    for top, bottom in _widest(_parts([(b.top, b.bottom) for b in boxes]), view[3]):
        inside = [b for b in boxes if top <= (b.top + b.bottom) / 2 <= bottom]
        columns = _parts([(b.left, b.right) for b in inside], _THIN * view[2])
        for left, right in _widest(columns, view[2]):
            pieces.append(Box(left, top, right, bottom))
    wide = all(piece.width == view[2] for piece in pieces)
    return [] if wide else pieces


def whole(svg: str) -> Box:
    """Return the box around a figure.

    Example:
        >>> whole('<svg viewBox="0 0 360 180">').width
        360.0
    """
    found = _VIEW.search(svg)
    if found is None:
        raise ValueError("svg must have a viewBox, got none")
    return Box(0.0, 0.0, float(found[1]), float(found[2]))


def _widest(spans: list[Span], end: float) -> list[Span]:
    """Let the first part begin at zero, and the last one end where the figure ends."""
    if not spans:
        return []
    spans = [(0.0, spans[0][1]), *spans[1:]]
    return [*spans[:-1], (spans[-1][0], end)]


def windows(
    boxes: Sequence[Box], looks: dict[str, str], size: tuple[int, int], alt: str
) -> str:
    """Return the pieces of a figure as HTML.

    Args:
        boxes: the pieces.
        looks: class and address of the figure for light pages, and for dark ones.
        size: of the figure, in CSS pixels.
        alt: what the figure shows; the first piece says it.
    """
    scale = size[0] / boxes[-1].right
    out = []
    for i, box in enumerate(boxes):
        across, down = 100 / box.width, 100 / box.height
        place = (
            f"width:{across * boxes[-1].right:.2f}%;"
            f"left:{-across * box.left:.2f}%;top:{-down * box.top:.2f}%"
        )
        images = "".join(
            f'<img class="{name}" src="{escape(file)}" style="{place}" '
            f'width="{size[0]}" height="{size[1]}" '
            f'alt="{escape(alt) if i == 0 else ""}" loading="lazy" decoding="async" />'
            for name, file in looks.items()
        )
        wide = scale * box.width
        shape = (
            f"width:{'calc(50% - .25rem)' if wide < _SMALL else f'{wide:.0f}px'};"
            f"aspect-ratio:{box.width:.1f}/{box.height:.1f}"
        )
        out.append(f'<span class="gb-panel" style="{shape}">{images}</span>')
    return f'<span class="gb-panels">{"".join(out)}</span>\n'
