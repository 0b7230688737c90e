"""Pages of a few lines, and a book made of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from genbook.publishing.content.page import Page, read_page
from genbook.publishing.content.sources import Book


@pytest.fixture
def chapters(tmp_path: Path) -> Callable[..., Book]:
    """Return a function that makes a book of chapters, in this order, and a page."""

    def make(*texts: str, glossary: str = "# Glossary\n") -> Book:
        pages: dict[str, Page] = {}
        names = [f"book/foundations/page-{i}" for i in range(len(texts))]
        for name, text in zip(
            [*names, "book/glossary"], [*texts, glossary], strict=True
        ):
            path = tmp_path / f"{name}.md"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf8")
            pages[name] = read_page(path, name)
        return Book(tmp_path, pages, list(pages), {"parts": {}, "written": []})

    return make
