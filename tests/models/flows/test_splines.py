"""Splines: the plain form, the fast one, their derivatives and their inverse."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from genbook.models.flows.splines import (
    RQSpline,
    knots,
    rqs_forward,
    rqs_inverse,
)

TAILS = pytest.mark.parametrize("linear_tails", [False, True])


@TAILS
def test_the_plain_and_the_fast_form_agree(linear_tails: bool) -> None:
    """In value, slope and gradients, between the knots, on them and at the ends."""
    g = torch.Generator().manual_seed(10)
    bins = 6
    numbers = 3 * bins + (-1 if linear_tails else 1)
    theta = torch.randn(90, 2, numbers, generator=g, dtype=torch.float64)
    x = torch.rand(90, 2, generator=g, dtype=torch.float64)
    x[:5], x[5:10] = 0, 1
    x[10:20] = knots(theta[10:20], bins, linear_tails)[0][..., 3]
    pull = torch.randn(2, 90, 2, generator=g, dtype=torch.float64)
    theta.requires_grad_(), x.requires_grad_()
    found = []
    for form in (rqs_forward, RQSpline.apply):
        z, log_slope = form(x, theta, bins, linear_tails)
        pulled = (pull[0] * z + pull[1] * log_slope).sum()
        gradients = torch.autograd.grad(pulled, (x, theta))
        undone = rqs_inverse(z, theta, bins, linear_tails)
        assert torch.allclose(undone, x, rtol=0, atol=1e-9)
        found.append((z, log_slope, *gradients))
    for plain, fast in zip(*found, strict=True):
        assert plain.shape == fast.shape
        assert torch.allclose(plain, fast, rtol=1e-9, atol=1e-10)


@TAILS
def test_the_forms_agree_in_float32(linear_tails: bool) -> None:
    g = torch.Generator().manual_seed(11)
    theta = torch.randn(500, 25 - 2 * linear_tails, generator=g)
    x = torch.rand(500, generator=g)
    plain = rqs_forward(x, theta, 8, linear_tails)
    fast = RQSpline.apply(x, theta, 8, linear_tails)
    for a, b in zip(plain, fast, strict=True):
        assert torch.allclose(a, b, rtol=0, atol=2e-5)


@TAILS
def test_the_written_derivatives_are_those_of_autograd(linear_tails: bool) -> None:
    """The backward pass of a spline against finite differences and against autograd."""
    g = torch.Generator().manual_seed(8)
    bins = 5
    numbers = 3 * bins + (-1 if linear_tails else 1)
    theta = torch.randn(6, 2, numbers, generator=g, dtype=torch.float64)
    x = torch.rand(6, 2, generator=g, dtype=torch.float64)
    theta.requires_grad_(), x.requires_grad_()

    def bend(x: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        return RQSpline.apply(x, theta, bins, linear_tails)

    assert torch.autograd.gradcheck(bend, (x, theta))
    z, log_slope = bend(x, theta)
    slope = torch.autograd.grad(z.sum(), x)[0]
    assert torch.allclose(slope.log(), log_slope, rtol=0, atol=1e-12)


@TAILS
def test_the_second_derivatives_are_those_of_the_plain_form(linear_tails: bool) -> None:
    """Against finite differences of the first, and against autograd."""
    g = torch.Generator().manual_seed(17)
    numbers = 9 + (-1 if linear_tails else 1)
    theta = torch.randn(3, numbers, generator=g, dtype=torch.float64).requires_grad_()
    x = torch.rand(3, generator=g, dtype=torch.float64).requires_grad_()

    def bend(x: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        return RQSpline.apply(x, theta, 3, linear_tails)

    assert torch.autograd.gradgradcheck(bend, (x, theta))
    found = []
    for form in (rqs_forward, RQSpline.apply):
        z, log_slope = form(x, theta, 3, linear_tails)
        (slope,) = torch.autograd.grad(z.sum(), x, create_graph=True)
        (change,) = torch.autograd.grad(log_slope.sum(), x, create_graph=True)
        bent = torch.autograd.grad(slope.square().sum() + change.sum(), (x, theta))
        found.append((slope, change, *bent))
    for plain, fast in zip(*found, strict=True):
        assert torch.allclose(plain, fast, rtol=1e-8, atol=1e-9)


def test_the_ends_of_the_interval_stay() -> None:
    g = torch.Generator().manual_seed(9)
    theta = torch.randn(50, 25, generator=g, dtype=torch.float64)
    for end in (0.0, 1.0):
        x = torch.full((50,), end, dtype=torch.float64)
        z, log_slope = RQSpline.apply(x, theta, 8, False)
        assert torch.allclose(z, x, rtol=0, atol=1e-12)
        assert log_slope.isfinite().all()


@TAILS
@pytest.mark.parametrize("scale", [1, 10, 30])
def test_the_log_slope_is_finite_at_every_knot_in_float32(
    linear_tails: bool, scale: float
) -> None:
    """Shares add up to a little less than 1, or more: no reason for a NaN."""
    g = torch.Generator().manual_seed(12)
    theta = scale * torch.randn(5000, 25 - 2 * linear_tails, generator=g)
    at, image, _ = knots(theta, 8, linear_tails)
    for k in range(9):
        x = at[:, k].clamp(0, 1) if 0 < k < 8 else torch.full((5000,), k / 8)
        for form in (rqs_forward, RQSpline.apply):
            z, log_slope = form(x, theta, 8, linear_tails)
            assert log_slope.isfinite().all()
            assert ((z >= 0) & (z <= 1)).all()
            assert torch.allclose(z, image[:, k], rtol=0, atol=2e-4)
        back = rqs_inverse(z, theta, 8, linear_tails)
        assert ((back >= 0) & (back <= 1)).all()


@pytest.mark.parametrize("end", [0.0, 1.0])
def test_rounding_at_the_ends_hides_no_derivative(end: float) -> None:
    """Where the shares add up to less than 1, the slope there is still that of z."""
    g = torch.Generator().manual_seed(13)
    theta = torch.randn(2000, 25, generator=g)
    x = torch.full((2000,), end, requires_grad=True)
    for form in (rqs_forward, RQSpline.apply):
        z, log_slope = form(x, theta, 8, False)
        (slope,) = torch.autograd.grad(z.sum(), x)
        assert (slope > 0).all()
        assert torch.allclose(slope, log_slope.exp(), rtol=0.01)


@TAILS
@pytest.mark.parametrize("bins", [1, 2, 999])
def test_so_many_pieces_are_a_spline(linear_tails: bool, bins: int) -> None:
    g = torch.Generator().manual_seed(14)
    numbers = 3 * bins + (-1 if linear_tails else 1)
    theta = torch.randn(20, numbers, generator=g, dtype=torch.float64)
    x = torch.linspace(0, 1, 20, dtype=torch.float64).requires_grad_()
    z, log_slope = RQSpline.apply(x, theta.requires_grad_(), bins, linear_tails)
    by = torch.autograd.grad((z + log_slope).sum(), (x, theta))
    assert all(t.isfinite().all() for t in (z, log_slope, *by))
    assert torch.allclose(rqs_inverse(z, theta, bins, linear_tails), x, atol=1e-7)


THETA, HALVES = torch.zeros(4, 11), torch.full((4,), 0.5)
BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"bins": 1000}, ValueError, "bins must be at most 999, got 1000"),
    ({"bins": 0}, ValueError, "bins must be at least 1, got 0"),
    ({"bins": 4.0}, TypeError, "bins must be an integer, got float"),
    ({"bins": 5}, ValueError, r"theta must be \(…, 14\) for bins=5"),
    ({"linear_tails": "no"}, TypeError, "linear_tails must be True or False, got str"),
    ({"theta": None}, TypeError, "theta must be a torch.Tensor, got NoneType"),
    ({"theta": torch.tensor(1.0)}, ValueError, r"theta must be \(…, 11\)"),
    ({"theta": THETA[:3]}, ValueError, r"theta must be \(4, 11\) for [xz] of \(4,\)"),
    ({"theta": THETA.double()}, TypeError, "[xz] must be torch.float64 like theta"),
    ({"x": [0.5]}, TypeError, "[xz] must be a torch.Tensor, got list"),
]
VALUES: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"x": 3 * HALVES}, ValueError, r"[xz] must lie in \[0, 1\], got values from 1.5"),
    ({"x": HALVES / 0}, ValueError, "[xz] must be finite"),
    ({"theta": THETA + torch.nan}, ValueError, "theta must be finite"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD + VALUES)
def test_splines_refuse_what_is_none(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    good = {"x": HALVES, "theta": THETA, "bins": 4, "linear_tails": True} | change
    forms = [rqs_forward, rqs_inverse]
    if any(change is known for known, _, _ in BAD):  # the others are about values
        forms.append(RQSpline.apply)
    if "x" not in change and "z" not in message:
        forms.append(lambda x, *rest: knots(*rest))
    for form in forms:
        with pytest.raises(error, match=message):
            form(*good.values())


def test_the_fast_form_looks_at_no_values() -> None:
    g = torch.Generator().manual_seed(15)
    theta = torch.randn(4, 11, generator=g, dtype=torch.float64)
    x = torch.tensor([-0.5, 0.0, 1.0, 3.0], dtype=torch.float64)
    z, log_slope = RQSpline.apply(x, theta, 4, True)
    assert torch.allclose(z, x.clamp(0, 1), atol=1e-12)
    assert log_slope.isfinite().all()
    theta[0] = torch.nan
    z, _ = RQSpline.apply(x, theta, 4, True)
    assert z.isnan().tolist() == [True, False, False, False]


@TAILS
def test_free_numbers_of_nothing_are_the_identity(linear_tails: bool) -> None:
    theta = torch.zeros(14 if linear_tails else 16, dtype=torch.float64)
    at, image, slope = knots(theta, 5, linear_tails)
    even = torch.arange(6).double() / 5
    assert torch.allclose(at, even, atol=1e-12)
    assert torch.allclose(image, even, atol=1e-12)
    assert torch.allclose(slope, torch.ones(6).double(), atol=1e-12)


@TAILS
def test_free_numbers_are_widths_heights_and_slopes(linear_tails: bool) -> None:
    """A softmax above a least share of a thousandth; slopes above a thousandth."""
    g = torch.Generator().manual_seed(16)
    theta = 2 * torch.randn(14 if linear_tails else 16, generator=g).double()
    at, image, slope = knots(theta, 5, linear_tails)
    for found, free in ((at, theta[:5]), (image, theta[5:10])):
        shares = free.exp() / free.exp().sum()
        wanted = 1e-3 + (1 - 5e-3) * shares
        assert torch.allclose(found.diff(), wanted, atol=1e-12)
        assert found[0] == 0
    shift = math.log(math.exp(0.999) - 1)
    wanted = 1e-3 + (1 + (theta[10:] + shift).exp()).log()
    if linear_tails:
        assert slope[[0, -1]].tolist() == pytest.approx([1.0, 1.0])
        slope = slope[1:-1]
    assert torch.allclose(slope, wanted, atol=1e-12)
    far = torch.full_like(theta, -60.0)
    far[2] = far[7] = 60.0
    at, image, slope = knots(far, 5, linear_tails)
    assert at.diff()[0].item() == pytest.approx(1e-3)
    assert image.diff()[0].item() == pytest.approx(1e-3)
    assert slope[2].item() == pytest.approx(1e-3)
