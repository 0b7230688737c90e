"""What a run is given, asked before anything is changed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from genbook.models.density.kernel import KernelDensity
from genbook.models.flows.flow import Flow
from genbook.training._arguments import Settings, check_data
from tiny_models import Line, points

GOOD: dict[str, Any] = {
    "steps": 1,
    "batch_size": 1,
    "lr": 0.1,
    "seed": 0,
    "schedule": "constant",
    "betas": (0.0, 0.5),
    "weight_decay": 0.0,
    "grad_clip": None,
}


def test_the_numbers_are_pythons_own() -> None:
    found = Settings(
        **GOOD
        | {"steps": np.int64(7), "lr": np.float32(0.5), "betas": [np.float64(0.9), 0]}
        | {"grad_clip": np.float64(2), "ema": np.float64(0.5)}
    )
    assert found == Settings(7, 1, 0.5, 0, "constant", (0.9, 0.0), 0.0, 2.0, 0.5)
    assert type(found.steps) is int
    assert type(found.lr) is float
    assert type(found.betas) is tuple
    assert [type(b) for b in found.betas] == [float, float]
    plain = Settings(**GOOD)
    assert plain.grad_clip is None
    assert plain.ema is None


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"steps": 0}, ValueError, "steps must be at least 1"),
        ({"steps": 10**15}, ValueError, "steps must be at most 100,000,000"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"batch_size": 1.5}, TypeError, "batch_size must be an integer"),
        ({"lr": 0.0}, ValueError, "lr must be positive"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"schedule": "cosine"}, ValueError, "schedule must be one of"),
        ({"schedule": ["constant"]}, ValueError, "schedule must be one of"),
        ({"betas": (0.9,)}, ValueError, "betas must be two numbers"),
        ({"betas": (0.9, 0.9, 0.9)}, ValueError, "betas must be two numbers"),
        ({"betas": (0.9, 1.0)}, ValueError, "betas must be two numbers"),
        ({"betas": (-0.1, 0.9)}, ValueError, "betas must be two numbers"),
        ({"betas": (0.9, math.inf)}, ValueError, r"betas\[1\] must be finite"),
        ({"betas": ("a", 0.9)}, TypeError, r"betas\[0\] must be a number"),
        ({"betas": "ab"}, TypeError, "betas must be two numbers"),
        ({"betas": 0.9}, TypeError, "betas must be two numbers"),
        ({"weight_decay": -1.0}, ValueError, "weight_decay must be zero or positive"),
        ({"grad_clip": 0.0}, ValueError, "grad_clip must be positive"),
        ({"ema": 1.0}, ValueError, "ema must be"),
        ({"ema": 0.0}, ValueError, "ema must be"),
    ],
)
def test_bad_settings_are_named(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Settings(**GOOD | change)


LABELS, MODEL = torch.tensor([0, 1] * 4), Line()
LABELLED = Flow(2, transforms=1, hidden=(4,), classes=2)
LOST = torch.tensor([[0.0, math.nan]])


@pytest.mark.parametrize(
    ("model", "given", "error", "message"),
    [
        (object(), {}, TypeError, "model must be a module with a loss method"),
        (nn.Linear(2, 2), {}, TypeError, "module with a loss method, got Linear"),
        (KernelDensity(2), {}, ValueError, r"it is fitted by model.fit\(x\)"),
        (MODEL, {"x": points(8).tolist()}, TypeError, "x must be a torch.Tensor"),
        (MODEL, {"x": points(8).double()}, TypeError, "x must be torch.float32"),
        (MODEL, {"x": points(8)[:, :1]}, ValueError, r"x must be \(n, 2\)"),
        (MODEL, {"x": torch.zeros(3, 3).long()}, ValueError, r"x must be \(n, 2\)"),
        (MODEL, {"x": points(0)}, ValueError, "x must hold at least one"),
        (MODEL, {"x": LOST}, ValueError, "x must be finite"),
        (MODEL, {"x": points(8).to("meta")}, ValueError, "x must be on the model's"),
        (MODEL, {"y": LABELS.to("meta")}, ValueError, "y must be on the model's"),
        (MODEL, {"y": [0] * 8}, TypeError, "y must be a torch.Tensor, got list"),
        (MODEL, {"y": LABELS[1:]}, ValueError, "y must have one row for each of the 8"),
        (MODEL, {"y": LABELS[0]}, ValueError, "y must have one row for each"),
        (MODEL, {"y": LABELS * math.nan}, ValueError, "y must be finite"),
        (MODEL, {"y_val": LABELS}, ValueError, "y_val must come with x_val"),
        (MODEL, {"x_val": LOST}, ValueError, "x_val must be finite"),
        (MODEL, {"x_val": points(8), "y_val": LABELS}, ValueError, "together"),
        (MODEL, {"x_val": points(8), "y": LABELS}, ValueError, "together"),
        (
            LABELLED,
            {"y": LABELS, "x_val": points(8), "y_val": LABELS + 1},
            ValueError,
            "y_val must hold labels 0 to 1",
        ),
        (
            MODEL,
            {"y": LABELS, "x_val": points(8), "y_val": LABELS.float()},
            TypeError,
            "y_val must be like y",
        ),
        (
            MODEL,
            {"y": LABELS, "x_val": points(8), "y_val": LABELS[:, None]},
            TypeError,
            "y_val must be like y",
        ),
    ],
)
def test_bad_data_are_named(
    model: Any, given: dict[str, Any], error: type[Exception], message: str
) -> None:
    data = {"x": points(8), "y": None, "x_val": None, "y_val": None} | given
    with pytest.raises(error, match=message):
        check_data(model, **data)


def test_good_data_come_back_as_autograd_takes_them() -> None:
    x, more = points(8).requires_grad_(), torch.rand(8, 3)
    with torch.inference_mode():
        made = points(8)
    found = check_data(MODEL, x, more, made, more.double())  # numbers, of any width
    assert torch.equal(found.x, x)
    assert not found.x.requires_grad
    assert found.x_val is not None
    assert not found.x_val.is_inference()
    assert torch.equal(found.x_val, made)
    assert check_data(MODEL, x, None, None, None)[1:] == (None, None, None)
    free = nn.Linear(1, 1)  # says no shape, and has not set how many labels there are
    free.loss = len  # type: ignore[assignment]
    tokens = torch.tensor([[3], [4]])
    found = check_data(free, tokens, tokens[:, 0], tokens, tokens[:, 0] + 5)
    assert torch.equal(found.x, tokens)
    assert found.y_val is not None
    assert found.y_val.tolist() == [8, 9]
    check_data(LABELLED, points(8), LABELS, points(8), LABELS.int())
