"""Tables say the same in HTML, LaTeX, Markdown and plain text."""

from __future__ import annotations

import math
from html.parser import HTMLParser
from typing import Any

import pytest
import torch

from genbook.course.tables import MIME, table

ROWS = [
    {"model": "box & co", "nats": 1.2649, "on land": 0.283, "known": None},
    {"model": "mixture", "nats": 0.3, "on land": 0.8, "known": math.inf},
    {"model": "kernel", "nats": -0.25, "on land": 0.8, "known": 2.0},
]
FORMATS = {"nats": ".2f", "on land": ".0%", "known": ".0f"}
BEST = {"nats": "low", "on land": "high"}


class Cells(HTMLParser):
    """Collects the text of every cell, row by row."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.open = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.open = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.open = False

    def handle_data(self, data: str) -> None:
        if self.open:
            self.rows[-1][-1] += data


@pytest.fixture
def board():
    return table(ROWS, formats=FORMATS, best=BEST, caption="Two < three.", label="t")


def test_cells_are_formatted(board):
    assert board.columns == ("model", "nats", "on land", "known")
    assert board.rows == (
        ("box & co", "1.26", "28%", "—"),
        ("mixture", "0.30", "80%", "∞"),
        ("kernel", "−0.25", "80%", "2"),
    )
    assert board.numeric == (False, True, True, True)


def test_the_best_of_a_column_is_bold_and_ties_share_it(board):
    assert board.bold == {(2, 1), (1, 2), (2, 2)}
    assert board.to_html().count("<strong>") == 3
    assert board.to_latex().count(r"\textbf") == 3
    assert "| **−0.25** | **80%** |" in board.to_markdown()


def test_html_reads_back_as_the_same_cells(board):
    page = board.to_html()
    cells = Cells(page).rows
    assert cells == [list(board.columns), *map(list, board.rows)]
    assert "<caption>Two &lt; three.</caption>" in page
    assert page.count('scope="row"') == 3
    assert page.count('scope="col"') == 4


def test_latex_escapes_and_aligns(board):
    tex = board.to_latex()
    assert r"\begin{tabular}{@{}lrrr@{}}" in tex
    assert r"box \& co & 1.26 & 28\% & —" in tex
    assert r"$\infty$" in tex
    assert tex.count(r"\\") == 4


def test_markdown_has_one_rule_and_escapes_bars():
    text = table([{"a|b": "c|d", "n": 1}]).to_markdown()
    assert text.splitlines() == [r"| a\|b | n |", "| :--- | ---: |", r"| c\|d | 1 |"]


def test_the_book_gets_a_caption_and_a_label(board):
    lines = board.to_myst().splitlines()
    assert lines[:3] == ["```{table} Two < three.", ":name: t", ""]
    assert lines[3:-1] == board.to_markdown().splitlines()
    assert lines[-1] == "```"
    assert board._repr_mimebundle_()["text/markdown"] == board.to_myst()
    unnamed = table(ROWS)
    assert unnamed._repr_mimebundle_()["text/markdown"] == unnamed.to_markdown()


def test_text_is_aligned(board):
    lines = str(board).splitlines()
    assert len(lines) == 5
    assert lines[2].startswith("box & co")
    assert lines[2].index("1.26") == lines[3].index("0.30")


def test_every_front_end_finds_its_type(board):
    bundle = board._repr_mimebundle_()
    assert set(bundle) == {
        MIME,
        "text/html",
        "text/latex",
        "text/markdown",
        "text/plain",
    }
    assert bundle[MIME]["bold"] == [[1, 2], [2, 1], [2, 2]]
    assert bundle[MIME]["label"] == "t"


def test_tensors_and_missing_values():
    t = table([{"x": torch.tensor(0.5)}, {"x": math.nan}], best={"x": "high"})
    assert t.rows == (("0.5",), ("—",))
    assert t.bold == {(0, 0)}
    assert table([{"x": -0.001}], formats={"x": ".1%"}).rows == (("−0.1%",),)
    assert table([{"x": -0.0001}], formats={"x": ".1%"}).rows == (("0.0%",),)
    assert table([{"x": None}], best={"x": "low"}).bold == frozenset()
    assert table([{"latent": True}, {"latent": False}]).rows == (("yes",), ("no",))


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([], {}, "at least one record, got none"),
        ([{"a": 1}, {"b": 1}], {}, r"share the columns \['a'\], got \['b'\]"),
        ([{"a": 1}], {"formats": {"b": ".2f"}}, r"formats must name .* got \['b'\]"),
        ([{"a": 1}], {"best": {"b": "low"}}, r"best must name columns .* got \['b'\]"),
        ([{"a": 1}], {"best": {"a": "most"}}, "'low' or 'high', got"),
        ([{"a": 1.5}], {"formats": {"a": "zzz"}}, "formats must fit the numbers, got"),
    ],
)
def test_bad_input_is_refused(rows, options, message):
    with pytest.raises(ValueError, match=message):
        table(rows, **options)


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ("abc", {}, "rows must be a list of records, got str"),
        (5, {}, "rows must be a list of records, got int"),
        ([5], {}, r"rows must be records \(dict\), got int"),
        ([{"a": 1}], {"formats": "abc"}, "formats must be a dict, got str 'abc'"),
        ([{"a": 1}], {"best": 5}, "best must be a dict, got int 5"),
        ([{"a": 1}], {"caption": 5}, "caption must be a text, got int"),
        ([{"a": 1}], {"label": None}, "label must be a text, got NoneType"),
        (
            [{"a": torch.zeros(2)}],
            {},
            "rows must hold one number in a cell, got Tensor",
        ),
    ],
)
def test_arguments_of_another_type(rows: Any, options: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        table(rows, **options)
