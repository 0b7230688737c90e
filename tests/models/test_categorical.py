"""Draws of categories from uniform numbers."""

from __future__ import annotations

import torch

from genbook.models._categorical import inverse_cdf
from seeding import seeded


def test_shares_are_the_weights() -> None:
    weights = torch.tensor([0.1, 0.0, 0.6, 0.3], dtype=torch.float64)
    u = (torch.arange(1000) + 0.5).double() / 1000
    drawn = inverse_cdf(weights.cumsum(0), u)
    assert drawn.bincount(minlength=4).tolist() == [100, 0, 600, 300]
    assert torch.equal(drawn, drawn.sort().values)


def test_a_number_beyond_the_last_sum_falls_into_the_last() -> None:
    cumulative = torch.tensor([0.25, 0.5, 0.9])
    assert inverse_cdf(cumulative, torch.tensor([0.9, 0.95, 1.0])).tolist() == [2, 2, 2]


def test_rows_of_their_own() -> None:
    cumulative = torch.rand(5, 3, generator=seeded(0)).cumsum(1)
    u = torch.rand(5, 4, generator=seeded(1))
    rows = [inverse_cdf(c, v) for c, v in zip(cumulative, u, strict=True)]
    assert torch.equal(inverse_cdf(cumulative, u), torch.stack(rows))
