"""The aggregated posterior of codes against closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from doors import check_limits
from genbook.metrics.posterior import HOLE, aggregated_posterior
from genbook.metrics.two_sample import energy_test
from genbook.models.density.ppca import ProbabilisticPCA
from genbook.models.variational.closed_form import linear_vae
from genbook.models.variational.vae import VAE
from seeding import seeded


@pytest.fixture
def plane() -> ProbabilisticPCA:
    """A plane in five dimensions, fitted to observations near it."""
    W = torch.randn(2, 5, generator=seeded(0)).double()
    z = torch.randn(1000, 2, generator=seeded(1)).double()
    x = z @ W + 0.4 * torch.randn(1000, 5, generator=seeded(2)).double() + 1.0
    return ProbabilisticPCA((5,), components=2).double().fit(x)


def test_the_codes_of_the_linear_model_fill_the_prior(
    plane: ProbabilisticPCA,
) -> None:
    x = plane.sample(1500, generator=seeded(6))
    found = aggregated_posterior(linear_vae(plane), x, generator=seeded(7))
    assert found.active_units == 2
    assert found.holes < 0.02
    assert abs(found.marginal_kl) < 0.1
    assert found.p_value > 0.01
    assert found.rate == pytest.approx(
        found.mutual_information + found.marginal_kl, abs=0.15
    )


def test_shifted_codes_leave_the_prior(plane: ProbabilisticPCA) -> None:
    x = plane.sample(1500, generator=seeded(8))
    model = linear_vae(plane)
    with torch.no_grad():
        model.encoder[0].bias[:2] += 1.0
    found = aggregated_posterior(model, x, generator=seeded(9))
    # of N(m, I) from N(0, I), with m = (1, 1): half its squared length
    assert found.marginal_kl == pytest.approx(1.0, abs=0.2)
    assert found.p_value < 0.01
    assert found.holes > 0.02


def test_information_is_that_of_a_mixture_of_separate_codes() -> None:
    model = VAE((1,), latent_dim=2, hidden=()).double()
    with torch.no_grad():
        for p in model.encoder.parameters():
            p.zero_()
        model.encoder[0].weight[0] = 1.0
        model.encoder[0].bias[2:] = -5.0
    x = torch.linspace(-2, 2, 40).double()[:, None]
    found = aggregated_posterior(model, x, generator=seeded(10))
    assert found.mutual_information == pytest.approx(math.log(40), abs=1e-6)
    assert found.active_units == 1
    assert found.posterior_mean_variance[0].item() == pytest.approx(x.var().item())


def test_one_observation_has_no_aggregate() -> None:
    with pytest.raises(ValueError, match="two observations or more, got 1"):
        aggregated_posterior(VAE((2,)), torch.zeros(1, 2))


def test_information_of_codes_that_overlap_and_differ_in_width() -> None:
    model = VAE((1,), latent_dim=1, hidden=()).double()
    with torch.no_grad():
        for p in model.encoder.parameters():
            p.zero_()
        model.encoder[0].weight[0] = 1.0  # the mean
        model.encoder[0].weight[1] = 0.5  # the logarithm of the width
        model.encoder[0].bias[1] = 1.0
    x = torch.linspace(-2, 2, 400).double()[:, None]
    found = aggregated_posterior(model, x, generator=seeded(3))
    mu, log_scale = model.posterior(x)
    codes = torch.distributions.Normal(mu[:, 0], log_scale[:, 0].exp())
    z = codes.sample((200,))  # (200, n)
    mixture = codes.log_prob(z[..., None]).logsumexp(-1) - math.log(400)
    information = (codes.log_prob(z) - mixture).mean().item()
    assert found.mutual_information == pytest.approx(information, abs=0.08)


def test_shuffles_are_counted() -> None:
    model, x = VAE((2,)), torch.randn(6, 2, generator=seeded(0))
    check_limits(
        lambda permutations: aggregated_posterior(model, x, permutations=permutations),
        permutations=1,
    )
    for bad in (2.5, "many", None):
        with pytest.raises(TypeError, match=r"^permutations must be an integer"):
            aggregated_posterior(model, x, permutations=bad)  # type: ignore[arg-type]


def test_a_bare_seed_is_no_generator() -> None:
    with pytest.raises(TypeError, match=r"^generator must be"):
        aggregated_posterior(VAE((2,)), torch.zeros(6, 2), generator=3)  # type: ignore[arg-type]


def test_only_a_vae_has_an_aggregated_posterior() -> None:
    with pytest.raises(TypeError, match=r"^model must be a VAE, got Linear$"):
        aggregated_posterior(torch.nn.Linear(2, 2), torch.zeros(6, 2))  # type: ignore[arg-type]


def test_all_figures_are_those_of_the_codes_by_hand() -> None:
    model = VAE((2,), latent_dim=2, hidden=(4,)).double()
    with torch.no_grad():
        for i, p in enumerate(model.parameters()):
            p.copy_(0.6 * torch.randn(p.shape, generator=seeded(i)))
    x = torch.randn(30, 2, generator=seeded(20)).double()
    found = aggregated_posterior(model, x, permutations=9, generator=seeded(21))
    mu, log_scale = (t.detach() for t in model.posterior(x))
    q = torch.distributions.Normal(mu, log_scale.exp())
    p = torch.distributions.Normal(torch.zeros(2).double(), 1.0)
    g = seeded(21)
    eps, prior = (torch.empty_like(mu).normal_(generator=g) for _ in range(2))
    z = mu + log_scale.exp() * eps

    def mixture(z: torch.Tensor) -> torch.Tensor:
        return q.log_prob(z[:, None]).sum(2).logsumexp(1) - math.log(30)

    kl = torch.distributions.kl_divergence(q, p).sum(1).mean()
    assert found.rate == pytest.approx(kl.item())
    own = q.log_prob(z).sum(1)
    assert found.mutual_information == pytest.approx((own - mixture(z)).mean().item())
    marginal = (mixture(z) - p.log_prob(z).sum(1)).mean()
    assert found.marginal_kl == pytest.approx(marginal.item())
    missed = mixture(prior) < p.log_prob(prior).sum(1) + math.log(HOLE)
    assert found.holes == pytest.approx(missed.double().mean().item())
    assert torch.allclose(found.posterior_mean_variance, mu.var(0))
    test = energy_test(z, prior, 9, generator=g)
    assert (found.energy_distance, found.p_value) == test
