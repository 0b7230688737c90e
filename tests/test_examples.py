"""Every example script: its help, its figures, its summary, its seed, its length."""

from __future__ import annotations

import ast
import re
import runpy
import sys
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest

from genbook import cli

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
NAMES = [path.stem for path in EXAMPLES]
FIGURES = {".png", ".svg", ".pdf", ".md"}  # a table is a figure too

each = pytest.mark.parametrize("path", EXAMPLES, ids=NAMES)


def run_here(path: Path, *args: str) -> None:
    """Run a script in this process, where torch is imported already."""
    before = sys.argv, matplotlib.get_backend()
    sys.argv = [str(path), *args]
    matplotlib.use("Agg")
    code: object = None
    try:
        runpy.run_path(str(path), run_name="__main__")
    except SystemExit as stop:
        code = stop.code
    finally:
        sys.argv = before[0]
        plt.close("all")
        matplotlib.rcdefaults()
        matplotlib.use(before[1])
    assert not code, code


def timeless(words: str) -> str:
    """Return a summary without its times: numbers before "s", a column of seconds."""
    words = re.sub(r"\d+(\.\d+)? (CPU )?s\b", "TIME s", words)
    if re.search(r"  seconds[^\n]*$", words, re.MULTILINE):
        words = re.sub(r" +\d+\.\d+$", "  TIME", words, flags=re.MULTILINE)
    return words


@each
def test_help(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_here(path, "--help")
    text = capsys.readouterr().out
    for option in ("--seed", "--out", "--fast"):
        assert option in text
    assert cli.list_examples(path.parent)[path.stem] in text


@pytest.mark.slow
@each
def test_run(
    path: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Run it by the command, then by hand: figures, and the same words both times."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    said = []
    for folder in ("figures-a", "figures-b"):
        args = ["--fast", "--seed", "1", "--out", folder]
        if folder == "figures-a":
            assert cli.main(["run", path.stem, *args]) == 0, capfd.readouterr().err
        else:
            run_here(path, *args)
        figures = [f for f in Path(folder).rglob("*") if f.suffix in FIGURES]
        assert figures, f"no figure in --out {folder}"
        assert all(f.stat().st_size > 100 for f in figures)
        said.append(timeless(capfd.readouterr().out.replace(folder, "OUT")))
    assert said[0].strip(), "it must print a summary"
    assert said[0] == said[1]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["figures-a", "figures-b"]


@each
def test_it_is_short_and_described(path: Path) -> None:
    text = path.read_text("utf-8")
    lines = text.splitlines()
    assert len(lines) <= 80
    assert max(map(len, lines)) <= 88
    doc = ast.get_docstring(ast.parse(text)) or ""
    first = doc.splitlines()[0]
    assert first[-1] in ".?"
    assert len(first) <= 88 - len('"""')
    chapter = re.search(r"^Chapter: (\S+)$", doc, re.MULTILINE)
    assert chapter, "the docstring must name its chapter: Chapter: book/…/….md"
    assert (ROOT / chapter[1]).is_file()


def test_the_list_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == NAMES
    table = (ROOT / "examples" / "README.md").read_text("utf-8")
    for line in lines:
        name, description = line.split(maxsplit=1)
        assert f"| `{name}` | {description} |" in table
