"""Probabilistic PCA against scikit-learn, SciPy and closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.decomposition import PCA as Sklearn
from torch import Tensor

from genbook.data.digits import load_digits
from genbook.models.density.ppca import ProbabilisticPCA
from seeding import seeded


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
    assert single.loss(x).item() == pytest.approx(
        double.loss(x.double()).item(), abs=0.05
    )


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


def test_data_without_variety_are_refused() -> None:
    with pytest.raises(ValueError, match="x must not be constant, got 5 times"):
        ProbabilisticPCA((3,), 1).fit(torch.ones(5, 3))
