"""A lighter figure looks the same, in a browser at twice its size too."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from PIL import Image

from genbook.course import plotting
from genbook.data.world import WorldMap
from genbook.publishing.content.svg import tidy_svg
from genbook.publishing.website.dark_figures import dark_svg
from genbook.publishing.website.light_figures import light_pixels, light_shapes


def write(fig) -> str:
    stream = io.StringIO()
    fig.savefig(stream, format="svg")
    plt.close(fig)
    return tidy_svg(stream.getvalue())


@pytest.fixture(scope="module")
def world() -> str:
    """Two maps with the coast in each, dots, crosses, a dashed line and a wash."""
    plotting.setup()
    plt.rcParams["figure.facecolor"] = "none"
    x = torch.randn(400, 2, generator=torch.Generator().manual_seed(0)) / 4
    fig, axes = plotting.subplots(1, 2, height=2.4)
    for ax, source in zip(axes, ("data", "model"), strict=True):
        plotting.draw_land(plotting.world_axes(ax), WorldMap().rings)
        plotting.show_points(ax, x, source=source)
        t = np.linspace(-1, 1, 800)
        ax.plot(t, np.sin(9 * t) / 2, "--")
        ax.pcolormesh(
            *[np.linspace(0, 1, 20)] * 2,
            np.random.default_rng(0).random((19, 19)),
            cmap=plotting.MODEL_CMAP,
            rasterized=True,
        )
    return write(fig)


def test_it_is_much_lighter(world):
    assert len(light_shapes(world)) < len(world) / 2


def test_a_coast_stands_once(world):
    long = [
        d for d in re.findall(r' d="([^"]*)"', light_shapes(world)) if len(d) > 5_000
    ]
    assert len(long) == 1
    assert light_shapes(world).count('xlink:href="#shape0"') == 2


def test_every_mark_is_there(world):
    marks = re.findall(r"<marker id=.*?<path d=\"(.*?)\"", light_shapes(world))
    assert [d.count("m") for d in marks] == [1, 1]  # a line of marks in each panel
    numbers = [len(re.findall(r"-?(?:\d+\.?\d*|\.\d+)", d)) for d in marks]
    assert numbers == [800, 800]  # 400 points, where none lies outside the map


def test_marks_of_one_colour_may_be_sorted_and_others_not():
    use = '<use xlink:href="#m" x="{}" y="{}" style="{}"/>'
    places = [
        (50, 1),
        (1, 50),
        (49, 2),
        (2, 49),
        (48, 3),
        (3, 48),
        (47, 4),
        (4, 47),
        (46, 5),
    ]
    for style, moved in (("fill: #1f5fa8", True), ("fill: #fff; stroke: #000", False)):
        marks = "".join(use.format(x, y, style) for x, y in places)
        path = re.search(r"\sd=\"m([^\"]*)\"", light_shapes(f"<g>{marks}</g>"))
        assert path is not None
        assert path[1].startswith("50 1") is not moved


def test_pixels_lose_nothing_that_is_seen():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (40, 40, 4), np.uint8)
    pixels[..., :3] //= 64
    pixels[::2, ::2] = 0
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    png = base64.b64encode(stream.getvalue()).decode()
    out = light_pixels(f'<image xlink:href="data:image/png;base64,{png}"/>')
    kind, text = re.search(r"data:image/(\w+);base64,([^\"]*)", out).groups()
    assert kind == "webp"
    again = np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGBA"))
    seen = pixels[..., 3] > 0
    assert (again[seen] == pixels[seen]).all()
    assert (again[~seen][:, 3] == 0).all()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_looks_the_same_at_twice_the_size(browser, tmp_path, world, scheme):
    before = world if scheme == "light" else dark_svg(world)
    light = light_shapes(world)
    after = light_pixels(light if scheme == "light" else dark_svg(light))
    context = browser.new_context(
        viewport={"width": 800, "height": 400}, device_scale_factor=2
    )
    page = context.new_page()
    shots = []
    ground = plotting.PAPER if scheme == "light" else plotting.DARK[plotting.PAPER]
    for name, svg in (("before", before), ("after", after)):
        (tmp_path / f"{name}.svg").write_text(svg, "utf-8")
        (tmp_path / f"{name}.html").write_text(
            f'<body style="margin:0;background:{ground}"><img src="{name}.svg">',
            "utf-8",
        )
        page.goto((tmp_path / f"{name}.html").as_uri())
        shot = page.locator("img").screenshot()
        shots.append(np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), int))
    context.close()
    far = np.abs(shots[0] - shots[1]).max(2)
    assert np.ptp(shots[0]) > 100, "nothing is drawn"
    assert (far > 64).mean() < 0.001
    assert far.mean() < 1  # of 255
