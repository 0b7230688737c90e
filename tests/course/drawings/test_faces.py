"""The faces stand at their years and sizes, and their papers are in the references."""

from __future__ import annotations

import re
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from matplotlib import pyplot as plt
from matplotlib.transforms import Bbox

from genbook.course import _telephone, plotting
from genbook.course.drawings.faces import FACES, draw_faces, pixels

ROOT = Path(__file__).parents[3]


pytestmark = pytest.mark.usefixtures("agg")


def test_every_paper_is_listed_and_cited_beside_the_figure() -> None:
    keys = re.findall(r"@\w+\{(\w+),", (ROOT / "book/references.bib").read_text("utf8"))
    page = (ROOT / "book/learning/generative-models.md").read_text("utf8")
    for faces in FACES:
        assert faces.paper in keys
        assert faces.paper in page, faces.paper


def test_they_are_in_order_and_of_their_year() -> None:
    assert all(a.year <= b.year for a, b in pairwise(FACES))
    for faces in FACES:
        published = int(re.findall(r"\d{4}", faces.paper)[0])
        assert 0 <= published - faces.year <= 1, "a preprint comes first"


def test_each_is_drawn_where_it_belongs() -> None:
    ax = plt.subplots()[1]
    draw_faces(ax)
    drawn = {(x, y) for line in ax.lines for x, y in line.get_xydata()}
    assert drawn == {(f.year, pixels(f)) for f in FACES}
    assert {t.get_text() for t in ax.texts} == {f.name for f in FACES}


@pytest.mark.parametrize("width", [plotting.WIDTH["text"], _telephone.WIDTH])
def test_nothing_lies_on_anything_else(width: float) -> None:
    """On a page, and as narrow as a telephone draws it."""
    fig, ax = plt.subplots(figsize=(width, 2.6))
    draw_faces(ax)
    fig.canvas.draw()
    boxes = {t.get_text(): t.get_window_extent() for t in ax.texts}
    boxes["legend"] = ax.get_legend().get_window_extent()
    half = 3 * fig.dpi / 72  # of a mark, in pixels
    for f in FACES:
        x, y = ax.transData.transform((f.year, pixels(f)))
        boxes[f"mark of {f.name}"] = Bbox.from_extents(
            x - half, y - half, x + half, y + half
        )
    met = [(a, b) for a, b in combinations(boxes, 2) if boxes[a].overlaps(boxes[b])]
    assert not met
    frame = ax.get_window_extent()
    outside = [
        k
        for k, b in boxes.items()
        if not frame.containsx(b.x0)
        or not frame.containsx(b.x1)
        or not frame.containsy(b.y0)
        or not frame.containsy(b.y1)
    ]
    assert not outside
