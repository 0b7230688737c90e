"""The pictures of the taxonomy show every model where its class belongs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from genbook.course import plotting, taxonomy
from genbook.course.drawings.family_tree import draw_sets, draw_tree, rings
from genbook.course.taxonomy import MEMBERS, SETS

CHAPTER = Path(__file__).parents[3] / "book" / "families" / "taxonomy.md"


@pytest.fixture
def figure() -> Iterator[Callable[[str], Axes]]:
    """Gives the axes on which the chapter calls a function, in the book's style."""
    before = matplotlib.get_backend()
    matplotlib.use("Agg")
    with matplotlib.rc_context():
        plotting.setup()

        def axes(function: str) -> Axes:
            cell = rf"plotting\.subplots\(height=([\d.]+)\)\n{function}\(ax\)"
            drawn = re.search(cell, CHAPTER.read_text("utf8"))
            assert drawn, f"the chapter draws no {function}"
            return plotting.subplots(height=float(drawn[1]))[1]

        yield axes
        plt.close("all")
    matplotlib.use(before)


def test_every_model_stands_in_one_ring() -> None:
    named = [name for names in rings().values() for name in names]
    assert sorted(named) == sorted(m.name for m in MEMBERS)


def test_a_name_lies_inside_the_frames_of_its_sets_and_of_no_other(figure) -> None:
    ax = figure("draw_sets")
    draw_sets(ax)
    frames = [p for p in ax.patches if isinstance(p, FancyBboxPatch)]
    names = {t.get_text(): t for t in ax.texts}
    assert len(frames) == len(SETS)
    for m in MEMBERS:
        around = [
            s
            for s, frame in zip(SETS, frames, strict=True)
            if frame.get_bbox().contains(*names[m.name].get_position())
        ]
        assert tuple(around) == taxonomy.sets(m.cls), m.name


def test_no_two_names_touch(figure) -> None:
    for draw in (draw_sets, draw_tree):
        ax = figure(draw.__name__)
        draw(ax)
        ax.figure.canvas.draw()
        boxes = [(t.get_text(), t.get_window_extent()) for t in ax.texts]
        for i, (a, first) in enumerate(boxes):
            for b, second in boxes[:i]:
                assert not first.overlaps(second), (a, b)


def test_the_tree_has_a_leaf_for_each_generative_model(figure) -> None:
    ax = figure("draw_tree")
    draw_tree(ax)
    words = [t.get_text() for t in ax.texts]
    for m in MEMBERS:
        if taxonomy.approach(m.cls) is None:
            assert m.name not in words
        else:
            assert words.count(m.name) == 1
            assert str(m.year) in words


def test_the_chapter_links_every_leaf_to_its_chapter() -> None:
    text = CHAPTER.read_text("utf8")
    linked = {}
    for line in text.splitlines():
        if line.startswith("|") and (doc := re.search(r"\{doc\}`(.+?)`", line)):
            path = doc[1].removeprefix("../")
            path = path if "/" in path else f"families/{path}"
            for name in re.findall(r"`([A-Z]\w+)`", line):
                linked[name] = path
    leaves = {m.name: m.chapter for m in MEMBERS if taxonomy.approach(m.cls)}
    assert linked == leaves
