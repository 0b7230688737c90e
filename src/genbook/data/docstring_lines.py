"""Lines of NumPy's own docstrings, each with the section that it belongs to.

A NumPy docstring has sections in a customary order: a summary, parameters, what is
returned, notes, examples. With the headings taken away, which section is a line from?
The text is read where NumPy is installed, is never copied, and differs a little from
version to version.
"""

from __future__ import annotations

import ast
import re
import zlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from genbook._validate import check_count, check_dtype

#: The labels, in their customary order.
SECTIONS = (
    "summary",
    "parameters",
    "returns",
    "see also",
    "notes",
    "references",
    "examples",
)
# What is asked of a line, on its own: a name and a pattern.
FEATURES = {
    "prompt": r"\s*(>>>|\.\.\. |\.\.\.$)",
    "indented": r" {4}",
    "far indented": r" {8}",
    "name : type": r"[*\w][\w, *.]* : ",
    "capital first": r"\s*[A-Z]",
    "full stop last": r".*\.$",
    "comma last": r".*,$",
    "colon last": r".*:$",
    "footnote": r"\.\. \[",
    "cites": r".*\[\w+\]_",
    "directive": r"\s*\.\. \w",
    "formula": r".*(:math:|\\|\^)",
    "code": r".*`",
    "digit": r".*\d",
    "bracket first": r"\s*[\[(<]",
    "array(": r"\s*array\(",
    "equals": r".* = ",
    "optional": r".*\b(optional|default)\b",
    "a type": r".*\b(int|float|bool|str|ndarray|array_like|dtype|tuple|scalar)\b",
    "if": r".*\b(if|when|whether|must)\b",
    "returns": r"\s*(return|compute|create|generate|test|find)s?\b",
    "article": r".*\b(the|a|an|of|is)\b",
    "a year": r".*\b(19|20)\d\d\b",
    "one word": r"\s*\S+$",
    "short": r".{,30}$",
    "long": r".{65}",
}
_PATTERNS = [re.compile(p, re.IGNORECASE) for p in FEATURES.values()]
_PATTERNS[list(FEATURES).index("capital first")] = re.compile(FEATURES["capital first"])
_HEADINGS = {name.title(): i for i, name in enumerate(SECTIONS)} | {
    "See also": SECTIONS.index("see also"),
    "Other Parameters": SECTIONS.index("parameters"),
    "Yields": SECTIONS.index("returns"),
}


@dataclass(frozen=True)
class DocstringLines:
    """Pieces of docstrings, all of the same number of lines.

    Attributes:
        x: The features of each line, 0 or 1, ``(n, length, 26)``.
        y: The section of each line, ``(n, length)``; :data:`SECTIONS` names them.
        lines: The text of each line, for each piece.
        names: The object that each piece documents.
    """

    x: Tensor
    y: Tensor
    lines: list[list[str]]
    names: list[str]

    def __len__(self) -> int:
        return len(self.x)


def load_docstring_lines(
    split: str = "train", *, length: int = 16, dtype: torch.dtype = torch.float32
) -> DocstringLines:
    """Return NumPy's docstrings, cut into pieces of consecutive lines.

    Docstrings are kept out as a whole: a quarter of the objects, chosen by a checksum
    of their names, is the test set. Docstrings with a section that :data:`SECTIONS`
    does not know are left out, and so are what remains after the last whole piece,
    empty lines and headings.

    Args:
        split: ``"train"`` or ``"test"``.
        length: Lines a piece.
        dtype: ``torch.float32`` or ``torch.float64``.

    Raises:
        ModuleNotFoundError: If NumPy is not installed.
        ValueError: If there is no such split, or ``length`` is not positive.

    Example:
        >>> pieces = load_docstring_lines("test", length=8)
        >>> pieces.x.shape[1:], pieces.y.shape[1:]
        (torch.Size([8, 26]), torch.Size([8]))
    """
    if split not in ("train", "test"):
        raise ValueError(f"split must be 'train' or 'test', got {split!r}")
    length = check_count(length, "length", minimum=1)
    check_dtype(dtype)
    lines: list[list[str]] = []
    labels: list[list[int]] = []
    names: list[str] = []
    for name, text in _docstrings("numpy"):
        if (zlib.crc32(name.encode()) % 4 == 0) != (split == "test"):
            continue
        labelled = label_lines(text) or []
        for start in range(0, len(labelled) - length + 1, length):
            piece = labelled[start : start + length]
            lines.append([line for line, _ in piece])
            labels.append([label for _, label in piece])
            names.append(name)
    features = [[line_features(line) for line in piece] for piece in lines]
    return DocstringLines(
        torch.tensor(features, dtype=dtype), torch.tensor(labels), lines, names
    )


def label_lines(text: str) -> list[tuple[str, int]] | None:
    """Return the lines of a docstring with their sections, headings left out.

    Args:
        text: A docstring without common indentation.

    Returns:
        Pairs of a line and its label, or ``None`` if a section is unknown.

    Example:
        >>> label_lines("Add.\\n\\nReturns\\n-------\\nz : int\\n    The sum.")
        [('Add.', 0), ('z : int', 2), ('    The sum.', 2)]
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be a string, got {type(text).__name__}")
    lines = text.expandtabs().splitlines()
    labelled: list[tuple[str, int]] = []
    section = 0
    for i, line in enumerate(lines):
        below = lines[i + 1] if i + 1 < len(lines) else ""
        if line.strip() and re.fullmatch(r"-{3,}\s*", below):
            if line.strip() not in _HEADINGS:
                return None
            section = _HEADINGS[line.strip()]
        elif line.strip() and not re.fullmatch(r"-{3,}\s*", line):
            labelled.append((line.rstrip(), section))
    return labelled


def line_features(line: str) -> list[float]:
    """Return which patterns of ``FEATURES`` a line matches, 1 or 0 each.

    Example:
        >>> sum(line_features("    Summed over the last axis."))
        5.0
    """
    if not isinstance(line, str):
        raise TypeError(f"line must be a string, got {type(line).__name__}")
    return [float(bool(pattern.match(line))) for pattern in _PATTERNS]


@lru_cache(maxsize=1)
def _docstrings(package: str) -> tuple[tuple[str, str], ...]:
    """Return name and docstring of what an installed package defines in Python."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{package} is not installed: pip install {package}")
    root = Path(spec.origin).parent
    found: dict[str, str] = {}  # each text once
    for path in sorted(root.rglob("*.py")):
        if {"tests", "testing", "f2py"} & set(path.parts):
            continue
        text = path.read_text("utf8", errors="replace")
        if "Parameters\n" not in text:
            continue
        module = path.relative_to(root).with_suffix("").as_posix().replace("/", ".")
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.FunctionDef | ast.ClassDef):
                continue
            doc = ast.get_docstring(node) or ""
            if re.search(r"^Parameters\n-{3}", doc, re.M):
                found.setdefault(doc, f"{module}.{node.name}")
    return tuple((name, doc) for doc, name in found.items())
