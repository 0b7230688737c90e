"""Parameters of installed packages: what is written of each, and its true default.

The documentation is that in the docstrings, the default that in the signature. Both are
read from the source files; nothing is imported, and nothing is copied into the book.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from genbook._validate import check_choice
from genbook.data._markup import PACKAGES

__all__ = ["LIBRARIES", "Entry", "entries_of", "read_entries"]

# Their versions belong to the key of every chapter that reaches this module.
READS_PACKAGES = ("scikit-learn", "torch")

#: The packages that the desk knows, by their names in prose.
LIBRARIES = ("scikit-learn", "PyTorch")

# Folders with tests, with other people's code, or that few readers ever open.
_SKIP = {"tests", "test", "testing", "externals", "compiler", "export", "fx", "jit"}

# Private by name, but what users call is defined there.
_PUBLIC = {"_functorch", "_logging"}


class Entry(NamedTuple):
    """One parameter of one function or class.

    Attributes:
        package: ``"scikit-learn"`` or ``"PyTorch"``.
        function: The function or class, ``"SGD"`` or ``"DataLoader.close"``.
        parameter: The parameter's name.
        kind: What the documentation says of its type.
        text: What the documentation says of it otherwise.
        default: The default of the signature, as Python writes it.
    """

    package: str
    function: str
    parameter: str
    kind: str
    text: str
    default: str


@lru_cache(maxsize=len(LIBRARIES))
def read_entries(package: str) -> tuple[Entry, ...]:
    """Return each documented parameter of a package that has a default.

    Args:
        package: ``"scikit-learn"`` or ``"PyTorch"``.

    Returns:
        The entries, in the order of the files; a parameter that stands in two classes
        of one name counts once.

    Raises:
        ValueError: If the desk does not know the package.
        ModuleNotFoundError: If it is not installed.

    Example:
        >>> [
        ...     e.default
        ...     for e in read_entries("PyTorch")
        ...     if (e.function, e.parameter) == ("DataLoader", "batch_size")
        ... ]
        ['1']
    """
    check_choice(package, "package", LIBRARIES)
    spec = find_spec(PACKAGES[package])
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            f"{package} is not installed; run: pip install 'genbook[data]'"
        )
    root = Path(spec.origin).parent
    found: dict[tuple[str, str], Entry] = {}
    for path in sorted(root.rglob("*.py")):
        folders = path.relative_to(root).parts[:-1]
        private = any(f.startswith("_") and f not in _PUBLIC for f in folders)
        if private or _SKIP & set(folders):
            continue
        source = path.read_text("utf-8", errors="replace")
        if "Parameters\n" in source or "Args:" in source:
            for function, parameter, kind, text, default in entries_of(source):
                entry = Entry(package, function, parameter, kind, text, default)
                found.setdefault((function, parameter), entry)
    return tuple(found.values())


def entries_of(source: str) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield function, parameter, kind, text and default of a source file.

    Example:
        >>> code = 'def f(a, b=2):\\n    "Sum.\\n\\n    Args:\\n        b: The second."'
        >>> code = code.replace('"', '\"\"\"')
        >>> list(entries_of(code))
        [('f', 'b', '', 'The second.', '2')]
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except SyntaxError:
        return
    todo: list[tuple[ast.stmt, str]] = [(node, "") for node in tree.body]
    for node, owner in todo:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        if isinstance(node, ast.ClassDef):
            todo += [(child, f"{node.name}.") for child in node.body]
        signature = _signature(node)
        doc = ast.get_docstring(node) or ""
        if signature is None or node.name.startswith("_") or not doc:
            continue
        defaults = _defaults(signature)
        for parameter, kind, text in [*_numpy_style(doc)] or _google_style(doc):
            if parameter in defaults:
                value = ast.unparse(defaults[parameter])
                yield owner + node.name, parameter, kind, text, value


def _signature(node: ast.FunctionDef | ast.ClassDef) -> ast.arguments | None:
    """Return the arguments of a function, or those that make an object of a class."""
    if isinstance(node, ast.FunctionDef):
        return node.args
    for child in node.body:
        if isinstance(child, ast.FunctionDef) and child.name == "__init__":
            return child.args
    return None


def _defaults(signature: ast.arguments) -> dict[str, ast.expr]:
    """Return the parameters that have a default, with it."""
    names = [a.arg for a in signature.posonlyargs + signature.args]
    given = signature.defaults
    found = dict(zip(names[len(names) - len(given) :], given, strict=True))
    pairs = zip(signature.kwonlyargs, signature.kw_defaults, strict=True)
    return found | {a.arg: value for a, value in pairs if value is not None}


_NUMPY = re.compile(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-{3,}\n|\Z)", re.S | re.M)
_NUMPY_HEAD = re.compile(r"(\w+)\s*:\s*(.+)$")
_GOOGLE = re.compile(
    r"^(?:Args|Arguments|Keyword args|Keyword Arguments|Parameters):\s*\n"
    r"(.*?)(?=^\S|\Z)",
    re.S | re.M,
)
_GOOGLE_HEAD = re.compile(r"\s*(\w+)\s*(?:\(([^)]*(?:\([^)]*\))?[^)]*)\))?\s*:\s*(.*)$")


def _numpy_style(doc: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, kind and text of the parameters of a NumPy docstring."""
    section = _NUMPY.search(doc)
    head, text = None, list[str]()
    for line in section[1].splitlines() if section else []:
        found = _NUMPY_HEAD.match(line)
        if found or (line.strip() and not line.startswith(" ")):
            if head:
                yield head[1], head[2].strip(), " ".join(text)
            head, text = found, []
        else:
            text.append(line.strip())
    if head:
        yield head[1], head[2].strip(), " ".join(text)


def _google_style(doc: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, kind and text of the parameters of a Google docstring."""
    section = _GOOGLE.search(doc)
    head, text, margin = None, list[str](), -1
    for line in section[1].splitlines() if section else []:
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        margin = indent if margin < 0 else margin
        found = _GOOGLE_HEAD.match(line) if indent <= margin else None
        if found or indent <= margin:
            if head:
                yield head[1], (head[2] or "").strip(), " ".join(text)
            head, text = found, [found[3].strip()] if found else []
        else:
            text.append(line.strip())
    if head:
        yield head[1], (head[2] or "").strip(), " ".join(text)
