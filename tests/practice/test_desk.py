"""Questions about defaults: whether the truth is true, and nothing leaks."""

from __future__ import annotations

from ast import literal_eval

import pytest

from genbook.practice.desk import (
    LIBRARIES,
    Question,
    counterfactuals,
    load_desk,
    normalise,
    question_of,
    rule,
)
from genbook.practice.entries import Entry


def entry(text: str, default: str, kind: str = "int") -> Entry:
    return Entry("PyTorch", "SGD", "lr", kind, text, default)


@pytest.mark.parametrize(
    ("text", "default", "answer"),
    [
        ("The rate. Default: 5", "5", "5"),
        ("The rate. Default: 5.0", "5", "5.0"),
        ("The rate. Default: ``1e-4``.", "0.0001", "1e-4"),
        ("One of 'a' and 'b', by default ``'b'``.", "'b'", "b"),
        ("The rate. Default: 50", "5", "?"),
        ("The rate. Default: 1.5", "5", "?"),
        ("The rate, 5 at most.", "5", "?"),
        ("The rate. Default: (1, 2).", "(1, 2)", "(1,2)"),
        ("None by default.", "None", "None"),
        ("If ``None`` (default), nothing.", "None", "None"),
    ],
)
def test_an_answer_is_what_the_passage_states(text, default, answer) -> None:
    assert question_of(entry(text, default)).answer == answer


@pytest.mark.parametrize("value", ["1e-4", "0.0001", "1.0", "1", "-3.", "12345678"])
def test_a_number_has_one_form(value) -> None:
    assert literal_eval(normalise(value)) == literal_eval(value)
    assert normalise(normalise(value)) == normalise(value)


@pytest.mark.parametrize("package", LIBRARIES)
def test_no_function_and_no_passage_stands_in_two_splits(package) -> None:
    splits = load_desk(package)
    for i, a in enumerate(splits):
        for b in splits[i + 1 :]:
            assert not {q.function for q in a} & {q.function for q in b}
            assert not {q.passage for q in a} & {q.passage for q in b}


def test_there_are_enough_questions_to_judge_by_and_half_are_answerable() -> None:
    for package in LIBRARIES:
        assert len(load_desk(package).test) >= 300
    stated = [q.stated for q in load_desk("PyTorch").test]
    assert sum(stated) == len(stated) / 2


def test_every_stated_answer_is_the_default_of_the_signature() -> None:
    for package in LIBRARIES:
        for split in load_desk(package):
            assert all(normalise(q.answer) == q.default for q in split if q.stated)


def test_a_counterfactual_states_its_new_value_and_no_longer_the_old() -> None:
    questions = load_desk("PyTorch").train[:80]
    made = counterfactuals(questions, 5, seed=1)
    stated = sum(q.stated for q in questions)
    assert len(made) == 5 * stated + len(questions) - stated
    assert made == counterfactuals(questions, 5, seed=1)
    assert made != counterfactuals(questions, 5, seed=2)
    for q in made:
        if q.stated:
            head = f"{q.parameter} : "
            assert q.passage.startswith(head)
            assert q.answer in q.passage[len(head) :].replace(" ", "")
            assert normalise(q.answer) == q.default


def test_a_counterfactual_changes_no_longer_word_that_holds_the_value() -> None:
    q = Question("PyTorch", "f", "n", "n : int. 1 of 10, 1.5. Default: 1", "1", "1")
    for made in counterfactuals([q], 8, seed=3)[1:]:
        rest = f"n : int. {made.answer} of 10, 1.5. Default: {made.answer}"
        assert made.passage == rest


def test_a_counterfactual_of_a_bracket_changes_the_passage_too() -> None:
    said = "n : int. Default: (1, 2)"
    q = Question("PyTorch", "f", "n", said, "(1,2)", "(1,2)")
    for made in counterfactuals([q], 4, seed=0)[1:]:
        assert made.passage == f"n : int. Default: {made.answer}"


@pytest.mark.parametrize(
    ("passage", "answer"),
    [
        ("n : int, default=3. How many.", "3"),
        ("n : int. Default: `True`.", "True"),
        ("n : int. Defaults to 'mean'.", "mean"),
        ("n : int. The size (default: (1, 2)).", "(1,2)"),
        ("n : int. How many.", "?"),
    ],
)
def test_the_rule_takes_what_follows_the_word(passage, answer) -> None:
    assert rule(passage) == answer


def test_the_question_names_the_parameter_and_takes_the_name_apart() -> None:
    q = Question("PyTorch", "DataLoader", "batch_size", "", "1", "1")
    assert q.text == "What is the default of batch_size in Data Loader?"
