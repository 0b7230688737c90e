"""The book's sources, taken apart without executing or building anything.

A page is a file of MyST Markdown: front matter, prose, and fenced blocks inside one
another. :mod:`genbook.publishing.rules` says what a page and the book must keep.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from genbook.publishing.content.page import Page, read_page

COURSE = Path(__file__).with_name("course.yml")


@dataclass
class Book:
    """The pages of the book, its table of contents and the syllabus."""

    root: Path
    pages: dict[str, Page]
    contents: list[str]
    course: dict[str, Any]

    @property
    def chapters(self) -> list[Page]:
        """The pages that are chapters, in the order of the file names."""
        return [p for p in self.pages.values() if p.is_chapter]


def read_contents(root: Path) -> list[str]:
    """Return the files of ``_toc.yml`` in reading order, without ``.md``."""
    toc = yaml.safe_load((root / "_toc.yml").read_text("utf8"))

    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            for key in ("root", "file"):
                if key in node:
                    yield str(node[key]).removesuffix(".md")
            for key in ("parts", "chapters", "sections"):
                yield from walk(node.get(key))
        elif isinstance(node, list):
            for item in node:
                yield from walk(item)

    return list(walk(toc))


def read_course(path: Path | None = None) -> dict[str, Any]:
    """Return the syllabus: its parts, their rows, and which parts are written."""
    return yaml.safe_load((path or COURSE).read_text("utf8"))


def read_book(root: Path) -> Book:
    """Read every page of the book below ``root``."""
    pages = {}
    for path in sorted((root / "book").rglob("*.md")):
        name = path.relative_to(root).with_suffix("").as_posix()
        pages[name] = read_page(path, name)
    return Book(root, pages, read_contents(root), read_course())
