"""The batches and the record of the training loop."""

from __future__ import annotations

import torch

from genbook.training import Batches, History, fit
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


def test_a_batch_of_everything_is_the_data() -> None:
    x = points(10)
    assert Batches(x, None, 10, seed=0)(5)[0] is x
    assert Batches(x, None, 512, seed=0)(0)[0] is x


def test_history_is_short_to_read() -> None:
    history = fit(Line(), points(), steps=300, x_val=points(9))
    assert history.steps == len(history.loss) == len(history.lr) == 300
    assert len(repr(history)) < 80
    assert repr(History()) == "History(0 steps)"
    assert history.seconds > 0
