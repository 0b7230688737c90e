"""The batches and the record of the training loop."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from doors import check_limits
from genbook.training import Batches, History, TrainState, descend, fit
from tiny_models import Line, points


def test_each_epoch_visits_every_row_once_and_keeps_pairs() -> None:
    x = torch.arange(12.0)[:, None]
    batch = Batches(x, torch.arange(12), 4, seed=0)
    epochs = []
    for epoch in range(3):
        rows = [batch(3 * epoch + k) for k in range(3)]
        for a, b in rows:
            assert torch.equal(a[:, 0].long(), b)
            assert len(a) == 4
        epochs.append(torch.cat([b for _, b in rows]))
        assert torch.equal(epochs[-1].sort().values, torch.arange(12))
    assert not torch.equal(epochs[0], epochs[1])


def test_rows_that_fill_no_batch_get_their_turn() -> None:
    batch = Batches(torch.arange(10.0)[:, None], None, 4, seed=0)
    seen = torch.cat([batch(step)[0].flatten() for step in range(20)])
    assert set(seen.tolist()) == set(range(10))
    assert all(len(batch(step)[0]) == 4 for step in range(20, 24))


@pytest.mark.parametrize("size", [10, 512])
def test_a_batch_of_everything_is_shuffled_at_every_step(size: int) -> None:
    batch = Batches(torch.arange(10.0)[:, None], torch.arange(10), size, seed=0)
    orders = []
    for step in range(200):
        x, y = batch(step)
        assert torch.equal(x[:, 0].long(), y)
        orders.append(y)
    assert (torch.stack(orders).sort(1).values == torch.arange(10)).all()
    first = torch.bincount(torch.stack(orders)[:, 0], minlength=10)
    assert first.min() > 5  # 20 each: every row is the first of some batches


class ByPlace(Line):
    """One number for the first half of a batch, and one for the other half."""

    def loss(self, x, y=None, *, generator=None):  # type: ignore[no-untyped-def]
        place = (torch.arange(len(x)) >= len(x) / 2).long()
        return (self.mu[place] - x[:, 0]).square().mean()


def test_the_order_of_the_rows_does_not_matter() -> None:
    """A loss that treats rows by their place is told nothing by sorted data."""
    x = torch.cat([-torch.ones(50, 2), torch.ones(50, 2)])
    model = ByPlace()
    fit(model, x, steps=300, lr=0.05)
    assert model.mu.detach().abs().max() < 0.25  # and not -1 and 1


def test_smaller_batches_follow_from_the_seed_as_they_always_did() -> None:
    """Numbers of the book stand on this order: it may not change by accident."""
    seen = []

    class Watched(Line):
        def loss(self, x, y=None, *, generator=None):  # type: ignore[no-untyped-def]
            seen.append((x, torch.rand(2, generator=generator)))
            return super().loss(x)

    x, g = points(20), torch.Generator().manual_seed(5)
    fit(Watched(), x, steps=5, batch_size=6, seed=5)
    noise = torch.Generator().manual_seed(int(torch.randint(2**31, (), generator=g)))
    orders = [torch.randperm(20, generator=g) for _ in range(2)]
    for step, (rows, drawn) in enumerate(seen):
        start = step % 3 * 6
        assert torch.equal(rows, x[orders[step // 3][start : start + 6]])
        assert torch.equal(drawn, torch.rand(2, generator=noise))


@pytest.mark.parametrize(
    ("x", "y", "error", "message"),
    [
        (None, None, ValueError, r"as many rows, got \[None, None\]"),
        (5, None, TypeError, "x must be a tensor of rows, got 5"),
        (torch.tensor(1.0), None, TypeError, "x must be a tensor of rows"),
        (points(9), "abc", TypeError, "y must be a tensor of rows, got 'abc'"),
        (points(9), torch.zeros(8), ValueError, r"as many rows, got \[9, 8\]"),
        (points(0), None, ValueError, r"as many rows, got \[0, None\]"),
    ],
)
def test_rows_of_another_kind(
    x: Any, y: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Batches(x, y, 2, seed=0)


@pytest.mark.parametrize(
    ("size", "seed", "message"),
    [
        (0, 0, "size must be at least 1"),
        (2, -1, "seed must be at least 0"),
        (2, 2**64, "seed must be at most"),
    ],
)
def test_bad_batches(size: int, seed: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Batches(points(9), None, size, seed)


def test_descend_is_the_loop_written_out() -> None:
    x, model = points(12) + 3, Line()
    done: list[int] = []
    state = TrainState(
        Batches(x, None, 4, seed=1),
        torch.optim.SGD(model.parameters(), lr=9.0),
        lambda step, steps, peak: peak * (step + 1) / steps,
        6,
        0.5,
        torch.Generator(),
        grad_clip=0.25,
        on_step=done.append,
    )
    descend(model, state)
    batch, mu, losses = Batches(x, None, 4, seed=1), torch.zeros(2), []
    for step in range(6):
        rows, _ = batch(step)
        losses.append((0.5 * ((rows - mu) ** 2).sum(1)).mean() + math.log(2 * math.pi))
        slope = (mu - rows).mean(0)
        mu = mu - 0.5 * (step + 1) / 6 * slope * 0.25 / slope.norm()  # it is clipped
    assert torch.allclose(model.mu.detach(), mu, atol=1e-5)
    assert state.history.loss == pytest.approx(torch.stack(losses).tolist(), rel=1e-5)
    assert state.history.lr == [0.5 * (step + 1) / 6 for step in range(6)]
    assert done == [1, 2, 3, 4, 5, 6]
    assert state.due(3)  # a plain loop writes its record at once
    descend(model, state)  # it is at its end
    assert len(done) == 6


def test_history_is_short_to_read() -> None:
    history = fit(Line(), points(), steps=300, x_val=points(9))
    assert history.steps == len(history.loss) == len(history.lr) == 300
    assert len(repr(history)) < 80
    assert repr(History()) == "History(0 steps)"
    assert history.seconds > 0


@pytest.mark.parametrize("size", [3, 4, 50])
def test_a_step_can_be_drawn_again_from_its_state(size: int) -> None:
    x = torch.arange(10.0)[:, None]
    batch = Batches(x, None, size, seed=2)
    for step in range(8):
        again = Batches(x, None, size, seed=7)
        again.generator.set_state(batch.state(step))
        assert torch.equal(again(step)[0], batch(step)[0])


def test_one_row_and_the_first_step_are_taken() -> None:
    x = torch.zeros(3, 2)
    check_limits(lambda size: Batches(x, None, size, 0), size=1)
    check_limits(Batches(x, None, 2, 0).state, step=0)


def test_descend_names_what_it_is_given() -> None:
    for bad in (None, 3, "model"):
        with pytest.raises(TypeError, match=r"^model must be"):
            descend(bad, None)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"^state must be"):
            descend(Line(), bad)  # type: ignore[arg-type]
