"""The diagram of the ecosystem holds every part, and nothing lies on anything else."""

from __future__ import annotations

import io
import re

import pytest
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from genbook.course.drawings.ecosystem import draw_ecosystem
from genbook.course.ecosystem import FLOWS, PARTS

pytestmark = pytest.mark.usefixtures("agg")


def test_every_part_is_a_box_that_leads_to_its_chapter() -> None:
    ax = draw_ecosystem()
    drawn = {t.get_text().replace("\n", " "): t.get_url() for t in ax.texts}
    assert drawn == {p.name: f"../{p.chapter}.html" for p in PARTS}
    assert sum(isinstance(p, FancyBboxPatch) for p in ax.patches) == len(PARTS)
    assert sum(isinstance(p, FancyArrowPatch) for p in ax.patches) == len(FLOWS)
    stream = io.StringIO()
    ax.figure.savefig(stream, format="svg")
    links = re.findall(r'<a xlink:href="([^"]+)"', stream.getvalue())
    assert sorted(set(links)) == sorted({f"../{p.chapter}.html" for p in PARTS})


def test_a_telephone_can_show_it() -> None:
    """A page of 390 pixels leaves 350: letters of nine pixels or more."""
    ax = draw_ecosystem()
    width = ax.figure.get_size_inches()[0] * 96
    for text in ax.texts:
        assert text.get_fontsize() * 96 / 72 * min(350 / width, 1) >= 9


def test_no_two_boxes_overlap_and_each_holds_its_name() -> None:
    ax = draw_ecosystem()
    ax.figure.canvas.draw()
    boxes = [p.get_window_extent() for p in ax.patches if isinstance(p, FancyBboxPatch)]
    for i, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[:i])
    for text, box in zip(ax.texts, boxes, strict=True):
        within = text.get_window_extent()
        assert box.x0 < within.x0 < within.x1 < box.x1
        assert box.y0 < within.y0 < within.y1 < box.y1


def test_arrows_stay_out_of_boxes_that_they_do_not_join() -> None:
    ax = draw_ecosystem()
    ax.figure.canvas.draw()
    boxes = [p for p in ax.patches if isinstance(p, FancyBboxPatch)]
    extents = dict(zip([p.name for p in PARTS], boxes, strict=True))
    arrows = [p for p in ax.patches if isinstance(p, FancyArrowPatch)]
    for arrow, (start, end) in zip(arrows, FLOWS, strict=True):
        line = arrow.get_path().interpolated(20).vertices
        for name, box in extents.items():
            if name not in (start, end):
                at = box.get_bbox()
                assert not any(at.contains(x, y) for x, y in line), (start, end, name)


@pytest.mark.parametrize(
    ("flows", "error"), [([("consumers", "owls")], ValueError), (["ab"], TypeError)]
)
def test_an_arrow_to_nowhere_is_refused(flows: list, error: type[Exception]) -> None:
    with pytest.raises(error, match="flows must"):
        draw_ecosystem(PARTS, flows)
