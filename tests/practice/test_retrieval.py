"""Retrieval, beside the formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest

from genbook.practice.retrieval import (
    EmbeddingIndex,
    WordIndex,
    fuse,
    misspelt,
    words_of,
)

DOCUMENTS = [
    "DataLoader batch_size : how many samples each batch loads",
    "DataLoader num_workers : how many processes load samples",
    "Dropout p : probability of an element to be zeroed",
    "BatchNorm2d momentum : momentum of the running mean momentum",
    "SGD lr : learning rate",
    "Adam lr : learning rate; the rate of learning",
]


def bm25(question: str, k: float = 1.2, b: float = 0.75) -> list[float]:
    """The formula of the module's page, word by word."""
    bags = [words_of(d) for d in DOCUMENTS]
    mean = sum(map(len, bags)) / len(bags)
    scores = []
    for bag in bags:
        total = 0.0
        for word in set(words_of(question)):
            have = sum(word in other for other in bags)
            rare = math.log((len(bags) - have + 0.5) / (have + 0.5))
            f = bag.count(word)
            share = 1 - b + b * len(bag) / mean
            total += max(rare, 1e-6) * f * (k + 1) / (f + k * share)
        scores.append(total)
    return scores


@pytest.mark.parametrize(
    "question",
    [
        "momentum of BatchNorm2d",
        "What is the default of lr in SGD?",
        "how many samples",
    ],
)
def test_the_scores_are_those_of_the_formula(question) -> None:
    got = WordIndex(DOCUMENTS).scores(question)
    wanted = bm25(question)
    assert {n for n, _ in got} == {n for n, s in enumerate(wanted) if s > 0}
    assert [s for _, s in got] == pytest.approx([wanted[n] for n, _ in got])
    assert [s for _, s in got] == sorted((s for _, s in got), reverse=True)


def test_a_question_of_signs_and_stop_words_finds_nothing_and_breaks_nothing() -> None:
    index = WordIndex(DOCUMENTS)
    for question in ("", "what is the", '" OR 1 *', "a:b ^ NEAR(", "'; DROP TABLE"):
        index.search(question)
    assert index.search("what is the") == []


def test_names_are_taken_apart_and_kept_whole() -> None:
    assert words_of("BatchNorm2d batch_size") == [
        "batch", "norm2d", "batch", "size", "batchnorm2d", "batch_size",
    ]  # fmt: skip


def test_embeddings_are_those_of_a_dense_decomposition() -> None:
    index = EmbeddingIndex(DOCUMENTS, dim=3)
    matrix = index._matrix([_bag(d) for d in DOCUMENTS]).toarray()
    assert np.linalg.norm(matrix, axis=1) == pytest.approx(1)
    _, _, directions = np.linalg.svd(matrix)
    ours, theirs = index._directions, directions[:3].T
    assert ours @ ours.T == pytest.approx(theirs @ theirs.T)
    assert np.linalg.norm(index.vectors, axis=1) == pytest.approx(1)
    assert index.embed(DOCUMENTS) == pytest.approx(index.vectors)


def _bag(text: str):
    from genbook.practice.retrieval import _features

    return _features(text)


def test_a_passage_is_nearest_to_itself() -> None:
    index = EmbeddingIndex(DOCUMENTS, dim=5)
    assert [index.search(d, 1)[0] for d in DOCUMENTS] == list(range(6))
    assert index.embed(["unheard"]) == pytest.approx(0)


def test_misspelling_swaps_two_neighbours_inside_long_words_alone() -> None:
    text = "What is the default of num_workers in DataLoader?"
    wrong = misspelt(text)
    assert wrong != text
    assert len(wrong) == len(text)
    for old, new in zip(text.split(), wrong.split(), strict=True):
        differ = [i for i, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
        assert sorted(old) == sorted(new)
        assert (old[0], old[-1]) == (new[0], new[-1])
        if differ:
            assert len(old) >= 5
            assert differ == [differ[0], differ[0] + 1]
    assert wrong.split()[3] == "default"  # stands in every question
    assert misspelt(text) == wrong
    assert len({misspelt(text, seed=s) for s in range(9)}) > 3


def test_fusing_adds_reciprocal_ranks() -> None:
    lists = [[4, 2, 9], [2, 7], [9, 4, 2]]
    score = {n: 0.0 for ranking in lists for n in ranking}
    for ranking in lists:
        for n in score:
            if n in ranking:
                score[n] += 1 / (60 + 1 + ranking.index(n))
    assert fuse(lists, k=60) == sorted(score, key=lambda n: -score[n])
    assert fuse([]) == []


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="documents must hold at least one text"):
        WordIndex([])
    with pytest.raises(ValueError, match="dim must be below both 6 passages and"):
        EmbeddingIndex(DOCUMENTS, dim=6)
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        WordIndex(DOCUMENTS).search("lr", 0)


def test_a_question_and_texts_are_called_by_their_names() -> None:
    words, vectors = WordIndex(DOCUMENTS), EmbeddingIndex(DOCUMENTS, 2)
    for ask in (words.search, words.scores, vectors.search):
        with pytest.raises(TypeError, match=r"^question must be a string, got None"):
            ask(None)
    with pytest.raises(TypeError, match=r"^texts must be a sequence of str, got int"):
        vectors.embed([3])  # type: ignore[list-item]
    with pytest.raises(ValueError, match=r"^texts must hold at least one text"):
        vectors.embed([])
