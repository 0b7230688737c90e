"""What a figure looks like on a telephone: as large as a hand, and with all numbers."""

from __future__ import annotations

import io
import re

import pytest
from matplotlib import pyplot as plt

from genbook.course import _upright, diagrams, plotting
from genbook.course._telephone import second_drawing, with_second
from genbook.publishing.content.svg import svg_size, tidy_svg
from genbook.publishing.website.panels import panels, whole

PHONE = 358  # CSS pixels between the margins of a page that is 390 wide


def draw(fig) -> str:
    stream = io.StringIO()
    fig.savefig(stream, format="svg", bbox_inches="tight")
    return stream.getvalue()


def second(fig) -> str | None:
    """The drawing for telephones of a figure."""
    svg = with_second(draw, fig)
    plt.close(fig)
    assert svg is not None
    return second_drawing(svg)


def letters(svg: str) -> float:
    """The height of the smallest letters on a telephone, in CSS pixels."""
    size = svg_size(svg)
    assert size is not None
    scales = [float(s) for s in re.findall(r"scale\(([\d.]+) -", svg)]
    return 100 * min(scales) * 4 / 3 * min(1, PHONE / size[0])


@pytest.fixture
def subplots():
    """The book's figures, in its style."""
    plotting.setup()
    return plotting.subplots


def texts(svg: str) -> int:
    """How many lines of letters stand in a drawing."""
    return len(re.findall(r'id="text_\d+"', svg))


@pytest.mark.parametrize("shape", [(1, 1), (2, 1)])
def test_one_column_is_drawn_again_with_large_letters(subplots, shape):
    fig, axes = subplots(*shape)
    for ax in [axes] if shape == (1, 1) else axes:
        ax.plot([0, 1], [0, 1000], label="a line")
        ax.set(xlabel="across", ylabel="up")
        ax.legend()
    first = draw(fig)
    assert letters(first) < 7
    again = second(fig)
    assert again is not None
    assert letters(again) >= 9
    assert whole(again).width <= 0.75 * PHONE * 1.1


def test_a_map_keeps_its_shape_and_a_curve_its_height(subplots):
    heights = {}
    for kind in ("map", "curve"):
        fig, ax = subplots(height=3.4)
        if kind == "map":
            plotting.world_axes(ax)
        else:
            ax.plot([0, 1], [0, 1])
        again = second(fig)
        assert again is not None
        box = whole(again)
        heights[kind] = box.height / box.width
    assert heights["map"] == pytest.approx(0.55, abs=0.1)
    assert heights["curve"] > 0.6


def test_panels_that_share_an_axis_get_their_numbers_back(subplots):
    fig, axes = subplots(1, 2, sharey=True)
    for ax in axes:
        ax.plot([0, 1], [0, 8])
    axes[0].set_ylabel("up")
    again = second(fig)
    assert again is not None
    assert len(panels(again)) == 2
    numbers = len(axes[0].get_yticks()) - 2  # the outermost stand outside of the axes
    assert texts(again) >= texts(draw_again(subplots)) + numbers


def draw_again(subplots) -> str:
    """The figure above as it stands in the book."""
    fig, axes = subplots(1, 2, sharey=True)
    for ax in axes:
        ax.plot([0, 1], [0, 8])
    axes[0].set_ylabel("up")
    svg = draw(fig)
    plt.close(fig)
    return svg


def test_the_name_of_a_shared_axis_comes_from_its_own_row(subplots):
    fig, axes = subplots(2, 2, sharey=True)
    for ax, name in zip(axes[:, 0], ("upper", "lower"), strict=True):
        ax.set_ylabel(name)
    seen = []

    def look(fig):
        seen.append([ax.get_ylabel() for ax in axes[:, 1]])
        return draw(fig)

    with_second(look, fig)
    plt.close(fig)
    assert seen == [["", ""], ["upper", "lower"]]


def test_the_figure_is_left_as_it_was(subplots):
    fig, axes = subplots(1, 2, sharey=True)
    axes[0].set_ylabel("up")
    single, _ = subplots()
    for figure in (fig, single):
        before = draw(figure)
        with_second(draw, figure)
        assert tidy_svg(draw(figure)) == tidy_svg(before)
        plt.close(figure)


@pytest.mark.parametrize("case", ["narrow", "images", "apart"])
def test_what_is_well_as_it_is_has_no_second_drawing(subplots, case):
    if case == "narrow":
        fig, _ = subplots(width="narrow")
    elif case == "images":
        fig, ax = subplots()
        plotting.show_images(ax, [[[0.0, 1.0]]])
    else:
        fig, _ = subplots(1, 2)
    assert second(fig) is None


def test_a_viewer_of_images_does_not_see_what_is_inside(subplots):
    fig, _ = subplots()
    first = draw(fig)
    both = with_second(draw, fig)
    plt.close(fig)
    assert both is not None
    assert tidy_svg(both) == tidy_svg(first)
    assert with_second(lambda _: None, fig) is None


def test_a_notebook_shows_both(subplots, monkeypatch):
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    monkeypatch.setattr(InteractiveShell, "instance", classmethod(lambda c: shell))
    plotting.setup()
    fig, _ = plotting.subplots()
    shown, _ = shell.display_formatter.format(fig)
    plt.close(fig)
    assert second_drawing(shown["image/svg+xml"]) is not None
    assert "application/pdf" in shown


def test_a_process_stands_upright(subplots):
    rows = {
        "train": [("observation", "data"), "network", ("squared error", "fixed")],
        "sample": [("noise", "fixed"), "network", ("new observation", "model")],
        "judge": ["a reader of digits"],
    }
    ax = diagrams.process_diagram(rows, back={"train": (2, 1, "gradient")})
    figures = plt.get_fignums()
    again = second(ax.figure)
    assert again is not None
    assert letters(again) >= 9
    assert whole(again).width <= 0.75 * PHONE * 1.1
    assert set(plt.get_fignums()) < set(figures)  # no figure is left open
    words = {
        text.get_text().replace("\n", " ")
        for text in _upright.upright(
            {
                k: [(b, "model") if isinstance(b, str) else b for b in v]
                for k, v in rows.items()
            },
            {"train": (2, 1, "gradient")},
        )
        .axes[0]
        .texts
    }
    wide = {text.get_text().replace("\n", " ") for text in ax.texts}
    assert words == wide
    plt.close("all")


def test_boxes_are_drawn_again_as_wide_as_a_hand(subplots):
    boxes = {"scope and metric": (0, 0), "adapt": (2, 0), "users": (1, 1, "data")}
    arrows = [("scope and metric", "adapt"), ("users", "adapt", "feedback")]
    ax = diagrams.boxes_diagram(boxes, arrows)
    figures = plt.get_fignums()
    again = second(ax.figure)
    assert again is not None
    assert letters(again) >= 9
    assert whole(again).width <= 0.75 * PHONE * 1.1
    assert set(plt.get_fignums()) < set(figures)  # no figure is left open
    plt.close("all")


def test_boxes_that_a_hand_cannot_hold_stand_upright(subplots):
    row = {"electroencephalogram": (0, 0), "b": (1, 0), "c": (2, 0), "d": (3, 0)}
    ax = diagrams.boxes_diagram(row, [("b", "c")], width="wide")
    again = second(ax.figure)
    assert again is not None
    assert whole(again).height > whole(again).width
    square = {"electroencephalogram": (0, 0), "b": (2, 0), "c": (2, 3)}
    ax = diagrams.boxes_diagram(square, [], width="wide")
    assert second(ax.figure) is None  # neither way
    plt.close("all")


def test_a_word_that_is_too_long_keeps_a_process_as_it_is(subplots):
    rows = {"a": ["electroencephalography"], "b": ["x"]}
    assert second(diagrams.process_diagram(rows).figure) is None
