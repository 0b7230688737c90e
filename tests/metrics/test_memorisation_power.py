"""Planted copiers: how many the test for memorisation notices, and which samples count.

The test itself stands in ``test_memorisation.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from genbook.metrics import memorisation_power, nearest_neighbour_memorisation
from seeding import seeded

TRAIN, HELD_OUT, FRESH = torch.randn(3, 200, 8, generator=seeded(0))


def test_power_grows_with_the_share_and_starts_at_the_level() -> None:
    g = seeded(1)
    train, held_out = torch.randn(2, 300, 8, generator=g)
    found = []
    for _ in range(30):  # other fresh ones each time: the level holds on average
        fresh = torch.randn(100, 8, generator=g)
        found.append(
            memorisation_power(
                fresh,
                train,
                held_out,
                shares=[0.001, 0.2, 0.5, 1.0],
                level=0.2,
                repetitions=2,
                permutations=49,
                generator=g,
            )
        )
    one, fifth, half, all_ = (np.mean([p[s] for p in found]) for s in found[0])
    assert 0.05 < one < 0.45  # one copy in a hundred: little more than the level
    assert one < fifth < half <= all_ == 1


def test_power_is_what_the_test_itself_finds() -> None:
    """Copies of everything with noise, tested one set after another."""
    fresh, train, held_out = FRESH[:60], TRAIN[:100], HELD_OUT[:100]
    g, p_values = seeded(2), []
    for _ in range(60):
        rows = torch.randint(100, (12,), generator=g)
        copies = train[rows] + 0.1 * torch.randn(12, 8, generator=g)
        kept = torch.randperm(60, generator=g)[:48]
        samples = torch.cat([copies, fresh[kept]])
        found = nearest_neighbour_memorisation(
            samples, train, held_out, permutations=49, generator=g
        )
        p_values.append(found.p_value)
    wanted = np.mean(np.array(p_values) <= 0.1)
    got = memorisation_power(
        fresh,
        train,
        held_out,
        shares=[0.2],
        noise=0.1,
        level=0.1,
        repetitions=60,
        permutations=49,
        generator=g,
    )[0.2]
    assert 0.05 < got < 0.95
    assert got.se == pytest.approx(math.sqrt(got * (1 - got) / 60))
    assert abs(got - wanted) < 4 * math.hypot(got.se, got.se)


def test_power_needs_copies_that_lie_close() -> None:
    near, far = (
        memorisation_power(
            FRESH, TRAIN, HELD_OUT, shares=[0.5], noise=noise, generator=seeded(3)
        )[0.5]
        for noise in (0.1, 3.0)
    )
    assert far < 0.6 < 0.9 < near


def test_only_samples_much_closer_to_one_observation_count() -> None:
    ratio, seen = 0.7, [True] * 200 + [False] * 200
    hits = []
    for s in FRESH.tolist():
        pool = [*TRAIN.tolist(), *HELD_OUT.tolist()]
        by = sorted((math.dist(s, q), mine) for q, mine in zip(pool, seen, strict=True))
        if by[0][0] <= ratio * by[1][0]:
            hits.append(by[0][1])
    got = nearest_neighbour_memorisation(
        FRESH, TRAIN, HELD_OUT, ratio=ratio, generator=seeded(0)
    )
    assert 0 < len(hits) < 100
    assert got.counted == len(hits)
    assert got.share == pytest.approx(sum(hits) / len(hits))


def test_few_copies_are_noticed_among_those_that_count() -> None:
    samples = torch.cat([TRAIN[:10] + 0.01, FRESH[10:]])  # one in twenty
    drowned, close = (
        nearest_neighbour_memorisation(
            samples, TRAIN, HELD_OUT, ratio=r, generator=seeded(0)
        )
        for r in (1.0, 0.4)
    )
    assert drowned.counted == 200
    assert drowned.p_value > 0.1
    assert close.counted < 15
    assert close.p_value < 0.02
    power = {
        r: memorisation_power(
            FRESH, TRAIN, HELD_OUT, shares=[0.05], ratio=r, generator=seeded(1)
        )[0.05]
        for r in (1.0, 0.4)
    }
    assert power[1.0] < 0.5 < 0.9 < power[0.4]


def test_the_test_keeps_its_level_where_few_samples_count() -> None:
    g, small = seeded(0), 0
    for _ in range(300):
        s, a, b = (torch.randn(n, 3, generator=g) for n in (60, 30, 50))
        found = nearest_neighbour_memorisation(
            s, a, b, ratio=0.5, permutations=39, generator=g
        )
        small += found.p_value <= 0.1
    assert 5 < small < 30 + 4 * math.sqrt(300 * 0.1 * 0.9)


def test_copies_of_what_stands_twice_count() -> None:
    twice = torch.cat([TRAIN[:20], TRAIN[:20]])
    found = nearest_neighbour_memorisation(
        TRAIN[:20], twice, HELD_OUT, ratio=0.5, generator=seeded(0)
    )
    assert (found.share, found.counted) == (1, 20)


def test_no_sample_that_counts_is_no_sign_of_copies() -> None:
    found = nearest_neighbour_memorisation(FRESH, TRAIN, HELD_OUT, ratio=1e-6)
    assert math.isnan(found.share)
    assert (found.p_value, found.counted) == (1, 0)


def power(**changes: object) -> object:
    sets = {"fresh": FRESH, "train": TRAIN, "held_out": HELD_OUT} | changes
    return memorisation_power(**sets)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: power(shares=[0.0]), ValueError, "shares must lie above 0 and up to"),
        (lambda: power(shares=[1.5]), ValueError, "shares must lie .* got 1.5"),
        (lambda: power(level=0.001), ValueError, r"level must be .* got 0.001"),
        (lambda: power(level=1.0), ValueError, "level must be below 1"),
        (lambda: power(ratio=0.0), ValueError, "ratio must be positive"),
        (lambda: power(ratio=1.5), ValueError, "ratio must be at most 1, got 1.5"),
        (lambda: power(noise=-1.0), ValueError, "noise must be zero or positive"),
        (lambda: power(repetitions=0), ValueError, "repetitions must be at least 1"),
        (lambda: power(permutations=0), ValueError, "permutations must be at least 1"),
        (lambda: power(generator=1), TypeError, "generator must be"),
        (lambda: power(train=TRAIN[:0]), ValueError, "train must hold at least one"),
        (lambda: power(held_out=FRESH[:, :2]), ValueError, "held_out must have observ"),
        (lambda: power(fresh=FRESH / 0), ValueError, "fresh must be finite"),
        (
            lambda: nearest_neighbour_memorisation(FRESH, TRAIN, HELD_OUT, ratio=2.0),
            ValueError,
            "ratio must be at most 1, got 2.0",
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
    options = {"shares": [1.0], "level": 0.05, "permutations": 19, "repetitions": 5}
    power = memorisation_power(FRESH, TRAIN, HELD_OUT, **options, generator=seeded(6))
    assert power[1.0] == 1
    memorisation_power(FRESH, TRAIN, HELD_OUT[:1], shares=[1.0], generator=seeded(6))
