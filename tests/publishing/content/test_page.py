"""Pages, as the parser of the book takes them apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from genbook.publishing.content.myst import plain
from genbook.publishing.content.page import Page, read_page


@pytest.fixture
def read(tmp_path: Path):
    """Return a function that reads a text as a page."""

    def read(text: str) -> Page:
        path = tmp_path / "page.md"
        path.write_text(text, "utf8")
        return read_page(path, "book/page")

    return read


def prose(page: Page) -> list[str]:
    return [text for _, text, _ in page.prose if text]


def test_front_matter_is_at_the_top_alone(read) -> None:
    page = read("---\na: 1\n---\n# T\n\n```{note}\n---\nclass: x\n---\nText.\n```\n")
    assert page.front == {"a": 1}
    assert prose(page) == ["# T", "Text."]
    [note] = page.directives
    assert (note.options, note.line, note.body_line) == ({"class": "x"}, 6, 10)


@pytest.mark.parametrize("fence", ["```", "~~~", ":::", "::::"])
def test_every_fence_is_seen_also_in_a_list(read, fence: str) -> None:
    page = read(f"- Item.\n\n  {fence}{{hint}} A title\n  Start early.\n  {fence}\n")
    [hint] = page.directives
    assert (hint.name, hint.argument, hint.body) == (
        "hint",
        "A title",
        ("Start early.",),
    )
    assert (hint.line, hint.body_line) == (3, 4)
    assert ("Start early.", ("hint",)) in [(t, i) for _, t, i in page.prose]


def test_what_is_inside_knows_what_is_around(read) -> None:
    page = read(
        "::::{exercise}\n:label: ex\n:::{hint}\n```python\nx = 1\n```\n:::\n::::\n"
        "```{solution-start} ex\n```\nThis way.\n```{solution-end}\n```\nOn.\n"
    )
    inside = {d.name: d.inside for d in page.directives}
    assert inside[""] == ("exercise", "hint")
    assert dict((t, i) for _, t, i in page.prose) == {
        "This way.": ("solution",),
        "On.": (),
    }


@pytest.mark.parametrize(
    "hidden",
    [
        "$$\nx = 0.5\n$$",
        "$$ x = 0.5 $$",
        "$$\nx\n$$ (eq-x)",
        "\\begin{align}\nx &= 0.5\n\\end{align}",
        "% a remark",
        "(a-label)=",
    ],
)
def test_what_is_no_text_is_left_out(read, hidden: str) -> None:
    assert prose(read(f"Before.\n\n{hidden}\n\nAfter.\n")) == ["Before.", "After."]


def test_comments_allow_numbers_and_labels_are_targets(read) -> None:
    page = read(
        "# T\n% typed numbers: 0.5 28%\n% typed numbers: 3.1\n\n(here)=\n## S\n"
    )
    assert page.allowed == {"0.5", "28%", "3.1"}
    assert page.targets == [("here", 5)]


def test_roles_and_links_are_what_the_parser_says(read) -> None:
    page = read("See {ref}`it <fig-a>`, `` {ref}`b` ``, \\{ref}`c`, and [d](#fig-d).\n")
    assert list(page.roles("ref")) == [("fig-a", 1)]
    assert list(page.links()) == [("#fig-d", 1)]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("*One.* Two.", "One. Two."),
        ("The {term}`bit <nat>`, {cite:t}`prince2023`.", "The bit,  ."),
        ("A [link](https://example.org) to https://example.org", "A link to  "),
        ("$x$ is `y` of {glue:text}`n`", "  is   of n"),
    ],
)
def test_plain_text(line: str, text: str) -> None:
    assert plain(line, glue="n") == text
