"""No function and no file is too long to be read in a sitting."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import genbook

PACKAGE = Path(genbook.__file__).parent
FILES = {p.relative_to(PACKAGE).as_posix(): p for p in sorted(PACKAGE.rglob("*.py"))}
LONGEST_FUNCTION = 80
LONGEST_FILE = 300
LONG_FILES = {"taxonomy.py": "one long table: what is known of each family of models"}


def lines(path: Path) -> int:
    return len(path.read_text("utf8").splitlines())


def long_functions(source: str) -> list[str]:
    """Return the functions that are too long, docstring and all."""
    return [
        f"{node.name}, line {node.lineno}: {length} lines"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (length := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_FUNCTION
    ]


def test_files():
    long = {name: n for name, p in FILES.items() if (n := lines(p)) > LONGEST_FILE}
    long = {name: n for name, n in long.items() if Path(name).name not in LONG_FILES}
    assert not long, f"files of more than {LONGEST_FILE} lines: {long}"


@pytest.mark.parametrize("name", LONG_FILES)
def test_exceptions_are_needed(name):
    assert max(lines(p) for p in FILES.values() if p.name == name) > LONGEST_FILE


def test_functions():
    found = {
        name: long
        for name, path in FILES.items()
        if (long := long_functions(path.read_text("utf8")))
    }
    assert not found, f"functions of more than {LONGEST_FUNCTION} lines: {found}"


@pytest.mark.parametrize(("body", "long"), [(79, False), (80, True)])
def test_a_long_function_is_found(body, long):
    source = "class A:\n    async def f():\n" + "        x = 1\n" * body
    expected = ["f, line 2: 81 lines"] if long else []
    assert long_functions(source) == expected
