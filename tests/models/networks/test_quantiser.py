"""Numbers rounded to a few values: the values, the tokens and the gradient."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from genbook.models.networks.quantiser import FiniteScalarQuantiser
from seeding import seeded


def by_hand(z: float, levels: int) -> float:
    """Return the nearest of the values -1 … 1, found by looking at each."""
    values = [-1 + 2 * k / (levels - 1) for k in range(levels)]
    return min(values, key=lambda v: abs(v - math.tanh(z)))


@pytest.mark.parametrize("levels", [[2], [5, 4], [8, 3, 2]])
def test_each_number_becomes_the_nearest_value(levels: list[int]) -> None:
    z = 2 * torch.randn(200, len(levels), generator=seeded(2), dtype=torch.float64)
    q = FiniteScalarQuantiser(levels)(z)
    wanted = [[by_hand(v, n) for v, n in zip(r, levels, strict=True)] for r in z]
    assert torch.allclose(q, torch.tensor(wanted, dtype=torch.float64), atol=1e-12)


def test_the_gradient_goes_straight_through() -> None:
    z = torch.randn(50, 2, generator=seeded(3), dtype=torch.float64, requires_grad=True)
    weight = torch.randn(50, 2, generator=seeded(4), dtype=torch.float64)
    q = FiniteScalarQuantiser([4, 7])(z)
    (got,) = torch.autograd.grad((weight * q).sum(), z)
    slope = 1 - z.detach().tanh() ** 2  # as if q were tanh z
    assert torch.allclose(got, weight * slope, atol=1e-12)


@pytest.mark.parametrize("levels", [[2], [3, 2], [4, 4, 3]])
def test_tokens_count_all_vectors_once(levels: list[int]) -> None:
    fsq = FiniteScalarQuantiser(levels)
    every = torch.arange(fsq.vocab_size)
    q = fsq.values(every)
    axes = [[-1 + 2 * k / (n - 1) for k in range(n)] for n in reversed(levels)]
    wanted = torch.tensor([r[::-1] for r in itertools.product(*axes)])
    assert torch.allclose(q, wanted, atol=1e-6)  # the first digit runs fastest
    assert torch.equal(fsq.indices(q), every)
    far = fsq(torch.where(q >= 1, 20.0, torch.where(q <= -1, -20.0, q.atanh())))
    assert torch.allclose(far, q, atol=1e-6)  # a value is its own nearest


def test_digits_say_what_a_token_is_made_of() -> None:
    got = FiniteScalarQuantiser([3, 2]).digits()
    wanted = [
        [i == 0, i == 1, i == 2, j == 0, j == 1] for j in (0, 1) for i in range(3)
    ]
    assert got.bool().tolist() == wanted


def test_shapes_are_kept() -> None:
    fsq = FiniteScalarQuantiser([3, 3])
    q = fsq(torch.randn(4, 5, 2, generator=seeded(5)))
    assert q.shape == (4, 5, 2)
    assert fsq.values(fsq.indices(q)).equal(q)
    assert fsq.indices(torch.empty(0, 2)).shape == (0,)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="levels must be 2 or more each"):
        FiniteScalarQuantiser([3, 1])
    with pytest.raises(ValueError, match="65,536 at most"):
        FiniteScalarQuantiser([64, 64, 64])
    fsq = FiniteScalarQuantiser([3, 2])
    with pytest.raises(ValueError, match=r"z must be \(..., 2\)"):
        fsq(torch.zeros(4, 3))
    with pytest.raises(TypeError, match="q must be a tensor of floats"):
        fsq.indices(torch.zeros(4, 2, dtype=torch.long))
    with pytest.raises(ValueError, match="q must be between -1 and 1, got 2"):
        fsq.indices(torch.full((1, 2), 2.0))
    with pytest.raises(ValueError, match="indices must hold tokens 0 to 5, got 0 to 6"):
        fsq.values(torch.tensor([0, 6]))


def test_sizes_and_values_end_where_they_should() -> None:
    assert FiniteScalarQuantiser([256, 256]).vocab_size == 65_536
    with pytest.raises(ValueError, match="65,536 at most when multiplied, got"):
        FiniteScalarQuantiser([65_537])
    assert FiniteScalarQuantiser([2]).vocab_size == 2
    fsq = FiniteScalarQuantiser([3, 2])
    assert fsq.config == {"levels": [3, 2]}
    assert fsq.indices(torch.tensor([[1.0, 1.0], [-1.0, -1.0]])).tolist() == [5, 0]
    for bad in (1.0001, -1.0001, torch.nan, torch.inf):
        with pytest.raises(ValueError, match="q must be between -1 and 1, got"):
            fsq.indices(torch.tensor([[0.0, bad]]))
    assert fsq.values(torch.tensor([0, 5])).tolist() == [[-1.0, -1.0], [1.0, 1.0]]
    for token in (-1, 6):
        with pytest.raises(ValueError, match="indices must hold tokens 0 to 5, got"):
            fsq.values(torch.tensor([token, 0]))
    assert fsq.values(torch.zeros(0).long()).shape == (0, 2)
    for call in (fsq, fsq.indices):
        with pytest.raises(TypeError, match="must be a tensor of floats, got list"):
            call([[0.0, 0.0]])  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"must be \(..., 2\), got \(\)"):
            call(torch.tensor(0.5))
    assert fsq(torch.tensor([torch.nan, torch.inf])).isnan().tolist() == [True, False]


def test_every_token_has_one_digit_a_number() -> None:
    digits = FiniteScalarQuantiser([3, 2, 4]).digits()
    assert digits.shape == (24, 9)
    for token, row in enumerate(digits.tolist()):
        parts = row[:3], row[3:5], row[5:]
        assert [p.index(1.0) for p in parts] == [token % 3, token // 3 % 2, token // 6]
        assert sum(row) == 3
