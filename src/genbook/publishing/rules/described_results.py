"""What alternative texts and captions say of a result is computed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from genbook.publishing.content.myst import plain
from genbook.publishing.content.page import Page, parse
from genbook.publishing.rules.problem import Problem, at

_COUNTED = 12  # up to here a number may count what is seen: rows, panels, curves
_YEAR = re.compile(r"1[789]\d\d|20\d\d")  # a count has a comma there
_SIZE = re.compile(r"\d+\s*[×x]\s*\d+")
_TYPED = re.compile(
    r"(?<![\w.,])(\d+(?:,\d{3})*(?:\.\d+)?)(?![\w]|\.\d)"
    r"(\s?%|\s(?:per cent|nats?|bits?|times)\b)?"
)


def computed_results(page: Page) -> Iterator[Problem]:
    """A result in an alternative text or a caption is computed, not typed.

    A number is taken for a result if it is a decimal, has a unit, or counts more than
    twelve; unless it is a year, a size such as 28 × 28, part of a formula, a setting
    that the page's code has as a number, or allowed by ``% typed numbers:``.
    """
    settings = _settings(page)
    for line, called, text in _texts(page):
        for found in _TYPED.finditer(_SIZE.sub(" ", plain(text))):
            typed, unit = found[1], (found[2] or "").strip()
            value = float(typed.replace(",", ""))
            small = _YEAR.fullmatch(typed) or (value <= _COUNTED and "." not in typed)
            allowed = page.allowed & {typed, typed + unit}
            if (unit or not small) and value not in settings and not allowed:
                yield at(
                    page,
                    line,
                    f"{typed} {unit}".rstrip() + f" is typed in {called}: "
                    "write {glue:text}`name` and compute it with number()",
                )


def _texts(page: Page) -> Iterator[tuple[int, str, str]]:
    """Yield what describes a figure or a table: its line, what it is, its text."""
    for d in page.directives:
        if d.alt:
            yield d.line, "an alternative text", d.alt
        if caption := d.figure.get("caption"):
            yield d.line, "a caption", str(caption)
        if d.name == "figure":
            for i, text in enumerate(d.body):
                yield d.body_line + i, "a caption", text
    for cell in page.cells:
        for call in ast.walk(parse(cell)):
            for given in getattr(call, "keywords", ()):
                if given.arg == "caption" and isinstance(given.value, ast.Constant):
                    line = cell.body_line + given.value.lineno - 1
                    yield line, "a caption", str(given.value.value)


def _settings(page: Page) -> set[float]:
    """Return the numbers of the page's code, but for what its claims promise."""
    found: set[float] = set()
    for cell in page.cells:
        waiting: list[ast.AST] = [parse(cell)]
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "claim":
                continue
            if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
                found.add(float(node.value))
            waiting += ast.iter_child_nodes(node)
    return found
