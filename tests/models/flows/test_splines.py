"""Splines: the plain form, the fast one, their derivatives and their inverse."""

from __future__ import annotations

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


def test_the_ends_of_the_interval_stay() -> None:
    g = torch.Generator().manual_seed(9)
    theta = torch.randn(50, 25, generator=g, dtype=torch.float64)
    for end in (0.0, 1.0):
        x = torch.full((50,), end, dtype=torch.float64)
        z, log_slope = RQSpline.apply(x, theta, 8, False)
        assert torch.allclose(z, x, rtol=0, atol=1e-12)
        assert log_slope.isfinite().all()
