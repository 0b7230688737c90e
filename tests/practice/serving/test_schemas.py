"""What may be asked: whole numbers as JSON has them, and text that is text."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from genbook.practice.serving._schemas import AskAnswer, AskSamples


@pytest.mark.parametrize("n", [3, 3.0])
def test_three_is_three(n: float) -> None:
    assert AskSamples(model="flow", n=n).n == 3


@pytest.mark.parametrize("n", [True, "3", 3.5, None, [3], float("nan"), 10**400])
def test_and_nothing_else_is(n: object) -> None:
    with pytest.raises(ValidationError):
        AskSamples(model="flow", n=n)


@pytest.mark.parametrize("text", ["", "x" * 4001, "a\x00b", "\ud800", 3])
def test_text_is_text(text: object) -> None:
    with pytest.raises(ValidationError):
        AskAnswer(question=text)
    assert AskAnswer(question="two\nlines of ümlauts 🙂").passage is None
