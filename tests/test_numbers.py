"""Checks of plain values, those of words and things: what they say."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real

import pytest

from genbook._numbers import (
    check_each,
    check_function,
    check_kind,
    check_positive,
    check_sizes,
    check_text,
)


@pytest.mark.parametrize(
    ("call", "value"),
    [
        (lambda v: check_text(v, "label"), ""),
        (lambda v: check_kind(v, "options", dict), {}),
        (lambda v: check_kind(v, "n", Real), 3),
        (lambda v: check_each(v, "names", str), ["a", ""]),
        (lambda v: check_each(v, "names", str), ()),
        (lambda v: check_positive(v, "lr", maximum=1), 1.0),
    ],
)
def test_what_fits_comes_back_itself(call: Callable, value: object) -> None:
    assert call(value) is value


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: check_text(3, "label"), TypeError, "label must be a string, got int"),
        (
            lambda: check_function("relu", "between"),
            TypeError,
            "between must be a function, got str",
        ),
        (
            lambda: check_function(None, "f", " of x"),
            TypeError,
            "f must be a function of x, got NoneType",
        ),
        (
            lambda: check_kind([], "options", dict),
            TypeError,
            "options must be of the type dict, got list",
        ),
        (
            lambda: check_each("ab", "names", str),
            TypeError,
            "names must be a sequence of str, got str",
        ),
        (
            lambda: check_each(None, "names", str),
            TypeError,
            "names must be a sequence of str, got NoneType",
        ),
        (
            lambda: check_each(["a", 3], "names", str),
            TypeError,
            "names must be a sequence of str, got int among them",
        ),
        (
            lambda: check_positive(1e300, "lr", maximum=1),
            ValueError,
            r"lr must be at most 1, got 1e\+300",
        ),
        (
            lambda: check_positive(2e6, "beta", zero=True, maximum=10**6),
            ValueError,
            "beta must be at most 1,000,000, got 2000000.0",
        ),
        (
            lambda: check_sizes([3, 9], "hidden", maximum=8),
            ValueError,
            "hidden must be at most 8, got 9",
        ),
    ],
)
def test_what_does_not_fit_is_named(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"^{message}$"):
        call()
