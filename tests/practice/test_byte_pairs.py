"""Byte-pair tokens, beside the tokenizers library."""

from __future__ import annotations

import pytest

from genbook.practice.byte_pairs import BytePairs

TEXT = ["lower low lowest newer newest wider", "low: 10 (lower=0.5)", "the newest low"]


def test_the_merges_are_those_of_an_independent_count() -> None:
    """On "ab ab abc": ab stands three times; then (ab, c) once."""
    assert BytePairs.learn(["ab ab abc"], 99).merges == [("a", "b"), ("ab", "c")]


def test_encoding_agrees_with_the_tokenizers_library() -> None:
    tokenizers = pytest.importorskip("tokenizers")
    ours = BytePairs.learn(TEXT, 115)
    vocabulary = {text: i for i, text in enumerate(ours.vocabulary)}
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, ours.merges))
    split = tokenizers.pre_tokenizers.Split
    pattern = tokenizers.Regex(r"[A-Za-z]+|[^A-Za-z]")
    theirs.pre_tokenizer = split(pattern, "isolated")
    for text in [*TEXT, "slowest, unheard-of; renewed 3.25"]:
        parts = text.split()
        assert ours.encode(text) == [i for p in parts for i in theirs.encode(p).ids]


def test_what_was_learned_first_is_merged_first() -> None:
    tokens = BytePairs([("b", "c"), ("a", "b"), ("a", "bc")])
    known = [[tokens.vocabulary[i] for i in tokens.encode(t)] for t in ("abc", "abb")]
    assert known == [["abc"], ["ab", "b"]]


def test_decoding_gives_the_text_without_its_spaces() -> None:
    tokens = BytePairs.learn(TEXT, 110)
    for text in [*TEXT, "1e-3", "(1, 1)", "{'a': ~b}"]:
        assert tokens.decode(tokens.encode(text)) == text.replace(" ", "")


def test_digits_stay_apart_and_foreign_signs_separate() -> None:
    tokens = BytePairs.learn(["11 11 11 11"], 200)
    assert not tokens.merges
    assert tokens.encode("1é1") == tokens.encode("1 1") == tokens.encode("11")


def test_merges_of_unknown_parts_are_refused() -> None:
    with pytest.raises(ValueError, match="pairs of known parts"):
        BytePairs([("ab", "c")])
    with pytest.raises(ValueError, match="vocab_size must be at least 97, got 10"):
        BytePairs.learn(["a"], 10)
