"""What the outcome of code depends on, read from the code without running it.

A key covers the code itself, the modules of the package that it reaches through
imports, the data files beside those modules, the versions of everything else they
import, and the vector units of the machine, for sums come out otherwise with others.
Trainings are shared, and chapters run again, when their keys say so.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from genbook._numbers import check_each, check_kind, check_text
from genbook.course._imports import Imports, imports_of
from genbook.course.surroundings import file_digest, machine

__all__ = ["Code", "Imports", "Key", "Package", "imports_of"]

# Shape results although the code may not import them by name.
ALWAYS = ("torch", "numpy", "matplotlib", "ipykernel")

_NOT_DATA = {".py", ".pyc", ".pyi", ".typed"}


@dataclass(frozen=True)
class Code:
    """The code's own part of its key: the digest of its text, and what it imports."""

    digest: str
    imports: Imports


@dataclass(frozen=True)
class Key:
    """All that the outcome of some code depends on.

    Attributes:
        digest: Equal digests promise equal outcomes.
        modules: Modules of the package that the code reaches, sorted.
        versions: Pairs of distribution and version, sorted.
    """

    digest: str
    modules: tuple[str, ...]
    versions: tuple[tuple[str, str], ...]


class Package:
    """A package, seen as files.

    Args:
        name: Its import name; it is found but not imported.
        root: Its folder; looked up when not given.
        settings: What else an outcome depends on, as pairs of name and value.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If there is no such package.
    """

    def __init__(
        self,
        name: str,
        root: Path | None = None,
        settings: tuple[tuple[str, str], ...] = (),
    ) -> None:
        check_text(name, "name")
        for pair in check_each(settings, "settings", tuple):
            check_each(pair, "settings", str)
        if root is None:
            spec = importlib.util.find_spec(name)
            if spec is None or not spec.submodule_search_locations:
                raise ValueError(f"name must be an installed package, got {name!r}")
            root = Path(spec.submodule_search_locations[0])
        self.name = name
        self.root = check_kind(root, "root", Path)
        self.settings = settings

    def key(self, code: Code) -> Key:
        """Return the key of some code, from the files as they are."""
        modules, imports = self._reach(check_kind(code, "code", Code).imports)
        files = sorted({f for m in modules for f in self._files(m)})
        versions = _versions(imports, self.name)
        content: list[object] = [code.digest, versions, machine(), self.settings]
        content += [
            [f.relative_to(self.root).as_posix(), file_digest(f)] for f in files
        ]
        digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
        return Key(digest, tuple(modules), versions)

    def _reach(self, imports: Imports) -> tuple[list[str], Imports]:
        """Follow imports through the package; return its modules, and all imports."""
        todo, reached, met = [imports], set[str](), Imports()
        while todo:
            wanted = todo.pop()
            met |= wanted
            names = {p for name in wanted.names for p in _parents(name)}
            if wanted.everything:
                names |= self._everything()
            for name in names - reached:
                source = self.source(name)
                if source is not None:
                    reached.add(name)
                    todo.append(self._imports(name, source))
        return sorted(reached), met

    def source(self, module: str) -> Path | None:
        """Return the file of a module of the package; None for any other."""
        head, *rest = check_text(module, "module").split(".")
        if head != self.name:
            return None
        base = self.root.joinpath(*rest)
        for path in (base / "__init__.py", base.with_suffix(".py")):
            if path.is_file() and (rest or path.name == "__init__.py"):
                return path
        return None

    def _imports(self, module: str, source: Path) -> Imports:
        inside = source.name == "__init__.py"
        package = module if inside else module.rpartition(".")[0]
        return _file_imports(source, source.stat().st_mtime_ns, package)

    def _everything(self) -> set[str]:
        """Every module but the publishing ones, for code that cannot be read."""
        names = set()
        for path in self.root.rglob("*.py"):
            parts = path.relative_to(self.root).with_suffix("").parts
            if parts[0] != "publishing":
                name = ".".join((self.name, *parts))
                names.add(name.removesuffix(".__init__"))
        return names

    def _files(self, module: str) -> list[Path]:
        """Return the source of a module and the data files that belong to it.

        A file belongs to the module beside it, or above it, whose name it begins with
        (``world.npz`` and ``files/world-rings.npz`` to ``world.py``); one
        that no module claims belongs to every module there.
        """
        source = self.source(module)
        assert source is not None
        stems = {path.stem for path in source.parent.glob("*.py")}
        files = [source]
        for path in _data_files(source.parent):
            owners = {stem for stem in stems if path.name.startswith(stem)}
            if source.stem in owners or not owners:
                files.append(path)
        return files


def _data_files(folder: Path) -> Iterator[Path]:
    """Yield the files beside a module and in folders below that hold no package."""
    for path in folder.iterdir():
        if path.name.startswith((".", "__")):
            continue
        if path.is_dir() and not (path / "__init__.py").exists():
            yield from _data_files(path)
        elif path.is_file() and path.suffix not in _NOT_DATA:
            yield path


def _parents(module: str) -> list[str]:
    """Return a dotted name and the packages it lies in, outermost first."""
    parts = module.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


@functools.cache
def _file_imports(source: Path, mtime: int, package: str) -> Imports:
    return imports_of(source.read_text("utf8"), package)


def _versions(imports: Imports, package: str) -> tuple[tuple[str, str], ...]:
    """Return the versions behind some code: Python's and the distributions'."""
    wanted = {*ALWAYS, *imports.distributions}
    for name in {name.partition(".")[0] for name in imports.names}:
        if name != package and name not in sys.stdlib_module_names:
            wanted.update(_distributions(name))
    found = {name: _version(name) for name in wanted}
    installed = {name: v for name, v in found.items() if v is not None}
    return tuple(sorted({**installed, "Python": platform.python_version()}.items()))


@functools.cache
def _distributions(module: str) -> tuple[str, ...]:
    """Return the distributions that hold a top-level module: usually its name."""
    if _version(module) is not None:
        return (importlib.metadata.metadata(module)["Name"],)
    return tuple(sorted(set(_packages().get(module, ()))))


@functools.cache
def _packages() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


@functools.cache
def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
