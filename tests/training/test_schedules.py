"""The learning rates against PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from doors import check_function_doors
from genbook.training import constant, one_cycle


@pytest.mark.parametrize("peak", [1e-5, 0.01, 1.0])
@pytest.mark.parametrize("steps", [2, 3, 4, 10, 57, 100])
def test_one_cycle_equals_pytorch(steps: int, peak: float) -> None:
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=peak)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=peak, total_steps=steps, cycle_momentum=False
    )
    for step in range(steps):
        oracle = optimiser.param_groups[0]["lr"]
        assert one_cycle(step, steps, peak) == pytest.approx(
            oracle, rel=1e-9, abs=1e-12
        )
        optimiser.step()
        if step < steps - 1:
            scheduler.step()


def test_one_cycle_of_one_step_is_finite() -> None:
    assert 0 < one_cycle(0, 1, 1.0) <= 1


def test_constant_schedule() -> None:
    assert [constant(s, 5, 0.3) for s in range(5)] == [0.3] * 5


@pytest.mark.parametrize("schedule", [constant, one_cycle])
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((10, 10, 1.0), ValueError, "step must be at most 9, got 10"),
        ((-1, 10, 1.0), ValueError, "step must be at least 0"),
        ((0.5, 10, 1.0), TypeError, "step must be an integer"),
        ((0, 0, 1.0), ValueError, "steps must be at least 1"),
        ((0, 10, -1.0), ValueError, "peak must be zero or positive"),
        ((0, 10, "a"), TypeError, "peak must be a number"),
    ],
)
def test_steps_that_there_are_not(
    schedule: Any, arguments: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        schedule(*arguments)


def test_one_cycle_names_what_it_refuses() -> None:
    peak = 0.1
    check_function_doors(one_cycle, step=1, steps=4, peak=peak)


def test_constant_names_what_it_refuses() -> None:
    peak = 0.1
    check_function_doors(constant, step=1, steps=4, peak=peak)
