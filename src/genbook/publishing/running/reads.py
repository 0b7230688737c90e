"""The files that a chapter's outcome depends on beside its code and the package.

What the kernel opened is noted by ``watch``; what the cells name is added, for a
program or a library may open it without Python's knowing. Each file is kept with a
digest: when one of them changes, appears or goes, the chapter runs again.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from genbook.course.surroundings import file_digest

MISSING = ""
_SYSTEM = (
    *("/usr", "/lib", "/lib64", "/bin", "/etc", "/proc", "/sys", "/dev", "/run"),
    *("/var", "/snap", "/nix", "/System", "/Library", "/Applications"),
)
_MOST = 500  # files of one folder that a cell names
_STYLE = "matplotlibrc"  # Matplotlib looks for it beside the chapter
_PAGES = {".md", ".ipynb"}  # which tell readers, and no code unless it opens them


@dataclass
class Reads:
    """What one run of a chapter read.

    Attributes:
        digests: The digest of each file and folder, by its name from the root of the
            book, or its whole path where it lies elsewhere; empty for one not there.
        asked: Other machines that it asked for something, which no digest can tell.
        changed: Those that somebody changed while the chapter ran.
    """

    digests: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


class Reader:
    """Turns notes of a kernel into names and digests.

    Args:
        root: The folder of the book; what lies below it is named from there.
        package: The folder of the package, whose modules have keys of their own.
        built: Folders that builds write into, and that say nothing.
    """

    def __init__(self, root: Path, package: Path, built: Iterable[Path] = ()) -> None:
        self.root = root.resolve()
        self.package = package.resolve()
        self.built = (Path(sys.prefix), *(path.resolve() for path in built))
        system = [sys.base_prefix, tempfile.gettempdir(), *_SYSTEM]
        places = [*map(Path, system), *(Path(place).resolve() for place in system)]
        self.elsewhere = tuple(places)

    def after(
        self,
        report: Path,
        folder: Path,
        cells: Iterable[str],
        started: float,
        before: Mapping[str, str],
    ) -> Reads:
        """Return what a kernel read.

        Args:
            report: The notes of :mod:`genbook.publishing.running.watch`.
            folder: Where its cells ran.
            cells: The source of the cells.
            started: When it began, in seconds since the epoch.
            before: What it read in an earlier run. A file that was written meanwhile
                and is what it was then may be made by a program of the chapter's.
        """
        notes, folder = _notes(report), folder.resolve()
        written = {name for kind, name in notes if kind == "written"}
        paths = {_source(name) for kind, name in notes if kind != "asked"}
        paths.add(str(folder / _STYLE))
        paths = {path for path in paths if self.counts(Path(path))}
        texts, seen = list(cells), set[str]()
        while texts:  # of the cells, then of the modules and programs beside them
            paths |= {str(p) for text in texts for p in self.named(text, folder)}
            texts, seen = list(_modules(paths - seen)), seen | paths
        reads = Reads(asked=sorted({name for kind, name in notes if kind == "asked"}))
        now = time.time()
        for path in sorted(paths):
            name, digest = self.name(Path(path)), self.digest(Path(path))
            reads.digests[name] = digest
            touched = path not in written and started < _modified(path) <= now
            if touched and before.get(name) != digest:
                reads.changed.append(name)
        return reads

    def fresh(self, digests: dict[str, str]) -> bool:
        """Return whether the files are still what they were."""
        return all(
            self.digest(self.root / name) == was for name, was in digests.items()
        )

    def name(self, path: Path) -> str:
        """Name a path from the root, if it lies below."""
        inside = path.is_relative_to(self.root)
        return (path.relative_to(self.root) if inside else path).as_posix()

    def counts(self, path: Path) -> bool:
        """Return whether a path is the book's, or some user's, and not the system's."""
        if path.is_relative_to(self.package) and path.suffix == ".py":
            return False
        if any(path.is_relative_to(folder) for folder in self.built):
            return False
        if {".git", "__pycache__"} & set(path.parts):
            return False
        if path.is_relative_to(self.root):
            return True
        hidden = any(part.startswith(".") for part in path.parts)
        return not hidden and not any(path.is_relative_to(p) for p in self.elsewhere)

    def digest(self, path: Path) -> str:
        """Return the digest of a file, or of the names and the files in a folder."""
        try:
            if not path.is_dir():
                return file_digest(path)
            inside = [
                [p.name, file_digest(p) if p.is_file() and _is_data(p) else ""]
                for p in sorted(path.iterdir())
                if not p.name.startswith((".", "__"))
            ]
        except OSError:
            return MISSING
        return hashlib.sha256(json.dumps(inside).encode()).hexdigest()

    def named(self, text: str, folder: Path) -> Iterator[Path]:
        """Yield the files that some code names, in its texts and in its commands.

        Args:
            text: Source of a cell, or of a module beside it.
            folder: Where the names are relative to.
        """
        for words in _texts(text):
            pattern = re.sub(r"\{[^{}]*\}", "*", words)
            if len(words) > 200 or not re.search(r"\w", pattern) or "\0" in words:
                continue
            try:
                found = [folder / words]
                if "*" in pattern and not pattern.startswith(("/", "~")):
                    found = sorted(folder.glob(pattern))[:_MOST]
                for path in found:
                    yield from self._files(Path(os.path.normpath(path)), folder)
            except (OSError, ValueError, NotImplementedError):
                continue  # no name of a file

    def _files(self, path: Path, folder: Path) -> Iterator[Path]:
        """Yield a file, or the files of a folder of the book that holds no chapter."""
        if path.is_file():
            found = [path]
        elif path.is_dir() and path.is_relative_to(self.root):
            around = path == folder or path in folder.parents
            found = [] if around else sorted(path.rglob("[!.]*"))[:_MOST]
        else:
            return
        for file in found:
            if file.is_file() and _is_data(file) and self.counts(file):
                yield file


def _notes(report: Path) -> list[tuple[str, str]]:
    """Read the notes of a kernel; the last line of a killed one may be cut."""
    if not report.exists():
        return []
    notes = []
    for line in report.read_text("utf8").splitlines():
        try:
            kind, name = json.loads(line)
        except ValueError:
            continue
        notes.append((kind, name))
    return notes


def _source(name: str) -> str:
    """Return the module that a compiled one was made from; else the name itself."""
    try:
        return importlib.util.source_from_cache(name)
    except ValueError:
        return name


def _modules(paths: Iterable[str]) -> Iterator[str]:
    """Yield the text of the modules among these."""
    for path in paths:
        if path.endswith(".py") and os.path.isfile(path):
            yield Path(path).read_text("utf8", errors="replace")


def _modified(path: str) -> float:
    """Return the date of a file; a folder has none that counts."""
    return os.stat(path).st_mtime if os.path.isfile(path) else 0.0


def _is_data(path: Path) -> bool:
    return path.suffix not in _PAGES


@functools.lru_cache(maxsize=1000)
def _texts(source: str) -> frozenset[str]:
    """Return the texts in some Python, and the words of its lines for the shell.

    What an f-string computes is written as ``{}``.
    """
    lines = source.splitlines()
    shell = [line for line in lines if line.lstrip().startswith(("!", "%"))]
    words = {word.strip("'\"") for line in shell for word in line.split()}
    if source.startswith("%%"):
        words.update(word.strip("'\"") for word in source.split())
    python = "\n".join("pass" if line in shell else line for line in lines)
    try:
        tree = ast.parse(python)
    except SyntaxError:
        return frozenset(words | set(re.findall(r"""["']([^"'\n]+)["']""", source)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            words.update([node.value, *node.value.split()])
        elif isinstance(node, ast.JoinedStr):
            parts = [
                str(v.value) if isinstance(v, ast.Constant) else "{}"
                for v in node.values
            ]
            words.add("".join(parts))
    return frozenset(words)
