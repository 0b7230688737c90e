"""The numbers of equations that the comments of the package name.

A docstring names an equation by its label, ``:eq:`eq-vae-kl```, and the line of code
that computes it carries, in a comment, the number that the book prints: one pair in
parentheses of its own, ``# (12.8)``, or among others, ``# (n, k), (12.8)``. A number is
written without zeros in front. Labels stay when chapters move; numbers do not, so
:func:`equation_numbers` compares the two and :func:`renumber` writes the numbers anew.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from genbook.publishing.content.page import Page
from genbook.publishing.content.sources import Book
from genbook.publishing.rules.problem import Problem

Number = tuple[int, int]

_COMMENT = re.compile(r"\(([1-9]\d*)\.([1-9]\d*)\)")
_ROLE = re.compile(r":eq:`([^`]+)`")
_DOLLARS = re.compile(r"\$\$\s*\(([^()\s]+)\)\s*$")
_NO_MATHS = {"", "code-cell", "code-block", "raw", "eval-rst"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def shown(number: Number) -> str:
    """Return a number as the book prints it: ``(12.8)``."""
    return f"({number[0]}.{number[1]})"


def labels(page: Page) -> list[str]:
    """Return the labels of a page's numbered equations, in order."""
    found = [
        (d.line, str(d.options.get("label") or d.options.get("name")))
        for d in page.directives
        if d.name == "math" and (d.options.get("label") or d.options.get("name"))
    ]
    code = {
        line
        for d in page.directives
        if d.name in _NO_MATHS
        for line in range(d.line, d.body_line + len(d.body))
    }
    for line, text in enumerate(page.path.read_text("utf8").splitlines(), 1):
        if (match := _DOLLARS.search(text)) and line not in code:
            found.append((line, match[1]))
    return [label for _, label in sorted(found)]


def _chapters(root: Path) -> list[list[str]]:
    """Return the numbered chapters of ``_toc.yml``, each with its sections' pages."""

    def pages(node: dict[str, Any]) -> Iterator[str]:
        yield str(node["file"]).removesuffix(".md")
        for section in node.get("sections") or []:
            yield from pages(section)

    toc = yaml.safe_load((root / "_toc.yml").read_text("utf8"))
    return [
        list(pages(chapter))
        for part in toc.get("parts") or []
        if part.get("numbered")
        for chapter in part["chapters"]
    ]


def numbers(book: Book) -> dict[str, Number]:
    """Return the number of every labelled equation, as the built book prints it.

    Chapters are numbered through all numbered parts, as ``use_multitoc_numbering`` has
    it; within a chapter the labelled equations count, in order.
    """
    found: dict[str, Number] = {}
    for chapter, names in enumerate(_chapters(book.root), 1):
        inside = [
            x for name in names if name in book.pages for x in labels(book.pages[name])
        ]
        found |= {label: (chapter, i) for i, label in enumerate(inside, 1)}
    return found


@dataclass
class Scope:
    """A function, a class or a module, and the equations that it names.

    Attributes:
        name: Its qualified name; empty for the module.
        kind: ``function``, ``class`` or ``module``.
        first: The number of its first line.
        last: The number of its last line.
        own: The labels in its docstring, and in those of functions inside a function.
        around: The labels in the docstrings of the classes around it.
        comments: The numbers in its comments: (line, column, number).
    """

    name: str
    kind: str
    first: int
    last: int
    own: set[str] = field(default_factory=set)
    around: set[str] = field(default_factory=set)
    comments: list[tuple[int, int, Number]] = field(default_factory=list)


def scopes(source: str) -> list[Scope]:
    """Take the source of a module apart: the module first, then what it holds.

    A comment belongs to the innermost scope around it. Functions and classes inside a
    function are part of it.
    """
    tree = ast.parse(source)
    found = [Scope("", "module", 1, source.count("\n") + 1, _named(tree))]
    _read(tree, "", set(), found)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            line, column = token.start
            scope = [s for s in found if s.first <= line <= s.last][-1]
            for match in _COMMENT.finditer(token.string):
                number = int(match[1]), int(match[2])
                scope.comments.append((line, column + match.start(), number))
    return found


def _named(node: ast.AST) -> set[str]:
    """Return the labels in the docstring of a node that can have one."""
    return set(_ROLE.findall(ast.get_docstring(node) or ""))  # type: ignore[arg-type]


def _read(node: ast.AST, prefix: str, around: set[str], found: list[Scope]) -> None:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*_FUNCTIONS, ast.ClassDef)):
            is_class = isinstance(child, ast.ClassDef)
            inside = [child] if is_class else list(ast.walk(child))
            own = {
                label
                for n in inside
                if isinstance(n, (*_FUNCTIONS, ast.ClassDef))
                for label in _named(n)
            }
            kind = "class" if is_class else "function"
            first, last = child.lineno, child.end_lineno or child.lineno
            name = prefix + child.name
            found.append(Scope(name, kind, first, last, own, around))
            if is_class:
                _read(child, f"{name}.", around | own, found)
        elif isinstance(child, ast.stmt):  # if TYPE_CHECKING: and the like
            _read(child, prefix, around, found)


def files(root: Path) -> list[Path]:
    """Return the modules whose comments are read: all but those of publishing."""
    package = root / "src/genbook"
    return sorted(
        path
        for path in package.rglob("*.py")
        if path.relative_to(package).parts[0] != "publishing"
    )


def equation_numbers(book: Book) -> Iterator[Problem]:
    """The code's comments number the equations of its docstrings as the book does."""
    known = numbers(book)
    for path in files(book.root):
        name = path.relative_to(book.root).as_posix()
        for line, what in wrong(path.read_text("utf8"), known):
            yield Problem(name, line, "equation_numbers", what)


def wrong(source: str, known: dict[str, Number]) -> Iterator[tuple[int, str]]:
    """Yield what is wrong in the source of one module: (line, what).

    Args:
        source: The module.
        known: The number of every equation, from :func:`numbers`.
    """
    for i, text in enumerate(source.split("\n"), 1):
        for label in _ROLE.findall(text):
            if label not in known:
                yield i, f"{label} is no labelled equation of a numbered chapter"
    found = scopes(source)
    for scope in found:
        yield from _wrong_numbers(scope, known)
        if scope.kind == "module":
            continue
        inside = [scope] if scope.kind == "function" else _members(scope, found)
        there = {
            (corrections(s, known) or {}).get(number, number)
            for s in inside
            for _, _, number in s.comments
        }
        for label in sorted(scope.own & known.keys(), key=known.__getitem__):
            if known[label] not in there:
                missing = f"no comment says {shown(known[label])}"
                yield scope.first, f"{scope.name} names {label}: {missing}"


def _members(scope: Scope, found: Iterable[Scope]) -> list[Scope]:
    """Return a class and what it holds."""
    return [s for s in found if scope.first <= s.first and s.last <= scope.last]


def _wrong_numbers(scope: Scope, known: dict[str, Number]) -> Iterator[tuple[int, str]]:
    named = {known[x]: x for x in scope.own | scope.around if x in known}
    right = corrections(scope, known) or {}
    everywhere = {number: label for label, number in known.items()}
    for line, _, number in scope.comments:
        what = f"{scope.name or 'the module'}: {shown(number)}"
        if number in right:
            new = right[number]
            if new != number:
                yield line, f"{what} must be {shown(new)}, {named[new]}"
        elif number not in named:
            what += f" is {everywhere.get(number, 'no equation of the book')}"
            there = ", ".join(f"{x} {shown(n)}" for n, x in sorted(named.items()))
            yield line, f"{what}; its docstring names {there or 'none'}"


def corrections(scope: Scope, known: dict[str, Number]) -> dict[Number, Number] | None:
    """Return the right number for each number of a scope's comments.

    A new chapter or equation moves those behind it, but none past another. So first
    the chapters are put right, in order, and kept if that is enough; then the numbers
    themselves, in order, if there are as many as labels. Where every number is of some
    label, all map to themselves.

    Returns:
        The old numbers and the new; None where the labels leave several ways.
    """
    old = sorted({number for _, _, number in scope.comments})
    both = {known[x] for x in scope.own | scope.around if x in known}
    own = {known[x] for x in scope.own if x in known}
    if scope.kind != "function":  # a class leaves its equations to its methods
        own = set()
    if set(old) <= both:
        return {number: number for number in old}
    for labels_ in (own, both):
        was, now = sorted({a for a, _ in old}), sorted({a for a, _ in labels_})
        if len(was) == len(now):
            chapter = dict(zip(was, now, strict=True))
            new = [(chapter[a], b) for a, b in old]
            if own <= set(new) <= both:
                return dict(zip(old, new, strict=True))
    for labels_ in (own, both):
        if len(old) == len(labels_):
            return dict(zip(old, sorted(labels_), strict=True))
    return None


def renumber(source: str, known: dict[str, Number]) -> str:
    """Return the source with the right numbers in its comments.

    Where the labels of a docstring leave several ways, the numbers stay; what
    :func:`wrong` says of the result is what is left to do by hand.

    Args:
        source: A module.
        known: The number of every equation, from :func:`numbers`.
    """
    lines = source.split("\n")
    found = [
        (line, column, number, right[number])
        for scope in scopes(source)
        if (right := corrections(scope, known))
        for line, column, number in scope.comments
    ]
    for line, column, old, new in sorted(found, reverse=True):
        text = lines[line - 1]
        end = column + len(shown(old))
        lines[line - 1] = text[:column] + shown(new) + text[end:]
    return "\n".join(lines)
