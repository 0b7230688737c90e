"""Probabilistic PCA and its mixture against scikit-learn, SciPy and dense covariances."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.decomposition import PCA as Sklearn
from sklearn.mixture import GaussianMixture as SklearnMixture
from torch import Tensor

from genbook.data.digits import load_digits
from genbook.models.planes import k_means, log_normal, maximise
from genbook.models.ppca import PPCAMixture, ProbabilisticPCA


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def data(n: int = 300, features: int = 6, seed: int = 0) -> Tensor:
    """Return correlated points, ``(n, features)``, float64."""
    g = seeded(seed)
    a = torch.randn(features, features, generator=g).double()
    return torch.randn(n, features, generator=g).double() @ a + 3.0


def dense(model: ProbabilisticPCA) -> np.ndarray:
    """Return the covariance that the model never forms."""
    W, variance = model.W.detach().numpy(), model.log_variance.exp().item()
    return W @ W.T + variance * np.eye(len(W))


@pytest.mark.parametrize("q", [0, 1, 3, 5])
def test_density_equals_the_dense_gaussian(q: int) -> None:
    x = data()
    model = ProbabilisticPCA((6,), q).double().fit(x)
    mu = model.mu.detach().numpy()
    wanted = stats.multivariate_normal(mu, dense(model)).logpdf(x.numpy())
    assert np.allclose(model.log_prob(x).detach(), wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize("q", [1, 3, 5])
def test_fit_equals_scikit_learn(q: int) -> None:
    x = data()
    model = ProbabilisticPCA((6,), q).double().fit(x)
    twin = Sklearn(q).fit(x.numpy())
    # scikit-learn divides the covariance by n - 1, maximum likelihood by n.
    assert np.allclose(dense(model) * 300 / 299, twin.get_covariance(), atol=1e-9)
    twin.explained_variance_ *= 299 / 300
    twin.noise_variance_ *= 299 / 300
    wanted = twin.score_samples(x.numpy())
    assert np.allclose(model.log_prob(x).detach(), wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize("n", [4, 5, 20])
def test_fit_is_the_same_from_either_product(n: int) -> None:
    # Fewer points than features take the other way to the same eigenvectors.
    x = data(n, features=10)
    few = ProbabilisticPCA((10,), 2).double().fit(x)
    twice = ProbabilisticPCA((10,), 2).double().fit(torch.cat([x] * 10))
    assert np.allclose(dense(few), dense(twice), atol=1e-9)


def test_no_other_parameters_are_likelier() -> None:
    x = data()
    model = ProbabilisticPCA((6,), 2).double().fit(x)
    model.loss(x).backward()
    for p in model.parameters():
        assert p.grad is not None
        assert p.grad.abs().max() < 1e-9
    best = model.loss(x).item()
    for p in model.parameters():
        with torch.no_grad():
            p.add_(0.01)
            assert model.loss(x).item() > best
            p.sub_(0.01)


def test_posterior_equals_the_conditional_gaussian() -> None:
    x = data()
    model = ProbabilisticPCA((6,), 2).double().fit(x)
    W = model.W.detach().numpy()
    centred = x.numpy() - model.mu.detach().numpy()
    wanted = centred @ np.linalg.inv(dense(model)) @ W  # E[z | x] of a joint Gaussian
    assert np.allclose(model.encode(x).detach(), wanted, atol=1e-9)


def test_samples_have_the_moments() -> None:
    model = ProbabilisticPCA((2, 3), 2).double().fit(data().view(-1, 2, 3))
    x = model.sample(100_000, generator=seeded(1)).flatten(1)
    wanted = torch.from_numpy(dense(model))
    assert torch.allclose(x.T.cov(), wanted, atol=0.03 * wanted.diagonal().max().item())
    assert torch.allclose(x.mean(0), model.mu, atol=0.05)


def test_variety_is_that_of_the_data() -> None:
    x = data()
    for q in (0, 2, 5):
        model = ProbabilisticPCA((6,), q).double().fit(x)
        total = (x - x.mean(0)).square().sum().item() / len(x)
        assert np.trace(dense(model)) == pytest.approx(total)


def test_data_on_a_plane_keep_a_finite_density() -> None:
    x = torch.randn(50, 1, generator=seeded(0)) @ torch.ones(1, 4)
    model = ProbabilisticPCA((4,), 2).fit(x)
    assert model.log_variance.exp().item() == pytest.approx(
        1e-6 * x.var(unbiased=False).item(), rel=0.01
    )
    assert model.log_prob(x).isfinite().all()


def test_tiny_noise_does_not_break_float32() -> None:
    x = load_digits("test", size=14).x
    single = ProbabilisticPCA((1, 14, 14), 100).fit(x)
    double = ProbabilisticPCA((1, 14, 14), 100).double().fit(x.double())
    assert single.loss(x).item() == pytest.approx(double.loss(x.double()), abs=0.05)


def random_mixture(k: int = 3, features: int = 5, q: int = 2) -> PPCAMixture:
    model = PPCAMixture((features,), k, q).double()
    g = seeded(0)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=g))
    return model.requires_grad_(False)


def covariances(model: PPCAMixture) -> np.ndarray:
    eye = torch.eye(model.mu.shape[1]).double()
    noise = model.log_variance.exp()[:, None, None] * eye
    return (model.W @ model.W.mT + noise).detach().numpy()


def test_mixture_equals_scikit_learn() -> None:
    model = random_mixture()
    twin = SklearnMixture(3)
    twin.weights_ = model.weights.numpy()
    twin.means_ = model.mu.numpy()
    twin.covariances_ = covariances(model)
    twin.precisions_cholesky_ = np.linalg.inv(
        np.linalg.cholesky(twin.covariances_)
    ).transpose(0, 2, 1)
    x = 2 * torch.randn(200, 5, generator=seeded(1)).double()
    assert np.allclose(model.log_prob(x), twin.score_samples(x.numpy()), atol=1e-9)
    r = twin.predict_proba(x.numpy())
    assert np.allclose(model.responsibilities(x), r, atol=1e-9)
    assert np.allclose(model.encode(x)[:, :3], r, atol=1e-9)


def test_decoding_a_code_gives_the_mean_of_what_made_it() -> None:
    model = random_mixture()
    x = torch.randn(20, 5, generator=seeded(1)).double()
    r = model.responsibilities(x)
    wanted = torch.zeros_like(x)
    for j in range(3):
        plane = ProbabilisticPCA((5,), 2).double()
        with torch.no_grad():
            plane.mu.copy_(model.mu[j])
            plane.W.copy_(model.W[j])
            plane.log_variance.copy_(model.log_variance[j])
        wanted += r[:, j : j + 1] * plane.decode(plane.encode(x)).detach()
    assert torch.allclose(model.decode(model.encode(x)), wanted)


@pytest.mark.parametrize("q", [0, 1, 4])
def test_likelihood_never_falls(q: int) -> None:
    x = load_digits("test", size=14, dtype=torch.float64).x[:400]
    model = PPCAMixture((1, 14, 14), 6, q).double()
    model.fit(x, iterations=25, tolerance=0, generator=seeded(2))
    assert min(b - a for a, b in pairwise(model.history)) > -1e-8
    assert model.history[-1] == pytest.approx(-model.loss(x).item(), abs=1e-8)
    assert model.history[-1] > model.history[0]


def test_one_plane_is_the_closed_form() -> None:
    x = data()
    mixture = PPCAMixture((6,), 1, 3).double().fit(x, generator=seeded(0))
    plane = ProbabilisticPCA((6,), 3).double().fit(x)
    assert torch.allclose(mixture.log_prob(x), plane.log_prob(x), atol=1e-9)


def test_planes_are_found_again() -> None:
    truth = random_mixture()
    truth.log_variance.fill_(-3.0)
    truth.mu.copy_(20 * torch.eye(3, 5))
    x = truth.sample(9_000, generator=seeded(3))
    model = PPCAMixture((5,), 3, 2).double()
    model.fit(x, iterations=100, tolerance=1e-9, generator=seeded(4))
    assert model.loss(x).item() == pytest.approx(truth.loss(x).item(), abs=0.02)
    order = model.mu.argmax(dim=1).argsort()
    assert torch.allclose(model.weights[order], truth.weights, atol=0.02)
    assert np.allclose(covariances(model)[order], covariances(truth), atol=0.5)


def test_a_weighted_fit_counts_points_as_often_as_they_weigh() -> None:
    x, weights = data(30), torch.arange(1.0, 31.0).double()
    one = maximise(x, weights, 2, 1e-9)
    many = x.repeat_interleave(weights.long(), dim=0)
    other = maximise(many, torch.ones(len(many)).double(), 2, 1e-9)
    a = log_normal(x - one.mu, one.W, one.log_variance)
    assert torch.allclose(a, log_normal(x - other.mu, other.W, other.log_variance))


def test_fewer_points_than_directions_do_no_harm() -> None:
    x = torch.cat([data(3, 8), data(200, 8) + 500])
    model = PPCAMixture((8,), 2, 5).double().fit(x, generator=seeded(0))
    assert model.log_prob(x).isfinite().all()
    assert model.sample(100, generator=seeded(1)).isfinite().all()


def test_k_means_separates_what_is_apart() -> None:
    centres = torch.tensor([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]])
    x = centres.repeat_interleave(40, 0) + torch.randn(120, 2, generator=seeded(0))
    for seed in range(10):
        found = k_means(x, 3, generator=seeded(seed)).view(3, 40)
        assert (found == found[:, :1]).all()
        assert len(found[:, 0].unique()) == 3


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (((4,), 4), ValueError, "components must be below the 4 features"),
        (((4,), -1), ValueError, "components must be at least 0"),
        (((4,), 1.0), TypeError, "components must be an integer"),
        (((0,), 1), ValueError, "event_shape must be at least 1"),
        ((4, 1), TypeError, "event_shape must be a sequence of sizes, got 4"),
        (("ab", 1), TypeError, "event_shape must be a sequence of sizes"),
    ],
)
def test_bad_sizes_are_refused(
    arguments: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ProbabilisticPCA(*arguments)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"iterations": -1}, ValueError, "iterations must be at least 0"),
        ({"tolerance": -1.0}, ValueError, "tolerance must be zero or positive"),
        ({"min_variance": 0.0}, ValueError, "min_variance must be positive"),
        ({"generator": 0}, TypeError, r"generator must be a torch\.Generator"),
    ],
)
def test_bad_options_are_refused(
    options: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        PPCAMixture((6,), 2, 1).double().fit(data(), **options)


def test_data_without_variety_are_refused() -> None:
    for model in (ProbabilisticPCA((3,), 1), PPCAMixture((3,), 2, 1)):
        with pytest.raises(ValueError, match="x must not be constant, got 5 times"):
            model.fit(torch.ones(5, 3))
    with pytest.raises(ValueError, match="at least one point for each of the 2 planes"):
        PPCAMixture((3,), 2, 1).fit(torch.ones(1, 3))
