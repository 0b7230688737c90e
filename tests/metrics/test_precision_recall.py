"""Precision and recall against brute force, and squares of known overlap."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from genbook.metrics import precision_recall
from seeding import seeded


def square(n: int, seed: int, width: float = 1.0, shift: float = 0.0) -> Tensor:
    """Return points of a rectangle of height one."""
    u = torch.rand(n, 2, generator=seeded(seed), dtype=torch.float64)
    return u * torch.tensor([width, 1.0]) + torch.tensor([shift, 0.0])


def brute(real: Tensor, drawn: Tensor, k: int) -> tuple[float, ...]:
    """Return the four numbers by their definitions, in plain Python."""
    r, d = real.tolist(), drawn.tolist()

    def radii(points: list) -> list:
        return [
            sorted(math.dist(p, q) for j, q in enumerate(points) if j != i)[k - 1]
            for i, p in enumerate(points)
        ]

    balls = list(zip(r, radii(r), strict=True))
    drawn_balls = list(zip(d, radii(d), strict=True))
    inside = [[math.dist(p, c) <= s for p in d] for c, s in balls]  # (n, m)
    among = [[math.dist(p, c) <= s for p in r] for c, s in drawn_balls]  # (m, n)
    return (
        sum(map(any, zip(*inside, strict=True))) / len(d),
        sum(map(any, zip(*among, strict=True))) / len(r),
        sum(map(sum, inside)) / (k * len(d)),
        sum(map(any, inside)) / len(r),
    )


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("features", [1, 2, 20])
def test_equals_brute_force(features: int, k: int) -> None:
    real = torch.randn(30, features, generator=seeded(0), dtype=torch.float64)
    drawn = torch.randn(19, features, generator=seeded(1), dtype=torch.float64) + 0.3
    got = precision_recall(real, drawn, k)
    assert got == pytest.approx(brute(real, drawn, k))
    other = precision_recall(drawn, real, k)
    assert (other.precision, other.recall) == (got.recall, got.precision)
    assert 0 < got.precision != got.recall > 0


def test_many_rows_equal_few() -> None:
    """Rows are taken a few hundred at a time."""
    real, drawn = square(600, 0), square(550, 1, shift=0.3)
    assert precision_recall(real, drawn, 4) == pytest.approx(brute(real, drawn, 4))


@pytest.mark.parametrize("shift", [0.25, 0.5, 0.75, 2.0])
def test_shifted_squares_share_what_they_share(shift: float) -> None:
    real, drawn = square(3000, 0), square(3000, 1, shift=shift)
    got = precision_recall(real, drawn)
    shared = max(1 - shift, 0)
    edge = 0.04 if shared else 0  # the balls reach a little over it
    for value in (got.precision, got.recall):
        assert shared - 0.03 < value <= shared + edge
    assert got.density == pytest.approx(shared, abs=0.05)
    assert got.coverage == pytest.approx(shared * (1 - 2**-5), abs=0.04)


def test_a_part_is_precise_and_the_whole_recalls() -> None:
    whole, left = square(2000, 0), square(1000, 1, width=0.5)
    lost = precision_recall(whole, left)  # a model that draws the left half only
    assert lost.precision > 0.99
    assert lost.recall == pytest.approx(0.5, abs=0.04)
    assert lost.coverage == pytest.approx(0.5, abs=0.05)
    wide = precision_recall(left, whole)  # half of what it draws was never there
    assert wide.precision == pytest.approx(0.5, abs=0.04)
    assert wide.recall > 0.99
    assert wide.density == pytest.approx(0.5, abs=0.05)


def test_equal_sets_meet_everywhere() -> None:
    x = square(80, 0)
    assert precision_recall(x, x, 4) == pytest.approx((1, 1, 5 / 4, 1))


def test_one_distribution_is_covered_as_stated() -> None:
    g, found = seeded(0), []
    for _ in range(40):
        real, drawn = torch.rand(2, 300, 2, generator=g)
        found.append(precision_recall(real, drawn, 2))
    _, _, density, coverage = np.mean(found, axis=0)
    assert density == pytest.approx(1, abs=0.03)
    assert coverage == pytest.approx(1 - 2**-2, abs=0.01)


def test_order_and_unit_change_nothing() -> None:
    real, drawn = square(200, 0), square(150, 1, shift=0.4)
    wanted = precision_recall(real, drawn)
    order = torch.randperm(200, generator=seeded(2))
    assert precision_recall(real[order], drawn[order[order < 150]]) == wanted
    assert precision_recall(64 * real, 64 * drawn) == wanted


def test_points_that_stand_twice_have_balls_of_radius_zero() -> None:
    real = torch.tensor([[0.0], [0.0], [5.0], [5.0]])
    assert precision_recall(real, real, 1) == pytest.approx((1, 1, 2, 1))
    assert precision_recall(real, real + 0.01, 1)[0] == 0


X = torch.rand(8, 2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: precision_recall(X, X, 0), ValueError, "k must be at least 1"),
        (lambda: precision_recall(X, X, 2.0), TypeError, "k must be an integer"),
        (lambda: precision_recall(X[:5], X), ValueError, "real must have 6 points"),
        (lambda: precision_recall(X, X[:5]), ValueError, "drawn must have 6 points"),
        (lambda: precision_recall(X, X[:, 0]), ValueError, r"drawn must be \(n, k\)"),
        (lambda: precision_recall(X, X[:, :1]), ValueError, "drawn must have observ"),
        (lambda: precision_recall(X / 0, X), ValueError, "real must be finite"),
    ],
)
def test_bad_input(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()
