"""Probabilistic PCA against scikit-learn, SciPy and closed forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.decomposition import PCA as Sklearn
from torch import Tensor

from doors import check_doors, check_event_shape, check_function_doors
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


@pytest.mark.parametrize("noise", [0.3, 0.02])
def test_sigma_is_the_deviation_of_the_noise(noise: float) -> None:
    g = seeded(0)
    plane = torch.randn(4000, 2, generator=g) @ torch.randn(2, 8, generator=g)
    x = plane + noise * torch.randn(4000, 8, generator=g)
    model = ProbabilisticPCA((8,), 2).fit(x)
    assert model.sigma == pytest.approx(noise, rel=0.02)
    assert model.sigma**2 == pytest.approx(model.log_variance.exp().item(), rel=1e-6)


@pytest.mark.parametrize("noise", [0.1, 0.02])
def test_tiny_noise_does_not_break_float32(noise: float) -> None:
    # A density of so little noise is a sum of large numbers: of 100 directions, and of
    # distances over 0.02 squared. Rounding moves it by a thousandth of a nat of 190.
    g = seeded(0)
    spread = torch.linspace(1, 0.05, 100)
    plane = (spread * torch.randn(900, 100, generator=g)) @ torch.linalg.qr(
        torch.randn(196, 100, generator=g)
    ).Q.mT
    x = plane + noise * torch.randn(900, 196, generator=g)
    single = ProbabilisticPCA((196,), 100).fit(x)
    double = ProbabilisticPCA((196,), 100).double().fit(x.double())
    assert double.sigma < noise
    assert single.loss(x).item() == pytest.approx(
        double.loss(x.double()).item(), abs=0.05
    )


@pytest.mark.parametrize("unit", [1e-20, 1e20])
def test_units_whose_squares_the_type_cannot_hold_are_refused(unit: float) -> None:
    x = unit * data().float()
    model = ProbabilisticPCA((6,), 2)
    with pytest.raises(ValueError, match=r"variances that torch\.float32 can"):
        model.fit(x)
    assert (model.mu == 0).all()
    here = ProbabilisticPCA((6,), 2).double().fit(data())
    there = ProbabilisticPCA((6,), 2).double().fit(unit * data())
    moved = there.log_prob(unit * data()) + 6 * math.log(unit)
    assert torch.allclose(moved, here.log_prob(data()), atol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (((4,), 4), ValueError, "components must be below the 4 features"),
        (((4,), -1), ValueError, "components must be at least 0"),
        (((4,), 1.0), TypeError, "components must be an integer"),
        (((0,), 1), ValueError, "event_shape must be at least 1"),
        ((4, 1), TypeError, "event_shape must be a sequence of integers, got int 4"),
        (("ab", 1), TypeError, "event_shape must be a sequence of integers"),
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


def test_every_method_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_doors(lambda: ProbabilisticPCA((2,), 1).fit(x), x, z=torch.zeros(6, 1))


def test_fit_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_function_doors(ProbabilisticPCA((2,), 1).fit, x=x, min_variance=0.1)


def test_the_shape_of_observations_is_made_of_counts() -> None:
    check_event_shape(lambda shape: ProbabilisticPCA(shape, 1))
