"""Answers in writing, a guardrail for them, and how often they are right."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from genbook._numbers import (
    check_count,
    check_each,
    check_flag,
    check_function,
    check_kind,
    check_text,
)
from genbook.practice.byte_pairs import END, BytePairs
from genbook.practice.desk import UNKNOWN, Question, normalise
from genbook.practice.reader import Reader, prompts

__all__ = [
    "Honesty",
    "ReadingDesk",
    "exact_match",
    "grounded",
    "honesty",
    "precision",
    "read",
    "right",
]


def read(
    model: Reader,
    tokens: BytePairs,
    passages: Sequence[str],
    *,
    guarded: bool = False,
    shots: Sequence[Question] = (),
    batch_size: int = 128,
) -> list[str]:
    """Return what a model answers to passages, ``"?"`` where it does not know.

    Args:
        model: The model.
        tokens: Its tokeniser.
        passages: The passages; the parameter that is asked for opens each.
        guarded: Whether an answer that does not stand in its passage is withheld.
        shots: Questions with answers that stand before each passage as examples.
        batch_size: How many are read at once, at most 65,536.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If the tokeniser is not the model's.

    Example:
        >>> read(Reader(97, width=8, depth=1), BytePairs(), [])
        []
    """
    check_kind(model, "model", Reader)
    check_kind(tokens, "tokens", BytePairs)
    check_flag(guarded, "guarded")
    check_each(passages, "passages", str)
    check_count(batch_size, "batch_size", 1, 2**16)
    if len(tokens) != model.vocab_size:
        raise ValueError(
            f"tokens must be the {model.vocab_size} of the model, got {len(tokens)}"
        )
    answers: list[str] = []
    length = model.context_length
    rows = prompts(passages, tokens, shots=shots, context=length).to(model.device)
    for batch in rows.split(batch_size):
        for row in model.complete(batch).tolist() if len(batch) else ():
            ended = row[: row.index(END)] if END in row else row
            answers.append(tokens.decode(ended))
    for i, (answer, passage) in enumerate(zip(answers, passages, strict=True)):
        if not answer or (guarded and not grounded(answer, passage)):
            answers[i] = UNKNOWN
    return answers


def grounded(answer: str, passage: str) -> bool:
    """Return whether an answer stands in its passage, the guardrail's question.

    The parameter's name and the spaces do not count.

    Example:
        >>> grounded("1e-3", "lr : float. Default: 1e-3"), grounded("2", "lr : .")
        (True, False)
    """
    said = check_text(passage, "passage").partition(" : ")[2]
    said = re.sub(r"\s*([,()\[\]])\s*", r"\1", said)
    pattern = rf"(?<![\w.]){re.escape(check_text(answer, 'answer'))}(?![\w.]*\w)"
    return bool(answer) and re.search(pattern, said) is not None


def exact_match(answers: Sequence[str], questions: Sequence[Question]) -> float:
    """Return the share of answers that are right, ``"?"`` where it has to be.

    Args:
        answers: One for each question.
        questions: The questions.

    Raises:
        ValueError: If there are not as many answers as questions, or none.

    Example:
        >>> q = Question("PyTorch", "SGD", "lr", "lr : . Default: 1", "1", "1")
        >>> exact_match(["1.0"], [q])
        1.0
    """
    each = right(answers, questions)
    return sum(each) / len(each)


def right(answers: Sequence[str], questions: Sequence[Question]) -> list[bool]:
    """Return of each answer whether it is the right one, as :func:`exact_match` counts.

    Args:
        answers: One for each question.
        questions: The questions.

    Raises:
        ValueError: If there are not as many answers as questions, or none.

    Example:
        >>> q = Question("PyTorch", "SGD", "lr", "lr : . Default: 1", "1", "1")
        >>> right(["1.0", "2"], [q, q])
        [True, False]
    """
    _check_pairs(answers, questions)
    pairs = zip(answers, questions, strict=True)
    return [normalise(a) == normalise(q.answer) for a, q in pairs]


class Honesty(NamedTuple):
    """What a model does where the passage states the default, and where it does not.

    Attributes:
        invents: The share of unanswerable questions that it answers.
        refuses: The share of answerable questions that it refuses.
        right: The share of answerable questions that it answers rightly.
    """

    invents: float
    refuses: float
    right: float


def honesty(answers: Sequence[str], questions: Sequence[Question]) -> Honesty:
    """Return how often answers are invented, refused and right.

    Args:
        answers: One for each question.
        questions: The questions, some with stated defaults and some without.

    Raises:
        ValueError: If there is not one answer for each question, or all questions are
            of one kind.

    Example:
        >>> known = Question("PyTorch", "f", "a", "a : . Default: 1", "1", "1")
        >>> honesty(["1", "1"], [known, known._replace(answer="?")])
        Honesty(invents=1.0, refuses=0.0, right=1.0)
    """
    _check_pairs(answers, questions)
    pairs = list(zip(answers, questions, strict=True))
    stated = [(a, q) for a, q in pairs if q.stated]
    unsaid = [a for a, q in pairs if not q.stated]
    if not stated or not unsaid:
        raise ValueError("questions must be of both kinds, stated and not, got one")
    return Honesty(
        sum(a != UNKNOWN for a in unsaid) / len(unsaid),
        sum(a == UNKNOWN for a, _ in stated) / len(stated),
        sum(normalise(a) == normalise(q.answer) for a, q in stated) / len(stated),
    )


def precision(answers: Sequence[str], questions: Sequence[Question]) -> float:
    """Return the share of given answers that are the signature's default.

    Refusals do not count; if all are refusals it is NaN.

    Args:
        answers: One for each question.
        questions: The questions.

    Raises:
        ValueError: If there is not one answer for each question.

    Example:
        >>> q = Question("PyTorch", "f", "a", "a : . Default: 1", "1", "1")
        >>> precision(["1", "2", "?"], [q, q, q])
        0.5
    """
    _check_pairs(answers, questions)
    pairs = zip(answers, questions, strict=True)
    given = [normalise(a) == q.default for a, q in pairs if a != UNKNOWN]
    return sum(given) / len(given) if given else float("nan")


def _check_pairs(answers: Sequence[str], questions: Sequence[Question]) -> None:
    """Refuse anything but one answer for each question."""
    check_each(answers, "answers", str)
    check_each(questions, "questions", Question)
    if len(answers) != len(questions) or not answers:
        raise ValueError(
            f"answers must be {len(questions) or '1 or more'}, one for each question, "
            f"got {len(answers)}"
        )


class ReadingDesk:
    """A model behind a desk: it answers one question at a time, or withholds.

    Args:
        model: The model.
        tokens: Its tokeniser.
        guarded: Whether an answer that does not stand in its passage is withheld.
        retrieve: Finds the passage to a question that comes without one.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If the tokeniser is not the model's.

    Example:
        >>> desk = ReadingDesk(Reader(97, width=8, depth=1), BytePairs())
        >>> desk.answer("What is the default of lr in SGD?", "lr : .") is None
        True
    """

    def __init__(
        self,
        model: Reader,
        tokens: BytePairs,
        *,
        guarded: bool = True,
        retrieve: Callable[[str], str] | None = None,
    ) -> None:
        read(model, tokens, [])  # which checks them
        self.model, self.tokens = model.eval(), tokens
        self.guarded = check_flag(guarded, "guarded")
        if retrieve is not None:
            check_function(retrieve, "retrieve")
        self.retrieve = retrieve

    def answer(self, question: str, passage: str | None = None) -> str | None:
        """Return the answer, or ``None`` if the passage does not give it.

        Args:
            question: The question; which parameter it is about opens the passage.
            passage: What to read; ``None`` when the desk shall look itself.

        Raises:
            TypeError: If a text is none.
            ValueError: If there is no passage, and nothing finds one.
        """
        check_text(question, "question")
        if passage is None:
            if self.retrieve is None:
                raise ValueError("passage must be given: this desk finds none")
            passage = self.retrieve(question)
        check_text(passage, "passage")
        with torch.inference_mode():
            (answer,) = read(self.model, self.tokens, [passage], guarded=self.guarded)
        return None if answer == UNKNOWN else answer
