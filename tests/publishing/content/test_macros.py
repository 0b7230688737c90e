"""One table of macros, for KaTeX, for LaTeX and for notebooks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genbook.publishing.content.macros import (
    expand_macros,
    macro_bodies,
    macros_to_latex,
)

MACROS = {
    "R": r"\mathbb{R}",
    "vect": [r"\mathbf{#1}", 1],
    "KL": [r"D_{\mathrm{KL}}\left(#1\,\middle\|\,#2\right)", 2],
    "pdata": r"p_{\mathrm{data}}",
    "hatted": [r"\hat{\vect{#1}}", 1],
    "dd": r"\mathrm{d}",
    "ell": r"\ell",
    "given": r"\mid",
}


def test_macros_are_checked() -> None:
    assert macro_bodies({"a": ["#1", 1]}) == {"\\a": "#1"}
    with pytest.raises(ValueError, match="two uses #2 but declares 1"):
        macro_bodies({"two": ["#1 #2", 1]})


def test_macros_replace_what_latex_knows_already() -> None:
    written = macros_to_latex({"R": r"\mathbb{R}", "vect": [r"\mathbf{#1}", 1]})
    assert written.splitlines() == [
        r"\let\R\relax\newcommand{\R}{\mathbb{R}}",
        r"\let\vect\relax\newcommand{\vect}[1]{\mathbf{#1}}",
    ]


@pytest.mark.parametrize(
    ("tex", "expected"),
    [
        (r"\R^d", r"\mathbb{R}^d"),
        (r"\Re", r"\Re"),
        (r"\vect{x}_1", r"\mathbf{x}_1"),
        (r"\vect x", r"\mathbf{x}"),
        (r"\vect\mu", r"\mathbf{\mu}"),
        (r"\vect{\vect{a}}", r"\mathbf{\mathbf{a}}"),
        (r"\hatted{x}", r"\hat{\mathbf{x}}"),
        (
            r"\KL{p}{q_{\R}}",
            r"D_{\mathrm{KL}}\left(p\,\middle\|\,q_{\mathbb{R}}\right)",
        ),
        (r"a\given b", r"a\mid b"),
        (r"\ell(x)", r"\ell(x)"),
        (r"\vect{\{1\}}", r"\mathbf{\{1\}}"),
        ("", ""),
    ],
)
def test_macros_are_written_out(tex: str, expected: str) -> None:
    assert expand_macros(tex, MACROS) == expected


def test_a_macro_does_not_run_into_the_next_letter() -> None:
    assert expand_macros(r"a\given{}b", {"given": r"\mid"}) == r"a\mid{}b"
    assert expand_macros(r"\x y", {"x": r"\mid"}) == r"\mid y"


@pytest.mark.parametrize("tex", [r"\vect", r"\vect{x", r"\KL{p}"])
def test_a_macro_without_its_argument_is_an_error(tex: str) -> None:
    with pytest.raises(ValueError, match=r"argument|closed"):
        expand_macros(tex, MACROS)


@given(st.text(alphabet="abcxyz+-= _^(){}", max_size=30))
def test_tex_without_macros_stays_as_it_is(tex: str) -> None:
    assert expand_macros(tex, MACROS) == tex


@given(
    st.lists(st.sampled_from([r"\R", r"\vect{x}", "a", "+", r"\KL{p}{q}", " "])),
)
def test_expansion_is_complete_and_stable(parts: list[str]) -> None:
    once = expand_macros(" ".join(parts), MACROS)
    assert expand_macros(once, MACROS) == once
    assert r"\R" not in once
    assert r"\vect" not in once
