"""k-means and its start: centres that are far apart, groups that are."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from doors import check_function_doors, check_limits
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


@pytest.mark.parametrize("unit", [1e-30, 1e20, 1e37])
def test_units_whose_squares_float32_cannot_hold_change_nothing(unit: float) -> None:
    x = torch.randn(100, 2, generator=seeded(0))
    x[:50] += 9
    unit = 2.0 ** round(math.log2(unit))  # of two, so that no digit changes
    assert torch.equal(
        k_means(unit * x, 3, generator=seeded(1)), k_means(x, 3, generator=seeded(1))
    )
    far, _ = kmeans_plusplus(unit * x, 3, generator=seeded(1))
    assert torch.equal(far, unit * kmeans_plusplus(x, 3, generator=seeded(1))[0])


def test_groups_far_from_the_origin_are_told_apart() -> None:
    x = 0.01 * torch.rand(60, 1, generator=seeded(1))
    x[30:] += 1
    found = k_means(3e4 + x, 2, generator=seeded(0)).view(2, 30)
    assert (found == found[:, :1]).all()
    assert found[0, 0] != found[1, 0]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: k_means(x, 0), ValueError, "k must be at least 1"),
        (lambda x: k_means(x, 99), ValueError, "k must be at most the 5 points"),
        (lambda x: k_means(x, 2, iterations=-1), ValueError, "iterations must be at"),
        (lambda x: k_means(x[0], 2), ValueError, r"x must be \(n, d\)"),
        (lambda x: kmeans_plusplus(x.tolist(), 2), TypeError, "x must be a torch"),
        (lambda x: kmeans_plusplus(x * torch.nan, 2), ValueError, "x must be finite"),
        (lambda x: kmeans_plusplus(x, 2, generator=0), TypeError, "generator must be"),
    ],
)
def test_bad_values_are_refused(
    call: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call(torch.rand(5, 2, generator=seeded(0)))


def test_k_means_separates_what_is_apart() -> None:
    centres = torch.tensor([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]])
    x = centres.repeat_interleave(40, 0) + torch.randn(120, 2, generator=seeded(0))
    for seed in range(10):
        found = k_means(x, 3, generator=seeded(seed)).view(3, 40)
        assert (found == found[:, :1]).all()
        assert len(found[:, 0].unique()) == 3


def test_k_means_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_function_doors(k_means, x=x, k=2, iterations=2, generator=seeded(1))


def test_kmeans_plusplus_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_function_doors(kmeans_plusplus, x=x, k=2, generator=seeded(1))


def test_one_centre_and_no_round_are_taken() -> None:
    x = torch.randn(6, 2, generator=seeded(0))
    good = {"k": 2, "iterations": 1}
    check_limits(lambda **n: k_means(x, **good | n), k=1, iterations=0)


def test_the_start_is_drawn_by_the_generator_s_numbers() -> None:
    x = torch.randn(40, 2, generator=seeded(4)).double()
    u = torch.rand(5, generator=seeded(5), dtype=torch.float64).tolist()
    rows: list[int] = []
    for number in u:
        weights = [
            min((math.dist(p, x[r].tolist()) ** 2 for r in rows), default=1.0)
            for p in x.tolist()
        ]
        left, row = number * sum(weights), 0
        while left >= weights[row]:
            left -= weights[row]
            row += 1
        rows.append(row)
    centres, nearest = kmeans_plusplus(x, 5, generator=seeded(5))
    assert torch.equal(centres, x[rows])
    assert torch.equal(nearest, torch.cdist(x, x[rows]).argmin(1))


@pytest.mark.parametrize("iterations", [0, 1, 3])
def test_rounds_move_centres_to_the_means_of_their_points(iterations: int) -> None:
    x = torch.randn(60, 2, generator=seeded(6)).double()
    around = x - x.mean(0)
    centres, _ = kmeans_plusplus(around, 4, generator=seeded(7))
    for _ in range(iterations):
        member = torch.cdist(around, centres).argmin(1)
        centres = torch.stack([around[member == j].mean(0) for j in range(4)])
    wanted = torch.cdist(around, centres).argmin(1)
    found = k_means(x, 4, iterations=iterations, generator=seeded(7))
    assert torch.equal(found, wanted)
    if iterations == 3:
        again = k_means(x, 4, iterations=1, generator=seeded(7))
        assert not torch.equal(found, again)


def test_as_many_centres_as_points_are_all_of_them() -> None:
    x = torch.arange(5.0)[:, None]
    centres, nearest = kmeans_plusplus(x, 5, generator=seeded(0))
    assert torch.equal(centres.sort(dim=0).values, x)
    assert nearest.sort().values.tolist() == list(range(5))
    twins = torch.zeros(4, 1)  # a group may be left without points
    assert k_means(twins, 2, generator=seeded(0)).tolist() == [0] * 4
