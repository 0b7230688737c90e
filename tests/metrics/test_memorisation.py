"""Copies against brute force, planted copiers and honest samples."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats
import torch

from doors import check_function_doors, check_limits
from genbook.metrics import (
    memorisation_power,
    nearest_neighbour_memorisation,
)
from genbook.metrics.memorisation import _planted
from seeding import seeded


def calibrated(p_values: list[float], alpha: float = 0.1) -> None:
    """Under the null p-values are uniform, or larger (their steps are coarse)."""
    n = len(p_values)
    small = sum(p <= alpha for p in p_values)
    assert scipy.stats.binom.sf(small - 1, n, alpha) > 1e-3
    assert small > 0  # a test that never rejects has no use
    assert np.mean(p_values) == pytest.approx(0.5, abs=4 * math.sqrt(1 / 12 / n) + 0.03)


X = torch.randn(40, 2, generator=seeded(8))


Y = torch.randn(30, 2, generator=seeded(9))


NAN = torch.tensor([[0.0, math.nan]])


EMPTY = torch.zeros(0, 2)


@pytest.mark.parametrize("event", [(2,), (5, 5)])
def test_memorisation_share_equals_brute_force(event: tuple) -> None:
    g = seeded(0)
    s, a, b = (torch.randn(n, *event, generator=g) for n in (30, 25, 40))
    near = [
        min(math.dist(p, q) for q in a.flatten(1).tolist())
        < min(math.dist(p, q) for q in b.flatten(1).tolist())
        for p in s.flatten(1).tolist()
    ]
    got = nearest_neighbour_memorisation(s, a, b, generator=g)
    assert got.share == pytest.approx(sum(near) / 30)
    assert got.expected == pytest.approx(25 / 65)


def test_memorisation_is_calibrated_when_samples_crowd() -> None:
    """Many samples around few observations: a binomial p-value would be far off."""
    g = seeded(0)
    p_values, naive = [], []
    for _ in range(300):
        s, a, b = (torch.randn(n, 1, generator=g) for n in (400, 15, 15))
        got = nearest_neighbour_memorisation(s, a, b, permutations=99, generator=g)
        p_values.append(got.p_value)
        naive.append(scipy.stats.binom.sf(round(got.share * 400) - 1, 400, 0.5))
    calibrated(p_values)
    assert np.mean(np.array(naive) < 0.1) > 0.25


def test_memorisation_finds_copies_and_clears_the_honest() -> None:
    g = seeded(1)
    train, held_out, fresh = (torch.randn(300, 2, generator=g) for _ in range(3))
    copies = train + 0.01 * torch.randn(300, 2, generator=g)
    found = nearest_neighbour_memorisation(copies, train, held_out, generator=g)
    assert found.share > 0.9
    assert found.p_value == 1e-3
    honest = nearest_neighbour_memorisation(fresh, train, held_out, generator=g)
    assert honest.p_value > 0.01
    # One sample in five copied is enough to be seen.
    some = torch.cat([copies[:60], fresh[:240]])
    found = nearest_neighbour_memorisation(some, train, held_out, generator=g)
    assert found.p_value < 0.05


def test_an_observation_in_both_sets_is_no_ones() -> None:
    x = torch.randn(400, 2, generator=seeded(0))
    got = nearest_neighbour_memorisation(x, x, x, generator=seeded(1))
    assert abs(got.share - 0.5) < 4 * math.sqrt(0.25 / 400)


# --- randomness ----------------------------------------------------------------------

RANDOM: dict[str, Callable[[torch.Generator | None], object]] = {
    "memorisation": lambda g: nearest_neighbour_memorisation(X, X, Y, generator=g),
    "power": lambda g: memorisation_power(
        X, X, Y, shares=[0.2], noise=0.1, repetitions=3, permutations=19, generator=g
    ),
}


@pytest.mark.parametrize("name", RANDOM)
def test_a_generator_decides_and_the_global_state_is_untouched(name: str) -> None:
    before = torch.get_rng_state()
    assert RANDOM[name](seeded(1)) == RANDOM[name](seeded(1))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(5)
    first = RANDOM[name](None)
    torch.manual_seed(5)
    assert RANDOM[name](None) == first


# --- bad input -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: nearest_neighbour_memorisation(X, EMPTY, Y),
            ValueError,
            "train must hold at least one",
        ),
        (
            lambda: nearest_neighbour_memorisation(X, Y, Y[:, :1]),
            ValueError,
            "held_out must have observations",
        ),
        (
            lambda: nearest_neighbour_memorisation(NAN, Y, Y),
            ValueError,
            "samples must be finite",
        ),
    ],
)
def test_bad_input(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


def test_a_p_value_at_the_level_counts_and_one_held_out_is_enough() -> None:
    """Of 19 permutations none is as extreme, which makes p = 1/20."""
    train, held_out, fresh = torch.randn(3, 200, 8, generator=seeded(0))
    options = {"shares": [1.0], "level": 0.05, "permutations": 19, "repetitions": 5}
    power = memorisation_power(fresh, train, held_out, **options, generator=seeded(6))
    assert power[1.0] == 1
    memorisation_power(fresh, train, held_out[:1], shares=[1.0], generator=seeded(6))


@pytest.mark.parametrize(
    ("share", "copied"), [(0.001, 1), (0.05, 1), (0.25, 5), (1.0, 20)]
)
def test_so_many_observations_become_copies(share: float, copied: int) -> None:
    fresh, copies = torch.arange(20), torch.full((7,), 99)
    rows = _planted(copies, fresh, share, seeded(0))
    assert int((rows == 99).sum()) == copied
    left = rows[rows != 99]
    assert len(left.unique()) == len(left) == 20 - copied


def test_nearest_neighbour_memorisation_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_function_doors(
        nearest_neighbour_memorisation,
        samples=x,
        train=x + 1,
        held_out=x + 2,
        ratio=0.9,
        permutations=2,
        generator=seeded(1),
    )


def test_the_noise_on_copies_has_the_deviation_that_is_asked_for() -> None:
    """Of eight copies all must be told, which noise of 0.3 within 1 leaves likely.

    Trained on are the multiples of 4, held out are the numbers halfway between. A copy
    is told if its noise is below 1. Eight of eight have a p-value of 1/256, and more
    where one is copied twice: seeds 0 to 7 gave 0.8 to 0.95. Noise of 1 gave 0 to 0.15,
    since copies are then told two times in three.
    """
    train = 4 * torch.arange(50.0)[:, None]
    fresh = torch.zeros(8, 1)
    how = {"shares": [1.0], "level": 0.01, "repetitions": 20, "permutations": 999}
    for noise, low, high in ((0.3, 0.6, 1.0), (1.0, 0.0, 0.3), (100.0, 0.0, 0.3)):
        g = seeded(5)
        power = memorisation_power(
            fresh, train, train + 2, noise=noise, **how, generator=g
        )
        assert low <= power[1.0] <= high


def test_memorisation_power_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_function_doors(
        memorisation_power,
        fresh=x,
        train=x + 1,
        held_out=x + 2,
        noise=0.1,
        ratio=0.9,
        level=0.5,
        repetitions=1,
        permutations=2,
        generator=seeded(1),
    )


def test_one_shuffle_is_taken() -> None:
    x = torch.randn(9, 2, generator=seeded(0))
    check_limits(
        lambda permutations: nearest_neighbour_memorisation(
            x[:3], x[3:6], x[6:], permutations=permutations
        ),
        permutations=1,
    )
    check_limits(
        lambda **n: memorisation_power(
            x[:3],
            train=x[3:6],
            held_out=x[6:],
            noise=0.1,
            level=0.5,
            **{"repetitions": 1, "permutations": 2} | n,
        ),
        repetitions=1,
        permutations=1,
    )


def test_a_plan_is_checked_before_anything_is_measured() -> None:
    x = torch.randn(3, 12, 2, generator=seeded(0))
    good = {"shares": [0.5], "noise": 0.0, "ratio": 1.0, "level": 0.25}
    good |= {"repetitions": 1, "permutations": 3}

    def power(**change: object) -> object:
        return memorisation_power(*x, **good | change, generator=seeded(1))

    assert set(power()) == {0.5}
    check_limits(power, repetitions=1)
    assert set(power(permutations=4, shares=[1.0, 0.1])) == {1.0, 0.1}
    for name, bad in (
        ("level", 0.249),  # no p-value of three shuffles is so small
        ("level", 1.0),
        ("level", -0.1),
        ("ratio", 1.01),
        ("ratio", 0.0),
        ("noise", -0.1),
        ("shares", [0.5, 0.0]),
        ("shares", [1.01]),
        ("permutations", 0),
        ("repetitions", 0),
    ):
        with pytest.raises(ValueError, match=f"^{name}"):
            power(**{name: bad})
    for name, bad in (("level", "low"), ("ratio", "half"), ("shares", ["all"])):
        with pytest.raises(TypeError, match=f"{name}"):
            power(**{name: bad})


def nearest_by_hand(x: torch.Tensor, pool: torch.Tensor, ratio: float) -> list[int]:
    found = []
    for p in x.tolist():
        d = [math.dist(p, q) for q in pool.tolist()]
        first, second = sorted(d)[:2]
        if first <= ratio * second:
            found.append(d.index(first))
    return found


@pytest.mark.parametrize("ratio", [1.0, 0.5])
def test_the_share_and_its_p_value_are_those_of_the_dice(ratio: float) -> None:
    samples, train = torch.randn(2, 14, 2, generator=seeded(1))
    held_out = torch.randn(9, 2, generator=seeded(2))
    g = seeded(3)
    order = torch.randperm(23, generator=g)
    pool, seen = torch.cat([train, held_out])[order], order < 14
    near = nearest_by_hand(samples, pool, ratio)
    hits = sum(bool(seen[i]) for i in near)
    larger = 0
    for _ in range(19):
        shuffled = seen[torch.randperm(23, generator=g)]
        larger += sum(bool(shuffled[i]) for i in near) >= hits
    got = nearest_neighbour_memorisation(
        samples, train, held_out, ratio=ratio, permutations=19, generator=seeded(3)
    )
    assert got.counted == len(near)
    assert (len(near) < 14) == (ratio < 1)
    assert got.share == pytest.approx(hits / len(near))
    assert got.expected == pytest.approx(14 / 23)
    assert got.p_value == pytest.approx((1 + larger) / 20)


def test_planted_sets_hold_copies_first_and_fresh_ones_after_them() -> None:
    copies, fresh = torch.arange(5), torch.arange(100, 108)
    for share, n in ((0.25, 2), (0.3, 2), (0.32, 3), (0.001, 1), (1.0, 8)):
        g = seeded(4)
        rows = torch.randint(5, (n,), generator=g)
        kept = torch.randperm(8, generator=g)[n:]
        wanted = torch.cat([copies[rows], fresh[kept]])
        assert torch.equal(_planted(copies, fresh, share, seeded(4)), wanted)


def test_nobody_s_neighbour_has_no_share() -> None:
    train = torch.tensor([[0.0], [2.0]])
    got = nearest_neighbour_memorisation(
        torch.tensor([[1.0]]), train, train + 10, ratio=0.5, permutations=3
    )
    assert math.isnan(got.share)
    assert got.counted == 0
    assert got.p_value == 1.0
