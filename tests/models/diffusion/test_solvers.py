"""Solvers of differential equations, and divergences, against closed forms."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from doors import check_function_doors
from genbook.models.diffusion.solvers import (
    EVALUATIONS,
    odeint,
    velocity_and_divergence,
)
from seeding import seeded


@pytest.mark.parametrize(
    ("method", "order"), [("euler", 1), ("adams", 2), ("heun", 2), ("rk4", 4)]
)
def test_solvers_have_their_order(method: str, order: int) -> None:
    def error(steps: int) -> float:
        t = torch.linspace(1, 0, steps + 1, dtype=torch.float64)
        x = torch.ones(1, dtype=torch.float64)
        end = odeint(lambda x, t: -2 * t * x, x, t, method)  # type: ignore[arg-type]
        return abs(end.item() - math.e)

    ratio = error(20) / error(40)
    assert ratio == pytest.approx(2**order, rel=0.3)


@pytest.mark.parametrize("method", EVALUATIONS)
def test_stops_on_the_way_are_those_of_shorter_ways(method: Any) -> None:
    t = torch.linspace(0, 1, 6, dtype=torch.float64).square()
    x = torch.randn(3, 2, generator=seeded(0)).double()

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        return t * x.flip(1) - x

    path = odeint(velocity, x, t, method, return_intermediates=True)
    assert path.shape == (6, 3, 2)
    assert torch.equal(path[0], x)
    for k in range(1, 6):
        assert torch.equal(path[k], odeint(velocity, x, t[: k + 1], method))


TURN = torch.randn(3, 3, generator=seeded(1)).double()


def curved(x: Tensor) -> Tensor:
    """A velocity, of which each coordinate depends on all."""
    return (x @ TURN).sin() * x.square().sum(1, keepdim=True)


def test_divergence_is_the_trace_of_the_jacobian() -> None:
    x = torch.randn(4, 3, generator=seeded(2)).double()
    v, divergence = velocity_and_divergence(curved, x)
    assert torch.equal(v, curved(x))
    jacobian = torch.func.vmap(torch.func.jacrev(lambda p: curved(p[None])[0]))(x)
    wanted = jacobian.diagonal(dim1=1, dim2=2).sum(1)
    assert torch.allclose(divergence, wanted, rtol=0, atol=1e-12)
    assert not divergence.requires_grad
    x.requires_grad_()
    assert velocity_and_divergence(curved, x)[1].requires_grad


def test_hutchinson_s_estimate_is_right_in_the_mean() -> None:
    x, k = torch.randn(4, 3, generator=seeded(3)).double(), 4000
    _, exact = velocity_and_divergence(curved, x)
    u = torch.randn(k, 4, 3, generator=seeded(4)).double()
    each = torch.stack([velocity_and_divergence(curved, x, p[None])[1] for p in u])
    error = each.std(0) / k**0.5
    assert ((each.mean(0) - exact).abs() < 4 * error).all()
    together = velocity_and_divergence(curved, x, u)[1]
    assert torch.allclose(together, each.mean(0), rtol=0, atol=1e-10)
    # Signs find a diagonal Jacobian exactly, whatever they are.
    for signs in (torch.ones(1, 4, 3), -torch.ones(1, 4, 3)):
        _, got = velocity_and_divergence(lambda x: x**3, x, signs.double())
        assert torch.allclose(got, 3 * x.square().sum(1), rtol=0, atol=1e-12)


def test_odeint_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_function_doors(
        odeint,
        velocity=lambda x, t: x,
        x=x,
        times=torch.linspace(0, 1, 3),
        method="euler",
        return_intermediates=False,
    )


def test_divergence_names_what_it_refuses() -> None:
    x = torch.ones(3, 2)
    twice = lambda x: 2 * x  # noqa: E731
    ask = lambda **n: velocity_and_divergence(twice, **{"x": x} | n)  # noqa: E731
    for bad in (x[0], x.long(), x.tolist()):
        with pytest.raises((TypeError, ValueError), match=r"^x must"):
            ask(x=bad)
    for bad in (torch.ones(3, 2), torch.ones(1, 3, 1), torch.ones(1, 2, 2), 1):
        with pytest.raises((TypeError, ValueError), match=r"^probes must"):
            ask(probes=bad)
    with pytest.raises(TypeError, match=r"^create_graph must be True or False"):
        ask(create_graph="no")
    assert ask(x=x[:0], probes=torch.ones(1, 0, 2))[1].shape == (0,)
