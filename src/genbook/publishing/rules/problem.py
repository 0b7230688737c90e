"""A place of the book that breaks a rule."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from genbook.publishing.content.page import Page


@dataclass(frozen=True)
class Problem:
    """A place in the book's sources that breaks a rule."""

    page: str
    line: int
    rule: str
    what: str

    def __str__(self) -> str:
        """Return ``page:line: rule: what``, as a compiler would."""
        return f"{self.page}:{self.line}: {self.rule}: {self.what}"


def at(page: Page, line: int, what: str) -> Problem:
    """Return a problem of the rule that asks, which is a function of that name."""
    rule = sys._getframe(1).f_code.co_name
    return Problem(f"{page.name}.md", line, rule, what)
