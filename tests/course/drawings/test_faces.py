"""The faces stand at their years and sizes, and their papers are in the references."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import matplotlib
from matplotlib import pyplot as plt

from genbook.course.drawings.faces import FACES, draw_faces, pixels

ROOT = Path(__file__).parents[3]


def test_every_paper_is_in_the_references_and_cited_beside_the_figure() -> None:
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
    before = matplotlib.get_backend()
    matplotlib.use("Agg")
    ax = plt.subplots()[1]
    draw_faces(ax)
    drawn = {(x, y) for line in ax.lines for x, y in line.get_xydata()}
    assert drawn == {(f.year, pixels(f)) for f in FACES}
    assert {t.get_text() for t in ax.texts} == {f.name for f in FACES}
    plt.close("all")
    matplotlib.use(before)
