"""The rules that the book's own text keeps.

``python -m genbook.publishing.rules`` lists every place that breaks one, and the tests
of the book run the same functions. A rule is a function of one page, or of the whole
book, that yields :class:`Problem` objects; the first line of its docstring is the rule.
"""

from __future__ import annotations

import sys
from pathlib import Path

from genbook.publishing.content.sources import Book, read_book
from genbook.publishing.rules import (
    book_rules,
    code_rules,
    described_results,
    equations,
    order_of_terms,
    page_rules,
)
from genbook.publishing.rules.problem import Problem

PAGE_RULES = (
    *page_rules.RULES,
    *code_rules.RULES,
    described_results.computed_results,
)
BOOK_RULES = (
    *book_rules.RULES,
    equations.equation_numbers,
    order_of_terms.explained_first,
    order_of_terms.explained_once,
)


def problems(book: Book) -> list[Problem]:
    """Return every place of the book that breaks a rule."""
    found = [
        p for rule in PAGE_RULES for page in book.pages.values() for p in rule(page)
    ]
    found += [p for rule in BOOK_RULES for p in rule(book)]
    return sorted(found, key=lambda p: (p.page, p.line, p.rule))


def main(argv: list[str] | None = None) -> int:
    """List the problems of the book below a folder, this one when none is given."""
    arguments = sys.argv[1:] if argv is None else argv
    found = problems(read_book(Path(arguments[0] if arguments else ".").resolve()))
    for problem in found:
        print(problem)
    return 1 if found else 0
