"""Figures are cut where nothing is drawn, and the pieces are the whole figure."""

from __future__ import annotations

import io
import re

import pytest
from matplotlib import pyplot as plt

from genbook.course import plotting
from genbook.publishing.website.panels import Box, panels, windows


def drawn(fig) -> str:
    stream = io.StringIO()
    fig.savefig(stream, format="svg", bbox_inches="tight")
    plt.close(fig)
    return stream.getvalue()


@pytest.fixture
def subplots(monkeypatch):
    """The book's figures, in its style."""
    plotting.setup()
    return plotting.subplots


def shares(svg: str) -> list[tuple[float, float]]:
    """Where each piece begins and ends, in parts of the figure's width."""
    boxes = panels(svg)
    end = max((box.right for box in boxes), default=1.0)
    return [(box.left / end, box.right / end) for box in boxes]


def test_two_panels_are_two_pieces(subplots):
    fig, axes = subplots(1, 2)
    for ax in axes:
        ax.plot([0, 1], [0, 1000], label="a line with a name")
        ax.set(title="A title of some length", xlabel="across", ylabel="up")
        ax.legend()
    (start, middle), (again, end) = shares(drawn(fig))
    assert (start, end) == (0.0, 1.0)
    assert middle == again == pytest.approx(0.5, abs=0.1)


def test_a_grid_is_read_row_by_row(subplots):
    fig, axes = subplots(2, 3)
    for ax in axes.flat:
        ax.plot([0, 1], [0, 1])
    boxes = panels(drawn(fig))
    assert len(boxes) == 6
    places = [(round(box.top), round(box.left)) for box in boxes]
    assert places == sorted(places)


def test_pixels_and_pictures_count(subplots):
    fig, axes = subplots(1, 2)
    for ax in axes:
        ax.imshow([[0, 1], [1, 0]])
        ax.set_axis_off()
    assert len(panels(drawn(fig))) == 2


def test_panels_without_axes_are_seen_by_where_they_are_cut(subplots):
    fig, axes = subplots(1, 2)
    axes[0].plot([0, 1], [0, 1])
    axes[1].plot([0, 1], [0, 1])
    axes[1].set_axis_off()
    (start, middle), (again, end) = shares(drawn(fig))
    assert (start, end) == (0.0, 1.0)
    assert middle == again == pytest.approx(0.5, abs=0.1)


def test_a_colour_bar_stays_with_its_panel(subplots):
    fig, axes = subplots(1, 2, width="wide")
    for ax in axes:
        fig.colorbar(ax.pcolormesh([[0, 1], [1, 0]], rasterized=True), ax=ax)
    (_, middle), (_, end) = shares(drawn(fig))
    assert (middle, end) == (pytest.approx(0.5, abs=0.05), 1.0)


@pytest.mark.parametrize(
    "case", ["one", "below", "across", "title", "no figure", "xml"]
)
def test_what_has_no_clear_line_stays_whole(subplots, case):
    if case == "xml":
        assert panels("<svg") == []
        return
    if case == "no figure":
        assert (
            panels('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>') == []
        )
        return
    shape = {"one": (1, 1), "below": (2, 1)}.get(case, (1, 2))
    fig, axes = subplots(*shape)
    if case == "across":
        fig.suptitle("Over both panels")
    if case == "title":
        axes[0].set_title(
            "A title that is so long that it ends above the next panel, far"
        )
    assert panels(drawn(fig)) == []


def test_windows_show_all_of_the_figure():
    boxes = [Box(0, 0, 120, 90), Box(120, 0, 300, 90)]
    looks = {"only-light": "a.svg", "only-dark": "a-dark.svg"}
    html = windows(boxes, looks, (400, 120), 'two "panels"')
    assert html.count("<img") == 4
    assert html.count('alt="two &quot;panels&quot;"') == 2  # once in each scheme
    assert html.count('alt=""') == 2
    shapes = re.findall(r'gb-panel" style="width:(.*?);aspect-ratio:(.*?)"', html)
    assert shapes == [("calc(50% - .25rem)", "120.0/90.0")] * 1 + [
        ("240px", "180.0/90.0")
    ]
    places = re.findall(r'<img class="only-light".*?style="(.*?)"', html)
    assert places == [
        "width:250.00%;left:-0.00%;top:-0.00%",
        "width:166.67%;left:-66.67%;top:-0.00%",
    ]
