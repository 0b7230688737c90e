"""The wheel beside the notebooks, and the cell that installs it and nothing else."""

from __future__ import annotations

import re
import tomllib
import zipfile
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

import genbook
from genbook.publishing.notebooks import wheel

ROOT = Path(__file__).resolve().parents[3]
BASE = "https://someone.example.org/book"
PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "genbook"
requires-python = ">=3.11"
version = "{version}"

[tool.hatch.build.targets.wheel]
packages = ["genbook"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The sources of a package of one file."""
    source = tmp_path / "source"
    (source / "genbook").mkdir(parents=True)
    (source / "genbook" / "__init__.py").write_text("x = 1\n")
    (source / "pyproject.toml").write_text(PROJECT.format(version="0.10.0"))
    return source


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Return what a first cell asks of pip in a folder where genbook is missing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    def run(cell: str) -> list[str]:
        shell, lines = InteractiveShell(), []
        shell.register_magic_function(lines.append, magic_name="pip")
        shell.run_cell(cell).raise_error()
        return lines

    return run


# The cell ------------------------------------------------------------------------


@pytest.mark.parametrize("base", ["", BASE])
def test_the_wheel_beside_the_notebook_is_taken_by_its_whole_name(
    asked, tmp_path: Path, base: str
) -> None:
    folder = tmp_path
    for version in ("0.9.0", "0.10.0", "0.11.0"):
        (folder / f"genbook-{version}-py3-none-any.whl").touch()
    name = "genbook-0.10.0-py3-none-any.whl"
    here = (folder / name).as_uri()
    assert asked(wheel.install_cell(base, name)) == [
        f'install --quiet "genbook[data] @ {here}"'
    ]


def test_elsewhere_it_comes_from_the_address_of_the_site(asked) -> None:
    wanted = f'install --quiet "genbook[data] @ {BASE}/notebooks/{wheel.NAME}"'
    assert asked(wheel.install_cell(BASE)) == [wanted]
    assert asked(wheel.install_cell(BASE + "/")) == [wanted]


def test_what_a_chapter_needs_is_installed_too(asked) -> None:
    wanted = f'install --quiet "genbook[data,aws] @ {BASE}/notebooks/{wheel.NAME}"'
    assert asked(wheel.install_cell(BASE, extras=["aws"])) == [wanted]
    for nonsense in ("test", "data] @ evil", ""):
        with pytest.raises(ValueError, match="extras must be among serve, aws, audits"):
            wheel.install_cell(BASE, extras=[nonsense])


def test_without_an_address_the_cell_says_what_is_missing(asked, tmp_path) -> None:
    (tmp_path / "genbook-0.0.1-py3-none-any.whl").touch()
    with pytest.raises(FileNotFoundError, match=re.escape(wheel.NAME)):
        asked(wheel.install_cell())
    assert "http" not in wheel.install_cell()


def test_where_genbook_is_installed_nothing_is_asked(asked, monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert asked(wheel.install_cell()) == []


@pytest.mark.parametrize(
    "base",
    [
        "http://example.org/book/",  # anybody on the way could change the file
        "example.org",
        "git+https://example.org/book",
        'https://example.org/"; rm -rf "',
        "https://example.org/{x}",
        "https://example.org/$HOME",
        "https://example.org/a b",
    ],
)
def test_code_comes_from_no_address_that_is_not_safe(base: str) -> None:
    with pytest.raises(ValueError, match=r"html.baseurl must be .*, got"):
        wheel.install_cell(base)


@pytest.mark.parametrize("base", ["http://localhost:8000/", "http://127.0.0.1:80"])
def test_this_machine_may_serve_without_a_certificate(base: str) -> None:
    assert base in wheel.install_cell(base)


# The file ------------------------------------------------------------------------


def test_the_name_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
    assert project["version"] == genbook.__version__
    assert f"genbook-{project['version']}-py3-none-any.whl" == wheel.NAME
    extras = project["optional-dependencies"]
    assert any(need.startswith("hatchling") for need in extras["book"])
    assert {"data", *wheel.EXTRAS} <= extras.keys(), "the notebooks ask for these"


def test_the_same_sources_give_the_same_bytes(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "genbook-0.10.0-py3-none-any.whl"
    first = wheel.build(project, tmp_path / "a", name).read_bytes()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    (project / "genbook" / "__init__.py").touch()
    assert wheel.build(project, tmp_path / "b", name).read_bytes() == first
    (project / "genbook" / "__init__.py").write_text("x = 2\n")
    assert wheel.build(project, tmp_path / "b", name).read_bytes() != first


def test_it_is_whole_and_alone(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for other in ("genbook-0.9.0-py3-none-any.whl", "a.ipynb"):
        (folder / other).touch()
    name = "genbook-0.10.0-py3-none-any.whl"
    made = wheel.build(project, folder, name)
    assert sorted(p.name for p in folder.iterdir()) == ["a.ipynb", name]
    with zipfile.ZipFile(made) as archive:
        assert archive.read("genbook/__init__.py") == b"x = 1\n"


def test_another_version_is_refused(project: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"must be .*0\.2\.0.*, got .*0\.10\.0"):
        wheel.build(project, tmp_path / "a", "genbook-0.2.0-py3-none-any.whl")
    assert not (tmp_path / "a").exists()


def test_a_project_that_cannot_be_built_says_why(project: Path, tmp_path) -> None:
    (project / "pyproject.toml").write_text("[project]\nname = 'genbook'\n")
    with pytest.raises(RuntimeError, match="version"):
        wheel.build(project, tmp_path / "a", wheel.NAME)
