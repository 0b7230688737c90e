"""Arrows between the rooms of the package run down only, and the picture shows them."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import architecture
import draw_architecture
from architecture import EXCEPTIONS, NO_FAMILY, PUBLISHING, ROOMS

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "ARCHITECTURE.md").read_text("utf8")


@pytest.fixture(scope="module")
def graph() -> architecture.Graph:
    """What the modules of the package import."""
    return architecture.read_imports(architecture.PACKAGE)


def package(folder: Path, files: dict[str, str]) -> architecture.Graph:
    """Write a small package called ``genbook`` and read its imports."""
    for name, text in files.items():
        path = folder / "genbook" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return architecture.read_imports(folder / "genbook")


# The package ---------------------------------------------------------------------


def test_no_arrow_runs_up(graph) -> None:
    assert architecture.problems(graph) == []


def test_the_plan_itself_runs_down() -> None:
    for plan in (ROOMS, PUBLISHING):
        below: set[str] = set()
        for room, allowed in plan.items():
            assert set(allowed) <= below, f"{room} may import what stands above it"
            below.add(room)


def test_the_plan_speaks_of_what_is_there(graph) -> None:
    there = {module.partition(".")[0] for module in graph}
    coming = {"practice"}
    assert set(ROOMS) - coming <= there
    assert {architecture.inner(m) for m in graph if m.startswith("publishing.")} == set(
        PUBLISHING
    )
    for folder in NO_FAMILY:
        assert any(m.startswith(f"models.{folder}.") for m in graph)
    for module, other in EXCEPTIONS:
        assert {module, other} <= graph.keys()


def test_the_picture_is_that_of_the_package(graph) -> None:
    drawn = draw_architecture.draw(graph)
    kept = draw_architecture.PICTURE.read_text("utf8")
    assert drawn == kept, "run tools/draw_architecture.py"
    between = draw_architecture.arrows(graph)
    assert draw_architecture.on_page(TEXT, between) == TEXT
    assert draw_architecture.described(between) in TEXT


def test_the_page_names_every_room_and_exception() -> None:
    for room in (*ROOMS, *PUBLISHING):
        assert f"`{room}" in TEXT, room
    for module, other in EXCEPTIONS:
        assert f"`{module}`" in TEXT
        assert f"`{other}`" in TEXT


# The check -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("data/a.py", "from genbook.models import base", "data may not"),
        ("models/base.py", "from genbook.data.a import A", "models may not"),
        ("models/base.py", "import genbook.metrics.a", "models may not"),
        ("training/fit.py", "from genbook.data import a", "training may not"),
        ("metrics/a.py", "from genbook.course import claims", "metrics may not"),
        ("metrics/a.py", "from genbook.training import fit", "metrics may not"),
        ("course/a.py", "from genbook.publishing.content import a", "course may not"),
        ("course/a.py", "import genbook.explorables.a", "course may not"),
        ("explorables/a.py", "import genbook.publishing.a", "explorables may not"),
        ("publishing/print/a.py", "import genbook.models.base", "publishing may not"),
        ("cli.py", "def f():\n    from genbook.course import claims", "cli may not"),
        ("_validate.py", "from genbook import data", "_validate may not"),
        ("__init__.py", "from genbook.data.a import A", "the top may not"),
        ("models/base.py", "from ..metrics import a", "models may not"),
        ("models/base.py", "from .. import metrics", "models may not"),
        (
            "models/base.py",
            "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n"
            "    from genbook.training import fit",
            "models may not",
        ),
        ("models/flows/f.py", "import genbook.models.energy.e", "not on another"),
        ("models/flows/f.py", "from ..energy import e", "not on another"),
        ("models/base.py", "from genbook.models.flows import f", "not on another"),
        ("models/networks/mlp.py", "import genbook.models.flows.f", "not on another"),
        ("publishing/content/a.py", "import genbook.publishing.print.a", "content may"),
        ("publishing/rules/a.py", "import genbook.publishing.print.a", "rules may not"),
        ("publishing/odd.py", "import genbook.publishing.print.a", "odd may not"),
        ("attic/a.py", "", "no room 'attic'"),
    ],
)
def test_an_arrow_that_runs_up_is_found(
    tmp_path: Path, name: str, text: str, problem: str
) -> None:
    files = {
        "__init__.py": "",
        "_validate.py": "",
        "data/__init__.py": "",
        "data/a.py": "",
        "models/__init__.py": "",
        "models/base.py": "",
        "models/networks/mlp.py": "",
        "models/flows/f.py": "",
        "models/energy/e.py": "",
        "training/fit.py": "",
        "metrics/__init__.py": "",
        "metrics/a.py": "",
        "course/claims.py": "",
        "explorables/a.py": "",
        "publishing/print/a.py": "",
        "publishing/content/a.py": "",  # no __init__: a folder is enough
    }
    assert architecture.problems(package(tmp_path, files)) == []
    found = architecture.problems(package(tmp_path, {name: text}))
    assert len(found) == 1
    assert problem in found[0]
    module = name.removesuffix(".py").replace("/", ".").removesuffix("__init__")
    assert found[0].startswith(module)


def test_what_runs_down_is_left_alone(tmp_path: Path) -> None:
    graph = package(
        tmp_path,
        {
            "__init__.py": "__version__ = '1'",
            "_validate.py": "import torch\nimport genbookish",
            "data/world.py": "from genbook._validate import check",
            "models/base.py": "from genbook._validate import check",
            "models/networks/mlp.py": "from genbook.models.base import Model",
            "models/flows/flow.py": "from ..networks.mlp import mlp\nfrom . import end",
            "models/flows/end.py": "",
            "training/fit.py": "from genbook.models.base import Model",
            "metrics/a.py": "from genbook.data import world\nimport genbook.models",
            "course/claims.py": "from genbook.training.fit import fit",
            "explorables/a.py": "from genbook.course.claims import claim",
            "publishing/content/a.py": "from genbook.course import claims",
            "publishing/print/a.py": "from genbook.publishing.content.a import b",
            "cli.py": "from genbook import __version__",
        },
    )
    assert architecture.problems(graph) == []
    assert graph["models.flows.flow"] == {"models.networks.mlp", "models.flows.end"}
    assert graph["cli"] == {""}


def test_an_exception_holds_for_two_modules_and_as_long_as_it_is_used(
    tmp_path: Path,
) -> None:
    allowed = [("models.flows.f", "models.energy.e")]
    files = {"models/energy/e.py": "", "models/energy/more.py": ""}
    text = "import genbook.models.energy.e"
    graph = package(tmp_path, files | {"models/flows/f.py": text})
    assert architecture.problems(graph, exceptions=allowed) == []
    graph = package(tmp_path, {"models/flows/f.py": text + "\n" + text[:-1] + "more"})
    [found] = architecture.problems(graph, exceptions=allowed)
    assert "models.energy.more" in found
    graph = package(tmp_path, {"models/flows/f.py": ""})
    [found] = architecture.problems(graph, exceptions=allowed)
    assert "not an exception any more" in found


def test_a_circle_is_found(tmp_path: Path) -> None:
    files = {
        "data/a.py": "from genbook.data import b",
        "data/b.py": "def f():\n    from genbook.data.c import g",
        "data/c.py": "from genbook.data.a import f",
    }
    [found] = architecture.problems(package(tmp_path, files))
    assert found == "data.a imports data.b imports data.c imports data.a: a circle"


# The drawing ---------------------------------------------------------------------


def test_an_arrow_is_left_out_where_others_lead_the_same_way() -> None:
    between = {"a": {"b", "c", "d"}, "b": {"c"}, "c": {"d"}, "d": set()}
    wanted = {"a": {"b"}, "b": {"c"}, "c": {"d"}, "d": set()}
    assert draw_architecture.without_detours(between) == wanted
    loop = {"a": {"b"}, "b": {"a"}}
    assert draw_architecture.without_detours(loop) == loop


def test_the_picture_shows_rooms_families_and_arrows(tmp_path: Path) -> None:
    graph = package(
        tmp_path,
        {
            "_validate.py": "",
            "models/base.py": "import genbook._validate",
            "models/flows/f.py": "import genbook.models.base",
            "models/waves/f.py": "import genbook.models.base",
            "training/fit.py": "import genbook.models.base, genbook._validate",
        },
    )
    svg = draw_architecture.draw(graph)
    assert svg == draw_architecture.draw(dict(reversed(graph.items())))
    tree = ET.fromstring(svg)
    name = "{http://www.w3.org/2000/svg}"
    words = [t.text for t in tree.iter(f"{name}text")]
    assert {"models", "training", "_validate", "flows", "waves", "on base"} <= {*words}
    assert "data" not in words
    lines = [p for p in tree.iter(f"{name}path") if p.get("class") == "arrow"]
    assert len(lines) == 2, "training → models → what stands below"
    title = tree.find(f"{name}title")
    assert title is not None
    assert "training on models, models on what all share" in title.text
    for path in lines:  # down the page
        _, start, _, end = map(float, re.findall(r"[\d.]+", path.get("d")))
        assert start < end


def test_a_room_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="attic"):
        draw_architecture.draw({"attic.a": {"data.b"}, "data.b": set()})


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    parts = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), parts, strict=True))


def contrast(one: str, two: str) -> float:
    low, high = sorted((luminance(one), luminance(two)))
    return (high + 0.05) / (low + 0.05)


def test_the_picture_is_legible_in_light_and_dark() -> None:
    style = draw_architecture._STYLE
    light, dark = style.split("@media")
    for part in (light, dark):
        colours = re.findall(r"(text|\.room|\.family)[^}]*?fill: (#\w{6})", part)
        found = dict(colours)
        assert contrast(found["text"], found[".room"]) > 7
        assert contrast(found["text"], found[".family"]) > 7
    [line] = re.findall(r"stroke: (#\w{6})", style)
    for page in ("#ffffff", "#0d1117"):
        assert contrast(line, page) > 3
