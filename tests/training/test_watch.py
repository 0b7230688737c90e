"""What stands by the steps: when it validates, keeps and shows, and what it leaves."""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from genbook.training import fit, load
from genbook.training._watch import _bar
from tiny_models import RUN, Line, Noisy, points, weights


class Bar:
    """A progress bar that writes down what it is told."""

    def __init__(self, **options: Any) -> None:
        self.options, self.told, self.open = options, [], True

    def update(self) -> None:
        self.told.append("step")

    def set_postfix(self, **shown: Any) -> None:
        self.told.append(shown)

    def close(self) -> None:
        self.open = False


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> list[Bar]:
    """Every bar that is made, in turn."""
    made: list[Bar] = []
    monkeypatch.setattr("tqdm.tqdm", lambda **o: made.append(Bar(**o)) or made[-1])
    return made


@pytest.mark.parametrize(("steps", "shown"), [(120, [50, 100, 120]), (50, [50])])
def test_the_bar_shows_the_loss_at_every_fiftieth_step(
    bars: list[Bar], steps: int, shown: list[int]
) -> None:
    history = fit(Line(), points(), steps=steps, batch_size=10, progress=True)
    (bar,) = bars
    wanted: list[Any] = []
    for step in range(1, steps + 1):
        wanted.append("step")
        if step in shown:
            wanted.append({"loss": f"{history.loss[step - 1]:.4f}", "refresh": False})
    assert bar.told == wanted
    assert not bar.open
    assert bar.options == {
        "total": steps,
        "initial": 0,
        "unit": "step",
        "dynamic_ncols": True,
    }


def test_the_bar_of_a_run_goes_on_where_it_stood(
    bars: list[Bar], tmp_path: Path
) -> None:
    run = RUN | {"checkpoint": tmp_path / "run", "progress": True}
    with pytest.raises(KeyboardInterrupt):
        fit(Noisy(stop_at=20), points(), **run)
    assert not bars[0].open
    fit(Noisy(), points(), **run)
    assert bars[1].options["initial"] == 14  # kept after every 7 steps
    assert bars[1].told.count("step") == 26


def test_a_bar_is_for_a_terminal_or_who_asks(
    bars: list[Bar], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _bar(3, 0, False) is None
    for found, shown in ((None, False), (False, False), (True, True)):
        stream = sys.__stderr__ if found is None else sys.stderr
        with monkeypatch.context() as patch:
            if found is None:
                patch.setattr(sys, "stderr", None)
            else:
                patch.setattr(stream, "isatty", lambda f=found: f, raising=False)
            bar = _bar(3, 0, None)
        assert (bar is not None) == shown
    assert len(bars) == 1
    with pytest.raises(TypeError, match="progress must be True or False, got str"):
        fit(Line(), points(), steps=1, progress="no")  # type: ignore[arg-type]


class Counted(Line):
    """A line that writes down what it was asked, in which mode, with what dice."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[bool, int, float, float]] = []
        self.labels: list[Tensor | None] = []

    def loss(self, x: Tensor, y: Any = None, *, generator: Any = None) -> Tensor:
        g = torch.rand((), generator=generator).item()
        dice = torch.rand(()).item()
        self.asked.append((self.training, len(x), g, dice))
        self.labels.append(y)
        return super().loss(x)


def test_validation_goes_through_all_rows_with_the_same_dice() -> None:
    model, x_val = Counted().eval(), points(25) + 1
    torch.manual_seed(8)
    before = torch.get_rng_state()
    run = {"steps": 5, "batch_size": 10, "validate_every": 2, "x_val": x_val}
    history = fit(model, points(), **run)
    assert torch.equal(torch.get_rng_state(), before)
    sizes = [(training, n) for training, n, _, _ in model.asked]
    step, held_out = (True, 10), [(False, 10), (False, 10), (False, 5)]
    assert sizes == [step, step, *held_out, step, step, *held_out, step, *held_out]
    checks = [a for a in model.asked if not a[0]]
    assert checks[:3] == checks[3:6] == checks[6:]
    assert len({a[2] for a in checks}) == 3  # the dice go on from batch to batch
    assert history.val_steps == [2, 4, 5]
    assert history.val_loss[-1] == pytest.approx(model.eval().loss(x_val).item())
    assert not model.training
    labels = torch.arange(25)
    model = Counted()
    fit(model, points(), torch.arange(100), **run, y_val=labels)
    seen = [y for y in model.labels if y is not None]
    assert torch.equal(torch.cat(seen[2:5]), labels)


def test_without_rows_to_hold_out_nothing_is_validated() -> None:
    model = Counted()
    history = fit(model, points(), steps=4, batch_size=10, validate_every=1)
    assert history.val_steps == history.val_loss == []
    assert all(training for training, *_ in model.asked)


def test_the_average_is_validated_kept_and_left(tmp_path: Path) -> None:
    x, x_val, file = points() + 2, points(20), tmp_path / "run"
    model, places = Line(), []
    run = {"steps": 6, "batch_size": 100, "lr": 0.1, "schedule": "constant"}
    history = fit(model, x, **run, ema=0.9, x_val=x_val, validate_every=1)

    class Watched(Line):
        def loss(self, x: Tensor, y: Any = None, *, generator: Any = None) -> Tensor:
            if self.training:
                places.append(self.mu.detach().clone())
            return super().loss(x)

    plain = Watched()
    fit(plain, x, **run)
    average = torch.zeros(2)
    for done, mu in enumerate([*places[1:], plain.mu.detach()], 1):
        average = average + (1 - min(0.9, done / (done + 9))) * (mu - average)
        line = Line()
        with torch.no_grad():
            line.mu.copy_(average)
        wanted = line.loss(x_val).item()
        assert history.val_loss[done - 1] == pytest.approx(wanted, rel=1e-5)
    assert torch.allclose(model.mu, average, atol=1e-6)
    fit(Line(), x, **run, ema=0.9, checkpoint=file)
    assert torch.equal(weights(load(Line(), file)), weights(model))


def test_a_run_is_kept_as_often_as_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[int] = []
    monkeypatch.setattr(
        "genbook.training._watch.save_checkpoint",
        lambda model, state, place, last: kept.append(state.history.steps),
    )
    run = {"steps": 10, "batch_size": 10}
    fit(Line(), points(), **run, checkpoint=tmp_path / "a", checkpoint_every=4)
    assert kept == [4, 8, 10]
    fit(Line(), points(), **run)
    assert kept == [4, 8, 10]


def test_time_is_counted_over_interruptions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks = SimpleNamespace(
        perf_counter=count(100.0, 0.25).__next__,
        process_time=count(50.0, 0.125).__next__,
    )  # of the watch alone: whoever else waits by a clock would wait for ever
    monkeypatch.setattr("genbook.training._watch.time", clocks)
    run = RUN | {"checkpoint": tmp_path / "run"}  # kept after every 7 steps
    with pytest.raises(KeyboardInterrupt):
        fit(Noisy(stop_at=20), points(), **run)
    # Read at the start and at every keeping: after 7, 14; then 21, 28, 35 and 40.
    history = fit(Noisy(), points(), **run)
    assert history.seconds == pytest.approx(6 * 0.25)
    assert history.cpu_seconds == pytest.approx(6 * 0.125)
    assert fit(Line(), points(), steps=3).seconds == pytest.approx(0.25)


class Breaking(Line):
    """A line with a gradient that is no number at a step, though its loss is one."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at, self.calls = at, 0

    def loss(self, x: Tensor, y: Any = None, *, generator: Any = None) -> Tensor:
        self.calls += 1
        loss = super().loss(x)
        if self.calls == self.at:
            zero = (self.mu * 0).sum()
            loss = loss + zero.sqrt()  # 0, with an infinite slope
        return loss


def test_weights_that_are_no_numbers_are_not_kept(tmp_path: Path) -> None:
    file = tmp_path / "run"
    run = {"steps": 9, "batch_size": 10, "checkpoint": file, "checkpoint_every": 3}
    with pytest.raises(
        FloatingPointError,
        match=r"parameter mu is NaN or infinite after 6 steps, though the loss was",
    ):
        fit(Breaking(6), points(), **run)
    assert weights(load(Breaking(6), file)).isfinite().all()
    with pytest.raises(FloatingPointError, match="after 5 steps"):
        fit(Breaking(5), points(), steps=5, batch_size=10)
