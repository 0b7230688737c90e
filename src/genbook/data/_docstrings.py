"""The prose in the docstrings of installed packages, read from their source files."""

from __future__ import annotations

import ast
import inspect
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from genbook.data._markup import PACKAGES, without_markup

# Their versions belong to the key of every chapter that reaches this module.
READS_PACKAGES = ("numpy", "scipy", "scikit-learn", "matplotlib", "torch")

# Folders with tests, with other people's code, or with no documentation for users.
_SKIP = {"tests", "test", "testing", "externals", "_lib", "_external", "f2py"}
_SKIP |= {"ao", "compiler", "distributed", "export", "fx", "jit", "onnx", "profiler"}

_SECTIONS_LEFT_OUT = re.compile(r"(references?|see also|examples?|methods|attributes)$")


def _sentences(text: str) -> list[str]:
    """Return the sentences of running text."""
    text = " ".join(text.split())
    return [s for s in _SENTENCE_END.split(text) if s]


_SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<!\be\.g\.)(?<!\bi\.e\.)['\"”’)]* (?=[\"“‘'(]*[A-Z…])"
)


def _length(sentences: Iterable[str]) -> int:
    return sum(len(sentence.split()) for sentence in sentences)


@lru_cache(maxsize=len(PACKAGES))
def _objects(package: str) -> dict[str, list[str]]:
    """Return the sentences of each object of a package."""
    spec = find_spec(PACKAGES[package])
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            f"{package} is not installed; run: pip install 'genbook[data]'"
        )
    root = Path(spec.origin).parent
    docs: dict[str, list[str]] = defaultdict(list)
    for path in sorted(root.rglob("*.py")):
        folders = path.relative_to(root).parts[:-1]
        private = package == "PyTorch" and any(f.startswith("_") for f in folders)
        if private or _SKIP & set(folders):
            continue
        source = path.read_text("utf-8", errors="replace")
        module = ".".join((root.name, *folders, path.stem))
        for name, doc in _docstrings(source):
            docs[f"{module}.{name}".replace(".__init__", "")].append(doc)
    if package == "NumPy":
        for name, doc in _compiled():
            docs[name].append(doc)
    return {
        name: [s for doc in parts for s in prose_of(doc)]
        for name, parts in docs.items()
        if sum(map(len, parts)) > 300  # anything shorter makes no passage
    }


def _compiled() -> Iterator[tuple[str, str]]:
    """Yield NumPy's objects that have their documentation in compiled files."""
    for name in sorted(vars(np)):
        if isinstance(getattr(np, name), np.ufunc):
            yield f"numpy.{name}", getattr(np, name).__doc__ or ""
    for kind in (np.random.Generator, np.random.RandomState):
        for name, method in sorted(vars(kind).items()):
            if not name.startswith("_"):
                yield f"numpy.random.{name}", inspect.getdoc(method) or ""


_HEADER = re.compile(r"\n([ \t]*)(?:class|def|async def)[ \t]+(\w+)")

_NEWDOC = re.compile(r"\b(?:add_newdoc|add_docstr)\(\s*([^\n]*?),\s*[rR]?$")

_COLON = re.compile(r":[ \t]*(?:#[^\n]*)?\n")


def _docstrings(source: str) -> Iterator[tuple[str, str]]:
    """Yield the docstrings of a source file with the object that each belongs to.

    It looks for triple quotes, which is much faster than parsing the file.
    """
    headers = list(_HEADER.finditer(source))
    added = "add_newdoc" in source or "add_docstr" in source
    header, top, n, end = None, "", 0, 0
    while (start := source.find('"""', end)) >= 0:
        while n < len(headers) and headers[n].end() <= start:
            if headers[n].start() >= end - 1:  # and not in the last string
                header = headers[n]
                top = top if header[1] else header[2]
            n += 1
        close = source.find('"""', start + 3)
        while close > 0 and source[close - 1] == "\\":
            close = source.find('"""', close + 1)
        if close < 0:
            return
        before, end = end, close + 3
        line = source.rfind("\n", 0, start) + 1
        prefix = source[line:start].strip()
        if header is not None and top and prefix in {"", "r", "R"}:
            colons = list(_COLON.finditer(source, max(header.end(), before), line))
            if len(colons) == 1 and not source[colons[0].end() : line].strip():
                yield top, _value(source[start:end], prefix)
                continue
        if added and (call := _NEWDOC.search(source[max(before, start - 120) : start])):
            name = re.sub(r"[^\w.]+", ".", call[1]).strip(".")
            yield name, _value(source[start:end], "r")


def _value(literal: str, prefix: str) -> str:
    """Return the value of a string literal."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return str(ast.literal_eval(prefix + literal))
    except (SyntaxError, ValueError):
        return ""


def prose_of(doc: str) -> list[str]:
    """Return the sentences of a docstring without what is not prose.

    Doctests, code blocks, formulas, tables, references and the names and types of
    parameters go; what they are said to be stays. Inside a sentence code, formulas,
    names of packages and identifiers become an ellipsis.

    Args:
        doc: A docstring in the style of NumPy or of Google.

    Returns:
        Its sentences.

    Example:
        >>> prose_of("Return the mean of `x`.\\n\\n>>> mean([1, 2])\\n1.5")
        ['Return the mean of ….']
    """
    sentences = []
    lines = _without_sections(inspect.cleandoc(doc).splitlines())
    for paragraph in _paragraphs(_without_blocks(lines)):
        text = without_markup(" ".join(paragraph))
        for sentence in _sentences(text):
            if sum(word[:1].isalpha() for word in sentence.split()) >= 4:
                ended = sentence[-1] in ".:!?"
                sentences.append(sentence if ended else sentence + ".")
    return sentences


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _without_sections(lines: Sequence[str]) -> Iterator[str]:
    """Drop headings, and the sections that are lists of names or code."""
    skip = False
    for i, line in enumerate(lines):
        after = lines[i + 1].strip() if i + 1 < len(lines) else ""
        title = line.strip()
        underlined = title and after[:3] in _RULES and _RULE.fullmatch(after)
        if underlined or (title[-1:] == ":" and _GOOGLE.match(title)):
            skip = bool(_SECTIONS_LEFT_OUT.match(title.rstrip(":").lower()))
            yield ""
        elif title[:2] in _RULES and _RULE.fullmatch(title):
            yield ""
        elif not skip:
            yield line


_RULES = {c * n for c in "-=~^*+|#" for n in (2, 3)} | {"+-", "| "}

_RULE = re.compile(r"[-=~^*+|# ]{3,}")

_GOOGLE = re.compile(
    r"(Args|Arguments|Returns?|Yields|Raises|Keyword args|Keyword Arguments|Notes?"
    r"|Examples?|Shape|Attributes|References?|Inputs?|Outputs?|Parameters)::?$",
    re.IGNORECASE,
)

_KEPT = re.compile(r"\.\. (note|warning|attention|seealso)::(.*)")

_NAME_AND_TYPE = re.compile(r"[*\w., \\`/-]{1,60}\s:(?:\s+(.*)|$)")

_NAME_AND_TEXT = re.compile(
    r"(?:[`*\w. ]{1,40}\([^)]*\)\s*(?::|--?)|[*a-z_]\w*:\s)\s*(.*)$"
)


def _without_blocks(lines: Iterable[str]) -> Iterator[str]:
    """Drop doctests, literal blocks, directives, and the names of parameters."""
    block: int | None = None  # lines deeper than this are left out
    doctest = False
    rows = list(lines)
    for i, line in enumerate(rows):
        text, indent = line.strip(), _indent(line)
        if not text:
            doctest = False
            yield ""
            continue
        if block is not None and indent > block:
            continue
        block = None
        doctest = doctest or text.startswith(">>>")
        if doctest:
            continue
        directive = text.startswith(".. ")
        if directive and (kept := _KEPT.match(text)):
            yield ""
            yield kept[2]
        elif directive:
            block = indent
            yield ""
        elif text.endswith("::"):
            block = indent
            yield text[:-1]
        elif ":" not in text and " -" not in text:
            yield line
        elif field := _NAME_AND_TYPE.match(text):  # NumPy's style
            deeper = i + 1 < len(rows) and _indent(rows[i + 1]) > indent
            yield ""
            yield "" if deeper else field[1] or ""
        elif field := _NAME_AND_TEXT.match(text):  # Google's style
            yield ""
            yield field[1]
        else:
            yield line


def _paragraphs(lines: Iterable[str]) -> Iterator[list[str]]:
    """Yield the runs of lines between empty ones, or before an item of a list."""
    run: list[str] = []
    for line in [*lines, ""]:
        item = re.match(r"\s*(?:[-*+•]|\d+[.)]|\(?[a-z]\))\s", line)
        if (not line.strip() or item) and run:
            yield run
            run = []
        if line.strip():
            run.append(line[item.end() :].strip() if item else line.strip())
