"""Recipes of language: rows that say the captions, scores that know the truth."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from genbook.course.recipes import language
from genbook.data.still_life.captions import still_life
from seeding import seeded

WORDS = language.still_life_words()


class Truth:
    """What a perfect model would be, but for a share of its probability."""

    context_length = 64

    def log_prob(self, x: Tensor) -> Tensor:
        texts = [WORDS.decode(row).split() for row in x]
        return torch.tensor([still_life().log_prob(text) - 0.25 for text in texts])


def test_a_model_that_knows_the_truth_costs_what_it_gives_away() -> None:
    gap = language.caption_scores(Truth(), WORDS, 20)
    assert torch.allclose(gap, torch.tensor(0.25), atol=1e-5)


def test_rows_say_the_captions_of_their_seed() -> None:
    texts = still_life().captions(12, generator=seeded(3)).texts
    rows = language.caption_batch(texts, WORDS, 40)
    assert [WORDS.decode(row) for row in rows] == texts
    assert rows.shape == (12, 40)
    packed = language.caption_rows(12, seed=3)
    assert sorted(packed[packed > 0].tolist()) == sorted(rows[rows > 0].tolist())
    assert len(packed) < 6


def test_captions_are_judged_by_the_grammar() -> None:
    texts = still_life().captions(4, generator=seeded(4)).texts
    judged = language.judge_captions([*texts, texts[0][2:]], texts[:1])
    assert judged.grammatical == pytest.approx(0.8)
    assert judged.new == pytest.approx(0.75)
    assert judged.varied == 1
    assert language.judge_captions(["x", "x"]) == (0, 0, 0.5)


def test_a_short_training_learns() -> None:
    x = language.caption_rows(600, seed=0)
    model, history = language.still_life_language(
        x, vocab_size=88, width=16, steps=40, seed=1
    )
    assert history.loss[-1] < 0.75 * history.loss[0]
    again, _ = language.still_life_language(
        x, vocab_size=88, width=16, steps=40, seed=1
    )
    assert torch.equal(model.log_prob(x[:2]), again.log_prob(x[:2]))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: language.still_life_language(torch.zeros(3).long(), vocab_size=5),
            ValueError,
            r"x must be \(n, context_length\)",
        ),
        (
            lambda: language.caption_batch(["a cup ."], WORDS, 4),
            ValueError,
            "length must be at least 5, got 4",
        ),
        (lambda: language.judge_captions([]), ValueError, "texts must hold captions"),
        (
            lambda: language.caption_rows(2, seed=0, tokeniser="words"),
            TypeError,
            "tokeniser must be of the type Tokeniser",
        ),
    ],
)
def test_bad_values_are_refused(
    call: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


def test_a_row_of_captions_names_its_length() -> None:
    for bad, error in ((2, ValueError), (64.5, TypeError)):
        with pytest.raises(error, match=r"^length must be"):
            language.caption_rows(2, seed=0, length=bad)
