"""Copies of a package that start quickly: their modules are compiled once for all.

A planted bug or a small change is tried in a copy of the package. Python compiles each
module of a new copy when it is first imported, which takes longer than most tests of a
module. So one copy is compiled, and the others take its bytecode along; Python itself
compares the times and sizes of the files, and the module that changes loses its own.
"""

from __future__ import annotations

import compileall
import shutil
from importlib.util import cache_from_source
from pathlib import Path


def compiled(package: Path, folder: Path) -> Path:
    """Copy a package into a folder, compile it there, and return where it is."""
    copy = folder / package.name
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    assert compileall.compile_dir(copy, quiet=1), f"{package} does not compile"
    return copy


def changed(package: Path, folder: Path, file: str, text: str) -> Path:
    """Copy a compiled package, and write another text into one of its files."""
    copy = shutil.copytree(package, folder / package.name)
    (copy / file).write_text(text, "utf-8")
    Path(cache_from_source(copy / file)).unlink(missing_ok=True)
    return copy
