"""What is known of a variational autoencoder without training, against brute force."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from doors import check_limits, check_range
from genbook.models.density.ppca import ProbabilisticPCA
from genbook.models.variational.closed_form import (
    linear_vae,
    log_prob_by_quadrature,
    to_autoencoder,
)
from genbook.models.variational.vae import VAE
from seeding import seeded


@pytest.fixture
def x() -> Tensor:
    """Observations near a plane in five dimensions, ``(1000, 5)``."""
    W = torch.randn(2, 5, generator=seeded(0)).double()
    z = torch.randn(1000, 2, generator=seeded(1)).double()
    return z @ W + 0.4 * torch.randn(1000, 5, generator=seeded(2)).double() + 1.0


@pytest.fixture
def plane(x: Tensor) -> ProbabilisticPCA:
    return ProbabilisticPCA((5,), components=2).double().fit(x)


def test_the_linear_model_is_probabilistic_pca(
    plane: ProbabilisticPCA, x: Tensor
) -> None:
    model = linear_vae(plane)
    weights = model.log_weights(x, k=3, generator=seeded(3))
    assert (weights - plane.log_prob(x)).abs().max() < 1e-9
    assert torch.allclose(model.encode(x), plane.encode(x), atol=1e-10)
    z = torch.randn(4, 2, generator=seeded(4)).double()
    assert torch.allclose(model.decode(z), plane.decode(z), atol=1e-12)


def test_a_gap_is_the_divergence_from_the_true_posterior(
    plane: ProbabilisticPCA, x: Tensor
) -> None:
    model, shift = linear_vae(plane), 0.3
    with torch.no_grad():
        model.encoder[0].bias[:2] += shift
        scale = model.posterior(x)[1].exp()
        gap = plane.log_prob(x) - model.elbo(x, generator=seeded(5))
    wanted = (0.5 * (shift / scale).square()).sum(1)
    error = (gap - wanted).std() / len(x) ** 0.5
    assert (gap - wanted).mean().abs() < 4 * error
    assert wanted.min() > 0.1


def test_a_plane_that_was_not_fitted_is_refused(plane: ProbabilisticPCA) -> None:
    with torch.no_grad():
        plane.W[:, 1] += plane.W[:, 0]
    with pytest.raises(ValueError, match="at right angles"):
        linear_vae(plane)


def test_quadrature_is_the_exact_density(plane: ProbabilisticPCA, x: Tensor) -> None:
    found = log_prob_by_quadrature(linear_vae(plane), x[:20], nodes=200)
    assert torch.allclose(found, plane.log_prob(x[:20]), atol=1e-7)


def test_quadrature_of_pixels_sums_to_one() -> None:
    model = VAE((1, 2, 2), latent_dim=1, hidden=(8,), likelihood="bernoulli", classes=2)
    bits = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 4).view(16, 1, 2, 2)
    y = torch.ones(16, dtype=torch.long)
    with torch.no_grad():
        p = log_prob_by_quadrature(model.double(), bits.double(), y).exp()
    assert p.sum().item() == pytest.approx(1.0, abs=1e-7)


def test_long_codes_have_no_quadrature() -> None:
    with pytest.raises(ValueError, match="a code of 1 or 2 numbers, got 3"):
        log_prob_by_quadrature(VAE((2,), latent_dim=3), torch.zeros(1, 2))


def test_without_noise_both_maps_stay() -> None:
    model = VAE((1, 4, 4), latent_dim=2, hidden=(8, 6), likelihood="bernoulli").double()
    x = torch.rand(5, 1, 4, 4, generator=seeded(11)).double()
    twin = to_autoencoder(model)
    assert torch.allclose(twin.encode(x), model.encode(x), atol=1e-12)
    assert torch.allclose(twin.decode(x[:, 0, 0, :2]), model.decode(x[:, 0, 0, :2]))
    with pytest.raises(ValueError, match="Bernoulli likelihood"):
        to_autoencoder(VAE((2,)))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m, x, y: log_prob_by_quadrature(m, x), ValueError, "y must be labels"),
        (lambda m, x, y: log_prob_by_quadrature(m, x, "ab"), TypeError, "y must be a"),
        (
            lambda m, x, y: log_prob_by_quadrature(m, x, y + 1),
            ValueError,
            "y must hold",
        ),
        (
            lambda m, x, y: log_prob_by_quadrature(VAE((2,)), x, y),
            ValueError,
            "y must be labels for a model with classes, None",
        ),
        (
            lambda m, x, y: log_prob_by_quadrature(m, x, y, limit=1e300),
            ValueError,
            "limit must be at most 1000",
        ),
        (
            lambda m, x, y: log_prob_by_quadrature(x, x),
            TypeError,
            "model must be a VAE",
        ),
        (lambda m, x, y: to_autoencoder(None), TypeError, "model must be a VAE, got N"),
        (lambda m, x, y: linear_vae(m), TypeError, "plane must be a ProbabilisticPCA"),
    ],
)
def test_bad_values_are_refused(
    call: Any, error: type[Exception], message: str
) -> None:
    model = VAE((2,), latent_dim=1, hidden=(4,), classes=2)
    with pytest.raises(error, match=message):
        call(model, torch.zeros(2, 2), torch.tensor([0, 1]))


def test_a_node_is_enough_and_the_limit_is_positive() -> None:
    model, x = VAE((2,), latent_dim=1, hidden=(4,)), torch.zeros(2, 2)
    check_limits(lambda nodes: log_prob_by_quadrature(model, x, nodes=nodes), nodes=1)
    for bad in (0.0, -1.0, 1e9):
        with pytest.raises(ValueError, match=r"^limit must be"):
            log_prob_by_quadrature(model, x, limit=bad)


@pytest.mark.parametrize("k", [1, 2])
def test_the_quadrature_sums_over_the_middles_of_cells(k: int) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = VAE((2,), k, hidden=(4,)).double()
    x = torch.randn(3, 2, generator=seeded(1)).double()
    side = [-1.5 + 3.0 * (i + 0.5) / 4 for i in range(4)]
    z = torch.tensor(list(itertools.product(side, repeat=k))).double()
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
    with torch.no_grad():
        each = torch.stack([model.log_likelihood(x, p.expand(3, k)) for p in z])
    wanted = ((each + prior[:, None]).exp() * 0.75**k).sum(0).log()
    found = log_prob_by_quadrature(model, x, nodes=4, limit=1.5)
    assert torch.allclose(found, wanted, atol=1e-6)


def test_quadrature_given_a_label_is_that_of_its_networks() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = VAE((2,), 1, hidden=(4,), classes=2).double()
    x, y = torch.randn(4, 2, generator=seeded(1)).double(), torch.tensor([0, 1, 1, 0])
    found = log_prob_by_quadrature(model, x, y, nodes=50)
    for i in range(4):
        alone = log_prob_by_quadrature(model, x[i : i + 1], y[i : i + 1], nodes=50)
        assert torch.allclose(found[i], alone[0])
    assert not torch.allclose(found, log_prob_by_quadrature(model, x, 1 - y, nodes=50))
    with pytest.raises(ValueError, match=r"^y must be labels for a model with classes"):
        log_prob_by_quadrature(model, x)
    with pytest.raises(ValueError, match=r"^y must be labels for a model with classes"):
        log_prob_by_quadrature(VAE((2,), 1), x.float(), y)


def test_a_limit_ends_at_a_thousand_and_codes_at_two_numbers() -> None:
    model, x = VAE((2,), 1, hidden=(4,)), torch.zeros(1, 2)
    check_range(
        lambda limit: log_prob_by_quadrature(model, x, nodes=2, limit=limit),
        "limit",
        (0.1, 1000.0),
        (0.0, -1.0, 1000.1),
    )
    log_prob_by_quadrature(VAE((2,), 2, hidden=(4,)), x, nodes=2)
    with pytest.raises(ValueError, match="a code of 1 or 2 numbers, got 3"):
        log_prob_by_quadrature(VAE((2,), 3, hidden=(4,)), x)
