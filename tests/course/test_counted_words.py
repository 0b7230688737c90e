"""Counted words, against sums made by hand and against all texts there are."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Any

import pytest
import torch

from genbook.course.counted_words import CountedWords
from genbook.data.still_life.captions import still_life
from seeding import seeded

TEXTS = ["a b", "a a b", "b", "b a"]


def test_a_pair_is_counted_as_by_hand() -> None:
    # The words are a, b and the end; "a" came four times, "b" four, the end four.
    p_a = (4 + 5 / 3) / (12 + 5)  # after nothing: all alike here
    first = (2 + 5 * p_a) / (4 + 5)  # two of four texts begin with "a"
    then = (2 + 5 * p_a) / (4 + 5)  # of what follows "a", two are "b"
    end = (3 + 5 * p_a) / (4 + 5)  # of what follows "b", three are the end
    found = CountedWords(TEXTS, 2).log_prob(["a b"])
    assert found.item() == pytest.approx(math.log(first * then * end), rel=1e-5)


@pytest.mark.parametrize("order", [0, 1, 2, 3, 6])
def test_all_texts_together_have_probability_one(order: int) -> None:
    model = CountedWords(TEXTS, order)
    total = 0.0
    for n in range(13):
        texts = [" ".join(t) for t in itertools.product("ab", repeat=n)]
        total += model.log_prob(texts).double().exp().sum().item()
    assert 0.98 < total < 1, "what is missing has more than twelve words"


def test_counting_fewer_words_is_what_it_would_be_alone() -> None:
    texts = still_life().captions(300, generator=seeded(1)).texts
    new = still_life().captions(20, generator=seeded(2)).texts
    known = [t for t in new if set(t.split()) <= set(" ".join(texts).split())]
    six = CountedWords(texts, 6)
    for order in (0, 1, 3):
        alone = CountedWords(texts, order)
        assert torch.equal(six.shorter(order).log_prob(known), alone.log_prob(known))
        assert six.shorter(order).words == alone.words


def test_it_writes_with_its_own_probabilities() -> None:
    model = CountedWords(TEXTS, 3)
    seen = Counter(model.write(20_000, generator=seeded(0)))
    for text in ("", "a", "b", "a b", "a a b", "b a"):
        p = model.log_prob([text]).exp().item()
        assert seen[text] / 20_000 == pytest.approx(p, abs=4 * (p / 20_000) ** 0.5)


def test_a_text_that_goes_on_is_cut() -> None:
    texts = CountedWords(["a " * 500], 2).write(5, longest=7, generator=seeded(0))
    assert max(len(text.split()) for text in texts) == 7


def test_an_unknown_word_is_impossible() -> None:
    assert CountedWords(TEXTS, 2).log_prob(["a c"]).item() == -math.inf


@pytest.mark.parametrize(
    ("texts", "order", "error", "match"),
    [
        ([], 2, ValueError, "texts must hold at least one text"),
        ("a b", 2, TypeError, "texts"),
        (TEXTS, -1, ValueError, "order must be"),
        (TEXTS, 2.0, TypeError, "order must be"),
    ],
)
def test_what_cannot_be_counted_is_refused(
    texts: Any, order: Any, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        CountedWords(texts, order)
