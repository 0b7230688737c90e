"""What layers and networks refuse of their input, each by its name."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import nn

from genbook.models.networks._doors import (
    answer,
    check_cells,
    check_patch,
    check_question,
    check_rows,
    check_vectors,
    check_vocabulary,
    describe,
)

FLOAT, DOUBLE = torch.float32, torch.float64
NAN = torch.full((2, 3), torch.nan)
SHAPE = (1, 2, 2)


@pytest.mark.parametrize("rows", [0, 2])
def test_none_is_a_batch_and_nan_goes_through(rows: int) -> None:
    check_vectors(NAN[:rows], "v", 3, FLOAT)
    check_rows(NAN[:rows], torch.ones(4, 3))
    check_rows(NAN[:rows, None], torch.ones(4, 3), "n", "tokens")
    check_cells(NAN[:rows, :, None, None], torch.ones(4, 3, 1, 1))
    check_question(
        torch.full((rows, *SHAPE), torch.nan), NAN[0, :1], None, SHAPE, 0, FLOAT
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: check_vectors(NAN, "v", 4, FLOAT), "v must be (n, 4), got (2, 3)"),
        (lambda: check_rows(NAN, torch.ones(3, 4)), "x must be (n, 4), got (2, 3)"),
        (
            lambda: check_rows(NAN, torch.ones(3, 3), "n", "tokens"),
            "x must be (n, tokens, 3), got (2, 3)",
        ),
        (
            lambda: check_rows(NAN, torch.ones(3, 4), name="z"),
            "z must be (n, 4), got (2, 3)",
        ),
        (
            lambda: check_cells(NAN[..., None, None], torch.ones(3, 4, 1, 1)),
            "x must be (n, 4, height, width), got (2, 3, 1, 1)",
        ),
        (
            lambda: check_patch((4, 4), 2),
            "event_shape must be (channels, height, width), got (4, 4)",
        ),
        (
            lambda: check_patch((1, 4, 6), 4),
            "patch must divide the sides (4, 6), got 4",
        ),
        (
            lambda: check_patch((4, 4, 6), 3),
            "patch must divide the sides (4, 6), got 3",
        ),
        (lambda: check_patch((1, 4, 4), 0), "patch must be at least 1, got 0"),
        (lambda: check_patch((1, 65, 65), 65), "patch must be at most 64, got 65"),
    ],
)
def test_what_does_not_fit_is_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        call()


def test_the_type_is_that_of_the_weights() -> None:
    for call in (
        lambda: check_vectors(NAN, "x", 3, DOUBLE),
        lambda: check_rows(NAN, torch.ones(4, 3, dtype=DOUBLE)),
        lambda: check_cells(NAN[..., None, None], torch.ones(4, 3, 1, 1, dtype=DOUBLE)),
        lambda: check_question(
            torch.zeros(2, *SHAPE), torch.zeros(1), None, SHAPE, 0, DOUBLE
        ),
    ):
        with pytest.raises(TypeError, match=r"^x must be torch\.float64"):
            call()


def test_the_largest_and_the_smallest_that_fit() -> None:
    assert check_patch((1, 64, 64), 64) == 64
    assert check_patch((3, 5, 7), 1) == 1
    tokens = torch.tensor([[0, 4]])
    assert check_vocabulary(tokens, "x", 5) is tokens
    assert not len(check_vocabulary(tokens[:0], "x", 5))
    for bad in ([[0, 5]], [[-1, 4]]):
        words = f"x must hold tokens 0 to 4, got {bad[0][0]} to {bad[0][1]}"
        with pytest.raises(ValueError, match=words):
            check_vocabulary(torch.tensor(bad), "x", 5)


@pytest.mark.parametrize(
    ("times", "labels", "classes"),
    [(1, None, 0), (3, None, 0), (1, 1, 2), (3, 3, 2), (3, 1, 2), (1, 3, 2)],
)
def test_times_and_labels_that_fit(
    times: int, labels: int | None, classes: int
) -> None:
    # As many labels as times, or as points, and 1 of each for all; 2 stands for none.
    y = None if labels is None else torch.full((labels,), 2)
    question = torch.zeros(3, *SHAPE), torch.zeros(times), y
    if times == 3 and labels == 1:
        with pytest.raises(ValueError, match=r"y must be \(3,\) or \(3,\), got \(1,\)"):
            check_question(*question, SHAPE, classes, FLOAT)
    else:
        check_question(*question, SHAPE, classes, FLOAT)


@pytest.mark.parametrize(
    ("times", "y", "classes", "message"),
    [
        (2, None, 0, "t must be (3,) or (1,), got (2,)"),
        (1, None, 2, "y must be labels 0 to 2, got None"),
        (1, [1, 1, 1], 0, "y must be None, got some"),
        (1, [0, 1, 3], 2, "y must hold labels 0 to 2, got 3"),
        (1, [0, 1], 2, "y must be (3,) or (1,), got (2,)"),
    ],
)
def test_times_and_labels_that_do_not_fit(
    times: int, y: list[int] | None, classes: int, message: str
) -> None:
    labels = None if y is None else torch.tensor(y)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        check_question(
            torch.zeros(3, *SHAPE), torch.zeros(times), labels, SHAPE, classes, FLOAT
        )


def test_a_network_is_asked_in_its_own_type_and_learns_nothing() -> None:
    norm = nn.BatchNorm1d(3).double()
    found = answer(nn.Sequential(norm, nn.Linear(3, 2).double()), 5, 3)
    assert found.shape == (5, 2)
    assert found.dtype == DOUBLE
    assert not found.requires_grad
    assert norm.training
    assert norm.num_batches_tracked == 0
    assert answer(nn.Identity(), 2, 3).tolist() == [[0.0] * 3] * 2


def test_a_network_is_described_by_its_class_and_config() -> None:
    net = nn.Identity()
    assert describe(net) == {"class": "Identity", "config": None}
    net.config = {"width": 3}  # type: ignore[assignment]
    assert describe(net) == {"class": "Identity", "config": {"width": 3}}
