"""A figure and its twin for dark pages."""

from __future__ import annotations

import base64
import io
import re
from types import SimpleNamespace

import numpy as np
import pytest
from docutils import nodes
from docutils.utils import new_document
from matplotlib import pyplot as plt
from PIL import Image

from genbook.course import plotting
from genbook.course._telephone import with_second
from genbook.publishing.content.svg import svg_size, tidy_svg
from genbook.publishing.website.dark_figures import (
    DarkTwins,
    dark_pixels,
    dark_svg,
    themed_image,
    visit_themed_image,
)


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def rgb(colour: str) -> list[int]:
    return list(bytes.fromhex(colour[1:]))


def solid(colour: str, alpha: int = 255) -> np.ndarray:
    return np.tile([*rgb(colour), alpha], (4, 4, 1))


@pytest.fixture
def svg() -> str:
    plotting.setup()
    fig, ax = plotting.subplots(height=2)
    ax.plot([0, 1], [0, 1], color=plotting.DATA, label="data")
    ax.fill_between([0, 1], [0, 1], color=plotting.MODEL, alpha=0.3)
    ax.set(xlabel="x", ylabel="y", title="A title")
    ax.legend()
    stream = io.StringIO()
    fig.savefig(stream, format="svg")
    plt.close(fig)
    return stream.getvalue()


def test_every_colour_changes(svg):
    dark = dark_svg(svg)
    found = {c.lower() for c in re.findall(r"#[0-9a-fA-F]{6}\b", dark)}
    assert found <= {c.lower() for c in plotting.DARK.values()}
    assert plotting.DARK[plotting.DATA].lower() in found


def test_what_has_no_colour_takes_the_ink():
    dark = dark_svg('<svg width="1"><path d="M0 0h1"/></svg>')
    assert dark.startswith(f'<svg fill="{plotting.DARK[plotting.INK]}"')
    assert "#000000" not in dark_svg('<svg><path style="stroke: #000000"/></svg>')


def test_a_drawing_in_pixels_changes():
    for light in (plotting.DATA, plotting.MODEL):
        for alpha in (255, 120):
            out = np.asarray(
                Image.open(io.BytesIO(dark_pixels(png(solid(light, alpha)))))
            )
            assert (out == [*rgb(plotting.DARK[light]), alpha]).all()


def test_a_blend_of_two_marks_changes():
    half = (np.array(rgb(plotting.DATA)) + rgb(plotting.MODEL)) / 2
    image = np.dstack([np.tile(half.round(), (4, 4, 1)), np.full((4, 4), 255)])
    out = pixels(dark_pixels(png(image)))
    dark = [np.array(rgb(plotting.DARK[c])) for c in (plotting.DATA, plotting.MODEL)]
    assert np.abs(out[0, 0, :3] - sum(dark) / 2).max() <= 2


@pytest.mark.parametrize("mode", ["grey", "noise", "opaque"])
def test_a_picture_stays(mode):
    generator = np.random.default_rng(0)
    grey = np.linspace(0, 255, 16).reshape(4, 4, 1).repeat(4, 2)
    grey[..., 3] = 255
    noise = generator.integers(0, 256, (32, 32, 4))
    image = {"grey": grey, "noise": noise, "opaque": grey[..., :3]}[mode]
    assert dark_pixels(png(image)) == png(image)


def test_an_empty_drawing_stays():
    assert dark_pixels(png(np.zeros((4, 4, 4)))) == png(np.zeros((4, 4, 4)))


def test_pixels_inside_a_figure_change():
    inside = base64.b64encode(png(solid(plotting.DATA))).decode()
    dark = dark_svg(f'<svg><image href="data:image/png;base64,{inside}"/></svg>')
    data = base64.b64decode(re.search('base64,([^"]+)', dark)[1])
    out = pixels(data)
    assert (out[0, 0, :3] == rgb(plotting.DARK[plotting.DATA])).all()


def test_tidy_and_size(svg):
    tidy = tidy_svg(svg)
    assert len(tidy) < len(svg)
    assert "<metadata>" not in tidy
    assert "<!--" not in tidy
    assert svg_size(tidy) == svg_size(svg)
    width, height = svg_size(svg)
    assert (width, height) == (round(6.2 * 96), 192)
    assert svg_size("<svg>") is None
    assert svg_size('<svg viewBox="0 0 30 20">') == (30, 20)


def test_contrast_in_the_dark():
    """Marks and text stand out from the paper, in light and in dark (WCAG 1.4.11)."""

    def luminance(colour: str) -> float:
        c = np.array(rgb(colour)) / 255
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    def contrast(a: str, b: str) -> float:
        low, high = sorted((luminance(a), luminance(b)))
        return (high + 0.05) / (low + 0.05)

    for colour in plotting.PALETTE:
        wanted = 4.5 if colour in (plotting.INK, plotting.MUTED) else 3.0
        assert contrast(colour, plotting.PAPER) >= wanted
        dark = plotting.DARK
        assert contrast(dark[colour], dark[plotting.PAPER]) >= wanted


class _Page:
    """As much of Sphinx as the figures of a page want."""

    def __init__(self, folder):
        self.srcdir, self.doctreedir = folder, folder / "doctrees"
        self.builder = SimpleNamespace(images={}, imgpath="_images", name="html")
        self.body: list[str] = []

    def emptytag(self, node, tag, end, CLASS="", **rest):
        return f'<{tag} class="{CLASS}" src="{rest["src"]}" />'


def written(folder, svg: str) -> str:
    """What a page says where it holds a figure."""
    page = _Page(folder)
    (folder / "a.svg").write_text(svg, encoding="utf-8")
    document = new_document("page")
    document.settings.env = SimpleNamespace(app=page)
    image = nodes.image(uri="a.svg", alt="A line.")
    document += image
    DarkTwins(document).replace(image, folder / "a.svg")
    (themed,) = document.findall(themed_image)
    with pytest.raises(nodes.SkipNode):
        visit_themed_image(page, themed)
    named = set(re.findall(r'src="_images/([^"]+)"', "".join(page.body)))
    assert named == set(page.builder.images.values())
    return "".join(page.body)


def test_a_telephone_gets_its_own_drawing(tmp_path):
    plotting.setup()

    def draw(fig):
        stream = io.StringIO()
        fig.savefig(stream, format="svg", bbox_inches="tight")
        return stream.getvalue()

    fig, ax = plotting.subplots()
    ax.plot([0, 1], [0, 1])
    alone, both = draw(fig), with_second(draw, fig)
    plt.close(fig)
    assert "gb-panels" not in written(tmp_path, alone)
    html = written(tmp_path, both)
    wide, small = html.split('<span class="gb-panels">')
    assert set(re.findall(r'src="_images/([^"]+)"', wide)) == {"a.svg", "a-dark.svg"}
    names = re.findall(r'src="_images/([^"]+)"', small)
    assert names == ["a-small.svg", "a-small-dark.svg"]
    assert "gb-whole" in wide
    assert (width := re.search(r"width:(\d+)px", small))
    assert 300 <= int(width[1]) <= 380
