"""Token buckets: a burst, then the rate, for each caller apart."""

from __future__ import annotations

import pytest

from genbook.practice.serving.limits import TokenBuckets, whole_seconds


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_in_the_long_run_it_is_the_rate() -> None:
    clock = Clock()
    buckets = TokenBuckets(4.0, 10.0, clock=clock)
    passed = []
    for tick in range(2000):  # a hundred times a second
        clock.now = tick / 100
        passed.append(not buckets.take("a"))
    assert sum(passed[:10]) == 10
    assert sum(passed) == pytest.approx(10 + 4 * 20, abs=1)


def test_it_says_when_to_come_back_and_means_it() -> None:
    clock = Clock()
    buckets = TokenBuckets(0.5, 1.0, clock=clock)
    assert buckets.take("a") == 0
    wait = buckets.take("a")
    clock.now = wait * 0.99
    assert buckets.take("a") > 0
    clock.now = wait * 1.01
    assert buckets.take("a") == 0


def test_callers_do_not_share_and_are_not_kept_for_ever() -> None:
    buckets = TokenBuckets(1.0, 1.0, most=3, clock=Clock())
    for caller in "abc":
        assert buckets.take(caller) == 0
    assert buckets.take("a") > 0
    assert buckets.take("d") == 0
    assert len(buckets._filled) == 3
    assert buckets.take("a") > 0, "a was heard of, so b was forgotten"
    assert buckets.take("b") == 0


@pytest.mark.parametrize(("seconds", "text"), [(0.01, "1"), (1.0, "1"), (1.2, "2")])
def test_seconds_to_wait_are_whole(seconds: float, text: str) -> None:
    assert whole_seconds(seconds) == text
