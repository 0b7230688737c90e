"""The conversions between noise, data and velocity undo one another."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genbook.models.diffusion import prediction as convert
from genbook.models.diffusion.schedules import SCHEDULES
from seeding import seeded


def point(schedule: str) -> tuple[Tensor, ...]:
    """Return data, noise, their blend, and the path's scales and rates."""
    s = SCHEDULES[schedule]()
    x0, eps = torch.randn(2, 40, 3, generator=seeded(0)).double()
    t = torch.linspace(0.1, 0.9, 40, dtype=torch.float64)[:, None]
    alpha, sigma = s.alpha(t), s.sigma(t)
    x = alpha * x0 + sigma * eps
    return x0, eps, x, alpha, sigma, s.d_alpha(t), s.d_sigma(t)


def close(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_round_trip_returns(schedule: str) -> None:
    x0, eps, x, alpha, sigma, da, ds = point(schedule)
    assert close(convert.x0_from_eps(x, eps, alpha, sigma), x0)
    assert close(convert.eps_from_x0(x, x0, alpha, sigma), eps)
    v = convert.v_from_x0_eps(x0, eps, da, ds)
    again = convert.x0_eps_from_v(x, v, alpha, sigma, da, ds)
    assert close(again[0], x0)
    assert close(again[1], eps)
    # Round from each of the three through the others and back.
    e = convert.eps_from_x0(x, again[0], alpha, sigma)
    assert close(convert.v_from_x0_eps(again[0], e, da, ds), v)
    assert close(convert.x0_from_eps(x, e, alpha, sigma), x0)


def test_the_velocity_is_the_slope_of_the_path() -> None:
    s = SCHEDULES["cosine"]()
    x0, eps = torch.randn(2, 5, 3, generator=seeded(1)).double()
    t = torch.tensor(0.4).double().requires_grad_()
    x = s.alpha(t) * x0 + s.sigma(t) * eps
    slopes = [torch.autograd.grad(v, t, retain_graph=True)[0] for v in x.flatten()]
    got = convert.v_from_x0_eps(x0, eps, s.d_alpha(t), s.d_sigma(t))
    assert close(got.flatten(), torch.stack(slopes))


def test_the_answer_for_gaussian_data_is_the_regression_on_the_point() -> None:
    """By the covariances of a jointly Gaussian triple."""
    _, _, x, alpha, sigma, _, _ = point("cosine")
    width = 0.7
    scales = width * alpha, sigma  # x is their mix of two standard Gaussians
    norm = scales[0].square() + scales[1].square()
    x0, eps = convert.gaussian_x0_eps(x, alpha, sigma, width)
    assert close(x0, width * scales[0] / norm * x)
    assert close(eps, scales[1] / norm * x)
    assert close(alpha * x0 + sigma * eps, x)
