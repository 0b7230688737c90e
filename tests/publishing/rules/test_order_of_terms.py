"""A term of the glossary is explained, in bold, before it is used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from genbook.publishing.content.sources import read_book
from genbook.publishing.rules import order_of_terms
from genbook.publishing.rules.order_of_terms import (
    AGAIN,
    HOMELY,
    explained_first,
    explained_once,
    terms,
)

GLOSSARY = """\
# Glossary

```{glossary}
density
  Probability for each unit of room.

density ratio
  How many times as dense one is as the other.

latent variable
  What nobody observes.

prior
  What one believes before.
```
"""


@pytest.fixture
def found(chapters):
    def ask(*texts: str) -> list[str]:
        return list(map(str, explained_first(chapters(*texts, glossary=GLOSSARY))))

    return ask


@pytest.mark.parametrize(
    "use", ["A prior helps.", "Priors help.", "# The prior", "- With a *prior*, so."]
)
def test_a_use_before_the_explanation(found, use: str) -> None:
    [problem] = found(f"# One\n\n{use}\n", "A **prior** is a belief.\n")
    assert problem.startswith("book/foundations/page-0.md:")
    assert "'prior' is used here, and explained in bold only later" in problem
    [problem] = found(f"# One\n\n{use}\n", "A prior again.\n")
    assert "explained in bold nowhere" in problem


@pytest.mark.parametrize(
    "first",
    [
        "Use a prior.\nA **prior** is a belief.\n",  # on the same page
        "Use a prior.\nThe **{term}`priors <prior>`** are beliefs.\n",
        "Use a prior.\n```{prf:definition} Prior\n:label: def-p\nA belief.\n```\n",
        "A {term}`prior` will come.\n",  # leads there
        "A prior will come, see {doc}`page-1`.\n",
        "`prior` in $prior$ code, a priority.\n",
        "```python\nprior = 1\n```\n",
    ],
)
def test_what_may_stand_before(found, first: str) -> None:
    assert not found(first, "A **prior** is a belief.\n")


def test_a_term_within_a_longer_one(found) -> None:
    assert not found("The **density ratio** compares.\n", "A density ratio.\n")
    [problem] = found("The **density ratio** compares.\n", "A density.\n")
    assert "'density' is used here, and explained in bold nowhere" in problem
    both = found("A latent variable.\n", "**Latent variables** are unseen.\n")
    assert "'latent variable' is used here" in both[0]


def test_pages_around_the_chapters_are_free(chapters) -> None:
    book = chapters("A **prior** is a belief.\n", glossary=GLOSSARY)
    assert not list(explained_first(book))


def test_homely_words_are_terms() -> None:
    book = read_book(Path(__file__).parents[3])
    assert {term.name for term in terms(book)} >= HOMELY.keys()


@pytest.fixture
def twice(chapters):
    def ask(*texts: str) -> list[str]:
        return list(map(str, explained_once(chapters(*texts, glossary=GLOSSARY))))

    return ask


def test_a_term_explained_in_two_chapters(twice) -> None:
    [problem] = twice("A **prior** is a belief.\n", "# Two\n\n**Priors** again.\n")
    assert problem.startswith("book/foundations/page-1.md:3:")
    assert "'prior' is bold in book/foundations/page-0 too" in problem


@pytest.mark.parametrize(
    "second",
    [
        "A prior, and *priors*.\n",
        "A **prior belief**.\n",  # another term
        "```{prf:definition} Prior\n:label: def-p\nA **prior** is.\n```\n",
    ],
)
def test_what_may_follow_an_explanation(twice, second: str) -> None:
    assert not twice("A **prior**, that is.\n\nThe **prior**.\n", second)


def test_terms_with_two_meanings_are_bold_twice(monkeypatch) -> None:
    book = read_book(Path(__file__).parents[3])
    monkeypatch.setattr(order_of_terms, "AGAIN", {})
    found = " ".join(map(str, explained_once(book)))
    assert set(re.findall(r"'([^']+)' is bold in", found)) == AGAIN.keys()
