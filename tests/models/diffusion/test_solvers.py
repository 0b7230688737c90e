"""Solvers of differential equations, and divergences, against closed forms."""

from __future__ import annotations

import itertools
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


@pytest.mark.parametrize(
    ("method", "order"), [("euler", 1), ("adams", 2), ("heun", 2), ("rk4", 4)]
)
def test_solvers_keep_their_order_on_uneven_steps(method: str, order: int) -> None:
    def error(steps: int) -> float:
        t = torch.linspace(1, 0, steps + 1, dtype=torch.float64).square()
        x = torch.tensor([1.0, 0.4]).double()

        def velocity(x: Tensor, t: Tensor) -> Tensor:
            return torch.stack([-2 * t * x[0], (3 * t).cos() * x[1] ** 2])

        end = odeint(velocity, x, t, method)  # type: ignore[arg-type]
        wanted = [math.e, 1 / (1 / 0.4 + math.sin(3) / 3)]
        return max(abs(a - b) for a, b in zip(end.tolist(), wanted, strict=True))

    assert error(40) / error(80) == pytest.approx(2**order, rel=0.25)


def written_out(method: str, f: Any, x: Tensor, times: list[float]) -> Tensor:
    """Take the steps of a solver as its table says."""
    before: Any = None
    for a, b in itertools.pairwise(times):
        h, v = b - a, f(x, a)
        if method == "euler":
            new = x + h * v
        elif method == "heun" or (method == "adams" and before is None):
            new = x + h / 2 * v + h / 2 * f(x + h * v, b)
        elif method == "adams":
            last, old = before
            new = x + h * (1 + h / (2 * last)) * v - h**2 / (2 * last) * old
        else:
            k2 = f(x + h / 2 * v, a + h / 2)
            k3 = f(x + h / 2 * k2, a + h / 2)
            k4 = f(x + h * k3, b)
            new = x + h / 6 * v + h / 3 * k2 + h / 3 * k3 + h / 6 * k4
        x, before = new, (h, v)
    return x


@pytest.mark.parametrize("method", EVALUATIONS)
def test_steps_are_those_of_the_tables(method: Any) -> None:
    x, calls = torch.randn(3, 2, generator=seeded(5)).double(), 0

    def velocity(x: Tensor, t: Any) -> Tensor:
        nonlocal calls
        calls += 1
        return (x.flip(1) + 2 * t).sin() * x + t**2

    times = [0.0, 0.3, 0.5, 1.2]
    found = odeint(velocity, x, torch.tensor(times).double(), method)
    steps = 3 * EVALUATIONS[method]
    assert calls == steps + (method == "adams")  # whose first step is one of Heun
    assert torch.allclose(found, written_out(method, velocity, x, times), atol=1e-6)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([1.0], "times must hold two times or more, got 1"),
        ([0.0, 0.5, 0.5], "times must rise or fall all the way"),
        ([0.0, 1.0, 0.5], "times must rise or fall all the way"),
        ([1.0, 0.5, 0.5], "times must rise or fall all the way"),
    ],
)
def test_times_go_one_way(times: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        odeint(lambda x, t: x, torch.ones(2), torch.tensor(times))
    assert odeint(lambda x, t: x, torch.ones(0, 2), torch.tensor([1.0, 0.0])).shape


@pytest.mark.parametrize(
    ("velocity", "error", "message"),
    [
        (3, TypeError, "velocity must be callable, got int"),
        (lambda *_: 1.0, ValueError, r"velocity must return \(3, 2\), got float"),
        (lambda x, *_: x[:1], ValueError, r"must return \(3, 2\), got \(1, 2\)"),
    ],
)
def test_velocities_answer_each_point(
    velocity: Any, error: type[Exception], message: str
) -> None:
    x = torch.ones(3, 2)
    with pytest.raises(error, match=message):
        odeint(velocity, x, torch.tensor([1.0, 0.0]))
    with pytest.raises(error, match=message):
        velocity_and_divergence(velocity, x)
    with pytest.raises(ValueError, match="velocity must be differentiable"):
        velocity_and_divergence(lambda x: x.detach(), x)


def test_a_divergence_keeps_its_gradient_where_one_is_wanted() -> None:
    x = torch.randn(3, 2, generator=seeded(6)).double()
    scale = torch.tensor(2.0).double().requires_grad_()
    ask = lambda **n: velocity_and_divergence(lambda x: scale * x**3, x, **n)  # noqa: E731
    v, divergence = ask()
    assert not v.requires_grad
    v, divergence = ask(create_graph=True)
    (slope,) = torch.autograd.grad(divergence.sum(), scale)
    assert slope.item() == pytest.approx(3 * x.square().sum().item())
    assert v.requires_grad
    with torch.no_grad():
        assert not ask(create_graph=True)[1].requires_grad
