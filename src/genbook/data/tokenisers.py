"""Text as numbers, three ways: words, characters, and pairs of bytes that were merged.

Token 0 stands before and after each text. The others are the pieces of text that a
tokeniser was trained to know.

Reference:
    P. Gage, "A new algorithm for data compression", 1994; R. Sennrich, B. Haddow and
    A. Birch, "Neural machine translation of rare words with subword units", 2016,
    arXiv:1508.07909.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from genbook._validate import (
    check_count,
    check_each,
    check_integers,
    check_sizes,
    check_text,
)

__all__ = ["BytePairs", "Characters", "Tokeniser", "Words", "pack"]


class Tokeniser(ABC):
    """Turns a text into tokens, and tokens into a text.

    Attributes:
        pieces: The text that each token stands for; of token 0 it is empty.
    """

    pieces: list[str]

    def __len__(self) -> int:
        return len(self.pieces)

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text, without those before and after it.

        Raises:
            TypeError: If ``text`` is none.
            ValueError: If it holds what no piece stands for.
        """
        number = self._number
        out = []
        for piece in self._split(check_text(text, "text")):
            if piece not in number:
                raise ValueError(f"text must be made of known pieces, got {piece!r}")
            out.append(number[piece])
        return out

    def decode(self, tokens: Sequence[int] | Tensor) -> str:
        """Return the text of some tokens; token 0 is nothing.

        Raises:
            TypeError: If ``tokens`` are not integers.
            ValueError: If there is no such token.
        """
        rows = tokens.tolist() if isinstance(tokens, Tensor) else tokens
        numbers = check_sizes(rows, "tokens", 0, len(self) - 1, empty=True)
        return self._join(self.pieces[i] for i in numbers if i)

    def _know(self, pieces: Iterable[str]) -> None:
        self.pieces = ["", *pieces]
        self._number = {piece: i for i, piece in enumerate(self.pieces) if i}

    @abstractmethod
    def _split(self, text: str) -> Sequence[str]:
        """Return the pieces of a text."""

    def _join(self, pieces: Iterable[str]) -> str:
        """Return the text of pieces."""
        return "".join(pieces)


class Words(Tokeniser):
    """One token a word; words stand between spaces.

    Args:
        texts: What to learn the words from.

    Raises:
        TypeError: If ``texts`` are not texts.

    Example:
        >>> words = Words(["a red cup", "a cup"])
        >>> words.encode("a red cup"), words.decode([1, 2])
        ([1, 3, 2], 'a cup')
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._know(
            sorted({w for t in check_each(texts, "texts", str) for w in t.split()})
        )

    def _split(self, text: str) -> Sequence[str]:
        return text.split()

    def _join(self, pieces: Iterable[str]) -> str:
        return " ".join(pieces)


class Characters(Tokeniser):
    """One token a character.

    Args:
        texts: What to learn the characters from.

    Raises:
        TypeError: If ``texts`` are not texts.

    Example:
        >>> Characters(["abba"]).encode("ab")
        [1, 2]
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._know(sorted(set().union(*check_each(texts, "texts", str))))

    def _split(self, text: str) -> Sequence[str]:
        return text


class BytePairs(Tokeniser):
    """Characters, of which the pair that is seen most is merged, again and again.

    A word begins with the space before it, and no pair reaches across words. Of pairs
    that are seen equally often the first in the alphabet is merged.

    Args:
        texts: What to learn the pairs from.
        merges: How many; fewer where no pair is left.

    Attributes:
        merges: The pairs in the order in which they were merged.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If ``merges`` is negative.

    Example:
        >>> pairs = BytePairs(["low lower lowest"], merges=2)
        >>> pairs.merges, [pairs.pieces[i] for i in pairs.encode("slow")]
        ([('l', 'o'), ('lo', 'w')], ['s', 'low'])
    """

    def __init__(self, texts: Sequence[str], merges: int = 200) -> None:
        words = Counter(w for t in check_each(texts, "texts", str) for w in _words(t))
        parts = {word: list(word) for word in words}
        seen: Counter[tuple[str, str]] = Counter()  # how often each pair stands
        where: dict[tuple[str, str], set[str]] = defaultdict(set)  # and in which words
        for word, count in words.items():
            for pair in pairwise(word):
                seen[pair] += count
                where[pair].add(word)
        letters = sorted({c for word in words for c in word})
        self.merges: list[tuple[str, str]] = []
        for _ in range(check_count(merges, "merges", maximum=100_000)):
            if not seen:
                break
            best = min(seen, key=lambda pair: (-seen[pair], pair))
            self.merges.append(best)
            for word in where.pop(best):
                old, parts[word] = parts[word], _merged(parts[word], best)
                for pair in pairwise(old):
                    seen[pair] -= words[word]
                for pair in pairwise(parts[word]):
                    seen[pair] += words[word]
                    where[pair].add(word)
            seen = +seen  # pairs that are gone are dropped
        self._know([*letters, *dict.fromkeys(a + b for a, b in self.merges)])
        self._parts = parts

    def _split(self, text: str) -> Sequence[str]:
        return [piece for word in _words(text) for piece in self._parts_of(word)]

    def _parts_of(self, word: str) -> list[str]:
        """Return the pieces of a word, and remember them."""
        if word not in self._parts:
            part = list(word)
            for pair in self.merges:
                part = _merged(part, pair)
            self._parts[word] = part
        return self._parts[word]


def _words(text: str) -> list[str]:
    """Return the words of a text, each with the space before it."""
    return re.findall(r"\s?\S+|\s", text)


def _merged(part: list[str], pair: tuple[str, str]) -> list[str]:
    """Return the pieces of a word with a pair merged wherever it stands."""
    out, i = [], 0
    while i < len(part):
        both = (part[i], part[i + 1]) == pair if i + 1 < len(part) else False
        out.append(part[i] + part[i + 1] if both else part[i])
        i += 2 if both else 1
    return out


def pack(
    texts: Sequence[Sequence[int]], context_length: int, *, rows: int = 32
) -> Tensor:
    """Put several texts into each row of tokens, so that little is filling.

    Each text has a token 0 before it and after it; more of them fill its row. It goes
    into the fullest of the open rows that has place for it.

    Args:
        texts: The tokens of each text.
        context_length: The tokens of a row.
        rows: How many rows are open at once.

    Returns:
        The rows, ``(n, context_length)``.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If a text is empty, holds token 0, or is too long for a row.

    Example:
        >>> pack([[1, 2], [3], [4, 5, 6]], 6)
        tensor([[0, 1, 2, 0, 3, 0],
                [0, 4, 5, 6, 0, 0]])
    """
    check_count(context_length, "context_length", 3)
    check_count(rows, "rows", 1, 1000)
    done: list[list[int]] = []
    open_: list[list[int]] = []
    for text in check_each(texts, "texts", Sequence):
        if not text or 0 in text or len(text) + 2 > context_length:
            raise ValueError(
                f"texts must hold 1 to {context_length - 2} tokens each, none of them "
                f"0, got {list(text)[:5]} of {len(text)}"
            )
        room = context_length - len(text) - 1
        fits = [row for row in open_ if len(row) <= room]
        if fits:
            row = max(fits, key=len)
        else:
            if len(open_) == rows:
                fullest = max(range(rows), key=lambda i: len(open_[i]))
                done.append(open_.pop(fullest))
            row = [0]
            open_.append(row)
        row += [*text, 0]
    done += open_
    filled = [row + [0] * (context_length - len(row)) for row in done]
    x = torch.tensor(filled, dtype=torch.long).view(len(done), context_length)
    return check_integers(x, "texts", "tokens")
