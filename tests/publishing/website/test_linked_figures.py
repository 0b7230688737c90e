"""A figure with links stands in the page itself, and its identifiers are its own."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import matplotlib
import pytest
from matplotlib import pyplot as plt

from genbook.course.drawings.field_map import METHODS, draw_landscape
from genbook.publishing.content.svg import tidy_svg
from genbook.publishing.website.dark_figures import dark_svg
from genbook.publishing.website.light_figures import light_shapes
from genbook.publishing.website.linked_figures import has_links, inline_svg


@pytest.fixture(scope="module")
def drawn() -> str:
    before = matplotlib.get_backend()
    matplotlib.use("Agg")
    fig, ax = plt.subplots()
    draw_landscape(ax)
    stream = io.StringIO()
    fig.savefig(stream, format="svg")
    plt.close("all")
    matplotlib.use(before)
    return light_shapes(tidy_svg(stream.getvalue()))


def test_every_taught_method_of_the_map_is_a_link(drawn: str) -> None:
    assert has_links(drawn)
    links = re.findall(r'<a xlink:href="([^"]+)"', drawn)
    assert sorted(links) == sorted(f"../{m.chapter}.html" for m in METHODS if m.chapter)


def test_two_figures_in_a_page_share_no_identifier(drawn: str) -> None:
    light = inline_svg(drawn, "light-", "What contains what.")
    dark = inline_svg(dark_svg(drawn), "dark-", "What contains what.")
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (light, dark)]
    assert ids[0]
    assert not ids[0] & ids[1]
    for svg, own in zip((light, dark), ids, strict=True):
        root = ElementTree.fromstring(svg)
        assert root.get("aria-label") == "What contains what."
        used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg))
        assert {a or b for a, b in used} <= own
        assert has_links(svg)


def test_a_figure_without_links_stays_an_image() -> None:
    assert not has_links('<svg><use xlink:href="#a"/><a xlink:href="#b"/></svg>')
    with pytest.raises(ValueError, match="svg must hold an <svg> element, got none"):
        inline_svg("<p>", "", "")
