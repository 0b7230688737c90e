"""Each notebook installs the extras that its code needs, and no other."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from genbook.publishing.content.sources import read_book
from genbook.publishing.notebooks import wheel

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
#: Where a package is imported by another name than it is installed by.
NAMES = {"c2pa-python": "c2pa", "prometheus-client": "prometheus_client"}
#: What comes with what the package needs in any case: Matplotlib brings pillow.
ANYWAY = {"pillow"}
#: What is imported out of one package and needs another.
BRINGS = {"fastapi.testclient": "httpx2", "moto": "boto3"}
CHAPTERS = [page for page in read_book(ROOT).chapters if page.cells]


def packages(extra: str) -> set[str]:
    """Return what an extra lets one import."""
    wanted = PROJECT["optional-dependencies"][extra]
    names = {re.match(r"[\w-]+", want)[0] for want in wanted} - ANYWAY
    return {NAMES.get(name, name) for name in names}


OF = {name: extra for extra in wheel.EXTRAS for name in packages(extra)}


def file_of(module: str) -> Path | None:
    path = ROOT / "src" / module.replace(".", "/")
    found = [p for p in (path.with_suffix(".py"), path / "__init__.py") if p.exists()]
    return found[0] if found else None


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield each module that is imported, wherever it stands, or named in a string."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.fullmatch(r"genbook(\.\w+)+", node.value):
                yield from (node.value, f"{node.value}.__main__")
            elif node.value in OF:  # library("boto3")
                yield node.value


@cache
def reached(module: str) -> frozenset[str]:
    """Return the modules that one of ours imports itself."""
    path = file_of(module)
    return (
        frozenset(imports(ast.parse(path.read_text("utf8")))) if path else frozenset()
    )


def needed(code: str) -> set[str]:
    """Return the extras that code needs, itself or by modules of ours."""
    todo, seen = set(imports(ast.parse(code))), set()
    while todo:
        module = todo.pop()
        if module in seen or module == "genbook.cli":  # which serves, when told to
            continue
        seen.add(module)
        todo |= reached(module) if module.startswith("genbook") else set()
    roots = {m.partition(".")[0] for m in seen} | {BRINGS.get(m, "") for m in seen}
    return {OF[root] for root in roots if root in OF}


def test_the_search_finds_what_is_hidden_in_functions() -> None:
    assert needed("from genbook.practice.cloud import pack") == {"aws"}
    assert needed("from genbook.practice.serving.running import serving") == {"serve"}
    assert needed("import genbook.practice.audits.credentials") == {"audits"}
    assert needed("from genbook.practice.audits import watermark") == set()
    assert needed("import torch, sklearn") == set()


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda page: page.name)
def test_a_chapter_says_which_extras_its_notebook_needs(page) -> None:
    lines = [line for cell in page.cells for line in cell.body]
    code = "\n".join(line for line in lines if not line.startswith("%"))
    assert needed(code) == set(page.front.get("extras", [])), (
        "the front matter must say extras: [...] of what the code imports"
    )
