"""The six steps of CONTRIBUTING.md are the true ones: they are followed as they stand.

A copy of the repository gets what the page says, file by file, and then the checks run
that the page names. After the first step alone, what it promises to fail must fail.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf8")
PARTS = ("src", "tests", "examples", "tools", "book", "pyproject.toml", "LICENSE")
PAGES = ("ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "_config.yml", "_toc.yml")

_FENCE = re.compile(r"^(`{3,})(\w+)\n(.*?)^\1$", re.DOTALL | re.MULTILINE)
_WRITE = re.compile(r"Write `([^`]+)`:")
_INSERT = re.compile(r"In `([^`]+)`, (above|below) (`+)(.+)\3:")
_APPEND = re.compile(r"At the end of `([^`]+)`:")


@dataclass(frozen=True)
class Instruction:
    """What a fenced block is for: a file to write or to change, or commands to run."""

    step: int
    said: str
    language: str
    text: str

    @property
    def commands(self) -> list[str]:
        lines = self.text.splitlines() if self.language == "console" else []
        return [line.removeprefix("$ ") for line in lines]

    def apply(self, root: Path) -> None:
        """Do in a copy of the repository what the line above the block says."""
        if found := _WRITE.fullmatch(self.said):
            path = root / found[1]
            assert not path.exists(), f"{found[1]} is there already"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.text, "utf8")
        elif found := _INSERT.fullmatch(self.said):
            path = root / found[1]
            lines = path.read_text("utf8").splitlines(keepends=True)
            there = [i for i, line in enumerate(lines) if line.strip() == found[4]]
            assert len(there) == 1, f"{found[1]} has {len(there)} lines {found[4]!r}"
            at = there[0] + (found[2] == "below")
            path.write_text("".join([*lines[:at], self.text, *lines[at:]]), "utf8")
        else:
            found = _APPEND.fullmatch(self.said)
            assert found is not None, f"step {self.step}: {self.said!r} says no file"
            with (root / found[1]).open("a", encoding="utf8") as file:
                file.write(self.text)


def read_steps(text: str) -> list[Instruction]:
    """Return the blocks of the six steps in order; those of "Check it" are step 7."""
    part = text.partition("## Add a family in six steps\n")[2].partition("\n## Publish")
    sections = re.split(r"^### (\d|Check it)\b.*$", part[0], flags=re.MULTILINE)[1:]
    titles, bodies = sections[::2], sections[1::2]
    assert titles == [*"123456", "Check it"]
    return [
        Instruction(step, _said(body[: block.start()]), block[2], block[3])
        for step, body in enumerate(bodies, 1)
        for block in _FENCE.finditer(body)
    ]


def _said(before: str) -> str:
    paragraph = before.rstrip().rpartition("\n\n")[2]
    return " ".join(paragraph.split())


STEPS = read_steps(TEXT)


def run(root: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the page in the copy, with the tools of this environment."""
    words = shlex.split(command)
    tool = Path(words[0]).name
    assert words[0] == f".venv/bin/{tool}"
    start = [sys.executable] if tool == "python" else [sys.executable, "-m", tool]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    return subprocess.run(
        [*start, *words[1:]],
        cwd=root,
        env=environment
        | {
            "PYTHONPATH": str(root / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the steps touch and the checks read."""
    root = tmp_path_factory.mktemp("contributing")
    leave = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in (*PARTS, *PAGES):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=leave)
        else:
            shutil.copy(ROOT / name, root / name)
    return root


def test_every_block_says_where_it_goes() -> None:
    assert {step.step for step in STEPS} == set(range(1, 8))
    for step in STEPS:
        patterns = (_WRITE, _INSERT, _APPEND)
        placed = any(pattern.fullmatch(step.said) for pattern in patterns)
        assert placed != bool(step.commands), step.said
        if step.language == "python" and step.said.startswith("Write"):
            compile(step.text, step.said, "exec")


@pytest.mark.slow
def test_the_six_steps_add_a_family(copy: Path) -> None:
    for step in STEPS:
        if step.step == 1:
            step.apply(copy)
    guards = "in_the_table or is_a_member or in_the_reference or picture_is_that"
    there = (
        "tests/models tests/course tests/publishing/content tests/test_architecture.py"
    )
    done = run(copy, f".venv/bin/python -m pytest -q {there} -k '{guards}'")
    assert "4 failed" in done.stdout, done.stdout + done.stderr
    assert "passed" not in done.stdout

    for step in STEPS:
        if step.step > 1 and not step.commands:
            step.apply(copy)
        for command in step.commands:
            done = run(copy, command)
            assert done.returncode == 0, command + done.stdout + done.stderr
            if "pytest" in command:
                assert re.search(r"\d+ passed", done.stdout), done.stdout
