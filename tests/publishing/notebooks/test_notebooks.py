"""The notebooks that the website offers: clean, whole, and they run.

Their code is the chapters', which ran while the book was built, so that to run them is
to compute everything a second time. ``GENBOOK_NOTEBOOKS=third``, as ``.ci/run`` has it,
runs a third of them, which the commit chooses; without it, and with ``all``, all run.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from nbclient import NotebookClient

from genbook.course.claims import GLUE_PREFIX
from genbook.publishing.content.sources import read_book, read_contents
from genbook.publishing.notebooks.notebooks import LEFTOVERS, _without_code

ROOT = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("GENBOOK_BUILD", ROOT / "_build"))
CHAPTERS = [
    page.name
    for page in read_book(ROOT).chapters
    if page.name in read_contents(ROOT) and page.cells
]
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}

each = pytest.mark.parametrize("chapter", CHAPTERS)


def to_run(share: str, commit: str) -> list[str]:
    """Return the chapters whose notebooks run: all of them where no commit is known."""
    every = {"all": 1, "third": 3}[share] if commit else 1
    return CHAPTERS[int(commit or "0", 16) % every :: every]


def head() -> str:
    """Return the commit in hexadecimal digits, or nothing where there is none."""
    command = ["git", "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


RUN = to_run(os.environ.get("GENBOOK_NOTEBOOKS", "all"), head())


@pytest.fixture
def notebook(chapter: str, notebooks: list[Path]) -> nbformat.NotebookNode:
    """The notebook of a chapter."""
    found = {path.stem: path for path in notebooks}
    assert chapter.rpartition("/")[2] in found, f"no notebook for {chapter}"
    return nbformat.read(found[chapter.rpartition("/")[2]], as_version=4)


def code(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_only_chapters_have_notebooks(notebooks: list[Path]) -> None:
    assert {n.stem for n in notebooks} == {c.rpartition("/")[2] for c in CHAPTERS}


@each
def test_it_is_valid_small_and_the_same_each_time(notebook) -> None:
    nbformat.validate(notebook)
    ids = [cell.id for cell in notebook.cells]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z0-9-]+-\d{3}", i) for i in ids)
    assert notebook.metadata.kernelspec.name == "python3"
    assert all(not c.outputs and c.execution_count is None for c in code(notebook))
    assert len(nbformat.writes(notebook)) < 200_000


@each
def test_the_first_cell_installs_the_wheel_beside_it(notebook, notebooks) -> None:
    first = notebook.cells[0]
    assert first.cell_type == "code"
    assert 'find_spec("genbook") is None' in first.source
    assert "%pip install" in first.source
    [named] = set(re.findall(r"genbook-[\w.-]+\.whl", first.source))
    folder = notebooks[0].parent
    assert [path.name for path in folder.glob("*.whl")] == [named]
    base = yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))["html"]["baseurl"]
    addresses = re.findall(r"https?://[^\s\"]+", first.source)
    assert addresses == ([base.rstrip("/") + "/notebooks/"] if base else [])


def test_the_wheel_installs_without_a_network(
    notebooks: list[Path], tmp_path: Path
) -> None:
    [wheel] = notebooks[0].parent.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    if importlib.util.find_spec("pip") is None:  # an environment that uv made
        pip = ["uv", "pip", "--quiet"]
    target = tmp_path / "target"
    options = ["--no-deps", "--no-index", "--target", str(target), str(wheel)]
    subprocess.run([*pip, "install", *options], check=True)
    script = "import genbook.cli; print(genbook.__version__, genbook.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(target)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    version, file = done.stdout.split()
    assert f"-{version}-" in wheel.name
    assert Path(file) == target / "genbook" / "__init__.py"
    assert sorted((target / "genbook" / "_examples").glob("*.py"))


@each
def test_no_markup_of_the_book_is_left(chapter: str, notebook) -> None:
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text = _without_code(cell.source)
            assert not LEFTOVERS.search(text), cell.source
            assert not re.search(r"\\(pdata|pmodel|vect|KL|E|R)\b", text), cell.source
            assert text.count("$$") % 2 == 0, cell.source
            for formula in re.findall(r"\$\$(.*?)\$\$", text, re.DOTALL):
                assert "\n" not in formula  # a quotation would tear it


@each
def test_its_code_is_the_chapters(chapter: str, notebook) -> None:
    page = read_book(ROOT).pages[chapter]
    assert [c.source for c in code(notebook)[1:]] == [
        cell.source.rstrip("\n") for cell in page.cells
    ]
    hidden = [
        c.metadata.get("jupyter", {}).get("source_hidden") for c in code(notebook)
    ]
    tagged = [bool({"hide-input", "remove-cell"} & set(c.tags)) for c in page.cells]
    assert [bool(h) for h in hidden] == [False, *tagged]


@each
def test_it_keeps_the_words_of_the_chapter(chapter: str, notebook) -> None:
    page = read_book(ROOT).pages[chapter]
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    for d in page.directives:
        if d.figure.get("caption"):
            start = re.split(r"[$`*{]", str(d.figure["caption"]))[0].strip()[:40]
            assert start.replace("'", "’") in text, start
    assert text.count("<details>") == sum(d.name == "solution" for d in page.directives)
    assert text.count("</details>") == text.count("<details>")
    assert len(re.findall(r"^#+ ", text, re.MULTILINE)) > 3


def test_three_commits_run_all_of_them() -> None:
    thirds = [to_run("third", digits) for digits in ("f0", "f1", "f2")]
    assert sorted(itertools.chain(*thirds)) == sorted(CHAPTERS)
    assert min(map(len, thirds)) >= len(CHAPTERS) // 3
    assert to_run("third", "") == to_run("all", "f1") == CHAPTERS
    with pytest.raises(KeyError):
        to_run("tenth", "f1")
    assert re.fullmatch("([0-9a-f]{40})?", head())


@pytest.mark.slow
@pytest.mark.parametrize("chapter", RUN)
def test_it_runs_anywhere_and_gives_the_numbers_of_the_book(
    chapter: str, notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ONE_THREAD.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GENBOOK_RUNS", str(BUILD.resolve() / ".runs"))
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()
    computed = {}
    for cell in code(notebook):
        for output in cell.outputs:
            glue = output.get("metadata", {}).get("scrapbook")
            if glue:
                text = output["data"][f"{GLUE_PREFIX}text/plain"]
                computed[glue["name"]] = text
            assert output.get("name") != "stderr", output["text"]
    kept = BUILD / "jupyter_execute" / f"{chapter}.glue.json"
    book = {
        name: output["data"]["text/plain"]
        for name, output in json.loads(kept.read_text("utf8")).items()
    }
    assert computed == book
    assert list(tmp_path.iterdir()) == [], "a notebook leaves nothing behind"
