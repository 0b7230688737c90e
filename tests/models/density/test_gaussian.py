"""The Gaussian against SciPy, and its closed form against grid and gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from doors import check_doors, check_limits
from genbook.models.density.gaussian import Gaussian
from genbook.models.gaussians import from_tril, to_tril
from seeding import seeded


def data(n: int = 500, dim: int = 3, seed: int = 0) -> Tensor:
    g = seeded(seed)
    mix = torch.randn(dim, dim, generator=g).double()
    offset = torch.randn(dim, generator=g).double()
    return torch.randn(n, dim, generator=g).double() @ mix + 3 * offset


@given(st.integers(1, 6), st.integers(0, 1000))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_log_prob_equals_scipy(dim: int, seed: int) -> None:
    x = data(50, dim, seed)
    model = Gaussian(dim).double().fit(x)
    wanted = stats.multivariate_normal(
        model.mu.detach().numpy(), model.covariance.numpy()
    ).logpdf(x.numpy())
    assert np.allclose(model.log_prob(x).detach(), wanted, rtol=0, atol=1e-8)


def test_fit_equals_numpy() -> None:
    x = data()
    model = Gaussian(3).double().fit(x)
    assert np.allclose(model.mu.detach(), x.numpy().mean(0), atol=1e-12)
    assert np.allclose(model.covariance, np.cov(x.numpy().T, ddof=0), atol=1e-12)


@pytest.mark.parametrize("unit", [1e-30, 1e-15, 1e15, 1e30])
def test_float32_fits_units_whose_squares_it_cannot_hold(unit: float) -> None:
    x = data() * torch.tensor([1.0, unit, 1 / unit]).double()
    single, double = Gaussian(3).fit(x.float()), Gaussian(3).double().fit(x)
    log_p, wanted = single.log_prob(x.float()), double.log_prob(x)
    assert torch.allclose(log_p.double(), wanted, rtol=0, atol=1e-3)


def test_a_skew_covariance_is_refused_whatever_its_unit() -> None:
    skew = torch.tensor([[1.0, 0.5], [0.0, 1.0]]).double()
    for unit in (1e-12, 1.0, 1e12):
        with pytest.raises(ValueError, match="covariance must be symmetric"):
            Gaussian.from_moments(torch.zeros(2).double(), unit * skew)
        good = Gaussian.from_moments(torch.zeros(2).double(), unit * skew @ skew.mT)
        assert torch.allclose(
            good.covariance, unit * skew @ skew.mT, rtol=1e-12, atol=0
        )


def test_float32_is_accurate_far_from_the_origin() -> None:
    x = data() + 1000.0
    single, double = Gaussian(3).fit(x.float()), Gaussian(3).double().fit(x)
    assert torch.allclose(single.covariance.double(), double.covariance, rtol=1e-3)


def test_closed_form_grid_and_gradient_agree() -> None:
    x = data(200, dim=1)
    closed = Gaussian(1).double().fit(x)

    # Grid: the likelihood of every mean and standard deviation on a fine grid.
    best = closed.mu.item(), closed.tril.item()
    means = torch.linspace(best[0] - 1, best[0] + 1, 101).double()
    sds = best[1] * torch.linspace(0.5, 1.5, 101).double()
    z = (x[:, 0, None, None] - means[:, None]) / sds
    loss = (0.5 * z**2 + sds.log()).mean(0)  # (means, sds)
    i, j = divmod(int(loss.argmin()), len(sds))
    assert means[i].item() == pytest.approx(best[0], abs=0.02)
    assert sds[j].item() == pytest.approx(best[1], abs=0.01 * best[1])

    # Gradient: from the standard Gaussian down to the same place.
    climbed = Gaussian(1).double()
    optimiser = torch.optim.LBFGS(
        climbed.parameters(),
        max_iter=200,
        tolerance_grad=1e-12,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def step() -> Tensor:
        optimiser.zero_grad()
        value = climbed.loss(x)
        value.backward()
        return value

    optimiser.step(step)
    assert climbed.mu.item() == pytest.approx(best[0], abs=1e-5)
    assert climbed.tril.item() == pytest.approx(best[1], abs=1e-5)


def test_gradient_vanishes_at_the_closed_form() -> None:
    x = data()
    model = Gaussian(3).double().fit(x)
    model.loss(x).backward()
    for p in model.parameters():
        assert p.grad is not None
        assert p.grad.abs().max() < 1e-10


def test_any_numbers_are_a_covariance() -> None:
    raw = 3 * torch.randn(20, 4, 4, generator=seeded(1), dtype=torch.float64)
    tril = to_tril(raw)
    assert torch.equal(tril, tril.tril())
    assert (tril.diagonal(dim1=1, dim2=2) > 0).all()
    assert torch.allclose(to_tril(from_tril(tril)), tril)


def test_samples_have_the_moments() -> None:
    covariance = torch.tensor([[2.0, 0.6], [0.6, 0.5]]).double()
    model = Gaussian.from_moments(torch.tensor([1.0, -3.0]).double(), covariance)
    x = model.sample(100_000, generator=seeded(2))
    standard_error = (covariance.diagonal() / len(x)).sqrt()
    assert ((x.mean(0) - model.mu).abs() < 4 * standard_error).all()
    assert torch.allclose(x.T.cov(), covariance, atol=0.03)


@pytest.mark.parametrize(
    "x",
    [
        torch.zeros(10, 2),
        torch.tensor([[0.0, 1.0], [1.0, 2.0]]),
        torch.tensor([[1.0, 2.0]]),
        torch.linspace(0, 1, 50)[:, None] * torch.tensor([1.0, 3.0]),
        torch.linspace(0, 1, 50)[:, None] * torch.tensor([1.0, 0.0]),
        torch.linspace(0, 1, 50)[:, None] * torch.tensor([1.0, 3.0]) + 100,
    ],
    ids=["one point", "two points", "one row", "a line", "a constant column", "far"],
)
def test_data_without_a_width_are_refused(x: Tensor) -> None:
    model = Gaussian(2)
    with pytest.raises(ValueError, match="the covariance of x must be positive def"):
        model.fit(x)
    assert torch.equal(model.covariance, torch.eye(2))


@pytest.mark.parametrize(
    ("mu", "covariance", "error", "message"),
    [
        (torch.zeros(2), torch.eye(3), ValueError, r"covariance must be \(2, 2\)"),
        (torch.zeros(2, 1), torch.eye(2), ValueError, r"mu must be \(dim,\)"),
        (torch.zeros(2), torch.eye(2).double(), TypeError, "covariance must be torch"),
        (torch.zeros(2), -torch.eye(2), ValueError, "must be positive definite"),
        (torch.zeros(2), torch.ones(2, 2), ValueError, "must be positive definite"),
        (torch.zeros(2), torch.eye(2) * torch.nan, ValueError, "must be finite"),
        (
            torch.zeros(2),
            torch.tensor([[1.0, 0.5], [0.0, 1.0]]),
            ValueError,
            "covariance must be symmetric",
        ),
        ([0.0], torch.eye(1), TypeError, "mu must be a torch.Tensor"),
    ],
)
def test_bad_moments_are_refused(
    mu: Tensor, covariance: Tensor, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Gaussian.from_moments(mu, covariance)


def test_every_method_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_doors(lambda: Gaussian(2).fit(x), x)


def test_there_is_a_coordinate_at_least() -> None:
    check_limits(Gaussian, dim=1)
