"""Diagrams show what they were told, in order, and no text leaves its box."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch
from matplotlib.text import Annotation, Text

from genbook.course import plotting
from genbook.course.diagrams import (
    boxes_diagram,
    layers_diagram,
    process_diagram,
    units_diagram,
)

LAYERS: list[Any] = [
    ("x", "(n, 784)", "data"),
    ("linear", "(n, 64)"),
    ("ReLU", "(n, 64)", "fixed"),
    ("add", "(n, 64)", "fixed"),
]
ROWS: dict[str, Any] = {
    "train": [
        ("the map", "data"),
        "a network of two layers",
        ("squared error", "fixed"),
    ],
    "sample": [("noise", "fixed"), "a network of two layers"],
}


@pytest.fixture(autouse=True)
def agg() -> Iterator[None]:
    before = matplotlib.get_backend()
    matplotlib.use("Agg")
    yield
    plt.close("all")
    matplotlib.use(before)


def boxes(ax: Axes) -> list[FancyBboxPatch]:
    return [p for p in ax.patches if isinstance(p, FancyBboxPatch)]


def arrows(ax: Axes) -> list[FancyArrowPatch]:
    return [p for p in ax.patches if isinstance(p, FancyArrowPatch)]


def words(ax: Axes) -> dict[str, Text]:
    return {t.get_text().replace("\n", " "): t for t in ax.texts if t.get_text()}


def test_layers_run_down_with_their_shapes() -> None:
    ax = layers_diagram(LAYERS)
    heights = [words(ax)[name].get_position()[1] for name, *_ in LAYERS]
    assert heights == sorted(heights, reverse=True)
    beside = [t.get_position()[1] for t in ax.texts if t.get_text().startswith("(")]
    assert beside == heights
    assert len(arrows(ax)) == len(LAYERS) - 1
    low = ax.get_ylim()[0]
    assert all(b.get_y() > low for b in boxes(ax))


def test_a_skip_runs_past_the_layers_between() -> None:
    ax = layers_diagram(LAYERS, skips=[(1, 3)])
    (line,) = ax.lines
    x, y = (np.asarray(v) for v in line.get_data())
    assert x.min() < min(b.get_x() for b in boxes(ax))
    at = [words(ax)[name].get_position()[1] for name in ("linear", "add")]
    assert [y[0], y[-1]] == pytest.approx(at)
    assert ax.get_xlim()[0] < x.min()


def test_kinds_differ_in_colour_and_in_line() -> None:
    looks = [
        (b.get_edgecolor(), b.get_linestyle(), b.get_linewidth())
        for b in boxes(process_diagram(ROWS))[:3]
    ]
    colours = (plotting.DATA, plotting.MODEL, plotting.MUTED)
    assert [look[0] for look in looks] == [*map(matplotlib.colors.to_rgba, colours)]
    assert len({look[1:] for look in looks}) == 3


def test_rows_stand_below_one_another_under_their_names() -> None:
    ax = process_diagram(ROWS)
    first = [words(ax)[n].get_position()[1] for n in ("train", "the map", "sample")]
    assert first == sorted(first, reverse=True)
    assert len(arrows(ax)) == 3
    assert all(b.get_y() > ax.get_ylim()[0] for b in boxes(ax))


def test_an_arrow_runs_back() -> None:
    ax = process_diagram(ROWS, back={"train": (2, 1, "gradient")})
    (line,) = ax.lines
    x = np.asarray(line.get_xdata())
    at = words(ax)["squared error"], words(ax)["a network of two layers"]
    assert x[0] == pytest.approx(at[0].get_position()[0])
    assert x[-1] < x[0]
    (head,) = [t for t in ax.texts if isinstance(t, Annotation)]
    assert head.xy[0] == pytest.approx(x[-1])
    assert min(line.get_ydata()) > ax.get_ylim()[0]
    assert "gradient" in words(ax)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: layers_diagram(LAYERS, skips=[(0, 3)]),
        lambda: process_diagram(ROWS, width="narrow"),
        lambda: boxes_diagram({"a long one, in words": (0, 0), "b": (2.5, 1)}, []),
    ],
)
def test_texts_stay_in_their_boxes(draw: Callable[[], Axes]) -> None:
    ax = draw()
    figure: Any = ax.figure
    figure.canvas.draw()
    held = 0
    for box in boxes(ax):
        frame = box.get_window_extent()
        for text in ax.texts:
            drawn = text.get_window_extent()
            if text.get_text() and frame.overlaps(drawn):
                held += 1
                assert frame.x0 <= drawn.x0
                assert drawn.x1 <= frame.x1
    assert held == len(boxes(ax))


def test_boxes_lie_where_they_are_told() -> None:
    places: Any = {"z": (0, 1, "fixed"), "made": (1, 1), "real": (1, 0, "data")}
    ax = boxes_diagram(places, [("z", "made", "noise"), ("made", "real")])
    z, made, real = (words(ax)[w].get_position() for w in places)
    assert z[1] == made[1] < real[1]
    assert z[0] < made[0] == real[0]
    assert len(arrows(ax)) == 2
    assert words(ax)["noise"].get_position()[1] > z[1]


def test_boxes_do_not_touch() -> None:
    ax = boxes_diagram({f"box {i}": (i % 3, i // 3) for i in range(9)}, [])
    frames = sorted((-b.get_y(), b.get_x(), b.get_width()) for b in boxes(ax))
    for (y, x, w), (v, u, _) in pairwise(frames):
        assert v > y + 0.3 or u > x + w


def test_every_unit_is_joined_to_every_unit_before() -> None:
    ax = units_diagram([2, 5, 1], ["place", "hidden", "land"])
    assert len(ax.lines) == 2 * 5 + 5 * 1
    assert len([p for p in ax.patches if isinstance(p, Circle)]) == 2 * 8
    assert list(words(ax)) == ["place", "hidden", "land"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layers_diagram([]), "layers must hold at least one"),
        (lambda: layers_diagram([("x",)]), "layers must be tuples"),  # type: ignore
        (lambda: layers_diagram([("x", "", "learned")]), "kind must be"),  # type: ignore
        (lambda: layers_diagram(LAYERS, skips=[(2, 3)]), "skips must run down"),
        (lambda: layers_diagram([("x" * 200, "")]), "layers need"),
        (lambda: process_diagram({"a": []}), "at least one"),
        (lambda: process_diagram({"a": ["w" * 99]}), "must fit"),
        (lambda: process_diagram(ROWS, back={"a": (1, 0, "")}), "must name a row"),
        (lambda: process_diagram(ROWS, back={"train": (0, 1, "")}), "to an earlier"),
        (lambda: process_diagram({"a": ["5 $"]}), "dollar signs in pairs"),
        (lambda: boxes_diagram({"a": (0, 0)}, [("a", "b")]), "arrows must join"),
        (lambda: boxes_diagram({"a": (-1, 0)}, []), "must lie in"),
        (lambda: units_diagram([2]), "at least two layers"),
        (lambda: units_diagram([2, 13]), "at most 12"),
        (lambda: units_diagram([2, 1], ["a"]), "names must be 2 texts"),
    ],
)
def test_mistakes_are_named(call: Callable[[], Axes], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        call()
