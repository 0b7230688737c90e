"""The lines of the package that a page shows."""

from __future__ import annotations

import ast
import textwrap
from typing import Any

from genbook.publishing.content.page import Directive, Page


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
    return lines
