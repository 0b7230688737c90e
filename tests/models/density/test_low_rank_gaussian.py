"""A plane through weighted points: each counts as often as it weighs."""

from __future__ import annotations

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
