"""The code behind a model, wherever it stands: in the package, or in a reader's file.

A model of the package may hold a network of one's own. What a training comes to depends
on both, so both must be part of its key.
"""

from __future__ import annotations

import hashlib
import sys
import sysconfig
from pathlib import Path

from torch import nn

from genbook.course.fingerprint import Code, Imports, imports_of

PACKAGE = "genbook"
_INSTALLED = tuple(
    Path(sysconfig.get_path(name)).resolve()
    for name in ("stdlib", "platstdlib", "purelib", "platlib")
)


def code_behind(model: nn.Module) -> Code | None:
    """Return what decides how a model and all its parts behave.

    Files of one's own are read, and with them the files of one's own that they import.
    What was installed counts by its version.

    Args:
        model: A model, with its networks.

    Returns:
        The digest of one's own files, and what is imported; ``None`` where a class has
        no file, as those of a notebook's cells.

    Example:
        >>> code_behind(nn.Linear(2, 1)).digest
        ''
    """
    classes = {c for part in model.modules() for c in type(part).__mro__}
    todo = {c.__module__ for c in classes}
    digests: dict[str, str] = {}
    met = Imports()
    while todo:
        name = todo.pop()
        met |= Imports(frozenset({name}))
        if name in digests or not _is_own(name):
            continue
        file = getattr(sys.modules[name], "__file__", None)
        if file is None or not Path(file).is_file():
            return None
        content = Path(file).read_bytes()
        digests[name] = hashlib.sha256(content).hexdigest()
        package = getattr(sys.modules[name], "__package__", None) or ""
        if file.endswith(".py"):
            imports = imports_of(content.decode("utf8", "replace"), package)
            met |= imports
            todo |= {p for n in imports.names for p in _prefixes(n)}
        todo |= set(_prefixes(name))
    digest = hashlib.sha256(repr(sorted(digests.items())).encode()).hexdigest()
    return Code(digest if digests else "", met)


def _is_own(name: str) -> bool:
    """Whether a module was imported, and neither belongs to us nor was installed."""
    head = name.partition(".")[0]
    if name not in sys.modules or head == PACKAGE or head in sys.builtin_module_names:
        return False
    file = getattr(sys.modules[name], "__file__", None)
    if file is None:
        return name == "__main__"  # a namespace, or built in
    path = Path(file).resolve()
    return not any(path.is_relative_to(folder) for folder in _INSTALLED)


def _prefixes(name: str) -> list[str]:
    """Return a dotted name and the packages that it lies in."""
    parts = name.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]
