"""Draws of categories: as often as they weigh, and never one without weight."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from genbook.models._categorical import check_temperature, inverse_cdf
from seeding import seeded

ONE = 1 - 2**-24  # the largest number below one in float32


def test_categories_come_as_often_as_they_weigh() -> None:
    weights = torch.tensor([1.0, 0.0, 3.0, 2.0, 0.0])
    u = 6 * torch.rand(30_000, generator=seeded(0))
    counts = torch.bincount(inverse_cdf(weights, u), minlength=5)
    assert counts[1] == counts[4] == 0
    there = weights > 0
    wanted = 30_000 * weights[there] / 6
    assert stats.chisquare(counts[there].numpy(), wanted.numpy()).pvalue > 1e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_category_without_weight_is_never_drawn(dtype: torch.dtype) -> None:
    # Ten tenths do not add up to one, so that some numbers lie beyond the last sum.
    weights = torch.tensor([0.0] + [0.1] * 10 + [0.0, 0.0], dtype=dtype)
    u = torch.tensor([0.0, 1e-30, 0.1, 0.5, 0.999999, ONE, 1.0, 1.5], dtype=dtype)
    j = inverse_cdf(weights, u)
    assert (weights[j] > 0).all()
    assert j[[0, 1, 6, 7]].tolist() == [1, 1, 10, 10]


def test_each_row_has_its_own_weights() -> None:
    weights = torch.tensor([[0.0, 1.0, 0.0], [0.5, 0.0, 0.5]])
    u = torch.tensor([[0.0, ONE], [0.25, ONE]])
    assert inverse_cdf(weights, u).tolist() == [[1, 1], [0, 2]]


def test_sums_that_fall_by_rounding_draw_nothing_without_weight() -> None:
    # A parallel sum may come out lower than the one before: so does this one.
    weights = torch.tensor([1.0, 1e-8, 0.0, 1.0])
    u = torch.linspace(0, 2, 10_001)
    assert (weights[inverse_cdf(weights, u)] > 0).all()


def test_a_temperature_near_nothing_can_still_be_divided_by() -> None:
    logits = torch.tensor([3.0, 80.0, 80.0, -torch.inf])
    p = (logits / check_temperature(5e-324)).softmax(0)
    assert p.tolist() == [0.0, 0.5, 0.5, 0.0]
    assert check_temperature(0.7) == 0.7
    for bad in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="temperature must be positive"):
            check_temperature(bad)
    with pytest.raises(TypeError, match="temperature must be a number"):
        check_temperature("cold")  # type: ignore[arg-type]
