"""k-means and its start: centres that are far apart, groups that are."""

from __future__ import annotations

import torch

from genbook.models.density.kmeans import k_means, kmeans_plusplus
from seeding import seeded


def test_the_start_takes_points_that_are_far_apart() -> None:
    corners = torch.tensor([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0], [50.0, 50.0]])
    x = corners.repeat(100, 1) + torch.randn(400, 2, generator=seeded(0))
    for seed in range(20):
        centres, nearest = kmeans_plusplus(x, 4, generator=seeded(seed))
        assert torch.equal(nearest, torch.cdist(x, centres).argmin(dim=1))
        assert torch.equal(torch.bincount(nearest), torch.full((4,), 100))
        same = (centres[:, None] == x).all(dim=2)  # (4, 400)
        assert same.any(dim=1).all()  # centres are points of the data


def test_points_are_drawn_by_their_squared_distance() -> None:
    x = torch.tensor([[0.0], [1.0], [3.0]])
    second = torch.zeros(3)
    for seed in range(3000):
        centres, _ = kmeans_plusplus(x, 2, generator=seeded(seed))
        if centres[0] == 0:
            second += (x == centres[1]).flatten()
    share, n = second[2] / second.sum(), second.sum()
    assert (share - 0.9).abs() < 4 * (0.9 * 0.1 / n).sqrt()


def test_k_means_separates_what_is_apart() -> None:
    centres = torch.tensor([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]])
    x = centres.repeat_interleave(40, 0) + torch.randn(120, 2, generator=seeded(0))
    for seed in range(10):
        found = k_means(x, 3, generator=seeded(seed)).view(3, 40)
        assert (found == found[:, :1]).all()
        assert len(found[:, 0].unique()) == 3
