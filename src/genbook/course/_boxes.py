"""What the diagrams share: checks of what is to be drawn, boxes, arrows and texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.textpath import TextPath

from genbook._validate import check_choice, check_count, check_number
from genbook.course import plotting

Kind = Literal["data", "model", "fixed"]
#: A box: its text, or its text and its kind; ``"model"``, learned, without one.
Box = str | tuple[str, Kind]
Point = tuple[float, float]

#: How each kind is drawn.
LOOKS: dict[str, dict[str, Any]] = {
    "data": {"edgecolor": plotting.DATA, "linewidth": 1.2, "linestyle": "-"},
    "model": {"edgecolor": plotting.MODEL, "linewidth": 1.8, "linestyle": "-"},
    "fixed": {"edgecolor": plotting.MUTED, "linewidth": 1.0, "linestyle": (0, (4, 2))},
}
#: The size of letters in points; in inches, a line of text, and the room around it.
SIZE, LINE, PAD = 9.0, 0.17, 0.09


# --- checks ---------------------------------------------------------------------------


def listed(items: Any, name: str, *, empty: bool = False) -> list[Any]:
    """Return a sequence as a list."""
    if isinstance(items, str) or not isinstance(items, Sequence):
        raise TypeError(f"{name} must be a sequence, got {type(items).__name__}")
    if not items and not empty:
        raise ValueError(f"{name} must hold at least one, got none")
    return list(items)


def named(items: Any, name: str, *, empty: bool = False) -> dict[str, Any]:
    """Return a mapping whose keys are texts as a dictionary."""
    if not isinstance(items, Mapping):
        raise TypeError(f"{name} must be a mapping, got {type(items).__name__}")
    if not items and not empty:
        raise ValueError(f"{name} must hold at least one, got none")
    for key in items:
        _text_of(key, f"the keys of {name}")
    return dict(items)


def _text_of(text: Any, name: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{name} must be texts, got {type(text).__name__} {text!r}")
    if text.count("$") % 2:
        raise ValueError(f"{name} must have dollar signs in pairs, got {text!r}")
    return text


def layer(row: Any) -> tuple[str, str, str]:
    """Return a layer's name, what stands beside it, and its kind."""
    if not isinstance(row, tuple) or len(row) not in (2, 3):
        raise TypeError(f"layers must be tuples (name, shape[, kind]), got {row!r}")
    kind = check_choice(row[2], "kind", tuple(LOOKS)) if len(row) == 3 else "model"
    return _text_of(row[0], "layers"), _text_of(row[1], "layers"), kind


def skip(pair: Any, layers: int) -> tuple[int, int]:
    """Return the ends of an arrow that runs down past at least one layer."""
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise TypeError(f"skips must be pairs of layers, got {pair!r}")
    i, j = (check_count(k, "skips", 0, layers - 1) for k in pair)
    if j < i + 2:
        raise ValueError(f"skips must run down past a layer, got {pair}")
    return i, j


def chain(row: Any, name: str) -> list[tuple[str, str]]:
    """Return the texts and the kinds of a row of boxes."""
    found = []
    for box in listed(row, f"rows[{name!r}]"):
        text, kind = (box, "model") if isinstance(box, str) else _pair(box)
        found.append((_text_of(text, "rows"), check_choice(kind, "kind", tuple(LOOKS))))
    return found


def _pair(box: Any) -> tuple[Any, Any]:
    if not isinstance(box, tuple) or len(box) != 2:
        raise TypeError(f"rows must hold texts or pairs (text, kind), got {box!r}")
    return box[0], box[1]


def loop(name: str, way: Any, rows: Mapping[str, Sequence[Any]]) -> None:
    """Refuse an arrow that does not run back within its row."""
    if name not in rows:
        raise ValueError(f"back must name a row of {list(rows)}, got {name!r}")
    if not isinstance(way, tuple) or len(way) != 3:
        raise TypeError(f"back must be (from, to, word), got {way!r}")
    i, j = (check_count(k, "back", 0, len(rows[name]) - 1) for k in way[:2])
    if j >= i:
        raise ValueError(f"back must run to an earlier box, got {way}")
    _text_of(way[2], "back")


def place(at: Any, text: str) -> tuple[float, float, str]:
    """Return the column, the row and the kind of a box."""
    if not isinstance(at, tuple) or len(at) not in (2, 3):
        raise TypeError(f"boxes[{text!r}] must be (column, row[, kind]), got {at!r}")
    kind = check_choice(at[2], "kind", tuple(LOOKS)) if len(at) == 3 else "model"
    column, row = (check_number(v, "boxes") for v in at[:2])
    if not 0 <= column <= 12 or not 0 <= row <= 40:
        raise ValueError(f"boxes must lie in columns 0–12 and rows 0–40, got {at}")
    return column, row, kind


def way(arrow: Any, boxes: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return where an arrow starts and ends, and its word."""
    if not isinstance(arrow, tuple) or len(arrow) not in (2, 3):
        raise TypeError(f"arrows must be tuples (from, to[, word]), got {arrow!r}")
    for end in arrow[:2]:
        if not isinstance(end, str) or end not in boxes:
            raise ValueError(f"arrows must join {list(boxes)}, got {end!r}")
    return arrow[0], arrow[1], _text_of(arrow[2], "arrows") if len(arrow) == 3 else ""


# --- drawing --------------------------------------------------------------------------


def sheet(width: float, height: float, name: str) -> Axes:
    """Return empty axes of so many inches, with the upper left corner at zero."""
    if width > plotting.WIDTH["wide"]:
        raise ValueError(f"{name} need {width:.1f} inches of {plotting.WIDTH['wide']}")
    fig, ax = plotting.subplots(height=height + 0.1)
    fig.set_figwidth(width + 0.1)
    ax.set_position((0, 0, 1, 1))  # so that an inch is an inch
    ax.set(xlim=(-0.05, width + 0.05), ylim=(-height - 0.05, 0.05), aspect="equal")
    ax.set_axis_off()
    return ax


def measured(text: str) -> float:
    """Return the width of a line of text in inches."""
    if not text.strip():
        return 0.0
    return float(TextPath((0, 0), text, size=SIZE).get_extents().width) / 72


def longest(texts: Iterable[str]) -> float:
    """Return the width of the longest word in inches."""
    return max(measured(word) for text in texts for word in text.split())


def broken(text: str, width: float) -> str:
    """Break a text between words into lines that fit a width in inches."""
    lines: list[str] = []
    for given in text.split("\n"):
        line = ""
        for word in given.split():
            if measured(word) > width + 1e-6:
                raise ValueError(f"{word!r} must fit into a box of {width:.1f} inches")
            longer = f"{line} {word}".strip()
            if line and measured(longer) > width:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    return "\n".join(lines)


def draw_text(
    ax: Axes, at: Point, text: str, colour: str = plotting.INK, **style: Any
) -> None:
    """Write a text around a point."""
    style = {"ha": "center", "va": "center", "size": SIZE, **style}
    if text:
        ax.text(*at, text, color=colour, linespacing=1.3, **style)


def draw_box(
    ax: Axes, middle: Point, size: Point, text: str, kind: str
) -> FancyBboxPatch:
    """Draw a box with its text."""
    corner = middle[0] - size[0] / 2, middle[1] - size[1] / 2
    look = LOOKS[kind]
    alpha = 0.0 if kind == "fixed" else 0.12
    box = FancyBboxPatch(
        corner,
        *size,
        boxstyle="round,pad=0,rounding_size=0.06",
        facecolor=to_rgba(look["edgecolor"], alpha),
        **look,
    )
    ax.add_patch(box)
    draw_text(ax, middle, text)
    return box


def draw_arrow(
    ax: Axes, start: FancyBboxPatch, end: FancyBboxPatch, a: Point, b: Point
) -> None:
    """Draw a straight arrow between the edges of two boxes, given their middles."""
    ax.add_patch(
        FancyArrowPatch(
            a,
            b,
            patchA=start,
            patchB=end,
            shrinkA=1.5,
            shrinkB=1.5,
            arrowstyle="-|>",
            mutation_scale=9,
            color=plotting.INK,
            linewidth=1.0,
        )
    )


def draw_bent(ax: Axes, corners: Sequence[Point]) -> None:
    """Draw an arrow along straight lines from the first corner to the last."""
    x, y = zip(*corners, strict=True)
    ax.plot(x, y, color=plotting.INK, linewidth=1.0, solid_capstyle="butt")
    ax.annotate(
        "",
        corners[-1],
        corners[-2],
        arrowprops={
            "arrowstyle": "-|>",
            "mutation_scale": 9,
            "color": plotting.INK,
            "linewidth": 1.0,
            "shrinkA": 0,
            "shrinkB": 0,
        },
    )
