"""Support and coverage against the true map and by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from doors import check_function_doors
from genbook.data.world import CONTINENTS, WorldMap
from genbook.metrics import (
    coverage,
    support_share,
)
from genbook.models.density.box import UniformBox
from known_densities import Halves, Normal
from seeding import seeded

X = torch.randn(40, 2, generator=seeded(8))


LABELS = torch.arange(4)


NAN = torch.tensor([[0.0, math.nan]])


EMPTY = torch.zeros(0, 2)


def test_support_share_of_the_square_is_the_share_of_land() -> None:
    world, square = WorldMap(), UniformBox.from_corners([-1, -1], [1, 1])
    got = support_share(world, square.sample(20_000, generator=seeded(0)))
    assert abs(got - world.land_area / 4) <= 4 * got.se
    assert got.se == pytest.approx(math.sqrt(got * (1 - got) / 20_000))


def test_support_share_by_hand() -> None:
    x = torch.tensor([[0.5, 0.0], [-0.5, 0.0], [0.1, 0.2], [3.0, 0.0]])
    assert support_share(Halves(), x) == 0.5
    assert support_share(Halves(), x[:1]) == 1
    assert support_share(Halves(), x[1:2]).se == 0


def test_coverage_by_hand() -> None:
    x = torch.tensor([0.0, 0, 0, 2, 2, -1, -1, -1])[:, None]
    data = torch.tensor([0.0, 0, 1, 2])[:, None]

    def label(x: Tensor) -> Tensor:
        return x[:, 0].long()

    got = coverage(x, label, ["a", "b", "c", "d"], data=data)
    assert got.shares.tolist() == [0.6, 0, 0.4, 0]
    assert got.data_shares is not None
    assert got.data_shares.tolist() == [0.5, 0.25, 0.25, 0]
    assert got.unlabelled == 3 / 8
    assert got.missed == ("b",)  # the data have no d either
    assert got.reached == pytest.approx(2 / 3)
    assert got.total_variation == pytest.approx(0.25)
    assert repr(got) == "Coverage(3 of 4 classes, missed b)"
    blind = coverage(x, label, 4)
    assert blind.missed == ("1", "3")
    assert blind.reached == 0.5
    with pytest.raises(ValueError, match="pass data= to coverage"):
        _ = blind.total_variation
    lost = coverage(-torch.ones(3, 1), label, 2)
    assert lost.unlabelled == 1
    assert lost.shares.tolist() == [0, 0]


def test_coverage_of_the_continents() -> None:
    world = WorldMap()
    data = world.sample(3000, generator=seeded(0))
    got = coverage(
        world.sample(3000, generator=seeded(1)), world.continent, CONTINENTS, data=data
    )
    assert got.missed == ()
    assert got.unlabelled == 0
    assert got.total_variation < 0.05
    eurasia = UniformBox.from_corners([0.1, 0.3], [0.9, 1.0])
    got = coverage(
        eurasia.sample(3000, generator=seeded(2)),
        world.continent,
        CONTINENTS,
        data=data,
    )
    assert {"Antarctica", "Oceania", "North America", "South America"} <= set(
        got.missed
    )


def test_unlabelled_samples_reach_nothing() -> None:
    def none(x: Tensor) -> Tensor:
        return torch.full((len(x),), -1)

    found = coverage(X, none, 3)
    assert found.reached == 0
    assert found.unlabelled == 1
    assert found.missed == ("0", "1", "2")


# --- bad input -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: support_share(X, X), TypeError, "p_data must be a KnownDensity"),
        (lambda: support_share(Normal(), NAN), ValueError, "samples must be finite"),
        (lambda: support_share(Normal(), EMPTY), ValueError, "samples must hold"),
        (lambda: support_share(Normal(), X[:, :1]), ValueError, r"samples must be \(n"),
        (
            lambda: coverage(X, lambda x: x[:, 0].long(), "ab"),
            TypeError,
            "classes must",
        ),
        (lambda: coverage(X, lambda x: x[:, 0].long(), []), ValueError, "number of cl"),
        (lambda: coverage(X, lambda x: x[:, 0].long(), 0), ValueError, "classes must"),
        (lambda: coverage(EMPTY, lambda x: x[:, 0].long(), 2), ValueError, "samples"),
        (
            lambda: coverage(X, lambda x: torch.full((40,), 2), 2),
            ValueError,
            r"labeller\(samples\) must hold labels -1 to 1, got 2",
        ),
        (lambda: coverage(X, lambda x: x[:, 0], 2), TypeError, "integer labels"),
        (lambda: coverage(X, lambda x: LABELS, 4), ValueError, r"must be \(40,\)"),
        (
            lambda: coverage(X, lambda x: torch.full((40,), -1), 2, data=X),
            ValueError,
            "data must hold some observations of a class, the labeller finds none for",
        ),
        (lambda: coverage(X, None, 2), TypeError, "labeller must be a function"),
        (lambda: coverage(X, lambda x: [0] * 40, 2), TypeError, "must be a torch.Te"),
        (lambda: coverage(X, lambda x: x[:, 0].long(), None), TypeError, "classes mu"),
    ],
)
def test_bad_input(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


def test_a_result_is_not_changed() -> None:
    found = coverage(X[:4], lambda x: LABELS, 4)
    with pytest.raises(AttributeError):
        found.unlabelled = 0.5


def test_coverage_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_function_doors(
        coverage, samples=x, labeller=lambda x: (x[:, 0] > 0).long(), classes=2, data=x
    )


def test_names_are_texts() -> None:
    x, left = torch.zeros(3, 1), lambda x: torch.zeros(len(x), dtype=torch.long)
    for bad in ([1, 2], [None]):
        with pytest.raises(TypeError, match=r"^classes must"):
            coverage(x, left, bad)  # type: ignore[arg-type]
    assert coverage(x, left, 1).shares.tolist() == [1]
    for bad in (0, []):
        with pytest.raises(ValueError, match="classes must be at least 1"):
            coverage(x, left, bad)
