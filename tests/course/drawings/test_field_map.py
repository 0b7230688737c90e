"""The map of the field agrees with the package, with the book, and with its drawing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import pytest
import yaml
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch
from torch import nn

from genbook.course.drawings.field_map import (
    AI,
    DEEP,
    FIELDS,
    GENERATIVE,
    INSIDE,
    LEARNING,
    METHODS,
    TODAY,
    Method,
    draw_landscape,
    region,
)
from genbook.models.base import GenerativeModel
from genbook.models.density.box import UniformBox
from genbook.models.density.gaussian import Gaussian
from genbook.models.density.grid import GridNetwork
from genbook.models.density.histogram import Histogram
from genbook.models.density.kernel import KernelDensity
from genbook.models.density.mixture import GaussianMixture
from genbook.models.representation.autoencoder import Autoencoder
from genbook.models.representation.pca import PCA

ROOT = Path(__file__).parents[3]
CHAPTER = ROOT / "book" / "learning" / "types-of-learning.md"
OURS: dict[str, nn.Module] = {
    "uniform box": UniformBox(2),
    "histogram": Histogram([-1.0, -1.0], [1.0, 1.0], 4),
    "Gaussian": Gaussian(2),
    "Gaussian mixture": GaussianMixture(2, 3),
    "kernel estimate": KernelDensity(2),
    "grid network": GridNetwork([-1.0, -1.0], [1.0, 1.0], 4),
    "principal components": PCA((4,), 2),
    "autoencoder": Autoencoder((4,), 2),
}


@pytest.fixture
def ax() -> Iterator[Axes]:
    before = matplotlib.get_backend()
    matplotlib.use("Agg")
    yield plt.subplots()[1]
    plt.close("all")
    matplotlib.use(before)


@pytest.mark.parametrize("name", OURS)
def test_our_models_lie_where_their_code_says(name: str) -> None:
    """Generative is what can sample; deep is what stacks layers of weights."""
    (method,) = [m for m in METHODS if m.name == name]
    model = OURS[name]
    layers = sum(isinstance(part, nn.Linear) for part in model.modules())
    assert method.lies_in(GENERATIVE) == isinstance(model, GenerativeModel)
    assert method.lies_in(DEEP) == (layers >= 2)
    assert method.lies_in(LEARNING)


def test_the_sets_contain_one_another() -> None:
    for field in FIELDS:
        for outer in INSIDE[field]:
            assert set(INSIDE[outer]) < set(INSIDE[field])
    assert all(m.lies_in(AI) for m in METHODS)
    today = [m for m in METHODS if m.lies_in(TODAY)]
    assert today
    assert all(m.lies_in(DEEP) and m.lies_in(GENERATIVE) for m in today)


@pytest.mark.parametrize(
    "fields", [(AI,), (LEARNING,), (DEEP,), (GENERATIVE,), (DEEP, GENERATIVE), (TODAY,)]
)
def test_no_set_is_another(fields: tuple[str, ...]) -> None:
    """Each region holds a method: neither of two overlapping sets holds the other."""
    assert region(METHODS, *fields)


def test_every_method_is_named_once_and_taught_where_it_says() -> None:
    names = [m.name for m in METHODS]
    assert len(set(names)) == len(names)
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text("utf8"))
    chapters = {c["file"] for part in contents["parts"] for c in part["chapters"]}
    for m in METHODS:
        assert m.chapter is None or f"book/{m.chapter}" in chapters


def test_the_table_of_the_chapter_says_what_the_map_says() -> None:
    """The linked table beside the figure is written by hand, and checked here."""
    regions = {
        "artificial intelligence, no learning": (AI,),
        "machine learning, neither deep nor generative": (LEARNING,),
        "deep, not generative": (DEEP,),
        "generative, not deep": (GENERATIVE,),
        "deep and generative": (DEEP, GENERATIVE),
        "today's generative AI": (TODAY,),
    }
    text = CHAPTER.read_text("utf8").split(":name: tab-landscape")[1].split(":::")[0]
    rows = dict(re.findall(r"^\| ([^|:]+) \| (.+) \|$", text, re.MULTILINE))
    assert rows.pop("region")
    assert rows.keys() == regions.keys()
    for name, fields in regions.items():
        written = set()
        for part in rows[name].split(";"):
            link = re.search(r" \(\{doc\}`([^`]+)`\)", part)
            methods = part.replace(link[0], "") if link else part
            chapter = None
            if link:
                path = (CHAPTER.parent / link[1]).resolve()
                chapter = str(path.relative_to(ROOT / "book"))
            listed = methods.replace("VAE, flow, GAN", "VAE+").split(",")
            for method in listed:
                called = method.strip().replace("VAE+", "VAE, flow, GAN")
                written.add((called, chapter))
        assert written == {(m.name, m.chapter) for m in region(METHODS, *fields)}


def test_each_name_stands_in_its_frames_and_in_no_other(ax: Axes) -> None:
    draw_landscape(ax)
    ax.figure.canvas.draw()
    patches = [p for p in ax.patches if isinstance(p, FancyBboxPatch)]
    frames = dict(zip(FIELDS, patches, strict=True))
    said = {t.get_text(): t for t in ax.texts}
    assert said.keys() == {*FIELDS, *(m.name for m in METHODS)}
    for m in METHODS:
        x, y = said[m.name].get_position()
        for field, frame in frames.items():
            left, bottom = frame.get_x(), frame.get_y()
            across = left < x < left + frame.get_width()
            up = bottom < y < bottom + frame.get_height()
            assert (across and up) == m.lies_in(field), (m.name, field)


def test_the_drawn_frames_lie_in_one_another(ax: Axes) -> None:
    draw_landscape(ax)
    patches = [p for p in ax.patches if isinstance(p, FancyBboxPatch)]
    box = {f: p.get_bbox() for f, p in zip(FIELDS, patches, strict=True)}
    for field in FIELDS:
        for outer in FIELDS:
            held = (
                box[outer].x0 < box[field].x0
                and box[outer].y0 < box[field].y0
                and box[field].x1 < box[outer].x1
                and box[field].y1 < box[outer].y1
            )
            assert held == (outer in INSIDE[field]), (field, outer)


def test_a_stray_method_is_refused(ax: Axes) -> None:
    with pytest.raises(ValueError, match="'magic' lies in no region of the map"):
        draw_landscape(ax, (Method("magic", (AI, TODAY)),))
    assert not ax.texts
    assert not ax.patches
    with pytest.raises(ValueError, match="field must be one of"):
        METHODS[0].lies_in("magic")
