"""Sphinx extension: the lines of the package that a page shows.

A listing says what the prose around it says, so a docstring of more than ``LONG`` lines
shrinks to its first one. ``:docstring: none`` leaves out the docstrings of a listing
altogether, ``:docstring: all`` keeps them. Checks of arguments are left out too: no
page tells of them. Where a check returns what it was given, that stands in its place.
"""

from __future__ import annotations

import ast
import re
import textwrap
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.directives.code import LiteralInclude

from genbook.publishing.content.page import Directive, Page

LONG = 3
_DOOR = re.compile(r"_?(check|refuse)(_|$)")  # names of functions that refuse
_WRAPPER = re.compile(r"_?check(ed$|_|$)")  # of those that return what they were given
_DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def listing(page: Page, d: Directive) -> list[str]:
    """Return the lines that a ``literalinclude`` shows.

    Args:
        page: Where it stands.
        d: The directive.

    Raises:
        OSError: If the file cannot be read.
        StopIteration: If what it names is not in the file.
    """
    path = page.path.parent / d.argument
    lines = path.read_text("utf8").splitlines()
    if wanted := d.options.get("pyobject"):
        body = ast.parse("\n".join(lines)).body
        node: Any = None
        for part in wanted.split("."):
            node = next(n for n in body if getattr(n, "name", None) == part)
            body = node.body
        lines = lines[node.lineno - 1 : node.end_lineno]
    if start := d.options.get("start-at") or d.options.get("start-after"):
        first = next(i for i, line in enumerate(lines) if start in line)
        lines = lines[first + ("start-after" in d.options) :]
    if end := d.options.get("end-at") or d.options.get("end-before"):
        last = next(i for i, line in enumerate(lines) if end in line)
        lines = lines[: last + ("end-at" in d.options)]
    if chosen := d.options.get("lines"):
        kept: list[str] = []
        for span in chosen.split(","):
            first, _, final = span.strip().partition("-")
            stop = len(lines) if span.strip().endswith("-") else int(final or first)
            kept += lines[int(first) - 1 : stop]
        lines = kept
    if "dedent" in d.options:
        lines = textwrap.dedent("\n".join(lines)).splitlines()
    return shortened(lines, d.options.get("docstring", ""))


def shortened(lines: list[str], docstring: str = "") -> list[str]:
    """Return a listing without checks, and without what docstrings say at length.

    Args:
        lines: Lines of Python; they stay as they are if they are no whole statements.
        docstring: ``"none"`` to leave docstrings out, ``"all"`` to keep them;
            otherwise those of more than ``LONG`` lines shrink to their first one.

    Example:
        >>> shortened(["def f():", "    'One.'", "    return 1"], "none")
        ['def f():', '    return 1']
    """
    try:
        tree = ast.parse(textwrap.dedent("\n".join(lines)))
    except SyntaxError:
        return lines
    lines = list(lines)
    for door in sorted(_doors(tree), key=lambda node: -node.lineno):
        del lines[door.lineno - 1 : door.end_lineno]
    lines = _unwrapped(lines)
    tree = ast.parse(textwrap.dedent("\n".join(lines)))
    found = [node for node in ast.walk(tree) if isinstance(node, _DEFINITIONS)]
    for node in sorted(found, key=lambda node: -node.lineno):
        text = node.body[0]
        if docstring == "all" or ast.get_docstring(node, clean=False) is None:
            continue
        first, last = text.lineno - 1, text.end_lineno or text.lineno
        if docstring == "none" and len(node.body) > 1:
            while last < len(lines) and not lines[last].strip():
                last += 1
            del lines[first:last]
        elif last - first > LONG:
            lines[first:last] = [lines[first].rstrip() + lines[last - 1].strip()[-3:]]
    return lines


def _doors(tree: ast.Module) -> list[ast.stmt]:
    """Return the calls that refuse wrong arguments, but for what stands alone."""
    found: list[ast.stmt] = []
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        doors = [line for line in body if _is_door(line)]
        if len(doors) < len(body):
            found += doors
    return found


def _is_door(line: ast.stmt) -> bool:
    if isinstance(line, ast.If):  # with nothing but checks below it
        doors = [_is_door(below) or _is_refusal(below) for below in line.body]
        return not line.orelse and all(doors)
    if not isinstance(line, ast.Expr) or not isinstance(line.value, ast.Call):
        return False
    return _DOOR.match(_name(line.value)) is not None


def _is_refusal(line: ast.stmt) -> bool:
    error = line.exc if isinstance(line, ast.Raise) else None
    return isinstance(error, ast.Call) and _name(error) in {"TypeError", "ValueError"}


def _name(call: ast.Call) -> str:
    """Return the last name of what is called."""
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def _unwrapped(lines: list[str]) -> list[str]:
    """Put what is checked in the place of the check that returns it."""
    while True:
        tree = ast.parse(textwrap.dedent("\n".join(lines)))
        alone = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
        calls = [
            n
            for n in ast.walk(tree)
            if isinstance(n, ast.Call) and n.args and id(n) not in alone
            if _WRAPPER.match(_name(n))
        ]
        if not calls:
            return lines
        lines = _replaced(lines, tree, calls[-1])


def _replaced(lines: list[str], tree: ast.Module, call: ast.Call) -> list[str]:
    """Put the first argument in the place of a call; drop ``x = x``."""
    same = [
        n
        for n in ast.walk(tree)
        if isinstance(n, ast.Assign) and n.value is call
        if ast.unparse(n.targets[0]) == ast.unparse(call.args[0])
    ]
    for n in same:
        return lines[: n.lineno - 1] + lines[n.end_lineno :]
    text = textwrap.dedent("\n".join(lines)).split("\n")
    indent = max(len(a) - len(b) for a, b in zip(lines, text, strict=True))
    start, end = text[call.lineno - 1].encode(), text[(call.end_lineno or 1) - 1]
    before = start[: call.col_offset].decode()
    after = end.encode()[call.end_col_offset :].decode()
    line = " " * indent + before + ast.unparse(call.args[0]) + after
    return [*lines[: call.lineno - 1], line, *lines[call.end_lineno :]]


class Listing(LiteralInclude):
    """``literalinclude`` with the option ``docstring``."""

    option_spec = LiteralInclude.option_spec | {
        "docstring": lambda text: directives.choice(text, ("none", "all"))
    }

    def run(self) -> list[nodes.Node]:
        """Make the listing, and shorten it."""
        docstring = self.options.pop("docstring", "")
        made = super().run()
        for node in made:
            for block in node.findall(nodes.literal_block):
                lines = shortened(block.astext().split("\n"), docstring)
                block.rawsource = "\n".join(lines)
                block.clear()
                block += nodes.Text(block.rawsource)
        return made


def setup(app: Sphinx) -> dict[str, Any]:
    """Put the directive in the place of Sphinx's own."""
    app.add_directive("literalinclude", Listing, override=True)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
