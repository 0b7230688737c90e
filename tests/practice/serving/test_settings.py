"""Limits: every one of them is a number in its range."""

from __future__ import annotations

from dataclasses import fields

import pytest

from genbook.practice.serving.settings import COUNTS, Limits


def test_defaults_are_kept_and_numbers_become_plain() -> None:
    assert Limits(rate=3).rate == 3.0
    assert isinstance(Limits(rate=3).rate, float)
    assert Limits(wait=0.0).wait == 0


@pytest.mark.parametrize("name", [f.name for f in fields(Limits)])
def test_none_may_be_nothing_or_below(name: str) -> None:
    for bad in (-1, float("nan"), "many", None):
        with pytest.raises((TypeError, ValueError), match=f"^{name} must be"):
            Limits(**{name: bad})
    if name != "wait":
        with pytest.raises(ValueError, match=f"^{name} must be"):
            Limits(**{name: 0})


def test_counts_are_whole() -> None:
    for name in COUNTS:
        with pytest.raises(TypeError, match=f"{name} must be an integer"):
            Limits(**{name: 2.5})
    with pytest.raises(ValueError, match=r"burst must be at least 1, got 0.5"):
        Limits(burst=0.5)
