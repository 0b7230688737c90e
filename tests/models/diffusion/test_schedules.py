"""Schedules against autograd."""

from __future__ import annotations

import pytest
import torch

from genbook.models.diffusion.schedules import SCHEDULES, Schedule


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
