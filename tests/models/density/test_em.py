"""The two steps of EM against sums written out, and its start."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from genbook.data.toy import TwoMoons
from genbook.models.density._em import (
    SufficientStatistics,
    Theta,
    climb,
    e_step,
    initialise,
    m_step,
)
from genbook.models.density.kmeans import kmeans_plusplus
from genbook.models.density.mixture import GaussianMixture
from seeding import seeded


def random_mixture(dim: int, k: int) -> GaussianMixture:
    g = seeded(0)
    a = torch.randn(k, dim, dim, generator=g).double()
    return GaussianMixture.from_parameters(
        torch.rand(k, generator=g).double().softmax(0),
        2 * torch.randn(k, dim, generator=g).double(),
        a @ a.mT + 0.1 * torch.eye(dim).double(),
    )


def test_e_step_equals_the_sums_written_out() -> None:
    model = random_mixture(3, 4)
    x = torch.randn(700, 3, generator=seeded(1)).double()
    tril = torch.linalg.cholesky(model.covariances)
    sums = e_step(x, Theta(model.weights, model.means.detach(), tril))
    r = model.responsibilities(x).detach()
    assert torch.allclose(sums.n, r.sum(0))
    assert torch.allclose(sums.x, r.mT @ x)
    assert torch.allclose(sums.xx, torch.einsum("nk,ni,nj->kij", r, x, x))
    assert sums.log_likelihood == pytest.approx(-model.loss(x).item())


def test_e_step_does_not_depend_on_the_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_mixture(2, 3)
    x = torch.randn(500, 2, generator=seeded(1)).double()
    theta = Theta(
        model.weights, model.means.detach(), torch.linalg.cholesky(model.covariances)
    )
    whole = e_step(x, theta)
    monkeypatch.setattr("genbook.models.density._em.CACHE", 100)
    for a, b in zip(whole, e_step(x, theta), strict=True):
        assert np.allclose(a, b)


def test_an_empty_component_does_no_harm() -> None:
    x = TwoMoons(noise=0.1).sample(300, generator=seeded(0), dtype=torch.float64)
    theta = initialise(x - x.mean(0), 3, 1e-6, seeded(1))
    theta = theta._replace(
        means=theta.means + torch.tensor([[0.0], [0.0], [1e4]]).double()
    )
    sums = e_step(x - x.mean(0), theta)
    assert sums.n[2] < 1e-30
    after = m_step(sums, 1e-6)
    assert all(t.isfinite().all() for t in after)


def test_initial_groups_are_far_apart() -> None:
    centres = torch.tensor([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0], [50.0, 50.0]])
    x = centres.repeat(100, 1) + torch.randn(400, 2, generator=seeded(0))
    x = (x - x.mean(0)).double()
    for seed in range(20):
        theta = initialise(x, 4, 1e-6, seeded(seed))
        assert torch.allclose(theta.pi, torch.full((4,), 0.25).double())


@pytest.mark.parametrize("iterations", [0, 1, 4])
def test_climbing_is_both_steps_in_turn(iterations: int) -> None:
    x = torch.randn(200, 2, generator=seeded(0)).double()
    first = theta = initialise(x, 3, 1e-6, seeded(1))
    wanted = [e_step(x, theta).log_likelihood]
    for _ in range(iterations):
        theta = m_step(e_step(x, theta), 1e-6)
        wanted.append(e_step(x, theta).log_likelihood)
    history, last = climb(x, first, 1e-6, iterations, 0.0)
    assert history == wanted
    assert all(torch.equal(a, b) for a, b in zip(last, theta, strict=True))


def test_climbing_stops_after_the_first_step_that_gains_too_little() -> None:
    x = torch.randn(200, 2, generator=seeded(0)).double()
    first = initialise(x, 3, 1e-6, seeded(1))
    history, _ = climb(x, first, 1e-6, 50, 0.0)
    gains = [b - a for a, b in pairwise(history)]
    assert gains[3] < gains[2]
    stopped, last = climb(x, first, 1e-6, 50, gains[3] * 1.01)
    assert stopped == history[:5]
    assert e_step(x, last).log_likelihood == history[4]
    assert len(climb(x, first, 1e-6, 50, 10.0)[0]) == 2  # a first gain there must be


def test_an_m_step_has_the_moments_and_a_floor() -> None:
    x = torch.randn(30, 3, generator=seeded(3)).double()
    r = torch.rand(30, 2, generator=seeded(4)).double().softmax(1)
    floor = 0.95
    n, sx = r.sum(0), r.mT @ x
    xx = torch.einsum("nk,ni,nj->kij", r, x, x)
    theta = m_step(SufficientStatistics(n, sx, xx, 0.0), floor)
    assert torch.allclose(theta.pi, n / 30)
    for k in range(2):
        share = r[:, k] / n[k]
        mu = share @ x
        C = ((x - mu).mT * share) @ (x - mu)
        values, axes = torch.linalg.eigh(C)
        assert (values < floor).any()
        assert (values > floor).any()
        C = axes * values.clamp(min=floor) @ axes.mT
        assert torch.allclose(theta.means[k], mu)
        assert torch.allclose(theta.tril[k] @ theta.tril[k].mT, C)


def test_the_start_has_the_moments_of_the_groups() -> None:
    x = torch.randn(60, 2, generator=seeded(5)).double()
    _, nearest = kmeans_plusplus(x, 3, generator=seeded(6))
    theta = initialise(x, 3, 1e-9, seeded(6))
    for k in range(3):
        own = x[nearest == k]
        assert theta.pi[k].item() == pytest.approx(len(own) / 60)
        assert torch.allclose(theta.means[k], own.mean(0))
        C = torch.cov(own.mT, correction=0)
        assert torch.allclose(theta.tril[k] @ theta.tril[k].mT, C)


def test_sums_are_in_double_precision_whatever_the_points_are() -> None:
    x = torch.randn(50, 2, generator=seeded(7))
    theta = initialise(x.double(), 3, 1e-6, seeded(1))
    sums, exact = e_step(x, theta), e_step(x.double(), theta)
    for a, b in zip(sums[:3], exact[:3], strict=True):
        assert a.dtype == torch.float64
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-3)
    assert sums.n.sum().item() == pytest.approx(50, abs=1e-4)
