"""Answers in writing, judged by counting on one's fingers."""

from __future__ import annotations

import math

import pytest
import torch

from genbook.practice.answering import (
    ReadingDesk,
    exact_match,
    grounded,
    honesty,
    precision,
    read,
)
from genbook.practice.byte_pairs import END, BytePairs
from genbook.practice.desk import Question
from genbook.practice.reader import ANSWER_TOKENS, Reader

TOKENS = BytePairs()


class Parrot(Reader):
    """A reader that answers the same to everything."""

    says = "7"

    def complete(self, x: torch.Tensor) -> torch.Tensor:
        row = [*TOKENS.encode(self.says), END]
        row += [0] * (ANSWER_TOKENS - len(row))
        return torch.tensor(row).expand(len(x), -1)


def parrot(says: str = "7") -> Parrot:
    model = Parrot(97, width=8, depth=1)
    model.says = says
    return model


def question(answer: str, default: str = "7") -> Question:
    passage = f"a : int. Default: {answer}" if answer != "?" else "a : int."
    return Question("PyTorch", "f", "a", passage, answer, default)


@pytest.mark.parametrize(
    ("answer", "passage", "stands"),
    [
        ("5", "a : int. Default: 5", True),
        ("5", "a : int. Default: 50", False),
        ("5", "a5 : int. 5.0", False),
        ("(1,1)", "a : int. Default: (1, 1)", True),
        ("-1", "a : int. Default: `-1`.", True),
        ("a", "a : int.", False),
        ("", "a : int.", False),
        ("True", "a : bool, default=True. Yes.", True),
    ],
)
def test_the_guardrail_wants_the_answer_in_the_passage(answer, passage, stands) -> None:
    assert grounded(answer, passage) is stands


def test_the_guardrail_withholds_what_does_not_stand_there() -> None:
    passages = ["a : int. Default: 7", "a : int. Default: 8"]
    assert read(parrot(), TOKENS, passages) == ["7", "7"]
    assert read(parrot(), TOKENS, passages, guarded=True) == ["7", "?"]
    assert read(parrot(""), TOKENS, passages) == ["?", "?"]


def test_reading_in_batches_changes_nothing() -> None:
    torch.manual_seed(0)
    model = Reader(97, width=8, depth=1).double()
    passages = [f"a : int. Default: {i}" for i in range(7)]
    whole = read(model, TOKENS, passages)
    assert whole == read(model, TOKENS, passages, batch_size=3)
    assert whole == [read(model, TOKENS, [p])[0] for p in passages]


def test_rates_are_counted() -> None:
    questions = [question("7"), question("7.0"), question("8", "8"), question("?")]
    answers = ["7", "7", "?", "7"]
    assert exact_match(answers, questions) == 0.5
    assert honesty(answers, questions) == (1.0, 1 / 3, 2 / 3)
    assert precision(answers, questions) == 1.0
    assert precision(["9", "7", "?", "7"], questions) == pytest.approx(2 / 3)
    assert math.isnan(precision(["?"], questions[:1]))


def test_a_desk_answers_from_the_passage_or_looks_for_one() -> None:
    desk = ReadingDesk(parrot(), TOKENS)
    assert desk.answer("What?", "a : int. Default: 7") == "7"
    assert desk.answer("What?", "a : int.") is None
    asked = []
    looking = ReadingDesk(
        parrot(), TOKENS, retrieve=lambda q: asked.append(q) or "a : int. 7"
    )
    assert looking.answer("What is it?") == "7"
    assert asked == ["What is it?"]
    for passage in (3, ["a"]):
        with pytest.raises(TypeError, match=r"^passage must be a string, got"):
            desk.answer("a", passage)
    with pytest.raises(ValueError, match="passage must be given: this desk finds none"):
        desk.answer("What?")


def test_another_tokeniser_and_missing_answers_are_refused() -> None:
    with pytest.raises(ValueError, match="tokens must be the 97 of the model, got 98"):
        read(parrot(), BytePairs([("a", "b")]), [])
    with pytest.raises(ValueError, match="answers must be 1, one for each question"):
        exact_match([], [question("7")])
    with pytest.raises(ValueError, match="both kinds"):
        honesty(["7"], [question("7")])
