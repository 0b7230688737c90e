"""The alarm for drift: as rare as it says when nothing changed, else awake."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from genbook.metrics import energy_test
from genbook.practice.monitoring import DriftAlarm, alarm_rate
from seeding import seeded


def normal(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def test_false_alarms_are_as_rare_as_promised() -> None:
    rings = 0
    for seed in range(10):  # a reference anew each time: given one, the rate differs
        x = normal(60 + 20 * 30, 2, seed=seed)
        alarm = DriftAlarm(x[:60], window=30, alpha=0.1, permutations=19, seed=seed)
        rings += round(20 * alarm_rate(alarm, x[60:].view(20, 30, 2)))
    low, high = stats.binom.interval(0.999, 200, 0.1)
    assert low <= rings <= high


def test_a_shift_is_found_and_a_larger_one_more_often() -> None:
    reference, x = normal(100, 2, seed=1), normal(20, 50, 2, seed=2)
    rates = [
        alarm_rate(DriftAlarm(reference, window=50, alpha=0.01), x + shift)
        for shift in (0.0, 0.5, 1.5)
    ]
    assert rates[0] <= 0.1 < rates[1] < rates[2] == 1.0


def test_windows_do_not_depend_on_the_pieces_that_they_come_in() -> None:
    reference, x = normal(50, 3, seed=3), normal(70, 3, seed=4)
    whole = DriftAlarm(reference, window=20).watch(x)
    pieces = DriftAlarm(reference, window=20)
    parts = [r for part in x.split(7) for r in pieces.watch(part)]
    assert whole == parts
    assert len(whole) == 3


def test_a_report_is_the_test_in_units_of_the_reference() -> None:
    reference, x = normal(50, 2, seed=5), normal(20, 2, seed=6)
    [report] = DriftAlarm(reference, window=20, seed=7).watch(x)
    unit = reference.std(0)
    wanted = energy_test(reference / unit, x / unit, 199, generator=seeded(7))
    assert report.p_value == wanted.p_value
    stretched = reference * torch.tensor([1.0, 1e4])
    [other] = DriftAlarm(stretched, window=20, seed=7).watch(
        x * torch.tensor([1.0, 1e4])
    )
    assert other.p_value == report.p_value


def test_too_few_shuffles_could_never_ring() -> None:
    with pytest.raises(ValueError, match=r"permutations must be .* 99, got 50"):
        DriftAlarm(normal(9, 1, seed=0), alpha=0.01, permutations=50)


def test_what_was_left_of_a_window_does_not_reach_a_measurement() -> None:
    alarm = DriftAlarm(normal(60, 1, seed=8), window=10)
    alarm.watch(normal(9, 1, seed=9) + 50)
    assert alarm_rate(alarm, normal(3, 10, 1, seed=10)) == 0
