"""Copies against brute force, planted copiers and honest samples."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats
import torch

from genbook.metrics import (
    nearest_neighbour_memorisation,
)
from seeding import assert_generator_decides, seeded


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
}


@pytest.mark.parametrize("name", RANDOM)
def test_a_generator_decides_and_the_global_state_is_untouched(name: str) -> None:
    assert_generator_decides(RANDOM[name])


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
