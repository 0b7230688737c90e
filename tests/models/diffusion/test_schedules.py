"""Schedules against autograd."""

from __future__ import annotations

import math

import pytest
import torch

from doors import check_range
from genbook.models.diffusion.schedules import SCHEDULES, Cosine, LinearBeta, Schedule


@pytest.mark.parametrize("schedule", [cls() for cls in SCHEDULES.values()])
def test_derivatives_of_schedules_are_those_of_autograd(schedule: Schedule) -> None:
    t = torch.linspace(schedule.t_min, 1, 50, dtype=torch.float64)
    for f, df in (
        (schedule.alpha, schedule.d_alpha),
        (schedule.sigma, schedule.d_sigma),
    ):
        time = t.clone().requires_grad_()
        (wanted,) = torch.autograd.grad(f(time).sum(), time, allow_unused=True)
        assert torch.allclose(df(t), wanted, rtol=1e-10, atol=1e-10)
    assert schedule.alpha(t)[0].item() == pytest.approx(1, abs=1e-3)
    assert schedule.sigma(t)[-1].item() == pytest.approx(1, abs=1e-3)
    assert (schedule.alpha(t).diff() < 0).all()


def test_constants_have_limits() -> None:
    steepest = math.pi / 2 - 1e-6
    check_range(Cosine, "max_angle", [0.1, steepest], [0.0, -1.0, steepest + 1e-9])
    check_range(LinearBeta, "beta_min", [0.0, 20.0], [-0.1])
    check_range(LinearBeta, "beta_max", [0.1, 100.0], [0.05, 100.1])
    check_range(LinearBeta, "t_min", [1e-6, 0.9], [0.0, 1.0])


@pytest.mark.parametrize("schedule", SCHEDULES.values())
def test_times_are_tensors_of_numbers(schedule: type[Schedule]) -> None:
    for f in ("alpha", "sigma", "d_alpha", "d_sigma"):
        for bad in (0.5, torch.tensor([1]), None):
            with pytest.raises(TypeError, match=r"^t must be"):
                getattr(schedule(), f)(bad)
