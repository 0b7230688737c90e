"""The checks at the door: what passes comes back, what does not is named."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np
import pytest
import torch

from genbook._validate import (
    check_choice,
    check_corners,
    check_count,
    check_dtype,
    check_fitted,
    check_flag,
    check_generator,
    check_integers,
    check_labels,
    check_number,
    check_positive,
    check_seed,
    check_share,
    check_sizes,
    check_tensor,
    check_unit_interval,
)

X = torch.zeros(5, 2)


@pytest.mark.parametrize(
    ("call", "value"),
    [
        (lambda v: check_tensor(v, "x"), X),
        (lambda v: check_tensor(v, "x", ("n", 2)), X),
        (lambda v: check_tensor(v, "x", ("n", "d"), dtype=torch.float64), X.double()),
        (lambda v: check_tensor(v, "x", finite=False), X / 0),
        (lambda v: check_tensor(v, "x", ("n", 2), allow_empty=True), X[:0]),
        (lambda v: check_tensor(v, "x", ()), torch.tensor(1.0)),
        (lambda v: check_labels(v, "y", 3), torch.tensor([0, 2])),
        (lambda v: check_labels(v, "y"), torch.tensor([0, 2**40])),
        (lambda v: check_labels(v, "y", 3, minimum=-1), torch.tensor([-1, 2])),
        (lambda v: check_integers(v, "x"), torch.tensor([[0, -2]])),
        (lambda v: check_dtype(v), torch.float64),
        (lambda v: check_flag(v, "resume"), False),
        (lambda v: check_labels(v, "y", 3), torch.zeros(0, dtype=torch.long)),
        (lambda v: check_choice(v, "output", ("sigmoid", "linear")), "linear"),
        (lambda v: check_unit_interval(v, "x"), torch.tensor([0.0, 1.0])),
        (lambda v: check_unit_interval(v, "x"), X[:0]),
        (lambda v: check_generator(v), None),
        (lambda v: check_generator(v), torch.Generator()),
    ],
)
def test_what_fits_comes_back_itself(call: Callable, value: object) -> None:
    assert call(value) is value


@pytest.mark.parametrize("n", [3, np.int64(3)])
def test_counts_come_back_as_integers(n: int) -> None:
    assert check_count(n, "n", 3) == 3
    assert type(check_count(n, "n")) is int


@pytest.mark.parametrize("v", [2, 0.5, np.float32(0.5)])
def test_numbers_come_back_as_floats(v: float) -> None:
    assert check_positive(v, "v") == v
    assert type(check_positive(v, "v")) is float
    assert check_positive(0, "v", zero=True) == 0


@pytest.mark.parametrize("v", [0.5, np.float32(0.5), np.float64(0.5)])
def test_numbers_of_numpy_come_back_as_plain_ones(v: float) -> None:
    for check in (check_number, check_positive, check_share):
        assert check(v, "v") == 0.5
        assert type(check(v, "v")) is float
    assert check_number(np.int8(-3), "v") == -3
    assert check_flag(np.bool_(True), "v") is True
    assert type(check_seed(np.uint64(2**62))) is int
    assert check_sizes([np.int64(2), 3], "v") == (2, 3)
    assert {type(size) for size in check_sizes([np.int64(2), 3], "v")} == {int}


@pytest.mark.parametrize(
    "dtype",
    [torch.uint8, torch.int8, torch.int16, torch.int32, torch.uint16, torch.uint64],
)
def test_labels_come_back_in_the_type_of_indices(dtype: torch.dtype) -> None:
    y = torch.tensor([0, 2], dtype=dtype)
    assert check_labels(y, "y", 3, 2).dtype == torch.int64
    assert check_integers(y[None], "x").tolist() == [[0, 2]]


def test_corners_come_back_as_copies() -> None:
    low, high = torch.zeros(2), torch.ones(2)
    a, b = check_corners(low, high)
    a += 1
    assert not low.any()
    assert torch.equal(b, high)
    assert check_corners([0, 0], [1, 2])[1].dtype == torch.float32
    assert check_fitted(True, "Box") is None


def label(*values: float, **options: object) -> torch.Tensor:
    return torch.tensor(values, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: check_tensor([1.0], "x"),
            TypeError,
            "x must be a torch.Tensor, got list",
        ),
        (lambda: check_tensor(np.ones(3), "x"), TypeError, "got ndarray"),
        (
            lambda: check_tensor(torch.ones(3).long(), "x"),
            TypeError,
            "x must be floating point, got torch.int64",
        ),
        (
            lambda: check_tensor(X, "z", dtype=torch.float64),
            TypeError,
            "z must be torch.float64 like the model, got torch.float32; "
            "convert one of them with .to()",
        ),
        (
            lambda: check_tensor(torch.zeros(2, 500), "x", ("n", 2)),
            ValueError,
            "x must be (n, 2), got (2, 500); did you pass columns as rows?",
        ),
        (
            lambda: check_tensor(torch.zeros(2), "x", ("n", 2)),
            ValueError,
            "x must be (n, 2), got (2,); for one observation, pass x[None]",
        ),
        (
            lambda: check_tensor(torch.zeros(3, 1, 8), "x", ("n", 1, 8, 8)),
            ValueError,
            "x must be (n, 1, 8, 8), got (3, 1, 8)",
        ),
        (
            lambda: check_tensor(torch.zeros(3, 1), "x", ("n",)),
            ValueError,
            "x must be (n,), got (3, 1)",
        ),
        (
            lambda: check_tensor(X[:0], "x", ("n", 2)),
            ValueError,
            "x must hold at least one observation, got none",
        ),
        (
            lambda: check_tensor(torch.tensor([1, math.nan, -math.inf]), "x"),
            ValueError,
            "x must be finite, got 2 NaN or infinite of 3 values",
        ),
        (
            lambda: check_count(2.0, "n"),
            TypeError,
            "n must be an integer, got float 2.0",
        ),
        (
            lambda: check_count(True, "n"),
            TypeError,
            "n must be an integer, got bool True",
        ),
        (lambda: check_count("3", "n"), TypeError, "n must be an integer, got str '3'"),
        (lambda: check_count(None, "n"), TypeError, "got NoneType None"),
        (lambda: check_count(-1, "n"), ValueError, "n must be at least 0, got -1"),
        (lambda: check_count(1, "k", 2), ValueError, "k must be at least 2, got 1"),
        (
            lambda: check_positive("1", "lr"),
            TypeError,
            "lr must be a number, got str '1'",
        ),
        (
            lambda: check_positive(True, "lr"),
            TypeError,
            "lr must be a number, got bool",
        ),
        (lambda: check_positive(X, "lr"), TypeError, "lr must be a number, got Tensor"),
        (
            lambda: check_positive(0.0, "lr"),
            ValueError,
            "lr must be positive and finite",
        ),
        (
            lambda: check_positive(-0.1, "lr", zero=True),
            ValueError,
            "lr must be zero or positive and finite, got -0.1",
        ),
        (lambda: check_positive(math.nan, "lr"), ValueError, "got nan"),
        (lambda: check_positive(math.inf, "lr", zero=True), ValueError, "got inf"),
        (
            lambda: check_choice("tanh", "output", ("sigmoid", "linear")),
            ValueError,
            "output must be sigmoid or linear, got 'tanh'",
        ),
        (
            lambda: check_unit_interval(X - 0.25, "x", " for pixels", "; rescale x"),
            ValueError,
            "x must lie in [0, 1] for pixels, got values from -0.25 to -0.25; "
            "rescale x",
        ),
        (
            lambda: check_unit_interval(X + 1.5, "x"),
            ValueError,
            "x must lie in [0, 1], got values from 1.5 to 1.5",
        ),
        (lambda: check_labels([0, 1], "y", 2), TypeError, "y must be a torch.Tensor"),
        (
            lambda: check_labels(label(0.0), "y", 2),
            TypeError,
            "y must hold integer labels",
        ),
        (lambda: check_labels(label(True), "y", 2), TypeError, "got torch.bool"),
        (lambda: check_labels(label(1j), "y", 2), TypeError, "got torch.complex64"),
        (
            lambda: check_labels(label(0, 1), "y", 2, 3),
            ValueError,
            "y must be (3,), got (2,)",
        ),
        (
            lambda: check_labels(label(0)[None], "y", 2),
            ValueError,
            "y must be (n,), got (1, 1)",
        ),
        (lambda: check_labels(label(0, 2), "y", 2), ValueError, "labels 0 to 1, got 2"),
        (
            lambda: check_labels(label(0, -1), "y", 2),
            ValueError,
            "labels 0 to 1, got -1",
        ),
        (
            lambda: check_labels(label(0, -2), "y", minimum=-1),
            ValueError,
            "y must hold labels -1 or above, got -2",
        ),
        (
            lambda: check_integers(X, "x", "tokens"),
            TypeError,
            "x must hold integer tokens, got torch.float32",
        ),
        (
            lambda: check_count(10**9, "n"),
            ValueError,
            "n must be at most 100,000,000, got 1000000000",
        ),
        (lambda: check_count(9, "n", 0, 8), ValueError, "n must be at most 8, got 9"),
        (lambda: check_seed(-1), ValueError, "seed must be at least 0, got -1"),
        (
            lambda: check_seed(2**63, "s"),
            ValueError,
            "s must be at most 9,223,372,036,854,775,807, got",
        ),
        (lambda: check_number("1", "v"), TypeError, "v must be a number, got str '1'"),
        (lambda: check_number(True, "v"), TypeError, "v must be a number, got bool"),
        (lambda: check_number(math.nan, "v"), ValueError, "v must be finite, got nan"),
        (lambda: check_number(-math.inf, "v"), ValueError, "v must be finite"),
        (lambda: check_share(1, "v"), ValueError, "v must be between 0 and 1, got 1"),
        (lambda: check_share(math.nan, "v"), ValueError, "between 0 and 1, got nan"),
        (lambda: check_share(None, "v"), TypeError, "v must be a number, got NoneType"),
        (lambda: check_flag("no", "v"), TypeError, "v must be True or False, got str"),
        (lambda: check_flag(1, "v"), TypeError, "v must be True or False, got int 1"),
        (
            lambda: check_choice(["a"], "v", ("a", "b", "c")),
            ValueError,
            "v must be a, b or c, got ['a']",
        ),
        (lambda: check_choice("b", "v", ("a",)), ValueError, "v must be a, got 'b'"),
        (
            lambda: check_dtype("float32"),
            TypeError,
            "dtype must be torch.float32 or torch.float64, got 'float32'",
        ),
        (
            lambda: check_generator(0),
            TypeError,
            "generator must be a torch.Generator or None, got int; "
            "write torch.Generator().manual_seed(seed)",
        ),
        (
            lambda: check_corners("ab", [1]),
            TypeError,
            "low must be a tensor or a sequence",
        ),
        (
            lambda: check_corners([0], [[1]]),
            ValueError,
            "high must be (dim,), got (1, 1)",
        ),
        (lambda: check_corners([0], [math.inf]), ValueError, "high must be finite"),
        (lambda: check_corners([0, 0], [1]), ValueError, "low and high must be alike"),
        (
            lambda: check_corners([0, 2], [1, 2]),
            ValueError,
            "low must be below high in every dimension, got 2 and 2 in dimension 1",
        ),
        (
            lambda: check_fitted(False, "Box"),
            ValueError,
            "Box is not fitted: call fit(x)",
        ),
    ],
)
def test_what_does_not_fit_is_named(
    call: Callable, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        call()
