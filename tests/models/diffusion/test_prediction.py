"""The conversions between noise, data and velocity undo one another."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from doors import check_range
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


ONE, X = torch.tensor(0.6), torch.zeros(3, 2)
#: Each with its points, then its scales.
CONVERSIONS: dict[str, tuple[Any, tuple[str, ...], tuple[str, ...]]] = {
    "x0_from_eps": (convert.x0_from_eps, ("x", "eps"), ("alpha", "sigma")),
    "eps_from_x0": (convert.eps_from_x0, ("x", "x0"), ("alpha", "sigma")),
    "x0_eps_from_v": (
        convert.x0_eps_from_v,
        ("x", "v"),
        ("alpha", "sigma", "d_alpha", "d_sigma"),
    ),
    "v_from_x0_eps": (convert.v_from_x0_eps, ("x0", "eps"), ("d_alpha", "d_sigma")),
    "gaussian_x0_eps": (convert.gaussian_x0_eps, ("x",), ("alpha", "sigma")),
}


@pytest.mark.parametrize("name", CONVERSIONS)
def test_each_conversion_looks_at_types_and_shapes_alone(name: str) -> None:
    call, points, scales = CONVERSIONS[name]
    good = dict.fromkeys(points, X) | dict.fromkeys(scales, ONE)
    good |= {"d_sigma": -ONE} if "d_sigma" in good else {}
    good |= {"sigma_data": 1.0} if name.startswith("gaussian") else {}
    for p in points:
        with pytest.raises(TypeError, match=f"^{p} must be a torch.Tensor"):
            call(**good | {p: [0.0]})
        with pytest.raises(TypeError, match=f"^{p} must be floating point"):
            call(**good | {p: X.long()})
        spoilt = torch.tensor([[torch.nan, torch.inf]]).expand(3, 2)
        call(**good | {p: spoilt})
        empty = call(**good | dict.fromkeys(points, X[:0]))
        pair = empty if isinstance(empty, tuple) else (empty,)
        assert {t.shape for t in pair} == {(0, 2)}
    for p in points[1:]:
        with pytest.raises(
            ValueError, match=f"^{p} must be of the shape of {points[0]}"
        ):
            call(**good | {p: X[:1]})
    for scale in scales:
        with pytest.raises(ValueError, match=f"^{scale} must broadcast against"):
            call(**good | {scale: torch.ones(2, 2)})
        with pytest.raises(TypeError, match=f"^{scale} must be"):
            call(**good | {scale: "abc"})
        call(**good | {scale: torch.tensor(torch.nan)})
        call(**good | {scale: torch.ones(3, 1)})


@pytest.mark.parametrize(("value", "least"), [(1e6, 0), (0.0, 0), (-1e6, -1e6)])
def test_scales_end_at_a_million(value: float, least: float) -> None:
    if value >= 0:
        convert.eps_from_x0(X, X, value, 1.0)
    convert.v_from_x0_eps(X, X, value, value)
    with pytest.raises(ValueError, match="d_alpha must be from -1e"):
        convert.v_from_x0_eps(X, X, 1.000001e6 if value > 0 else -1.000001e6, 1.0)
    with pytest.raises(ValueError, match="alpha must be from 0 to 1e"):
        convert.eps_from_x0(X, X, 1.000001e6 if value > 0 else -1e-9, 1.0)


def test_scales_of_no_points_are_none() -> None:
    found = convert.eps_from_x0(X[:0], X[:0], torch.ones(0, 1), torch.ones(0, 1))
    assert found.shape == (0, 2)


def test_scales_broadcast_from_the_last_size_on() -> None:
    x = torch.ones(3, 2)
    for good in (torch.ones(()), torch.ones(2), torch.ones(1, 2), torch.ones(3, 1)):
        assert convert.eps_from_x0(x, x, good, 1.0).shape == (3, 2)
    for bad in (torch.ones(3), torch.ones(1, 3, 2), torch.ones(1, 1, 1)):
        with pytest.raises(ValueError, match=r"^alpha must broadcast against \(3, 2"):
            convert.eps_from_x0(x, x, bad, 1.0)
    for bad_number in (True, None, "1"):
        with pytest.raises(
            TypeError, match=r"^alpha must be a number or a tensor, got"
        ):
            convert.eps_from_x0(x, x, bad_number, 1.0)  # type: ignore[arg-type]


def test_the_spread_of_data_ends_at_a_million() -> None:
    check_range(
        lambda sigma_data: convert.gaussian_x0_eps(X, ONE, ONE, sigma_data),
        "sigma_data",
        (1e-3, 1e6),
        (0.0, -1.0, 1.000001e6),
    )
