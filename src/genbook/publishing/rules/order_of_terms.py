"""The order of the book: a term is explained before it is used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from genbook.publishing.content.myst import spans
from genbook.publishing.content.page import Page
from genbook.publishing.content.sources import Book
from genbook.publishing.rules.problem import Problem, at

#: Terms that are everyday words too: what an early use of the word is about.
HOMELY = {
    "base": "of a logarithm, of a class",
    "bend": "what a line does",
    "claim": "what anybody says",
    "code": "what a programmer writes",
    "coverage": "of a subject",
    "discount": "in a shop",
    "energy": "in physics",
    "generator": "of electricity, of random numbers",
    "mixing": "what one does with paint",
    "score": "in a game",
}

#: Terms that are bold in several chapters, and what of.
AGAIN = {
    "attention": "of words of prose, then of captions",
    "change of variables": "of a density of the wind, then of a flow",
    "embedding": "of words of prose, then of captions",
    "Jacobian": "of a check, then of a flow",
    "layer norm": "of words of prose, then of captions",
    "residual": "of a regression, then of a network",
}


@dataclass(frozen=True)
class Term:
    """A term of the glossary, and the longer ones that hold it."""

    name: str
    pattern: re.Pattern[str]
    longer: tuple[re.Pattern[str], ...]

    def stands_in(self, text: str) -> bool:
        """Return whether it stands there by itself: an energy distance is no energy."""
        for pattern in self.longer:
            text = pattern.sub(" ", text)
        return self.pattern.search(text) is not None


def terms(book: Book) -> list[Term]:
    """Return the terms of the glossary, in its order."""
    names = [
        line.strip()
        for page in book.pages.values()
        for directive in page.directives
        if directive.name == "glossary"
        for line in directive.body
        if line.strip() and not line[0].isspace()
    ]
    patterns = {name: _pattern(name) for name in names}
    return [
        Term(
            name,
            pattern,
            tuple(
                patterns[other]
                for other in names
                if other != name and pattern.search(other.casefold())
            ),
        )
        for name, pattern in patterns.items()
    ]


def explained_first(book: Book) -> Iterator[Problem]:
    """A term is bold where it is explained, no later than on the page that uses it.

    The title of a definition counts as bold. What leads a reader on may come earlier:
    a term in a ``{term}`` role, and a line that links to another page. Everyday words
    are in ``HOMELY``.
    """
    watched = [term for term in terms(book) if term.name not in HOMELY]
    explained: set[str] = set()
    used: dict[str, tuple[Page, int]] = {}
    for page in (book.pages[name] for name in book.contents if name in book.pages):
        if not page.is_chapter:
            continue
        bold, plain = _bold(page), list(_plain(page))
        for term in watched:
            if term.stands_in(bold):
                explained.add(term.name)
            elif term.name not in explained and term.name not in used:
                line = next((n for n, text in plain if term.stands_in(text)), 0)
                if line:
                    used[term.name] = page, line
    for name, (page, line) in used.items():
        when = "only later" if name in explained else "nowhere"
        yield at(page, line, f"{name!r} is used here, and explained in bold {when}")


def explained_once(book: Book) -> Iterator[Problem]:
    """A term is bold in one chapter only.

    Formal definitions are free to state again what a sentence has said before, and
    summaries what the chapter has. Terms with more than one meaning are in ``AGAIN``.
    """
    watched = [term for term in terms(book) if term.name not in AGAIN]
    first: dict[str, Page] = {}
    for page in (book.pages[name] for name in book.contents if name in book.pages):
        if not page.is_chapter:
            continue
        for line, text, inside in page.prose:
            if "**" not in text or any(name.startswith("prf:") for name in inside):
                continue
            for words in _strong(text):
                for term in watched:
                    if not term.pattern.fullmatch(words.strip()):
                        continue
                    if first.setdefault(term.name, page) is not page:
                        where = first[term.name].name
                        yield at(page, line, f"{term.name!r} is bold in {where} too")


def _pattern(term: str) -> re.Pattern[str]:
    """Match a term as whole words, in the singular or the plural."""
    words = re.escape(term.casefold()).replace(r"\ ", r"[\s-]+")
    return re.compile(rf"(?<![\w-]){words}(?:s|es)?(?![\w-])")


def _bold(page: Page) -> str:
    """Return what a page sets in bold, and the titles of its definitions."""
    found = [d.argument for d in page.directives if d.name == "prf:definition"]
    for _, text, _ in page.prose:
        if "**" in text:
            found += _strong(text)
    return " | ".join(found).casefold()


def _strong(text: str) -> list[str]:
    """Return each run of bold words of a line, in lower case."""
    found: list[str] = []
    strong = False
    for span in spans(text):
        if span.type in ("strong_open", "strong_close"):
            strong = span.type == "strong_open"
            found += [""] if strong else []
        elif strong and span.type == "myst_role":  # a link to the glossary
            found[-1] += re.sub(r"\s*<[^<>]*>$", "", span.content).casefold()
        elif strong and span.type == "text":
            found[-1] += span.content.casefold()
    return found


def _plain(page: Page) -> Iterator[tuple[int, str]]:
    """Yield the lines that link to no other page, without roles, formulas and code."""
    for line, text, _ in page.prose:
        found = spans(text)
        if not any(s.type == "myst_role" and s.meta["name"] == "doc" for s in found):
            shown = (s.content if s.type == "text" else " " for s in found)
            yield line, "".join(shown).casefold()
