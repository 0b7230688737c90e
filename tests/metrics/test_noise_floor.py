"""Real against real: what the splits share, and what a known metric then gives."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from doors import check_function_doors, check_limits
from genbook.metrics import (
    NoiseFloor,
    energy_distance,
    frechet_distance,
    noise_floor,
)
from seeding import seeded

X = torch.arange(30.0)[:, None]


def test_the_sets_of_a_split_share_nothing() -> None:
    seen = []

    def metric(a: Tensor, b: Tensor) -> float:
        assert a.shape == b.shape == (12, 1)
        both = torch.cat([a, b])
        assert len(both.unique()) == 24
        seen.append(both.sum().item())
        return 0.0

    assert noise_floor(X, metric, 12, 6, generator=seeded(0)) == (0, 0, 6)
    assert len(set(seen)) > 3  # each split is another one


def test_mean_and_spread_are_those_of_the_splits() -> None:
    values = iter([1.0, 2.0, 6.0])
    got = noise_floor(X, lambda a, b: next(values), 5, 3)
    assert got.mean == 3
    assert got.spread == pytest.approx(math.sqrt(7))
    assert repr(got) == "3 ± 2.6 (3 splits)"
    assert got == NoiseFloor(3, got.spread, 3)


def test_the_difference_of_two_means_strays_as_it_should() -> None:
    x = torch.randn(20_000, 1, generator=seeded(0))
    got = noise_floor(
        x, lambda a, b: (a.mean() - b.mean()).item(), 50, 400, generator=seeded(1)
    )
    assert got.spread == pytest.approx(math.sqrt(2 / 50), rel=0.15)
    assert abs(got.mean) < 4 * got.spread / math.sqrt(400)


@pytest.mark.parametrize("n", [6, 9, 10])
def test_labels_are_shared_out_evenly(n: int) -> None:
    labels = torch.tensor([0] * 15 + [1] * 10 + [2] * 5)

    def metric(a: Tensor, b: Tensor) -> float:
        counts = [torch.bincount(labels[s[:, 0].long()], minlength=3) for s in (a, b)]
        assert len(a) == len(b) == n
        assert (counts[0] - counts[1]).abs().max() <= 1
        return 0.0

    noise_floor(X, metric, n, 20, labels=labels, generator=seeded(0))


def test_equal_shares_of_classes_lie_closer() -> None:
    labels = torch.randint(4, (2000,), generator=seeded(0))
    x = 5 * labels[:, None] + torch.randn(2000, 1, generator=seeded(1))
    free = noise_floor(x, frechet_distance, 100, 20, generator=seeded(2))
    even = noise_floor(x, frechet_distance, 100, 20, labels=labels, generator=seeded(2))
    assert even.mean < free.mean / 3


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: noise_floor(X, frechet_distance, 16),
            ValueError,
            "real must have 32 observations for two sets of 16, got 30",
        ),
        (lambda: noise_floor(X, frechet_distance, 0), ValueError, "n must be at least"),
        (lambda: noise_floor(X, frechet_distance, 5, 1), ValueError, "splits must be"),
        (lambda: noise_floor(X.long(), frechet_distance, 5), TypeError, "real must be"),
        (
            lambda: noise_floor(X, frechet_distance, 5, labels=torch.zeros(3).long()),
            ValueError,
            r"labels must be \(30,\), got \(3,\)",
        ),
        (
            lambda: noise_floor(X, frechet_distance, 5, generator=0),  # type: ignore[arg-type]
            TypeError,
            "generator must be",
        ),
    ],
)
def test_bad_input(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


def test_a_generator_decides_and_the_global_state_is_untouched() -> None:
    x = torch.randn(40, 2, generator=seeded(8))

    def floor(g: torch.Generator | None) -> NoiseFloor:
        return noise_floor(x, energy_distance, 9, 3, generator=g)

    before = torch.get_rng_state()
    assert floor(seeded(1)) == floor(seeded(1))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(5)
    first = floor(None)
    torch.manual_seed(5)
    assert floor(None) == first


def test_noise_floor_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_function_doors(
        noise_floor, real=x, metric=lambda a, b: 1.0, n=2, splits=2, generator=seeded(1)
    )


def test_a_row_and_two_halves_are_enough() -> None:
    x = torch.randn(6, 2, generator=seeded(0))
    good = {"n": 2, "splits": 2}
    difference = lambda a, b: (a.mean() - b.mean()).abs().item()  # noqa: E731
    check_limits(lambda **k: noise_floor(x, difference, **good | k), n=1, splits=2)


def test_labels_go_up_to_two_bytes() -> None:
    labels = torch.zeros(30).long()
    labels[0] = 65_535
    noise_floor(X, frechet_distance, 5, 2, labels=labels, generator=seeded(0))
    labels[0] = 65_536
    with pytest.raises(ValueError, match="labels must hold labels 0 to 65535, got"):
        noise_floor(X, frechet_distance, 5, 2, labels=labels, generator=seeded(0))


def test_two_halves_may_be_all_there_is() -> None:
    seen: list[Tensor] = []
    noise_floor(X, lambda a, b: seen.append(torch.cat([a, b])) or 0.0, 15, 2)
    assert all(torch.equal(s.sort(dim=0).values, X) for s in seen)
