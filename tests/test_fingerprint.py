"""The key of some code: what changes it, and what does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from genbook.course import fingerprint
from genbook.course.fingerprint import Code, Key, Package, imports_of


@pytest.fixture
def package(tmp_path: Path) -> Package:
    root = tmp_path / "tiny"
    files = {
        "__init__.py": "",
        "models/__init__.py": "",
        "models/box.py": "from ..base import Base\nfrom . import grid\n",
        "models/grid.py": "import sklearn.mixture\n",
        "base.py": "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from tiny.other import Other\n",
        "other.py": "",
        "publishing/__init__.py": "",
        "data/__init__.py": "",
        "data/world.py": "READS_PACKAGES = ('scipy',)\n",
        "data/wind.py": "",
        "data/world.npz": "1",
        "data/files/wind-north.csv": "1",
        "data/shared.txt": "1",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Package("tiny", root)


def key(package: Package, source: str) -> Key:
    return package.key(Code(source, imports_of(source)))


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import tiny.models.box", "tiny.models.box"),
        ("from tiny.models import box", "tiny.models.box"),
        ("def f():\n    from tiny.models.box import Box", "tiny.models.box"),
        ("import importlib\nimportlib.import_module('tiny.other')", "tiny.other"),
    ],
)
def test_every_way_to_import_is_seen(package: Package, source: str, name: str) -> None:
    assert name in key(package, source).modules


def test_imports_are_followed_and_packages_are_included(package: Package) -> None:
    assert key(package, "from tiny.models import box").modules == (
        "tiny",
        "tiny.base",
        "tiny.models",
        "tiny.models.box",
        "tiny.models.grid",
    )


def test_what_only_a_type_checker_imports_is_left_out(package: Package) -> None:
    assert "tiny.other" not in key(package, "import tiny.base").modules
    assert imports_of("if TYPE_CHECKING:\n    import a\nelse:\n    import b").names == {
        "b"
    }


@pytest.mark.parametrize(
    "source", ["this is no Python", "import importlib\nimportlib.import_module(name)"]
)
def test_code_that_cannot_be_read_depends_on_all_but_publishing(
    package: Package, source: str
) -> None:
    modules = key(package, source).modules
    assert {"tiny.models.box", "tiny.other", "tiny.data.world"} <= set(modules)
    assert "tiny.publishing" not in modules


def test_publishing_counts_where_it_is_imported(package: Package) -> None:
    assert "tiny.publishing" in key(package, "import tiny.publishing").modules


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("models/box.py", {"box"}),
        ("models/grid.py", {"box"}),
        ("models/__init__.py", {"box"}),
        ("__init__.py", {"box", "world", "wind"}),
        ("other.py", set()),
        ("publishing/__init__.py", set()),
        ("data/world.npz", {"world"}),
        ("data/files/wind-north.csv", {"wind"}),
        ("data/shared.txt", {"world", "wind"}),
    ],
)
def test_a_file_changes_the_code_that_reaches_it(
    package: Package, file: str, changes: set[str]
) -> None:
    chapters = {
        "box": "from tiny.models.box import Box",
        "world": "from tiny.data.world import World",
        "wind": "import tiny.data.wind",
    }
    before = {name: key(package, source) for name, source in chapters.items()}
    path = package.root / file
    path.write_text(path.read_text() + "\n")
    os.utime(path, ns=(1, 1))
    after = {name: key(package, source) for name, source in chapters.items()}
    assert {name for name in chapters if before[name] != after[name]} == changes


def test_versions_of_what_is_imported_count(
    package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = dict(key(package, "from tiny.models import box").versions)
    assert {"Python", "torch", "numpy", "matplotlib", "ipykernel"} <= set(versions)
    assert "scikit-learn" in versions, "imported by grid.py under the name sklearn"
    assert "scipy" in dict(key(package, "import tiny.data.world").versions)
    assert "tiny" not in versions

    real = fingerprint._version
    monkeypatch.setattr(
        fingerprint, "_version", lambda d: "0" if d == "scikit-learn" else real(d)
    )
    assert key(package, "from tiny.models import box").versions != versions
    assert "scikit-learn" not in dict(key(package, "import tiny.data.wind").versions)


@pytest.mark.parametrize(
    "distribution", ["numpy", "scipy", "scikit-learn", "matplotlib", "torch", "Python"]
)
def test_code_that_reads_docstrings_runs_again_when_they_change(
    distribution: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are read as text, so no import would tell."""
    package = Package("genbook")
    source = "from genbook.data.prose import load_docstrings, load_topics"
    before = key(package, source)
    real = fingerprint._version
    monkeypatch.setattr(
        fingerprint, "_version", lambda d: "0" if d == distribution else real(d)
    )
    if distribution == "Python":
        monkeypatch.setattr(fingerprint.platform, "python_version", lambda: "0")
    after = key(package, source)
    assert dict(before.versions)[distribution] != "0"
    assert dict(after.versions)[distribution] == "0"
    assert after.digest != before.digest


def test_every_package_that_is_read_is_declared() -> None:
    from genbook.data import _docstrings as prose

    names = {"sklearn": "scikit-learn"}
    read = {names.get(name, name) for name in prose.PACKAGES.values()}
    assert read == set(prose.READS_PACKAGES)


def test_a_package_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="installed package, got 'no_such_package'"):
        Package("no_such_package")


def test_the_library_reaches_no_publishing_code() -> None:
    """Nothing that teaches imports what publishes."""
    package = Package("genbook")
    teaching = [
        ".".join(("genbook", *path.relative_to(package.root).with_suffix("").parts))
        for folder in ("data", "models")
        for path in (package.root / folder).rglob("[a-z]*.py")
    ]
    for module in [
        *teaching,
        "genbook.course.plotting",
        "genbook.course.claims",
        "genbook.course.cached_fit",
    ]:
        reached = key(package, f"import {module}").modules
        assert not [m for m in reached if m.startswith("genbook.publishing")], module
