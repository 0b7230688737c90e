"""The rules that the pages keep together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from genbook.publishing.content.sources import Book
from genbook.publishing.rules.problem import Problem, at

_REFERENCES = {"ref", "numref", "eq", "prf:ref", "doc", "any"}


def unique_labels(book: Book) -> Iterator[Problem]:
    """No two labels of the book are the same."""
    seen: dict[str, str] = {}
    for page in book.pages.values():
        for label, line in page.labels():
            if label in seen:
                yield at(page, line, f"{label} is already a label of {seen[label]}")
            seen.setdefault(label, page.name)


def used_labels(book: Book) -> Iterator[Problem]:
    """Figures, tables, equations and definitions are referred to in the text."""
    used = set()
    for page in book.pages.values():
        used |= {t for t, _ in page.roles(*_REFERENCES)}
        used |= {link[1:] for link, _ in page.links() if link.startswith("#")}
    for page in book.pages.values():
        for label, line in page.labels():
            wants = label.startswith(("fig-", "tab-", "eq-", "def-", "thm-", "sec-"))
            if wants and label not in used:
                yield at(page, line, f"{label} is never referred to")


def unique_claims(book: Book) -> Iterator[Problem]:
    """The name of a claim is used once in the book."""
    seen: dict[str, str] = {}
    for page in book.pages.values():
        for name, line in page.calls("claim"):
            if name in seen:
                yield at(page, line, f"{name} is already a claim of {seen[name]}")
            seen.setdefault(name, page.name)


def course_rows(book: Book) -> Iterator[Problem]:
    """Every row of a written part has one owner, and no unknown row has any."""
    rows = {row: part for part, p in book.course["parts"].items() for row in p["rows"]}
    owner: dict[str, str] = {}
    for page in book.chapters:
        for row in page.front.get("course") or []:
            if row not in rows:
                yield at(page, 1, f"{row} is not a row of the course")
            elif row in owner:
                yield at(page, 1, f"{row} is already owned by {owner[row]}")
            owner.setdefault(row, page.name)
    for row, part in rows.items():
        if part in book.course["written"] and row not in owner:
            yield Problem("_toc.yml", 1, "course_rows", f"no chapter owns {row}")


def contents(book: Book) -> Iterator[Problem]:
    """The table of contents lists the pages that are written, each once."""
    for name in sorted({n for n in book.contents if book.contents.count(n) > 1}):
        yield Problem("_toc.yml", 1, "contents", f"{name} is listed twice")
    for name in sorted(set(book.contents) - book.pages.keys()):
        yield Problem("_toc.yml", 1, "contents", f"{name} does not exist")
    for name in sorted(book.pages.keys() - set(book.contents)):
        yield Problem("_toc.yml", 1, "contents", f"{name} is not listed")


def home_page(book: Book) -> Iterator[Problem]:
    """The first page names every chapter once, in the order of the contents."""
    home = book.pages.get("book/index")
    if home is None:
        return
    listed = [
        f"book/{link[1]}"
        for _, text, _ in home.prose
        if (link := re.match(r"\{doc\}`([^`]+)`$", text))
    ]
    written = [n for n in book.contents if n in book.pages and book.pages[n].is_chapter]
    for name in written:
        if listed.count(name) != 1:
            yield at(home, 1, f"{name} must be listed once, got {listed.count(name)}")
    if [n for n in listed if n in written] != [n for n in written if n in listed]:
        yield at(home, 1, "chapters must be listed in the order of _toc.yml")


def glossary(book: Book) -> Iterator[Problem]:
    """Terms that the text uses are in the glossary, which is in order."""
    terms = [
        (text.strip(), d.body_line + i, page)
        for page in book.pages.values()
        for d in page.directives
        if d.name == "glossary"
        for i, text in enumerate(d.body)
        if text.strip() and not text[0].isspace()
    ]
    known = {term.casefold() for term, _, _ in terms}
    for (first, _, _), (second, line, page) in pairwise(terms):
        if first.casefold() > second.casefold():
            yield at(page, line, f"{second!r} stands after {first!r}")
        if first.casefold() == second.casefold():
            yield at(page, line, f"{second!r} stands twice")
    for page in book.pages.values():
        for used, line in page.roles("term"):
            if used.casefold() not in known:
                yield at(page, line, f"{used!r} is not in the glossary")


def cited(book: Book) -> Iterator[Problem]:
    """What the text cites is in the bibliography, and the other way round."""
    text = (book.root / "book/references.bib").read_text("utf8")
    known = set(re.findall(r"^@\w+\{([^,\s]+)\s*,", text, re.MULTILINE))
    used: set[str] = set()
    for page in book.pages.values():
        for keys, line in page.roles("cite:t", "cite:p", "cite:ts", "cite:ps"):
            for key in (k.strip() for k in keys.split(",")):
                used.add(key)
                if key not in known:
                    yield at(page, line, f"{key} is not in references.bib")
    for key in sorted(known - used):
        yield Problem("book/references.bib", 1, "cited", f"{key} is never cited")


RULES: tuple[Callable[[Book], Iterator[Problem]], ...] = (
    unique_labels,
    used_labels,
    unique_claims,
    course_rows,
    contents,
    home_page,
    glossary,
    cited,
)
