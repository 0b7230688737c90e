"""A plane through weighted points: each counts as often as it weighs."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from genbook.models.density._low_rank_gaussian import (
    fit_plane,
    low_rank_gaussian_log_prob,
    posterior_mean,
)
from seeding import seeded


def data(n: int = 300, features: int = 6, seed: int = 0) -> Tensor:
    """Return correlated points, ``(n, features)``, float64."""
    g = seeded(seed)
    a = torch.randn(features, features, generator=g).double()
    return torch.randn(n, features, generator=g).double() @ a + 3.0


def test_a_weighted_fit_counts_points_as_often_as_they_weigh() -> None:
    x, weights = data(30), torch.arange(1.0, 31.0).double()
    one = fit_plane(x, weights, 2, 1e-9)
    many = x.repeat_interleave(weights.long(), dim=0)
    other = fit_plane(many, torch.ones(len(many)).double(), 2, 1e-9)
    a = low_rank_gaussian_log_prob(x - one.mu, one.W, one.log_variance)
    assert torch.allclose(
        a, low_rank_gaussian_log_prob(x - other.mu, other.W, other.log_variance)
    )


def test_density_and_codes_are_those_of_the_whole_covariance() -> None:
    x, W = data(20), torch.randn(6, 2, generator=seeded(1)).double()
    log_variance = torch.tensor(-0.7).double()
    C = W @ W.mT + log_variance.exp() * torch.eye(6).double()
    wanted = MultivariateNormal(torch.zeros(6).double(), C).log_prob(x)
    assert torch.allclose(low_rank_gaussian_log_prob(x, W, log_variance), wanted)
    codes = x @ torch.linalg.solve(C, W)  # of the joint Gaussian of code and point
    assert torch.allclose(posterior_mean(x, W, log_variance), codes)


def test_a_plane_is_that_of_the_principal_components() -> None:
    x, ones = data(300), torch.ones(300).double()
    plane = fit_plane(x, ones, 2, 1e-9)
    values, vectors = torch.linalg.eigh(torch.cov(x.T, correction=0))
    noise = values[:4].mean()  # of the 6 - 2 directions that are left
    assert plane.log_variance.exp().item() == pytest.approx(noise.item())
    W = vectors[:, 4:].flip(1) * (values[4:].flip(0) - noise).sqrt()
    assert torch.allclose(plane.W @ plane.W.mT, W @ W.mT)
    assert torch.allclose(plane.mu, x.mean(0))


@pytest.mark.parametrize("n", [3, 5, 6, 7])
def test_few_points_have_the_plane_of_their_covariance(n: int) -> None:
    x, weights = data(n), torch.linspace(0.5, 2, n).double()
    plane = fit_plane(x, weights, 4, 1e-3)
    share = weights / weights.sum()
    mu = share @ x
    C = ((x - mu).mT * share) @ (x - mu)
    values, vectors = torch.linalg.eigh(C)
    noise = values[:2].mean().clamp(min=1e-3)
    W = vectors[:, 2:] * (values[2:] - noise).clamp(min=0).sqrt()
    assert plane.W.shape == (6, 4)
    assert torch.allclose(plane.log_variance.exp(), noise)
    assert torch.allclose(plane.W @ plane.W.mT, W @ W.mT, atol=1e-9)
