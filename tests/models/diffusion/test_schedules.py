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


def test_schedules_are_their_formulas() -> None:
    t = torch.tensor([0.0, 0.37, 1.0], dtype=torch.float64)
    straight, cosine = SCHEDULES["straight"](), SCHEDULES["cosine"]()
    assert torch.equal(straight.alpha(t), 1 - t)
    assert torch.equal(straight.sigma(t), t)
    assert torch.allclose(cosine.alpha(t), ((math.pi / 2 - 1e-4) * t).cos())
    assert torch.allclose(cosine.sigma(t), ((math.pi / 2 - 1e-4) * t).sin())
    beta = LinearBeta(beta_min=0.4, beta_max=6.0)
    spent = 0.4 * t + (6.0 - 0.4) * t.square() / 2  # the integral of beta
    assert torch.allclose(beta.alpha(t), (-spent / 2).exp())
    assert torch.allclose(beta.sigma(t), (1 - (-spent).exp()).sqrt())
    assert LinearBeta().t_min == 1e-3
    assert (LinearBeta().beta_min, LinearBeta().beta_max) == (0.1, 20.0)
    assert {name: cls().t_min for name, cls in SCHEDULES.items()} == {
        "straight": 0.0,
        "cosine": 0.0,
        "linear-beta": 1e-3,
    }


@pytest.mark.parametrize("schedule", SCHEDULES.values())
def test_any_times_have_scales(schedule: type[Schedule]) -> None:
    for t in (torch.zeros(0), torch.tensor([torch.nan, torch.inf]), torch.ones(2, 1)):
        assert schedule().alpha(t).shape == schedule().sigma(t).shape == t.shape
