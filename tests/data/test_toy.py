"""Toy densities against quadrature, SciPy, scikit-learn and their own samples."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats
from sklearn.datasets import make_moons
from torch import Tensor

from genbook.data import toy, toy_mixtures
from genbook.data.base import KnownDensity
from genbook.data.toy import Checkerboard, Rings, TwoMoons
from genbook.data.toy_mixtures import GaussianMixture2D, Pinwheel
from seeding import seeded

DOUBLE = torch.float64


def skewed() -> GaussianMixture2D:
    """Unequal shares, correlated and nested components."""
    return GaussianMixture2D(
        weights=torch.tensor([0.5, 0.2, 0.3]),
        means=torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.3, -0.4]]),
        covariances=torch.tensor(
            [[[1, 0.9], [0.9, 1]], [[0.01, 0], [0, 0.02]], [[0.1, 0], [0, 0.2]]]
        ),
    )


TOYS: dict[str, Callable[[], KnownDensity]] = {
    "moons": TwoMoons,
    "noisy moons": lambda: TwoMoons(0.2, standardise=False),
    "rings": Rings,
    "small ring": lambda: Rings(radii=(0.05, 1.5, 3.0), noise=0.2),
    "checkerboard": Checkerboard,
    "eight": GaussianMixture2D,
    "skewed": skewed,
    "pinwheel": Pinwheel,
    "three arms": lambda: Pinwheel(arms=3, radial_std=0.25, rate=1.5),
}


@pytest.fixture(scope="module", params=TOYS)
def density(request: pytest.FixtureRequest) -> KnownDensity:
    return TOYS[request.param]()


def plane(density: KnownDensity, count: int, wider: float = 1) -> tuple[Tensor, float]:
    """Midpoints of a grid over the box, and the area of a cell."""
    low, high = density.low.double(), density.high.double()
    centre, half = (low + high) / 2, wider * (high - low) / 2
    ticks = (torch.arange(count, dtype=DOUBLE) + 0.5) * 2 / count - 1
    area = float((2 * half).prod()) / count**2
    return centre + half * torch.cartesian_prod(ticks, ticks), area


# What all of them promise


def test_attributes(density: KnownDensity) -> None:
    assert isinstance(density.name, str)
    assert density.event_shape == (2,)
    assert density.low.shape == density.high.shape == (2,)
    assert (density.low < density.high).all()
    assert isinstance(density.entropy, float)


def test_integrates_to_one_and_entropy(density: KnownDensity) -> None:
    """Midpoints at other places than the package's own quadrature."""
    x, area = plane(density, 260)
    log_p = density.log_prob(x)
    p = log_p.exp()
    assert float(p.sum()) * area == pytest.approx(1, abs=1e-6)
    entropy = -float(torch.special.xlogy(p, p).sum()) * area
    assert entropy == pytest.approx(density.entropy, abs=1e-6)


def test_samples_follow_the_density(density: KnownDensity) -> None:
    n, bins, fine = 20_000, 24, 10
    x = density.sample(n, generator=seeded(4), dtype=DOUBLE).numpy()
    low, high = density.low.double().numpy(), density.high.double().numpy()
    edges = [np.linspace(low[i], high[i], bins + 1) for i in range(2)]
    observed = np.histogram2d(*x.T, bins=edges)[0].ravel()
    assert observed.sum() == n  # none outside the box
    points, area = plane(density, bins * fine)
    p = density.log_prob(points).exp().numpy() * area
    expected = n * p.reshape(bins, fine, bins, fine).sum((1, 3)).ravel()
    rare = expected < 5
    observed = np.append(observed[~rare], observed[rare].sum())
    expected = np.append(expected[~rare], n - expected[~rare].sum())
    if expected[-1] < 5:  # too little for a bin of its own
        observed[-2], expected[-2] = observed[-2:].sum(), expected[-2:].sum()
        observed, expected = observed[:-1], expected[:-1]
    assert stats.chisquare(observed, expected).pvalue > 1e-3


def test_mean_log_prob_of_samples_is_minus_the_entropy(density: KnownDensity) -> None:
    log_p = density.log_prob(density.sample(20_000, generator=seeded(1), dtype=DOUBLE))
    error = float(log_p.std()) / math.sqrt(len(log_p)) + 1e-12
    assert abs(float(log_p.mean()) + density.entropy) < 4 * error


def test_float32_and_float64(density: KnownDensity) -> None:
    single = density.sample(500, generator=seeded())
    double = density.sample(500, generator=seeded(), dtype=DOUBLE)
    assert single.dtype == torch.float32
    assert double.dtype == DOUBLE
    torch.testing.assert_close(single.double(), double, rtol=1e-6, atol=1e-6)
    log_p = density.log_prob(single)
    assert log_p.dtype == torch.float32
    assert log_p.shape == (500,)
    torch.testing.assert_close(log_p.double(), density.log_prob(single.double()))
    assert density.on_support(single).all()


def test_no_nan_far_away(density: KnownDensity) -> None:
    x, _ = plane(density, 61, wider=3)
    for points in (x, 1e3 * x, 1e12 * x):
        log_p = density.log_prob(points)
        assert not log_p.isnan().any()
        if not isinstance(density, Checkerboard):
            assert log_p.isfinite().all()


@pytest.mark.parametrize("name", sorted(TOYS.keys() - {"checkerboard"}))
def test_score_is_the_gradient(name: str) -> None:
    density = TOYS[name]()
    inside = density.sample(20, generator=seeded(), dtype=DOUBLE)
    x = torch.cat([inside, plane(density, 5, wider=3)[0]]).requires_grad_()
    (score,) = torch.autograd.grad(density.log_prob(x).sum(), x)
    h = 1e-5
    with torch.no_grad():
        for i in range(2):
            step = torch.zeros(2, dtype=DOUBLE)
            step[i] = h
            rise = (density.log_prob(x + step) - density.log_prob(x - step)) / (2 * h)
            torch.testing.assert_close(score[:, i], rise, rtol=1e-4, atol=1e-4)


def test_generator_decides_and_nothing_else_moves(density: KnownDensity) -> None:
    before = torch.get_rng_state()
    first = density.sample(50, generator=seeded(5))
    assert torch.equal(first, density.sample(50, generator=seeded(5)))
    assert not torch.equal(first, density.sample(50, generator=seeded(6)))
    assert torch.equal(before, torch.get_rng_state())
    assert density.sample(0).shape == (0, 2)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (torch.zeros(2, 500), ValueError, r"x must be \(n, 2\), got \(2, 500\); did"),
        (torch.zeros(2), ValueError, r"x must be \(n, 2\), got \(2,\)"),
        (torch.zeros(0, 2), ValueError, "at least one observation"),
        (torch.tensor([[math.nan, 0.0]]), ValueError, "x must be finite"),
        (torch.tensor([[math.inf, 0.0]]), ValueError, "x must be finite"),
        (torch.zeros(3, 2, dtype=torch.long), TypeError, "x must be floating point"),
        (np.zeros((3, 2)), TypeError, r"x must be a torch\.Tensor, got ndarray"),
    ],
)
def test_bad_points(
    density: KnownDensity, x: Tensor, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        density.log_prob(x)
    with pytest.raises(error, match=message):
        density.on_support(x)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n": -1}, ValueError, "n must be at least 0, got -1"),
        ({"n": 2.5}, TypeError, "n must be an integer"),
        ({"n": 3, "generator": 0}, TypeError, r"generator must be a torch\.Generator"),
        ({"n": 3, "dtype": torch.float16}, TypeError, "dtype must be"),
    ],
)
def test_bad_sample(
    density: KnownDensity, arguments: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        density.sample(**arguments)


def test_every_toy_is_tested() -> None:
    public = {
        value
        for module in (toy, toy_mixtures)
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, KnownDensity)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    }
    assert public == {type(make()) for make in TOYS.values()}


# Two moons


def arc(t: float, k: int) -> tuple[float, float]:
    if k == 0:
        return math.cos(t), math.sin(t)
    return 1 - math.cos(t), 0.5 - math.sin(t)


def along_the_arcs(point: list[float], noise: float) -> float:
    """The log density by SciPy's adaptive quadrature, whatever the scale."""

    def exponent(t: float, k: int) -> float:
        return -(math.dist(point, arc(t, k)) ** 2) / (2 * noise**2)

    grid = np.linspace(0, math.pi, 2001)
    most = max(exponent(t, k) for t in grid for k in (0, 1))

    def scaled(t: float, k: int) -> float:
        return math.exp(exponent(t, k) - most)

    total = 0.0
    for k in (0, 1):
        peak = float(max(grid, key=lambda t, k=k: exponent(t, k)))
        total += integrate.quad(
            scaled, 0, math.pi, (k,), points=[peak], epsabs=1e-13, epsrel=1e-12,
            limit=500,
        )[0]  # fmt: skip
    return math.log(total / (2 * math.pi)) + most - math.log(2 * math.pi * noise**2)


@pytest.mark.parametrize("noise", [0.05, 0.1, 0.3])
def test_moons_density_is_the_integral_along_the_arcs(noise: float) -> None:
    moons = TwoMoons(noise, standardise=False)
    x = torch.cat([moons.sample(6, generator=seeded(), dtype=DOUBLE),
                   torch.tensor([[0.0, 0], [1, 0.5], [0.5, 0.25], [2, 1.5], [-3, -2.5],
                                 [6.5, 4.0], [-5, 4.5]], dtype=DOUBLE)])  # fmt: skip
    wanted = [along_the_arcs(point, noise) for point in x.tolist()]
    assert moons.log_prob(x).tolist() == pytest.approx(wanted, abs=1e-9, rel=1e-12)


@pytest.mark.parametrize("noise", [0.05, 0.1])
def test_moons_are_those_of_scikit_learn(noise: float) -> None:
    """χ² of scikit-learn's samples against our density."""
    n = 20_000
    theirs, _ = make_moons(n, noise=noise, random_state=0)
    moons = TwoMoons(noise, standardise=False)
    bins, fine = 20, 12
    points, area = plane(moons, bins * fine)
    p = moons.log_prob(points).exp().numpy() * area
    expected = n * p.reshape(bins, fine, bins, fine).sum((1, 3)).ravel()
    low, high = moons.low.double().numpy(), moons.high.double().numpy()
    edges = [np.linspace(low[i], high[i], bins + 1) for i in range(2)]
    observed = np.histogram2d(*theirs.T, bins=edges)[0].ravel()
    often = expected >= 5
    assert abs(observed[~often].sum() - expected[~often].sum()) < 20
    expected = expected[often] * observed[often].sum() / expected[often].sum()
    assert stats.chisquare(observed[often], expected).pvalue > 1e-3


@pytest.mark.parametrize("noise", [0.05, 0.2])
def test_moons_are_standardised_exactly(noise: float) -> None:
    moons = TwoMoons(noise)
    x, area = plane(moons, 300)
    p = moons.log_prob(x).exp()[:, None] * area
    mean = (p * x).sum(0)
    torch.testing.assert_close(mean, torch.zeros(2, dtype=DOUBLE), rtol=0, atol=1e-8)
    variance = (p * x.square()).sum(0)
    torch.testing.assert_close(variance, torch.ones(2, dtype=DOUBLE), rtol=0, atol=1e-7)


def test_standardising_moves_the_entropy_by_the_logarithm_of_the_scale() -> None:
    plain, scaled = TwoMoons(0.1, standardise=False), TwoMoons(0.1)
    area = math.sqrt((0.75 + 0.01) * (0.5625 - 1 / math.pi + 0.01))
    assert plain.entropy - math.log(area) == pytest.approx(scaled.entropy, abs=1e-9)
    assert scaled.entropy == pytest.approx(1.82963966386, abs=1e-9)
    assert TwoMoons(0.05).entropy == pytest.approx(1.13122204371, abs=1e-9)


# Rings


@pytest.mark.parametrize("r", [0.0, 0.2, 1.0, 1.4, 3.0])
def test_rings_density_is_the_integral_over_the_angle(r: float) -> None:
    rings = Rings(radii=(0.3, 1.0), noise=0.15)

    def gaussian(angle: float, radius: float) -> float:
        square = r**2 + radius**2 - 2 * r * radius * math.cos(angle)
        return math.exp(-square / (2 * 0.15**2)) / (2 * math.pi * 0.15**2)

    mean = sum(
        integrate.quad(gaussian, -math.pi, math.pi, (radius,), points=[0], epsabs=0)[0]
        for radius in rings.radii
    ) / (4 * math.pi)
    ours = rings.log_prob(torch.tensor([[0.6 * r, -0.8 * r]], dtype=DOUBLE)).item()
    assert ours == pytest.approx(math.log(mean), abs=1e-8)


def test_radii_follow_rice() -> None:
    x = Rings(radii=(1.3,), noise=0.4).sample(5000, generator=seeded(), dtype=DOUBLE)
    radii = torch.linalg.vector_norm(x, dim=1).numpy()
    law = stats.rice(1.3 / 0.4, scale=0.4)
    assert stats.kstest(radii, law.cdf).pvalue > 1e-3


def test_a_ring_of_radius_nought_is_nearly_a_gaussian() -> None:
    wanted = 1 + math.log(2 * math.pi * 0.2**2)
    assert Rings(radii=(1e-9,), noise=0.2).entropy == pytest.approx(wanted, abs=1e-9)


# Checkerboard


@settings(max_examples=100, deadline=None)
@given(st.floats(-4, 4, width=32), st.floats(-4, 4, width=32))
def test_checkerboard_by_hand(x: float, y: float) -> None:
    board = Checkerboard(cells=6)
    dark = -3 <= x < 3 and -3 <= y < 3 and (math.floor(x) + math.floor(y)) % 2 == 0
    for dtype in (torch.float32, DOUBLE):
        p = board.log_prob(torch.tensor([[x, y]], dtype=dtype)).exp().item()
        assert p == pytest.approx(1 / 18 if dark else 0, rel=1e-6)


def test_checkerboard_samples_never_round_onto_a_light_square() -> None:
    board = Checkerboard()
    for dtype in (torch.float32, DOUBLE):
        for almost in (1 - 2**-53, 1 - 2**-30, 0.0):
            board._points = lambda n, generator, almost=almost: (
                Checkerboard()._points(n, generator).floor() + min(almost, 1 - 2**-40)
            )
            x = board.sample(200, generator=seeded(), dtype=dtype)
            assert board.on_support(x).all()


# Gaussian mixture


def test_mixture_density_is_scipys() -> None:
    mixture = skewed()
    x = torch.cat([mixture.sample(50, generator=seeded(), dtype=DOUBLE),
                   torch.tensor([[5.0, -5.0], [9.0, 9.0]], dtype=DOUBLE)])  # fmt: skip
    parts = [
        stats.multivariate_normal(mean, covariance).logpdf(x.numpy())
        for mean, covariance in zip(
            mixture.means.numpy(), mixture.covariances.numpy(), strict=True
        )
    ]
    wanted = special.logsumexp(parts, axis=0, b=mixture.weights.numpy()[:, None])
    np.testing.assert_allclose(mixture.log_prob(x).numpy(), wanted, atol=1e-10)


def test_one_gaussian_has_the_closed_form_entropy() -> None:
    covariance = torch.tensor([[[2.0, 0.5], [0.5, 0.3]]], dtype=DOUBLE)
    mixture = GaussianMixture2D(means=torch.zeros(1, 2), covariances=covariance)
    wanted = 1 + math.log(2 * math.pi) + 0.5 * math.log(2 * 0.3 - 0.25)
    assert mixture.entropy == pytest.approx(wanted, abs=1e-9)


def test_entropy_says_when_it_cannot() -> None:
    mixture = GaussianMixture2D(
        means=torch.tensor([[0.0, 0.0], [1e4, 0.0]]),
        covariances=1e-6 * torch.eye(2).expand(2, 2, 2),
    )
    with pytest.raises(ValueError, match="too narrow to integrate"):
        _ = mixture.entropy


# Pinwheel


def test_pinwheel_by_change_of_variables() -> None:
    """Untwist each point, and take the log-determinant from autograd's Jacobian."""
    wheel = Pinwheel(arms=4, rate=0.4)
    f = wheel._arms.sample(20, generator=seeded(), dtype=DOUBLE)

    def twist(point: Tensor) -> Tensor:
        angle = 0.4 * point.norm()
        turn = torch.stack(
            [torch.stack([angle.cos(), -angle.sin()]),
             torch.stack([angle.sin(), angle.cos()])]
        )  # fmt: skip
        return turn @ point

    for point in f:
        jacobian = torch.autograd.functional.jacobian(twist, point)
        log_det = torch.linalg.slogdet(jacobian).logabsdet
        assert abs(log_det.item()) < 1e-12
        ours = wheel.log_prob(twist(point)[None])
        torch.testing.assert_close(ours, wheel._arms.log_prob(point[None]) - log_det)


def test_pinwheel_without_twist_is_its_arms() -> None:
    wheel = Pinwheel(rate=0.0)
    x = wheel.sample(100, generator=seeded(), dtype=DOUBLE)
    angle = torch.arange(5, dtype=DOUBLE) * 2 * math.pi / 5
    parts = []
    for a in angle.tolist():
        frame = np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])
        covariance = frame @ np.diag([0.09, 0.01]) @ frame.T
        parts.append(stats.multivariate_normal(frame[:, 0], covariance).pdf(x.numpy()))
    wanted = np.log(np.mean(parts, axis=0))
    np.testing.assert_allclose(wheel.log_prob(x).numpy(), wanted, atol=1e-10)


# Bad arguments

EYE = torch.eye(2).expand(2, 2, 2)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: TwoMoons(0), ValueError, "noise must be positive"),
        (lambda: TwoMoons(0.001), ValueError, "noise must be at least 0.005"),
        (lambda: TwoMoons("0.1"), TypeError, "noise must be a number"),
        (lambda: Rings(radii=()), ValueError, "at least one radius"),
        (lambda: Rings(radii=(1.0, -2.0)), ValueError, "radii must be positive"),
        (lambda: Rings(radii=2.0), TypeError, "radii must be a tuple, got float"),
        (lambda: Rings(noise=math.nan), ValueError, "noise must be positive"),
        (lambda: Checkerboard(3), ValueError, "cells must be even, got 3"),
        (lambda: Checkerboard(0), ValueError, "cells must be at least 2"),
        (lambda: Checkerboard(4.0), TypeError, "cells must be an integer"),
        (lambda: Pinwheel(arms=0), ValueError, "arms must be at least 1"),
        (lambda: Pinwheel(radial_std=-1.0), ValueError, "radial_std must be positive"),
        (lambda: Pinwheel(rate=math.inf), ValueError, "rate must be zero or positive"),
        (
            lambda: GaussianMixture2D(means=torch.zeros(3)),
            ValueError,
            r"means must be \(K, 2\)",
        ),
        (
            lambda: GaussianMixture2D(weights=torch.ones(3) / 3),
            ValueError,
            r"weights must be \(8,\), got \(3,\)",
        ),
        (
            lambda: GaussianMixture2D(weights=torch.full((8,), 0.2)),
            ValueError,
            "weights must be positive and sum to 1",
        ),
        (
            lambda: GaussianMixture2D(means=torch.zeros(2, 2), covariances=-EYE),
            ValueError,
            "covariances must be positive definite",
        ),
        (
            lambda: GaussianMixture2D(
                means=torch.zeros(2, 2),
                covariances=EYE + torch.tensor([[0, 0.5], [0, 0]]),
            ),
            ValueError,
            "covariances must be symmetric",
        ),
        (
            lambda: GaussianMixture2D(means=torch.zeros(2, 2), covariances=EYE[:1]),
            ValueError,
            r"covariances must be \(2, 2, 2\), got \(1, 2, 2\)",
        ),
        (
            lambda: GaussianMixture2D(means=torch.full((2, 2), math.nan)),
            ValueError,
            "means must be finite",
        ),
    ],
)
def test_bad_arguments(
    make: Callable[[], KnownDensity], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make()
