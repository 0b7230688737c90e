"""Energies: Langevin's target, the normaliser, both objectives."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from genbook.models.energy import EnergyNetwork, annealed_importance, langevin, slope
from genbook.training import fit


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


COVARIANCE = torch.tensor([[1.0, 0.6], [0.6, 0.5]]).double()


def bowl(x: Tensor) -> Tensor:
    """The energy of a correlated Gaussian."""
    return 0.5 * ((x @ COVARIANCE.inverse()) * x).sum(1)


def network(**config: object) -> EnergyNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = {"hidden": (16,), "octaves": 2, "chains": 256} | config
        return EnergyNetwork([-1.0, -1.0], [1.0, 1.0], **config)  # type: ignore[arg-type]


def test_slope_is_the_gradient() -> None:
    x = torch.randn(5, 2, generator=seeded(1)).double()
    e, g = slope(bowl, x)
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
    x, log_w = annealed_importance(
        bowl,
        x,
        lambda v: base.log_prob(v).sum(1),
        temperatures=60,
        step_size=0.5,
        generator=g,
    )
    log_z = (log_w.logsumexp(0) - math.log(4000)).item()
    exact = math.log(2 * math.pi) + 0.5 * COVARIANCE.logdet().item()
    assert log_z == pytest.approx(exact, abs=0.05)
    w = log_w.softmax(0)[:, None]
    assert torch.allclose((w * x).T @ x, COVARIANCE, atol=0.1)


def test_both_normalisers_agree() -> None:
    model = network().double()
    grid = model.log_normaliser()
    chains = model.log_normaliser(
        method="annealed", points=2000, temperatures=40, generator=seeded(5)
    )
    assert chains == pytest.approx(grid, abs=0.05)
    fine = model.log_normaliser(points=1024)
    assert grid == pytest.approx(fine, abs=1e-3)
    with pytest.raises(ValueError, match="method must be annealed"):
        EnergyNetwork([0.0] * 3, [1.0] * 3).log_normaliser()


def test_contrastive_gradient_is_data_minus_chains() -> None:
    model = network(moves=1).double().eval()
    x = torch.zeros(10, 2).double()
    loss = model.loss(x)
    wanted = model.energy(x).mean() - model.energy(model.buffer).mean()
    assert torch.equal(loss, wanted)
    before = model.buffer.clone()
    model.train()
    model.loss(x, generator=seeded(6))
    assert not torch.equal(before, model.buffer)


@pytest.mark.parametrize("objective", ["contrastive", "score"])
def test_training_finds_a_gaussian(objective: str) -> None:
    x = 0.25 * torch.randn(2000, 2, generator=seeded(7))
    model = network(
        objective=objective, octaves=0, hidden=(32, 32), step_size=0.1, noise=0.1
    )
    fit(model, x, steps=400, batch_size=256, lr=5e-3)
    model.double().requires_grad_(False)
    s = model.sample(2000, temperatures=60, generator=seeded(8))
    wanted = 0.25 if objective == "contrastive" else math.hypot(0.25, 0.1)
    assert s.mean(0).abs().max() < 0.05
    assert s.std(0).mean().item() == pytest.approx(wanted, abs=0.035)


def test_unknown_objective_is_named() -> None:
    with pytest.raises(ValueError, match="objective must be contrastive or score"):
        network(objective="likelihood")
