r"""Byte-pair tokens: the pairs of signs that stand together most often become one.

A text is cut into words, single digits and single signs; spaces only separate. Inside a
word the pairs are merged in the order in which they were learned. The vocabulary is
``<pad>``, ``<ask>``, ``<end>``, the printable signs, and one token for each merge.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from genbook._numbers import check_count, check_each, check_text

__all__ = ["ASK", "END", "PAD", "BytePairs"]

#: Fills up a row; asks for an answer; ends an answer.
PAD, ASK, END = 0, 1, 2

_SPECIAL = ("<pad>", "<ask>", "<end>")
_SIGNS = tuple(chr(c) for c in range(33, 127))
_PIECES = re.compile(r"[A-Za-z]+|[!-@\[-`{-~]")


class BytePairs:
    """A tokeniser for documentation in ASCII.

    Args:
        merges: The pairs, in the order in which they were learned.

    Raises:
        TypeError: If ``merges`` are not pairs of texts.
        ValueError: If a pair is made of what no earlier pair gives.

    Reference:
        R. Sennrich, B. Haddow and A. Birch, "Neural machine translation of rare words
        with subword units", 2016, arXiv:1508.07909.

    Example:
        >>> tokens = BytePairs([("l", "r"), ("lr", "s")])
        >>> [tokens.vocabulary[i] for i in tokens.encode("lr = lrs")]
        ['lr', '=', 'lrs']
    """

    def __init__(self, merges: Iterable[tuple[str, str]] = ()) -> None:
        if isinstance(merges, str) or not isinstance(merges, Iterable):
            raise TypeError(
                f"merges must be pairs of texts, got {type(merges).__name__}"
            )
        self.vocabulary = [*_SPECIAL, *_SIGNS]
        known = set(_SIGNS)
        self.merges: list[tuple[str, str]] = []
        for pair in merges:
            if isinstance(pair, str) or not isinstance(pair, Sequence):
                raise TypeError(f"merges must hold pairs of texts, got {pair!r}")
            check_each(pair, "merges", str)
            if len(pair) != 2 or not known.issuperset(pair):
                raise ValueError(f"merges must hold pairs of known parts, got {pair!r}")
            self.merges.append((pair[0], pair[1]))
            known.add(pair[0] + pair[1])
            self.vocabulary.append(pair[0] + pair[1])
        self._rank = {pair: i for i, pair in enumerate(self.merges)}
        self._number = {text: i for i, text in enumerate(self.vocabulary)}
        self._words: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self.vocabulary)

    @classmethod
    def learn(cls, texts: Iterable[str], vocab_size: int) -> BytePairs:
        """Learn the merges from texts.

        Args:
            texts: What to count in.
            vocab_size: How many tokens to have at most, up to 65,536.

        Raises:
            TypeError: If the texts are none.
            ValueError: If there is no room for the single signs.

        Example:
            >>> BytePairs.learn(["lower low lowest"], 99).merges
            [('l', 'o'), ('lo', 'w')]
        """
        least = len(_SPECIAL) + len(_SIGNS)
        check_count(vocab_size, "vocab_size", least, 2**16)
        if isinstance(texts, str) or not isinstance(texts, Iterable):
            raise TypeError(f"texts must be several texts, got {type(texts).__name__}")
        counts = Counter(
            w for text in texts for w in _PIECES.findall(check_text(text, "each text"))
        )
        words = {tuple(word): n for word, n in counts.items() if len(word) > 1}
        merges: list[tuple[str, str]] = []
        while len(merges) < vocab_size - least:
            pairs: Counter[tuple[str, str]] = Counter()
            for word, n in words.items():
                for pair in itertools.pairwise(word):
                    pairs[pair] += n
            if not pairs:
                break
            best = min(pairs, key=lambda pair: (-pairs[pair], pair))
            merges.append(best)
            words = {_merge(word, best): n for word, n in words.items()}
        return cls(merges)

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text; signs outside ASCII count as spaces.

        Args:
            text: The text.

        Raises:
            TypeError: If it is none.
        """
        pieces = _PIECES.findall(check_text(text, "text"))
        return [i for piece in pieces for i in self._word(piece)]

    def decode(self, tokens: Iterable[int]) -> str:
        """Return tokens as text, without spaces.

        Args:
            tokens: Their numbers.

        Raises:
            ValueError: If there is no such token.
        """
        if isinstance(tokens, str) or not isinstance(tokens, Iterable):
            raise TypeError(f"tokens must be numbers, got {type(tokens).__name__}")
        last = len(self) - 1
        return "".join(
            self.vocabulary[check_count(i, "each token", 0, last)] for i in tokens
        )

    def _word(self, word: str) -> list[int]:
        """Return the tokens of one word, which is looked up from the second time on."""
        if word not in self._words:
            parts = tuple(word)
            while pairs := [p for p in itertools.pairwise(parts)]:
                first = min(pairs, key=lambda p: self._rank.get(p, len(self._rank)))
                if first not in self._rank:
                    break
                parts = _merge(parts, first)
            self._words[word] = [self._number[part] for part in parts]
        return self._words[word]


def _merge(parts: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    """Return the parts of a word with each such pair made one, from the left."""
    merged: list[str] = []
    i = 0
    while i < len(parts):
        if parts[i : i + 2] == pair:
            merged.append(pair[0] + pair[1])
            i += 2
        else:
            merged.append(parts[i])
            i += 1
    return tuple(merged)
