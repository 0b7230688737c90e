"""The methods replayed: in order, reproducible, and judged as the chapter says."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from genbook.course.recipes.reading import digit_reader
from genbook.course.timeline import (
    METHODS,
    Method,
    evaluate,
    replay,
)
from genbook.data.digits import load_digits


def test_methods_are_in_the_order_of_their_invention() -> None:
    assert all(a.year <= b.year for a, b in pairwise(METHODS))
    assert len({m.name for m in METHODS}) == len(METHODS)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_each_method_learns_and_draws(method: Method) -> None:
    x = load_digits("train", size=14).x[:200]
    before = torch.get_rng_state()
    (a,), (b,), (c,) = (replay(x, 5, methods=[method], seed=s) for s in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    assert a.samples.shape == (5, 1, 14, 14)
    assert a.samples.min() >= 0
    assert a.samples.max() <= 1
    assert torch.equal(a.samples, b.samples)
    assert not torch.equal(a.samples, c.samples)


def test_the_numbers_know_digits_from_what_is_none() -> None:
    digits, test = load_digits("train", size=14), load_digits("test", size=14)
    reader = digit_reader(digits.x, digits.y)
    assert reader.accuracy(test.x, test.y) > 0.97
    seen, unseen = digits.x[:1000], digits.x[1000:2000]
    g = torch.Generator().manual_seed(0)
    few = test.x[:20].repeat(25, 1, 1, 1)
    rows = {
        name: evaluate(x, reader, seen, unseen)
        for name, x in {
            "copies": seen[:500],
            "fresh": test.x[:500],
            "noise": torch.rand(500, 1, 14, 14, generator=g),
            "blurred": torch.nn.functional.avg_pool2d(test.x[:500], 3, 1, 1),
            "a few": few,
        }.items()
    }
    fresh = rows["fresh"]
    assert rows["copies"]["nearest was seen"] == 1
    assert fresh["nearest was seen"] == pytest.approx(0.5, abs=0.08)
    assert abs(fresh["energy distance"]) < 0.02
    assert fresh["coverage"] > 0.85
    for name in ("noise", "blurred"):
        assert rows[name]["Fréchet distance"] > 10 * fresh["Fréchet distance"]
        assert rows[name]["coverage"] < 0.3
    assert rows["a few"]["coverage"] < 0.5 * fresh["coverage"]


def test_nobody_is_credited_with_a_sampler_that_came_later() -> None:
    (codes,) = [m for m in METHODS if m.name == "density of codes"]
    assert (codes.year, codes.paper) == (2020, "Ghosh et al.")
