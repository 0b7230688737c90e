"""The sources of the book keep the rules of the house."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

pytest.importorskip("yaml")

from genbook.publishing import rules
from genbook.publishing.content import sources
from genbook.publishing.content.page import parse

ROOT = Path(__file__).parents[3]
BOOK = sources.read_book(ROOT)


def listed(problems):
    return "\n".join(map(str, problems))


@pytest.mark.parametrize("page", BOOK.pages.values(), ids=list(BOOK.pages))
@pytest.mark.parametrize("rule", rules.PAGE_RULES, ids=lambda r: r.__name__)
def test_page(page, rule):
    assert not (found := list(rule(page))), listed(found)


@pytest.mark.parametrize("rule", rules.BOOK_RULES, ids=lambda r: r.__name__)
def test_book(rule):
    assert not (found := list(rule(BOOK))), listed(found)


def test_the_book_has_chapters_and_a_way_in():
    assert BOOK.chapters
    assert BOOK.contents[0] == "book/index"
    for name in ("reading-guide", "notation", "glossary"):
        assert f"book/{name}" in BOOK.contents


@pytest.mark.parametrize("page", BOOK.pages.values(), ids=list(BOOK.pages))
def test_cells_parse_as_python(page):
    for cell in page.cells:
        assert isinstance(parse(cell), ast.Module)


def test_the_syllabus_is_whole():
    parts = BOOK.course["parts"]
    assert "".join(parts) == "ABCDEFGHI"
    counts = {part: len(p["rows"]) for part, p in parts.items()}
    assert counts == dict(zip("ABCDEFGHI", (7, 5, 8, 7, 10, 4, 17, 1, 7), strict=True))
    for part, p in parts.items():
        rows = list(p["rows"])
        assert rows == [f"{part}{i}" for i in range(1, len(rows) + 1)]
        assert all(topic.strip() for topic in p["rows"].values())
        assert p["title"]
        assert p["chapters"]
    assert set(BOOK.course["written"]) <= set(parts)
