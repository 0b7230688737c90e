"""The grammar of still lifes: sums over all sentences, and against plain drawing."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from genbook.data.still_life.captions import still_life
from genbook.data.still_life.grammar import END, Grammar, Rule
from genbook.data.still_life.meaning import HELD_OUT, Group, Meaning
from seeding import seeded

COIN = {
    "S": [Rule(0.25, ("heads",)), Rule(0.75, ("S2", "S2"))],
    "S2": [Rule(0.5, ("tails",)), Rule(0.5, ())],
}


@pytest.mark.parametrize("start", ["S1|cup2", "things2|apple1", "S"])
def test_probabilities_of_all_sentences_sum_to_one(start: str) -> None:
    rules = COIN if start == "S" else still_life().rules
    grammar = Grammar(rules, start)
    every: dict[tuple[str, ...], float] = {}
    for words, p in grammar.sentences():
        every[words] = every.get(words, 0.0) + p
    assert sum(every.values()) == pytest.approx(1, abs=1e-9)
    for words, p in list(every.items())[:300]:
        assert grammar.log_prob(words) == pytest.approx(math.log(p), abs=1e-9)
    if (
        start != "S"
    ):  # no sentence is said in two ways, so the rules' entropy is its own
        assert len(every) == grammar.count
        exact = -sum(p * math.log(p) for p in every.values())
        assert grammar.entropy == pytest.approx(exact, abs=1e-9)
        length = sum(p * len(words) for words, p in every.items())
        assert grammar.mean_length == pytest.approx(length, abs=1e-9)


def test_an_ambiguous_sentence_has_the_sum_of_its_ways() -> None:
    grammar = Grammar(COIN)
    assert grammar.log_prob(["tails"]) == pytest.approx(math.log(0.375))
    assert grammar.log_prob([]) == pytest.approx(math.log(0.1875))
    assert grammar.next_words([]) == {"heads": 0.25, "tails": 0.5625, END: 0.1875}
    assert grammar.log_prob(["heads", "tails"]) == -math.inf
    assert grammar.log_prob([END]) == -math.inf
    assert grammar.next_words(["edge"]) == {}


def test_two_ways_to_the_same_place_add_up() -> None:
    same = [Rule(1.0, ("a",))]
    rules = {"S": [Rule(0.25, ("A", "C")), Rule(0.75, ("B", "C"))]}
    grammar = Grammar(rules | {"A": same, "B": same, "C": [Rule(1.0, ("c",))]})
    assert grammar.log_prob(["a", "c"]) == pytest.approx(0)
    assert grammar.next_words(["a"]) == pytest.approx({"c": 1.0})


def test_entropy_is_the_mean_of_minus_log_p() -> None:
    grammar = still_life()
    captions = grammar.captions(2500, generator=seeded(0))
    nats = torch.tensor([-grammar.log_prob(c.split()) for c in captions.texts])
    error = nats.std().item() / len(nats) ** 0.5
    assert abs(nats.mean().item() - grammar.entropy) < 4 * error
    words = torch.tensor([len(c.split()) for c in captions.texts]).double()
    error = words.std().item() / len(words) ** 0.5
    assert abs(words.mean().item() - grammar.mean_length) < 4 * error


def test_parsing_a_drawn_caption_gives_its_meaning() -> None:
    grammar = still_life()
    captions = grammar.captions(1500, generator=seeded(1))
    for text, meaning in zip(captions.texts, captions.meanings, strict=True):
        assert grammar.parse(text.split()) == meaning
        assert not meaning.held_out
        assert not any(f"{colour} {kind}" in text for colour, kind in HELD_OUT)
    assert len({len(meaning.groups) for meaning in captions.meanings}) == 3


def test_a_caption_is_read_as_a_reader_would() -> None:
    text = (
        "between two blue apples from the market stands a small crimson cup at night ."
    )
    assert still_life().parse(text.split()) == Meaning(
        (Group("cup", 1, "red", "small"), Group("apple", 2, "blue")),
        relation="between",
        light="night",
    )
    wrong, some = "a apple lies on wood .", "some ripe pears rest on grey marble ."
    assert still_life().parse(wrong.split()) is None
    pears = Meaning((Group("pear", None),), cloth="stone")
    assert still_life().parse(some.split()) == pears


def test_the_next_word_has_the_share_of_the_captions_that_go_on_so() -> None:
    grammar = still_life()
    captions = [c.split() for c in grammar.captions(20_000, generator=seeded(2)).texts]
    begun = [c[3] for c in captions if c[:3] == ["there", "is", "a"]]
    for word, p in grammar.next_words(["there", "is", "a"]).items():
        error = (p * (1 - p) / len(begun)) ** 0.5
        assert abs(begun.count(word) / len(begun) - p) < 4.5 * error
    so_far = 0.0  # and the products of all next words are the sentence
    for i, word in enumerate([*captions[0], END]):
        so_far += math.log(grammar.next_words(captions[0][:i])[word])
    assert so_far == pytest.approx(grammar.log_prob(captions[0]), abs=1e-9)


def test_held_out_pairs_are_said_only_in_the_whole_grammar() -> None:
    for colour, kind in HELD_OUT:
        start = ["there", "is", "a", colour]
        assert kind not in still_life().next_words(start)
        assert still_life("all").next_words(start)[kind] > 0.1
    meanings = still_life("all").captions(2000, generator=seeded(3)).meanings
    assert 100 < sum(meaning.held_out for meaning in meanings) < 500


def test_the_same_generator_draws_the_same_captions() -> None:
    a, b, c = (still_life().captions(5, generator=seeded(i)) for i in (4, 4, 5))
    assert a == b != c
    assert still_life().captions(0).texts == []


@pytest.mark.parametrize(
    ("rules", "start", "error", "message"),
    [
        ({"S": [Rule(0.5, ("a",))]}, "S", ValueError, "rules of 'S' must sum to one"),
        (
            {"S": [Rule(1.5, ("a",)), Rule(-0.5, ())]},
            "S",
            ValueError,
            "not be negative",
        ),
        ({"S": [Rule(1.0, ("S",))]}, "S", ValueError, "must not lead from 'S' back"),
        (COIN, "T", ValueError, "start must be a symbol with rules, got 'T'"),
        ([], "S", TypeError, "rules must be of the type Mapping"),
        ({"S": ["a"]}, "S", TypeError, "must be a sequence of Rule"),
    ],
)
def test_what_is_no_grammar_is_refused(
    rules: Any, start: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Grammar(rules, start)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda g: g.log_prob("a cup"), TypeError, "words must be a sequence of str"),
        (lambda g: g.sample(-1), ValueError, "n must be at least 0"),
        (lambda g: next(g.sentences()), ValueError, "most must be at least 2"),
        (lambda g: still_life("half"), ValueError, "region must be seen or all"),
    ],
)
def test_bad_values_are_refused(
    call: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call(still_life())
