"""Plain text for TeX: its own characters, and those that text fonts may lack."""

from __future__ import annotations

import pytest

from genbook.course.tex import escape


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("50 % & #1_a", r"50 \% \& \#1\_a"),
        ("along z₁, z₂", r"along z\textsubscript{1}, z\textsubscript{2}"),
        ("3 m² or km³", r"3 m\textsuperscript{2} or km\textsuperscript{3}"),
        ("− ≥ ∞", r"$-$ $\ge$ $\infty$"),
    ],
)
def test_text_stays_the_same_text(text: str, wanted: str) -> None:
    assert escape(text) == wanted
