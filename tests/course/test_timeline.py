"""The methods replayed: in order, reproducible, and judged as the chapter says."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from genbook.course.timeline import (
    METHODS,
    Method,
    evaluate,
    replay,
    train_reader,
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


def test_the_reader_knows_digits_from_nothing() -> None:
    digits, test = load_digits("train", size=14), load_digits("test", size=14)
    reader = train_reader(digits.x, digits.y)
    noise = torch.rand(1000, 1, 14, 14, generator=torch.Generator().manual_seed(0))
    assert reader.accuracy(test.x, test.y) > 0.85
    assert (reader.predict(noise) == 10).double().mean() > 0.99
    seen, unseen = digits.x[:1000], digits.x[1000:2000]
    copies = evaluate(seen[:500], reader, seen, unseen)
    fresh = evaluate(test.x[:500], reader, seen, unseen)
    assert copies["nearest was seen"] == 1
    assert fresh["nearest was seen"] == pytest.approx(0.5, abs=0.08)
    assert fresh["readable"] > 0.9
    assert abs(fresh["energy distance"]) < 0.02
