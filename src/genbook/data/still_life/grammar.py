r"""A probabilistic grammar: sentences whose every probability is known.

From a symbol one of its rules is drawn, and the symbols that the rule names are then
replaced in the same way, from the left, until only words are left. The probability of a
sentence is the sum, over all the ways to it, of the products of their rules'
probabilities. Read from the left, what has been said leaves a few possible stacks of
symbols still to come, so all of that is a sum over stacks, word by word:

.. math:: \alpha_{t+1}(s') = \sum_s \alpha_t(s) \, p(w_{t+1}, s' \mid s).
"""

from __future__ import annotations

import bisect
import itertools
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache

import torch

from genbook._validate import (
    check_count,
    check_each,
    check_generator,
)
from genbook.data.still_life._rule import Rule, checked_rules

__all__ = ["END", "Grammar", "Rule"]

#: What :meth:`Grammar.next_words` calls the end of a sentence.
END = "<end>"

KEPT = 20_000  # beginnings of sentences that a grammar remembers

Facts = tuple[tuple[str, str | int | None], ...]
Sentence = tuple[tuple[str, ...], dict[str, str | int | None]]
States = dict[tuple[tuple[str, ...], Facts], float]


class Grammar:
    """Sentences drawn by rules, in which no symbol leads back to itself.

    Args:
        rules: The rules of each symbol; what has no rules is a word.
        start: The symbol that a sentence begins as.

    Attributes:
        vocabulary: All words, in the order of the alphabet.

    Raises:
        TypeError: If ``rules`` are not lists of rules.
        ValueError: If the probabilities of a symbol do not sum to one, a symbol leads
            back to itself, or ``start`` has no rules.

    Reference:
        F. Jelinek and J. D. Lafferty, "Computation of the probability of initial
        substring generation by stochastic context-free grammars", 1991.

    Example:
        >>> coin = {"S": [Rule(0.25, ("heads",)), Rule(0.75, ("tails", "S2"))],
        ...         "S2": [Rule(1.0, ("again",))]}
        >>> Grammar(coin).next_words([])
        {'heads': 0.25, 'tails': 0.75}
    """

    def __init__(self, rules: Mapping[str, Sequence[Rule]], start: str = "S") -> None:
        self.rules, self.start = checked_rules(rules, start), start
        self._after = cache(self._steps)
        self._begun = lru_cache(KEPT)(self._begin)
        words = {w for v in self.rules.values() for rule in v for w in rule.symbols}
        self.vocabulary = sorted(w for w in words if w not in self.rules)
        self._sums = {
            symbol: list(itertools.accumulate(rule.p for rule in out))
            for symbol, out in self.rules.items()
        }

    def log_prob(self, words: Sequence[str]) -> float:
        """Return the exact log-probability of a sentence, in nats.

        Args:
            words: Its words.

        Returns:
            A number; minus infinity for what is no sentence.

        Raises:
            TypeError: If ``words`` are not words.
        """
        p = sum(self._whole(words).values())
        return math.log(p) if p else -math.inf

    def next_words(self, words: Sequence[str]) -> dict[str, float]:
        """Return the exact distribution of the word after some.

        Args:
            words: The words so far; none at the start.

        Returns:
            Words and their probabilities, :data:`END` among them where a sentence may
            end; nothing at all where no sentence begins so.

        Raises:
            TypeError: If ``words`` are not words.
        """
        out: dict[str, float] = {}
        states = self._read(words)
        for (stack, _), p in states.items():
            for word, ways in self._after(stack).items():
                out[word] = out.get(word, 0.0) + p * sum(q for q, _, _ in ways)
        total = sum(states.values())
        return {word: p / total for word, p in out.items()}

    def facts(self, words: Sequence[str]) -> dict[str, str | int | None] | None:
        """Return the facts that a sentence states, the likeliest if it is ambiguous.

        Args:
            words: Its words.

        Returns:
            Names and values; ``None`` for what is no sentence.

        Raises:
            TypeError: If ``words`` are not words.
        """
        said = self._whole(words)
        return dict(max(said.items(), key=lambda item: item[1])[0]) if said else None

    def sample(
        self, n: int, *, generator: torch.Generator | None = None
    ) -> list[Sentence]:
        """Draw sentences with the facts that their rules state.

        Args:
            n: How many.
            generator: The source of randomness; the global one when ``None``.

        Returns:
            For each its words and its facts.

        Raises:
            TypeError: If an argument is of the wrong type.
            ValueError: If ``n`` is negative.
        """
        n = check_count(n, "n", maximum=10_000_000)
        check_generator(generator)
        seed = int(torch.randint(2**62, (), generator=generator))
        uniform = random.Random(seed).random
        return [self._draw(uniform) for _ in range(n)]

    def sentences(self, most: int = 100_000) -> Iterator[tuple[tuple[str, ...], float]]:
        """Yield every way to every sentence with its probability, for small grammars.

        Args:
            most: How many there may be.

        Raises:
            TypeError: If ``most`` is not an integer.
            ValueError: If there are more.
        """
        most = check_count(most, "most", 1)
        if self.count > most:
            raise ValueError(f"most must be at least {self.count:,}, got {most}")
        yield from self._expand((self.start,))

    @property
    def entropy(self) -> float:
        """The entropy of a sentence's rules, in nats: its own, if none is ambiguous."""
        return self._sum(
            lambda rule, parts: rule.p and rule.p * (sum(parts) - math.log(rule.p)), 0.0
        )

    @property
    def mean_length(self) -> float:
        """The mean number of words."""
        return self._sum(lambda rule, parts: rule.p * sum(parts), 1.0)

    @property
    def count(self) -> int:
        """How many sentences there are, those said in two ways counted twice."""
        return round(self._sum(lambda rule, parts: math.prod(parts), 1))

    def _sum(self, term: Callable[[Rule, list[float]], float], word: float) -> float:
        """Sum a term over the rules of a symbol, from what their symbols come to."""

        @cache
        def of(symbol: str) -> float:
            if symbol not in self.rules:
                return word
            rules = self.rules[symbol]
            return sum(term(rule, [of(s) for s in rule.symbols]) for rule in rules)

        return of(self.start)

    def _steps(
        self, stack: tuple[str, ...]
    ) -> dict[str, list[tuple[float, tuple[str, ...], Facts]]]:
        """Return by word what a stack can become: probability, stack left, facts."""
        if not stack:
            return {END: [(1.0, (), ())]}
        top, rest = stack[0], stack[1:]
        if top not in self.rules:
            return {top: [(1.0, rest, ())]}
        out: dict[str, list[tuple[float, tuple[str, ...], Facts]]] = {}
        for p, symbols, says in self.rules[top]:
            for word, ways in self._after((*symbols, *rest)).items():
                more = [(p * q, left, (*says, *facts)) for q, left, facts in ways if p]
                out[word] = out.get(word, []) + more
        return out

    def _read(self, words: Sequence[str]) -> States:
        """Return the stacks that some words leave, with their joint probabilities."""
        words = tuple(check_each(words, "words", str))
        for i in range(len(words)):  # shorter beginnings first: they are kept
            self._begun(words[:i])
        return self._begun(words)

    def _begin(self, words: tuple[str, ...]) -> States:
        """Do what ``_read`` does, one word on from the words before it."""
        if not words:
            return {((self.start,), ()): 1.0}
        new: States = {}
        for (stack, facts), p in self._begun(words[:-1]).items():
            for q, left, more in self._after(stack).get(words[-1], []):
                key = (left, facts + more)
                new[key] = new.get(key, 0.0) + p * q
        return new if words[-1] != END else {}

    def _whole(self, words: Sequence[str]) -> dict[Facts, float]:
        """Return the facts of a sentence that ends here, with their probabilities."""
        out: dict[Facts, float] = {}
        for (stack, facts), p in self._read(words).items():
            for q, _, more in self._after(stack).get(END, []):
                out[facts + more] = out.get(facts + more, 0.0) + p * q
        return out

    def _draw(self, uniform: Callable[[], float]) -> Sentence:
        """Draw one sentence, from numbers between zero and one."""
        stack, words = [self.start], []
        facts: dict[str, str | int | None] = {}
        while stack:
            top = stack.pop()
            if top not in self.rules:
                words.append(top)
                continue
            sums, rules = self._sums[top], self.rules[top]
            rule = rules[bisect.bisect_right(sums, uniform() * sums[-1])]
            facts.update(rule.says)
            stack.extend(reversed(rule.symbols))
        return tuple(words), facts

    def _expand(
        self, stack: tuple[str, ...]
    ) -> Iterator[tuple[tuple[str, ...], float]]:
        """Yield all that a stack can become."""
        for i, top in enumerate(stack):
            if top in self.rules:
                for p, symbols, _ in self.rules[top]:
                    for rest, q in self._expand(symbols + stack[i + 1 :]):
                        yield stack[:i] + rest, p * q
                return
        yield stack, 1.0
