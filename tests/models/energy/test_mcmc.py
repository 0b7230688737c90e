"""Chains and annealing: their targets, their known bias, the partition function."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from genbook.metrics import energy_test
from genbook.models.energy._walls import redraw
from genbook.models.energy.mcmc import (
    annealed_importance_sampling,
    energy_and_grad,
    independence_metropolis,
    langevin,
)
from seeding import seeded

COVARIANCE = torch.tensor([[1.0, 0.6], [0.6, 0.5]]).double()


def bowl(x: Tensor) -> Tensor:
    """The energy of a correlated Gaussian."""
    return 0.5 * ((x @ COVARIANCE.inverse()) * x).sum(1)


def test_the_gradient_comes_beside_the_energy() -> None:
    x = torch.randn(5, 2, generator=seeded(1)).double()
    e, g = energy_and_grad(bowl, x)
    assert torch.allclose(e, bowl(x))
    assert torch.allclose(g, x @ COVARIANCE.inverse())


def test_adjusted_chains_reach_the_moments() -> None:
    n = 10_000
    x = langevin(
        bowl, torch.zeros(n, 2).double(), steps=120, step_size=0.5, generator=seeded(2)
    )
    error = COVARIANCE.diagonal().sqrt() / n**0.5
    assert (x.mean(0).abs() < 4 * error).all()
    assert torch.allclose(x.T.cov(), COVARIANCE, atol=0.06)


def test_unadjusted_chains_have_the_known_bias() -> None:
    """For a unit Gaussian the variance at rest is 1 / (1 - h**2 / 4)."""
    h, n = 1.0, 20_000
    x = langevin(
        lambda x: 0.5 * x.square().sum(1),
        torch.zeros(n, 1).double(),
        steps=60,
        step_size=h,
        adjusted=False,
        generator=seeded(3),
    )
    wanted = 1 / (1 - h**2 / 4)
    assert x.var().item() == pytest.approx(wanted, abs=4 * wanted * (2 / n) ** 0.5)


def test_annealing_finds_the_normaliser_and_the_target() -> None:
    g = seeded(4)
    base = torch.distributions.Normal(torch.zeros(2).double(), 2.0)
    x = 2 * torch.randn(4000, 2, generator=g, dtype=torch.float64)
    x, log_w = annealed_importance_sampling(
        bowl,
        x,
        lambda v: base.log_prob(v).sum(1),
        anneal_steps=60,
        step_size=0.5,
        generator=g,
    )
    log_z = (log_w.logsumexp(0) - math.log(4000)).item()
    exact = math.log(2 * math.pi) + 0.5 * COVARIANCE.logdet().item()
    assert log_z == pytest.approx(exact, abs=0.05)
    w = log_w.softmax(0)[:, None]
    assert torch.allclose((w * x).T @ x, COVARIANCE, atol=0.1)


def test_chains_and_annealing_pass_the_two_sample_test() -> None:
    """The ends of chains cannot be told from draws of the target."""
    n, g = 800, seeded(23)
    base = torch.distributions.Normal(torch.zeros(2).double(), 2.0)
    start = 2 * torch.randn(n, 2, generator=g, dtype=torch.float64)
    true = torch.randn(n, 2, generator=g).double() @ torch.linalg.cholesky(COVARIANCE).T
    ends = langevin(bowl, start, steps=80, step_size=0.6, generator=g)
    assert energy_test(ends, true, generator=g).p_value > 0.005
    x, log_w = annealed_importance_sampling(
        bowl,
        start,
        lambda v: base.log_prob(v).sum(1),
        anneal_steps=60,
        step_size=0.6,
        generator=g,
    )
    drawn = redraw(x, log_w, n, g)
    assert energy_test(drawn, true, generator=g).p_value > 0.005


def test_jumps_reach_a_target_with_two_far_hills() -> None:
    """From one hill alone, jumps put the right share on each."""
    n = 10_000

    def hills(x: Tensor) -> Tensor:
        ends = torch.tensor([-4.0, 4.0]).double()
        heights = torch.tensor([0.3, 0.7]).double().log()
        return -(heights - 0.5 * (x - ends).square() / 0.09).logsumexp(1)

    x = torch.full((n, 1), -4.0).double()
    ends = torch.tensor([[-6.0], [6.0]]).double()
    g = seeded(9)
    for _ in range(80):
        x = independence_metropolis(hills, x, *ends, generator=g)
    share = (x > 0).double().mean().item()
    assert share == pytest.approx(0.7, abs=4 * (0.21 / n) ** 0.5)
    right = x[x > 0]
    assert right.std().item() == pytest.approx(
        0.3, abs=4 * 0.3 / (2 * len(right)) ** 0.5
    )


def test_jumps_leave_chains_outside_the_box_alone() -> None:
    """No offer leads out of the box, so none may lead in from outside."""
    x = torch.tensor([[1.5, 0.0], [0.0, 0.0]]).double()
    low, high = -torch.ones(2).double(), torch.ones(2).double()
    moved = independence_metropolis(
        lambda x: x.square().sum(1) * 0, x, low, high, generator=seeded(10)
    )
    assert torch.equal(moved[0], x[0])
    assert not torch.equal(moved[1], x[1])
