"""Energy and carbon: the arithmetic, and that a range stays a range."""

from __future__ import annotations

import pytest

from genbook.practice.audits.energy import EnergyAssumptions, footprint


def test_an_hour_of_a_known_machine() -> None:
    """One hour at 65 W in a building of PUE 1.5 is 97.5 Wh; at 400 g, 39 g."""
    found = footprint(3600, EnergyAssumptions((65, 65), (1.5, 1.5), (400, 400)))
    assert found.watt_hours == pytest.approx((97.5, 97.5))
    assert found.grams == pytest.approx((39, 39))


def test_the_ends_are_those_of_all_corners() -> None:
    a = EnergyAssumptions((10, 40), (1.1, 1.5), (30, 700))
    corners = [
        footprint(500, EnergyAssumptions((w, w), (p, p), (c, c))).grams[0]
        for w in a.watts
        for p in a.pue
        for c in a.grid
    ]
    assert footprint(500, a).grams == pytest.approx((min(corners), max(corners)))


def test_twice_the_time_is_twice_the_carbon() -> None:
    one, two = footprint(100), footprint(200)
    assert two.grams == pytest.approx(tuple(2 * g for g in one.grams))
    assert footprint(0).grams == (0, 0)


def test_bad_assumptions() -> None:
    with pytest.raises(ValueError, match="watts must be"):
        EnergyAssumptions(watts=(20, 10))
    with pytest.raises(ValueError, match="pue must be at least 1"):
        EnergyAssumptions(pue=(0.9, 1.2))
    with pytest.raises(TypeError, match="grid must be a pair"):
        EnergyAssumptions(grid=400)
    with pytest.raises(ValueError, match="cpu_seconds must be zero or positive"):
        footprint(-1)
