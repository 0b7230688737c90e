"""Sections are read as NumPy's own parser of docstrings would read them."""

from __future__ import annotations

import pytest
import torch

from genbook.data.docstring_lines import (
    FEATURES,
    SECTIONS,
    label_lines,
    line_features,
    load_docstring_lines,
)

TEXT = """Add two numbers.

They may be arrays.

Parameters
----------
x, y : array_like
    What to add.

Returns
-------
z : ndarray
    The sum.

Examples
--------
>>> add(1, 2)
3
"""


def test_headings_and_empty_lines_go_and_labels_stay() -> None:
    labelled = label_lines(TEXT)
    assert labelled is not None
    assert [SECTIONS[k] for _, k in labelled] == (
        ["summary"] * 2 + ["parameters"] * 2 + ["returns"] * 2 + ["examples"] * 2
    )
    assert [line for line, _ in labelled][2:4] == [
        "x, y : array_like",
        "    What to add.",
    ]


def test_an_unknown_section_is_refused() -> None:
    assert label_lines(TEXT.replace("Examples", "Surprises")) is None


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (">>> add(1, 2)", "prompt"),
        ("x, y : array_like", "name : type"),
        ("    What to add.", "indented"),
        (".. [1] Some book, 1999.", "a year"),
        ("numpy.subtract", "one word"),
    ],
)
def test_a_feature_is_seen(line: str, name: str) -> None:
    assert line_features(line)[list(FEATURES).index(name)] == 1


def test_capitals_are_told_from_small_letters() -> None:
    place = list(FEATURES).index("capital first")
    assert line_features("Sum.")[place] == 1
    assert line_features("sum.")[place] == 0


def test_no_object_is_on_both_sides() -> None:
    train, test = load_docstring_lines("train"), load_docstring_lines("test")
    assert not set(train.names) & set(test.names)
    assert len(train) > 500
    assert len(test) > 150
    assert train.x.shape == (len(train), 16, len(FEATURES))
    assert set(train.x.unique().tolist()) == {0.0, 1.0}
    assert train.y.dtype == torch.long
    assert int(train.y.max()) == len(SECTIONS) - 1
    assert all(len(piece) == 16 for piece in train.lines)


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="split must be 'train' or 'test'"):
        load_docstring_lines("all")
    with pytest.raises(ValueError, match="length must be at least 1"):
        load_docstring_lines(length=0)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(TypeError, match="text must be a string, got int"):
        label_lines(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="line must be a string, got NoneType"):
        line_features(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"dtype must be torch\.float32 or"):
        load_docstring_lines(dtype="float32")  # type: ignore[arg-type]
