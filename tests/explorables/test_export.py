"""What a page is given: numbers that it can read, and text that shows them."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure

from genbook.explorables.export import bundle, packed, signed


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(-0.25, 2, "−0.25"), (3, 0, "3"), (-math.inf, 1, "−∞"), (math.inf, 1, "∞")],
)
def test_numbers_are_written_with_their_sign(
    value: float, digits: int, text: str
) -> None:
    assert signed(value, digits) == text


def test_packed_numbers_come_back() -> None:
    x = np.array([0.5, -3.25])
    assert np.array_equal(np.frombuffer(base64.b64decode(packed(x, "f4")), "<f4"), x)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: signed(math.nan), ValueError, "value must be finite, got nan"),
        (lambda: signed("3"), TypeError, "value must be a number"),
        (lambda: signed(1.0, 21), ValueError, "digits must be at most 20"),
        (lambda: packed(["a"], "f4"), TypeError, "x must hold numbers"),
        (lambda: packed([math.nan], "f4"), ValueError, "x must lie from"),
        (lambda: packed([128], "i1"), ValueError, "x must lie from -127 to 127"),
        (lambda: packed([1e300], "f4"), ValueError, "x must lie from -3"),
        (lambda: bundle("", None, ""), TypeError, "fig must be of the type Figure"),
        (lambda: bundle(3, Figure(), ""), TypeError, "html must be a string"),
    ],
)
def test_what_no_page_can_show_is_refused(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


def test_bounds_do_not_overflow_in_a_narrower_type(recwarn) -> None:
    for kind in ("f8", "f4"):
        assert packed(np.ones(2, dtype=np.float32), kind)
    assert packed(np.array([0, 255]), "u1")
    with pytest.raises(ValueError, match="x must lie from 0 to 255 for u1"):
        packed([-1], "u1")
    assert not recwarn.list
