"""The captions of still lifes: drawn, scored and understood."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch

from genbook._validate import check_choice
from genbook.data.still_life._rules import still_life_rules
from genbook.data.still_life.grammar import Grammar
from genbook.data.still_life.meaning import Meaning, meaning_of

__all__ = ["Captions", "StillLife", "still_life"]


class Captions(NamedTuple):
    """Sentences and what they say.

    Attributes:
        texts: The sentences, their words with a space between.
        meanings: What each says.
    """

    texts: list[str]
    meanings: list[Meaning]


class StillLife(Grammar):
    """The grammar of captions of still lifes, which says what they mean.

    :func:`still_life` makes the one of the book.

    Args:
        rules: The rules of each symbol, such as ``still_life().rules``.
        start: The symbol that a caption begins as.

    Raises:
        TypeError: If ``rules`` are not lists of rules.
        ValueError: If they make no grammar, see
            :class:`~genbook.data.still_life.grammar.Grammar`.

    Example:
        >>> grammar = StillLife(still_life().rules)
        >>> grammar.parse("a cup .".split()) is None
        True
    """

    def parse(self, words: Sequence[str]) -> Meaning | None:
        """Return what a caption says.

        Args:
            words: Its words.

        Returns:
            The meaning; ``None`` for what is no caption.

        Raises:
            TypeError: If ``words`` are not words.
        """
        facts = self.facts(words)
        return None if facts is None else meaning_of(facts)

    def captions(self, n: int, *, generator: torch.Generator | None = None) -> Captions:
        """Draw captions with their meanings.

        Args:
            n: How many.
            generator: The source of randomness; the global one when ``None``.

        Returns:
            The captions.

        Raises:
            TypeError: If an argument is of the wrong type.
            ValueError: If ``n`` is negative.
        """
        drawn = self.sample(n, generator=generator)
        return Captions(
            [" ".join(words) for words, _ in drawn],
            [meaning_of(facts) for _, facts in drawn],
        )


@cache
def _still_life(region: str) -> StillLife:
    return StillLife(still_life_rules(held_out=region == "seen"))


def still_life(region: str = "seen") -> StillLife:
    """Return the grammar of the captions.

    Args:
        region: ``"seen"`` never puts the colours and kinds of
            :data:`~genbook.data.still_life.meaning.HELD_OUT` together; ``"all"`` does.

    Raises:
        ValueError: If ``region`` is unknown.

    Example:
        >>> grammar = still_life()
        >>> caption = "a green pear stands on the table ."
        >>> grammar.parse(caption.split()).groups[0].colour
        'green'
        >>> round(grammar.entropy, 2), len(grammar.vocabulary)
        (19.36, 87)
    """
    return _still_life(check_choice(region, "region", ("seen", "all")))
