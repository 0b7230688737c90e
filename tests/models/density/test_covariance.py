"""Covariances: which matrices are some, and how narrow noise may become."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genbook.models.density._covariance import cholesky, variance_floor
from seeding import seeded


def some(dim: int = 4, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    a = torch.randn(dim, dim, generator=seeded(seed), dtype=torch.float64)
    return (a @ a.mT + 0.1 * torch.eye(dim)).to(dtype)


def test_a_factor_times_itself_is_the_covariance() -> None:
    many = torch.stack([some(seed=k) for k in range(3)])
    tril = cholesky(many, "C")
    assert torch.allclose(tril @ tril.mT, many)
    assert torch.equal(tril, tril.tril())
    assert torch.equal(cholesky(many[1], "C"), tril[1])


@pytest.mark.parametrize(("entry", "size"), [(0.5, 0.5), (0.0, 1e-4)])
def test_what_is_not_symmetric_is_refused_beyond_rounding(
    entry: float, size: float
) -> None:
    """An entry may differ by 1e-4 of itself, and by 1e-8 of the spreads beside it."""
    c = torch.tensor([[4.0, entry], [entry, 9.0]]).double()
    room = 1e-4 * entry + 1e-8 * 2 * 3
    for share, fits in ((0.9, True), (1.2, False)):
        for sign in (1, -1):
            other = c.clone()
            other[1, 0] += sign * share * room
            if fits:
                cholesky(other, "C")
            else:
                with pytest.raises(ValueError, match=r"^C must be symmetric, got one"):
                    cholesky(other, "C")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_direction_without_width_is_refused(dtype: torch.dtype) -> None:
    """What the first column leaves of the second is 10 dim eps of it, or more."""
    eps = torch.finfo(dtype).eps
    for share, fits in ((2.0, True), (0.5, False)):
        left = share * 10 * 2 * eps
        r = (1 - left) ** 0.5
        c = torch.tensor([[1.0, r], [r, 1.0]], dtype=torch.float64).to(dtype)
        if fits:
            assert cholesky(c, "C")[1, 1] > 0
        else:
            with pytest.raises(ValueError, match=r"^C must be positive definite, got"):
                cholesky(c, "C")
    for bad in (-torch.eye(2), torch.zeros(2, 2), torch.ones(2, 2)):
        with pytest.raises(ValueError, match="C must be positive definite"):
            cholesky(bad.to(dtype), "C")
    mixed = torch.stack([torch.eye(2), torch.ones(2, 2)]).to(dtype)
    with pytest.raises(ValueError, match="C must be positive definite"):
        cholesky(mixed, "C")
    cholesky(1e-20 * some(dtype=dtype), "C")  # any unit will do


def test_the_floor_is_a_share_of_the_mean_variance() -> None:
    x = torch.tensor([[0.0, 10.0], [2.0, 10.0], [4.0, 16.0]]).double()
    wanted = 0.3 * (8 / 3 + 8.0) / 2
    assert variance_floor(x, 0.3) == pytest.approx(wanted)
    assert variance_floor(x + 1e6, 0.3) == pytest.approx(wanted)


def test_a_floor_needs_points_that_differ_and_squares_that_are_numbers() -> None:
    x = torch.tensor([[0.0, 1.0], [2.0, 1.0]])
    for bad in (0.0, -1.0):
        with pytest.raises(ValueError, match=r"^min_variance must be positive"):
            variance_floor(x, bad)
    with pytest.raises(TypeError, match=r"^min_variance must be a number"):
        variance_floor(x, "much")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^x must not be constant, got 3 times"):
        variance_floor(torch.ones(3, 2), 0.1)
    limits = torch.finfo(torch.float32)
    for variance, fits in (
        (1.1 * limits.tiny / limits.eps, True),
        (0.9 * limits.tiny / limits.eps, False),
        (0.9 * limits.max * limits.eps, True),
        (1.1 * limits.max * limits.eps, False),
    ):
        pair = torch.tensor([[-1.0], [1.0]]) * variance**0.5
        if fits:
            assert variance_floor(pair, 1.0) == pytest.approx(variance, rel=1e-5)
        else:
            with pytest.raises(
                ValueError, match=r"x must have variances that torch.fl"
            ):
                variance_floor(pair, 1.0)
