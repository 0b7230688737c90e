"""Language models without a network: each word by those that came before it, counted.

How far does counting lead? The scoreboard of still lifes asks it of captions. A word is
looked for after ever longer contexts, and where a context was seen seldom, what shorter
ones say counts for more.
"""

from __future__ import annotations

import copy
import math
import random
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from genbook._validate import check_count, check_each, check_generator

__all__ = ["CountedWords"]

END = ""  # stands before and after each text
WEIGHT = 5.0  # how many words a shorter context is worth
_MOST = 1_000_000


class CountedWords:
    r"""Texts word by word, from how often which word followed which words.

    With :math:`n(c, w)` for how often :math:`w` came after the last words :math:`c`,
    and :math:`c'` for :math:`c` without its first word,

    .. math::

        p(w \mid c) = \frac{n(c, w) + 5\, p(w \mid c')}{\sum_v n(c, v) + 5}\,;

    below the empty context all words are equally likely. So order 0 counts nothing,
    order 1 words, 2 pairs of words, 3 triples.

    Args:
        texts: What to count in, with a space between words.
        order: How many words are counted together, the last one included.

    Attributes:
        order: The order.
        words: The words that it knows, and the end.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If there are no texts, or ``order`` is out of range.

    Reference:
        F. Jelinek and R. Mercer, "Interpolated estimation of Markov source parameters
        from sparse data", 1980.

    Example:
        >>> pairs = CountedWords(["a cup", "a pear"], 2)
        >>> pairs.log_prob(["a cup"]) > pairs.log_prob(["cup a"])
        tensor([True])
    """

    def __init__(self, texts: Sequence[str], order: int) -> None:
        texts = check_each(texts, "texts", str)
        if not len(texts):
            raise ValueError("texts must hold at least one text, got none")
        self.order = check_count(order, "order", 0, 20)
        stream = [END]
        for text in texts:
            stream += [*text.split(), END]
        self.words = tuple(sorted(set(stream)))
        self._after: dict[tuple[str, ...], dict[str, int]] = {}
        for k in range(self.order):
            parts = (stream[max(i, 1 - k) :] for i in range(k + 1))
            for (*context, word), n in Counter(zip(*parts, strict=False)).items():
                if END not in context[1:]:  # else it began in the text before
                    self._after.setdefault(tuple(context), {})[word] = n
        self._sums = {c: sum(n.values()) for c, n in self._after.items()}

    def shorter(self, order: int) -> CountedWords:
        """Return the model that counts fewer words together, without counting again.

        Args:
            order: At most this model's.

        Raises:
            TypeError: If ``order`` is not an integer.
            ValueError: If it is out of range.

        Example:
            >>> CountedWords(["a cup"], 2).shorter(1).order
            1
        """
        other = copy.copy(self)
        other.order = check_count(order, "order", 0, self.order)
        return other

    def log_prob(self, texts: Sequence[str]) -> Tensor:
        """Return the log-probability of each text, its end included, in nats, ``(n,)``.

        Args:
            texts: The texts; one with an unknown word has probability zero.

        Raises:
            TypeError: If they are no texts.
        """
        texts = check_each(texts, "texts", str)
        return torch.tensor([self._log_prob(text.split()) for text in texts])

    def write(
        self, n: int, *, longest: int = 64, generator: torch.Generator | None = None
    ) -> list[str]:
        """Draw texts.

        Args:
            n: How many.
            longest: After so many words a text that has not ended is cut.
            generator: The source of randomness; the global one when ``None``.

        Raises:
            TypeError: If an argument has the wrong type.
            ValueError: If one is out of range.
        """
        n = check_count(n, "n", 0, _MOST)
        longest = check_count(longest, "longest", 1, _MOST)
        check_generator(generator)
        source = random.Random(int(torch.randint(2**31, (), generator=generator)))
        return [self._write(source, longest) for _ in range(n)]

    def _contexts(self, said: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the contexts that were seen before the next word, the longest last."""
        reach = range(min(self.order, len(said) + 1))
        contexts = (tuple(said[len(said) - k :]) for k in reach)
        return [c for c in contexts if c in self._sums]

    def _log_prob(self, words: Sequence[str]) -> float:
        said, total = [END], 0.0
        if not set(words) <= set(self.words):
            return -math.inf
        for word in (*words, END):
            p = 1 / len(self.words)
            for c in self._contexts(said):
                n = self._after[c].get(word, 0)
                p = (n + WEIGHT * p) / (self._sums[c] + WEIGHT)
            total += math.log(p)
            said.append(word)
        return total

    def _write(self, source: random.Random, longest: int) -> str:
        said = [END]
        while len(said) <= longest:
            word = self._draw(said, source)
            if word == END:
                break
            said.append(word)
        return " ".join(said[1:])

    def _draw(self, said: Sequence[str], source: random.Random) -> str:
        for c in reversed(self._contexts(said)):
            u = source.random() * (self._sums[c] + WEIGHT)
            if u >= WEIGHT:  # from what was counted here, else look less far back
                counts = self._after[c]
                return source.choices(list(counts), list(counts.values()))[0]
        return source.choice(self.words)
