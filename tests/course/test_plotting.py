"""The palette can be read in light and dark; the helpers refuse wrong shapes."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.font_manager import FontProperties

from genbook.course import plotting, style
from genbook.course.plotting import (
    DARK,
    DATA,
    GRID,
    INK,
    MODEL,
    PALETTE,
    PAPER,
    grid_points,
    setup,
    show_curve,
    show_density,
    show_images,
    show_points,
    subplots,
)

mpl.use("Agg")


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    c = np.array(to_rgb(colour))
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colour", PALETTE)
def test_palette_reads_on_light_and_dark_paper(colour: str) -> None:
    assert contrast(colour, PAPER) >= 4.5
    assert contrast(DARK[colour], DARK[PAPER]) >= 4.5


def test_every_colour_has_a_dark_mate_of_its_own() -> None:
    named = {v for k, v in vars(plotting).items() if k.isupper() and str(v)[:1] == "#"}
    assert named == set(DARK)
    assert len(set(DARK.values())) == len(DARK)
    assert not set(DARK) & set(DARK.values())


def test_figures_are_lettered_in_the_face_of_the_pages(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its own letters, and those of DejaVu Sans for what it lacks, in bold as well."""
    from matplotlib import font_manager

    setup()
    setup()  # a second call adds nothing
    ours = [f for f in font_manager.fontManager.ttflist if f.name == style.FACE]
    assert sorted(font.weight for font in ours) == [400, 700]
    for weight in ("regular", "bold"):
        file = font_manager.findfont(FontProperties(family=[style.FACE], weight=weight))
        assert Path(file).parent == style.FONTS
    fig, ax = subplots(1, 1)
    ax.set_title("Where θ ≤ 3 → β₁")
    ax.set_xlabel(r"$\theta$ to the $10^{-3}$")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of a letter that no typeface has
        for kind in ("svg", "pdf"):
            fig.savefig(io.BytesIO(), format=kind)
    assert caplog.records == []  # what is logged fails a chapter


def test_data_and_model_differ_in_grey() -> None:
    """The two are told apart by marker; their dark mates also by lightness."""
    assert plotting._MARKER["data"] != plotting._MARKER["model"]
    assert contrast(INK, GRID) > 7


def test_grid_points_cover_the_box_evenly() -> None:
    ex, ey, centres = grid_points((0, -1), (2, 1), 4)
    assert centres.shape == (16, 2)
    assert ex[0] == 0
    assert ey[-1] == 1
    assert torch.allclose(
        centres.mean(0), torch.tensor([1.0, 0.0], dtype=torch.float64)
    )
    assert centres[1, 0] > centres[0, 0]  # x varies fastest
    assert centres[1, 1] == centres[0, 1]


def test_density_is_drawn_the_right_way_up() -> None:
    setup()
    _, ax = subplots()

    def log_prob(x: torch.Tensor) -> torch.Tensor:
        return x[:, 0] * 2 + x[:, 1]

    mesh = show_density(ax, log_prob, (0, 0), (1, 1), resolution=3)
    drawn = np.log(np.asarray(mesh.get_array()).reshape(3, 3))
    assert drawn[0, 2] > drawn[2, 0]  # larger to the right than at the top


def test_images_keep_their_ink() -> None:
    setup()
    _, ax = subplots()
    x = torch.zeros(3, 1, 4, 4)
    x[1] = 1
    show_images(ax, x, columns=2)
    sheet = np.asarray(ax.images[0].get_array())
    assert sheet.shape == (9, 9, 4)
    assert (sheet[:4, :4, :3] == 1).all()  # zero is paper
    assert (sheet[:4, 5:, :3] == 0).all()  # one is ink
    assert (sheet[:, 4, 3] == 0).all()  # the gap is clear


def test_bad_input_is_named() -> None:
    _, ax = subplots()
    with pytest.raises(ValueError, match="source must be"):
        show_points(ax, torch.zeros(3, 2), "nobody")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"x must be \(n, 2\), got \(2, 3, 1\)"):
        show_points(ax, torch.zeros(2, 3, 1))
    with pytest.raises(ValueError, match="1 or 3, height, width"):
        show_images(ax, torch.zeros(2, 4, 5, 5))
    with pytest.raises(ValueError, match="width must be one of"):
        subplots(width="huge")  # type: ignore[arg-type]


def test_curve_is_averaged_in_place() -> None:
    _, ax = subplots()
    show_curve(ax, [0, 1, 2, 3, 4], smooth=3)
    line = ax.lines[0]
    assert np.allclose(line.get_ydata(), [1, 2, 3])
    assert np.allclose(line.get_xdata(), [1, 2, 3])
    assert line.get_color() == MODEL
    assert DATA != MODEL


AX = plotting.subplots()[1]
POINTS = np.zeros((3, 2))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: plotting.world_axes(AX, labels="no"), TypeError, "labels must be Tr"),
        (lambda: plotting.draw_land(AX, [POINTS], fill="no"), TypeError, "fill must b"),
        (lambda: plotting.subplots(0), ValueError, "rows must be at least 1"),
        (lambda: plotting.subplots(1, 10**6), ValueError, "columns must be at most"),
        (lambda: plotting.subplots(height=-1), ValueError, "height must be positive"),
        (lambda: plotting.subplots(width=[1]), ValueError, "width must be one of"),
        (lambda: plotting.show_points(5, POINTS), TypeError, "ax must be axes of Mat"),
        (lambda: plotting.show_points(AX, POINTS, [1]), ValueError, "source must be"),
        (lambda: plotting.grid_points("ab", [1, 1]), ValueError, "low must be two num"),
        (lambda: plotting.grid_points([0, 0], [1]), ValueError, "high must be two num"),
        (
            lambda: plotting.grid_points([0, 0], [1, 1], 10**9),
            ValueError,
            "resolution must be at most",
        ),
        (
            lambda: plotting.show_images(AX, np.zeros((2, 4, 4)), columns=0),
            ValueError,
            "columns must be at least 1",
        ),
        (
            lambda: plotting.show_images(AX, np.zeros((2, 4, 4)), vmax=0),
            ValueError,
            "vmax must be positive",
        ),
        (
            lambda: plotting.show_curve(AX, [1.0], smooth=2),
            ValueError,
            r"y must be \(2",
        ),
        (lambda: plotting.show_curve(AX, [1.0], source="x"), ValueError, "source must"),
        (lambda: plotting.show_curve(AX, "ab"), TypeError, "y must be numbers, got <U"),
        (lambda: plotting.show_curve(AX, [1.0], label=5), TypeError, "label must be a"),
        (lambda: plotting.show_points(AX, POINTS, size=-1), ValueError, "size must be"),
        (
            lambda: plotting.show_points(AX, POINTS, alpha=2),
            ValueError,
            "alpha must be",
        ),
        (lambda: plotting.show_points(AX, POINTS, colour=5), ValueError, "colour must"),
        (
            lambda: plotting.show_density(AX, None, [0, 0], [1, 1]),
            TypeError,
            "log_prob must be a model with a density or a function, got NoneType",
        ),
        (lambda: plotting.draw_land(AX, []), TypeError, "rings must be a list"),
        (lambda: plotting.draw_land(AX, [[1]]), ValueError, "rings must be arrays"),
        (lambda: plotting.subplots(height=1e9), ValueError, "height must be at most"),
        (lambda: plotting.show_box(None, [0, 0], [1, 1]), TypeError, "ax must be axes"),
    ],
)
def test_bad_input(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_a_ceiling_may_be_a_tensor() -> None:
    def flat(x: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(x))

    _, ax = plotting.subplots()
    for ceiling in (0.5, torch.tensor(0.5)):
        mesh = show_density(ax, flat, (0, 0), (1, 1), resolution=4, ceiling=ceiling)
        assert mesh.norm.vmax == 0.5
    with pytest.raises(ValueError, match="ceiling must be positive"):
        show_density(ax, flat, (0, 0), (1, 1), ceiling=torch.tensor(-1.0))
