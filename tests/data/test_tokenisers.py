"""Tokenisers: there and back, the pairs of a public library, and rows without gaps."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from genbook.data.prose import load_topics
from genbook.data.still_life.captions import still_life
from genbook.data.tokenisers import BytePairs, Characters, Tokeniser, Words, pack
from seeding import seeded

TEXTS = still_life().captions(300, generator=seeded(0)).texts


@pytest.mark.parametrize("make", [Words, Characters, BytePairs])
def test_a_text_comes_back(make: Any) -> None:
    tokeniser: Tokeniser = make(TEXTS)
    for text in TEXTS[:50]:
        tokens = tokeniser.encode(text)
        assert tokeniser.decode([0, *tokens, 0, 0]) == text
        assert tokeniser.decode(torch.tensor(tokens)) == text
        assert min(tokens) > 0
    assert tokeniser.pieces[0] == ""
    assert len(set(tokeniser.pieces)) == len(tokeniser)


def test_pairs_are_those_of_a_public_library() -> None:
    text = [" ".join(load_topics()[:80_000].split())]  # few pairs are as frequent
    theirs = Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_next")
    trainer = trainers.BpeTrainer(
        vocab_size=len(Characters(text)) + 49, show_progress=False
    )
    theirs.train_from_iterator(text, trainer)
    ours = BytePairs(text, merges=50)
    assert set(ours.pieces[1:]) == set(theirs.get_vocab())
    mine = [ours.pieces[i] for i in ours.encode(text[0])]
    assert mine == theirs.encode(text[0]).tokens
    assert len(ours.merges) == 50


def test_pairs_are_counted_where_they_still_stand() -> None:
    def merged(parts: list[str], pair: tuple[str, str]) -> list[str]:
        i = 0
        while i < len(parts) - 1:
            if (parts[i], parts[i + 1]) == pair:
                parts[i : i + 2] = [parts[i] + parts[i + 1]]
            i += 1
        return parts

    text = "aaab aab banana bandana ananas"
    words = [list(w) for w in ["aaab", " aab", " banana", " bandana", " ananas"]]
    ours = BytePairs([text], merges=9)
    for pair in ours.merges:
        every = [p for w in words for p in pairwise(w)]
        assert pair == min(set(every), key=lambda p: (-every.count(p), p))
        words = [merged(w, pair) for w in words]
    assert [ours.pieces[i] for i in ours.encode(text)] == [
        part for word in words for part in word
    ]


def test_pairs_end_where_there_are_none() -> None:
    pairs = BytePairs(["ab ab"], merges=50)
    assert pairs.merges == [("a", "b"), (" ", "ab")]
    assert [pairs.pieces[i] for i in pairs.encode("ab abba")] == ["ab", " ab", "b", "a"]


def test_rows_hold_every_text_once() -> None:
    words = Words(TEXTS)
    tokens = [words.encode(text) for text in TEXTS]
    x = pack(tokens, 64)
    assert x.shape[1] == 64
    assert (x[:, 0] == 0).all()
    out = []
    for row in x.tolist():
        text: list[int] = []
        for token in row[1:]:
            if token:
                text.append(token)
            elif text:
                out.append(text)
                text = []
        assert not text  # each has its end
    assert sorted(out) == sorted(tokens)
    filling = (x[:, 1:] == 0) & (x[:, :-1] == 0)
    assert filling.double().mean() < 0.06  # one row at a time would fill a tenth
    assert filling.double().mean() < 0.6 * (
        (lambda r: ((r[:, 1:] == 0) & (r[:, :-1] == 0)).double().mean())(
            pack(tokens, 64, rows=1)
        )
    )
    assert pack([], 8).shape == (0, 8)
    assert pack([[1] * 6], 8).tolist() == [[0, 1, 1, 1, 1, 1, 1, 0]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Words("a cup"), TypeError, "texts must be a sequence of str"),
        (lambda: Words(["a"]).encode("b"), ValueError, "known pieces, got 'b'"),
        (lambda: Words(["a"]).decode([2]), ValueError, "tokens must be at most 1"),
        (lambda: BytePairs(["a"], merges=-1), ValueError, "merges must be at least 0"),
        (lambda: pack([[1] * 7], 8), ValueError, "texts must hold 1 to 6 tokens"),
        (lambda: pack([[]], 8), ValueError, "texts must hold 1 to 6 tokens"),
        (lambda: pack([[1, 0]], 8), ValueError, "none of them 0"),
        (lambda: pack([1], 8), TypeError, "texts must be a sequence of Sequence"),
        (lambda: pack([[1]], 2), ValueError, "context_length must be at least 3"),
    ],
)
def test_bad_values_are_refused(
    call: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()
