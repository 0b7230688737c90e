"""Citations by author and year, and a list of references that fits them.

``{cite:t}`` reads "Prince (2023)", ``{cite:p}`` reads "(Prince, 2023)"; the list begins
each work with its first author's surname and leaves titles as they are written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from docutils import nodes
from pybtex.backends.plaintext import Backend as PlainText
from pybtex.plugin import register_plugin as register_pybtex_plugin
from pybtex.style.formatting.plain import Style
from pybtex.style.template import field as bib_field
from pybtex.style.template import optional, sentence
from pybtex_docutils import Backend as Docutils
from sphinx.application import Sphinx
from sphinxcontrib.bibtex.plugin import register_plugin
from sphinxcontrib.bibtex.style.referencing import BracketStyle
from sphinxcontrib.bibtex.style.referencing.author_year import AuthorYearReferenceStyle

NAME = "genbook"


def _round() -> BracketStyle:
    return BracketStyle(left="(", right=")", sep="; ")


@dataclass
class ReferenceStyle(AuthorYearReferenceStyle):
    """Author and year in round brackets, works separated by semicolons."""

    bracket_textual: BracketStyle = field(default_factory=_round)
    bracket_parenthetical: BracketStyle = field(default_factory=_round)
    bracket_author: BracketStyle = field(default_factory=_round)
    bracket_label: BracketStyle = field(default_factory=_round)
    bracket_year: BracketStyle = field(default_factory=_round)


class BibliographyStyle(Style):
    """Surname first, titles as the authors wrote them."""

    default_name_style = "lastfirst"

    def format_title(self, e: Any, which_field: str, as_sentence: bool = True) -> Any:
        """Return the title of an article."""
        title = bib_field(which_field)
        return sentence[title] if as_sentence else title

    def format_edition(self, e: Any) -> Any:
        """Return "2nd edition"."""
        return optional[bib_field("edition", apply_func=_edition)]


def _edition(text: Any) -> str:
    word = str(text)
    if word.isdigit():
        n = int(word)
        teens = 10 < n % 100 < 20
        word += "th" if teens else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{word} edition"


class BibliographyEntry(nodes.General, nodes.TextElement):
    """One work in the list of references."""


def unlabel_references(document: nodes.Element) -> None:
    """Turn the list of references into paragraphs without labels, in their place."""
    for citation in list(document.findall(nodes.citation)):
        entry = BibliographyEntry("", "", ids=citation["ids"])
        for child in citation.children:
            if isinstance(child, nodes.paragraph):
                entry.extend(child.children)
            elif not isinstance(child, nodes.label):
                entry += child
        citation.replace_self(entry)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register both styles under the name ``genbook``, and what writes them.

    What is registered here need not be looked for among the installed packages, which
    takes 25 ms for each citation.
    """
    register_plugin("sphinxcontrib.bibtex.style.referencing", NAME, ReferenceStyle)
    register_pybtex_plugin("pybtex.style.formatting", NAME, BibliographyStyle)
    register_pybtex_plugin("pybtex.backends", "plaintext", PlainText, force=True)
    register_pybtex_plugin("pybtex.backends", "docutils", Docutils, force=True)
    return {"version": "0.1", "parallel_read_safe": True, "parallel_write_safe": True}
