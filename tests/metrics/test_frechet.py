"""The Fréchet distance against closed forms and SciPy's matrix square root."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor

from doors import check_function_doors
from genbook.metrics import frechet_distance, frechet_distance_of_moments
from seeding import seeded


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def by_scipy(mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor) -> float:
    """Return the distance as the paper writes it."""
    root = scipy.linalg.sqrtm(cov_a.numpy() @ cov_b.numpy()).real
    shift = ((mean_a - mean_b) ** 2).sum().item()
    return shift + np.trace(cov_a.numpy() + cov_b.numpy() - 2 * root)


def test_commuting_gaussians_differ_by_their_standard_deviations() -> None:
    turn = torch.linalg.qr(normal(4, 4)).Q
    a, b = torch.tensor([[1.0, 4.0, 9.0, 0.0], [4.0, 1.0, 0.25, 2.0]]).double()
    mean = normal(4, seed=1)
    cov_a, cov_b = (turn @ v.diag() @ turn.T for v in (a, b))
    wanted = mean.square().sum() + (a.sqrt() - b.sqrt()).square().sum()
    got = frechet_distance_of_moments(mean, cov_a, 0 * mean, cov_b)
    assert got == pytest.approx(wanted.item(), rel=1e-12)


@pytest.mark.parametrize("k", [1, 2, 5, 30])
def test_gaussians_that_do_not_commute_equal_scipy(k: int) -> None:
    a, b = normal(k, 2 * k, seed=2), normal(k, 3 * k, seed=3)
    moments = normal(k), a @ a.T, normal(k, seed=1), b @ b.T
    got = frechet_distance_of_moments(*moments)
    assert got == pytest.approx(by_scipy(*moments), rel=1e-9)


def test_singular_covariances_are_exact() -> None:
    """Two lines: the roots of rounding errors would show."""
    u, v, zero = normal(6, seed=4), normal(6, seed=5), torch.zeros(6).double()
    got = frechet_distance_of_moments(zero, torch.outer(u, u), zero, torch.outer(v, v))
    wanted = u.dot(u) + v.dot(v) - 2 * u.dot(v).abs()
    assert got == pytest.approx(wanted.item(), abs=1e-12)
    nothing = torch.zeros(6, 6).double()
    got = frechet_distance_of_moments(u, nothing, v, nothing)
    assert got == pytest.approx((u - v).square().sum().item(), abs=1e-12)


def test_sets_are_taken_for_gaussians() -> None:
    a, b = normal(50, 4), normal(70, 4, seed=1) @ normal(4, 4, seed=2) + 1
    moments = [m for x in (a, b) for m in (x.mean(0), x.T.cov(correction=1))]
    assert frechet_distance(a, b) == pytest.approx(by_scipy(*moments), rel=1e-9)
    line = frechet_distance(a[:, :1], b[:, :1])
    means = (a[:, 0].mean() - b[:, 0].mean()).square()
    assert line == pytest.approx((means + (a[:, 0].std() - b[:, 0].std()) ** 2).item())


@pytest.mark.parametrize("n", [5, 200])  # fewer rows than columns, and more
def test_what_changes_nothing(n: int) -> None:
    a, b = normal(n, 8), 2 * normal(n + 3, 8, seed=1) + 1
    wanted = frechet_distance(a, b)
    turn = torch.linalg.qr(normal(8, 8, seed=2)).Q
    order = torch.randperm(n, generator=seeded(3))
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-12)
    assert frechet_distance(a, a[order]) == pytest.approx(0, abs=1e-12)
    assert frechet_distance(b, a) == pytest.approx(wanted)
    assert frechet_distance(a[order], b) == pytest.approx(wanted)
    assert frechet_distance(a @ turn + 5, b @ turn + 5) == pytest.approx(wanted)
    assert frechet_distance(10 * a, 10 * b) == pytest.approx(100 * wanted)
    assert frechet_distance(a.float(), b.float()) == pytest.approx(wanted, rel=1e-4)


def test_small_sets_are_too_far_apart_by_what_is_stated() -> None:
    values = torch.tensor([4.0, 1.0, 0.5, 0.1]).double()
    n, g = 300, seeded(0)
    found = []
    for _ in range(800):
        a, b = torch.randn(2, n, 4, generator=g, dtype=torch.float64) * values.sqrt()
        found.append(frechet_distance(a, b))
    pairs = torch.outer(values, values) / (values[:, None] + values)
    wanted = 2 / n * (5 / 4 * values.sum() + pairs.sum() / 2).item()
    se = np.std(found, ddof=1) / math.sqrt(800)
    assert abs(np.mean(found) - wanted) < 3 * se
    assert se < 0.03 * wanted


A, C = torch.zeros(3), torch.eye(3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: frechet_distance(C[0], C), ValueError, r"a must be \(n, k\), got"),
        (lambda: frechet_distance(C, C[:, :2]), ValueError, "b must have observations"),
        (
            lambda: frechet_distance(C[:1], C),
            ValueError,
            "a must have 2 points",
        ),
        (lambda: frechet_distance(C, C / 0), ValueError, "b must be finite"),
        (lambda: frechet_distance(C.long(), C), TypeError, "a must be floating point"),
        (
            lambda: frechet_distance_of_moments(A, C, A[:2], C),
            ValueError,
            r"mean_b must be \(3,\), got \(2,\)",
        ),
        (
            lambda: frechet_distance_of_moments(A, C, A, C[:2]),
            ValueError,
            r"cov_b must be \(3, 3\)",
        ),
        (
            lambda: frechet_distance_of_moments(A, C.triu() + C.roll(1, 1), A, C),
            ValueError,
            "cov_a must be symmetric",
        ),
        (
            lambda: frechet_distance_of_moments(A, C, A, C - 2 * torch.diag(C[0])),
            ValueError,
            "cov_b must have no negative eigenvalue, got -1",
        ),
    ],
)
def test_bad_input(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


def test_frechet_distance_of_moments_names_what_it_refuses() -> None:
    mean, cov = torch.zeros(2), torch.eye(2)
    check_function_doors(
        frechet_distance_of_moments, mean_a=mean, cov_a=cov, mean_b=mean, cov_b=cov
    )
