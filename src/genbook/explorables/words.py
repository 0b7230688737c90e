"""The reader writes a note, and the page counts its words."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from genbook._validate import check_count, check_each, check_text
from genbook.course.plotting import GRID, INK, subplots
from genbook.explorables.export import bundle

__all__ = ["WordCounter", "count_words", "explore_words"]

_SPACE = re.compile(r"[\s\ufeff]+")
_MOST = 100_000


def count_words(text: str) -> int:
    """Count the words of a text: what is between spaces and holds a letter or digit.

    So "well-known" and "24/7" are a word each, and a dash between spaces is none. The
    page counts by the same rule.

    Args:
        text: The text.

    Raises:
        TypeError: If it is no text.

    Example:
        >>> count_words("A well-known use case – support, 24/7.")
        6
    """
    words = _SPACE.split(check_text(text, "text"))
    return sum(any(c.isalnum() for c in word) for word in words)


@dataclass(frozen=True)
class WordCounter:
    """A sheet to write on, whose words are counted; shown at the end of a cell.

    On a web page it counts while the reader writes; nothing leaves the page. In print,
    in an EPUB and in a notebook it is a table with a line for each part of the note.

    Attributes:
        below: The number of words that the note must stay below.
        parts: The parts of the note.
        example: A note that the reader may start from.
    """

    below: int
    parts: tuple[str, ...]
    example: str

    def html(self) -> str:
        """Return the explorable for a web page; without a script it is a sentence."""
        data = {"below": self.below, "example": self.example}
        held = json.dumps(data).replace("<", "\\u003c")  # no tag ends the script early
        parts = escape(", ".join(self.parts))
        return (
            '<div class="gb-explorable" data-explorable="words">'
            f'<script type="application/json">{held}</script>'
            f'<p class="gb-still">Write the note in any editor that counts words: '
            f"{parts}; fewer than {self.below} words in all.</p></div>"
        )

    def subplots(self) -> Any:
        """Return the sheet as a table for print, with room for a pencil."""
        heads = (*self.parts, f"words, fewer than {self.below}")
        fig, ax = subplots(height=0.2 + 0.62 * len(heads))
        for i, name in enumerate(heads):
            ax.axhline(-i, color=INK if i in (0, len(self.parts)) else GRID)
            ax.text(0.01, -i - 0.5, name, va="center", ha="left")
        ax.axhline(-len(heads), color=INK)
        ax.axvline(0.34, color=GRID)
        ax.set(xlim=(0, 1), ylim=(-len(heads) - 0.02, 0.02))
        ax.set_axis_off()
        return fig

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict:
        return bundle(self.html(), self.subplots(), repr(self))

    def __repr__(self) -> str:
        return f"WordCounter(fewer than {self.below} words)"


def explore_words(
    below: int, parts: Sequence[str], *, example: str = ""
) -> WordCounter:
    """Let the reader write a note of fewer than so many words, and count them.

    Args:
        below: The number of words that the note must stay below, at most 100,000.
        parts: The parts of the note, one to ten.
        example: A note that the reader may start from; it must keep the limit.

    Returns:
        What a notebook shows at the end of a cell.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``below`` or the number of parts is out of range, a part is
            empty, or the example is too long.

    Example:
        >>> explore_words(200, ["use case", "pros", "cons"])
        WordCounter(fewer than 200 words)
    """
    below = check_count(below, "below", 2, _MOST)
    plain = tuple(check_each(parts, "parts", str))
    if not 1 <= len(plain) <= 10 or not all(map(str.strip, plain)):
        raise ValueError(f"parts must be one to ten texts, got {list(plain)}")
    if (n := count_words(check_text(example, "example"))) >= below:
        raise ValueError(f"example must have fewer than {below} words, got {n}")
    return WordCounter(below, plain, example)
