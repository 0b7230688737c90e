"""A run that is killed goes on to the same bits."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genbook.models.base import Model
from genbook.training import History, _files, fit, isolated_rng, load, save
from tiny_models import RUN, Line, Noisy, points, weights


@pytest.fixture(scope="module")
def unbroken() -> tuple[Tensor, History]:
    model = Noisy()
    history = fit(model, points(), **RUN, x_val=points(20))
    return weights(model), history


def check_same(model: nn.Module, history: History, unbroken: tuple) -> None:
    assert torch.equal(weights(model), unbroken[0])
    assert history.loss == unbroken[1].loss
    assert history.lr == unbroken[1].lr
    assert history.val_loss == unbroken[1].val_loss
    assert history.val_steps == unbroken[1].val_steps


@pytest.mark.parametrize("every", [1, 3, 6, 7, 100])
@pytest.mark.parametrize("stop_at", [0, 6, 7, 23, 39])
def test_resume_is_exact(
    tmp_path: Path, unbroken: tuple, every: int, stop_at: int
) -> None:
    run = RUN | {"checkpoint_every": every}
    path, x, x_val = tmp_path / "run", points(), points(20)
    with pytest.raises(KeyboardInterrupt):
        fit(Noisy(stop_at=stop_at), x, **run, x_val=x_val, checkpoint=path)
    torch.manual_seed(stop_at)  # another process has another global state
    model = Noisy()
    history = fit(model, x, **run, x_val=x_val, checkpoint=path)
    check_same(model, history, unbroken)
    done = stop_at // every * every  # steps that were not taken again
    assert model.calls == RUN["steps"] - done


class Window(Model):
    """A convolution whose weights lie in another order in memory than in a file."""

    event_shape = (2, 5, 5)

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__()
        with isolated_rng(0):
            self.layer = nn.Conv2d(2, 3, 3).to(memory_format=torch.channels_last)
        assert not self.layer.weight.is_contiguous()
        self.stop_at, self.calls = stop_at, 0

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        if self.calls == self.stop_at:
            raise KeyboardInterrupt
        self.calls += 1
        return (self.layer(x) - 1).square().mean()


def test_resume_is_exact_in_any_order_of_memory(tmp_path: Path) -> None:
    x = torch.randn(20, 2, 5, 5, generator=torch.Generator().manual_seed(0))
    run = {"steps": 20, "batch_size": 5, "checkpoint_every": 10}
    whole, halved = Window(), Window()
    fit(whole, x, **run)
    with pytest.raises(KeyboardInterrupt):
        fit(Window(stop_at=14), x, **run, checkpoint=tmp_path / "run")
    fit(halved, x, **run, checkpoint=tmp_path / "run")
    assert halved.calls == 10
    assert torch.equal(halved.layer.weight, whole.layer.weight)


def kill_while_training(path: str, where: str) -> None:
    """Train until this very process is killed; called in a process of its own."""

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    model = Noisy(stop_at=23)
    model.stop = die  # type: ignore[method-assign]
    if where == "in a write":
        fsync, writes = os.fsync, []

        def third_time(fd: int) -> None:
            writes.append(fsync(fd))
            if len(writes) == 3:
                die()

        os.fsync = third_time
    fit(model, points(), **RUN, x_val=points(20), checkpoint=path)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL")
@pytest.mark.parametrize("where", ["in a step", "in a write"])
def test_resume_after_sigkill(tmp_path: Path, unbroken: tuple, where: str) -> None:
    path = tmp_path / "run"
    script = (
        "import runpy, sys; here, path, where = sys.argv[1:];"
        "runpy.run_path(here)['kill_while_training'](path, where)"
    )
    command = [sys.executable, "-c", script, __file__, path, where]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run(command, env=environment)
    assert killed.returncode == -signal.SIGKILL
    half_written = [p for p in tmp_path.iterdir() if p != path]
    assert bool(half_written) == (where == "in a write")
    model = Noisy()
    history = fit(model, points(), **RUN, x_val=points(20), checkpoint=path)
    check_same(model, history, unbroken)
    assert model.calls == RUN["steps"] - (21 if where == "in a step" else 14)
    assert os.listdir(tmp_path) == ["run"]  # what the kill left is cleared away


def test_a_finished_run_is_only_read(tmp_path: Path, unbroken: tuple) -> None:
    path = tmp_path / "run"
    run = RUN | {"checkpoint": path}
    fit(Noisy(), points(), **run, x_val=points(20))
    stamp = path.read_bytes()
    model = Noisy(stop_at=0)
    history = fit(model, points(), **run, x_val=points(20))
    check_same(model, history, unbroken)
    assert model.calls == 0
    assert not model.training
    assert path.read_bytes() == stamp


def test_resume_false_starts_again(tmp_path: Path) -> None:
    path = tmp_path / "run"
    fit(Noisy(), points(), **RUN, checkpoint=path)
    model = Noisy()
    fit(model, points(30), **RUN, checkpoint=path, resume=False)
    assert model.calls == RUN["steps"]
    save(model, path)
    with pytest.raises(ValueError, match="holds a saved model"):
        fit(Noisy(), points(), **RUN, checkpoint=path)


CHANGES = {
    "x": ({}, points() + 1, None),
    "y": ({}, points(), torch.ones(100)),
    "steps": ({"steps": 41}, points(), None),
    "batch_size": ({"batch_size": 17}, points(), None),
    "lr": ({"lr": 0.03}, points(), None),
    "seed": ({"seed": 4}, points(), None),
    "schedule": ({"schedule": "constant"}, points(), None),
    "betas": ({"betas": (0.8, 0.99)}, points(), None),
    "weight_decay": ({"weight_decay": 0.1}, points(), None),
    "grad_clip": ({"grad_clip": 1.0}, points(), None),
    "x_val": ({"x_val": points(5)}, points(), None),
}


@pytest.mark.parametrize("name", CHANGES)
def test_resume_refuses_another_run(tmp_path: Path, name: str) -> None:
    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        fit(Noisy(stop_at=20), points(), **RUN, checkpoint=path)
    options, x, y = CHANGES[name]
    model = Noisy()
    before = weights(model)
    with pytest.raises(ValueError, match=rf"belongs to another run: .*\b{name} is "):
        fit(model, x, y, **RUN | options, checkpoint=path)
    assert torch.equal(weights(model), before)


def test_resume_refuses_another_model(tmp_path: Path) -> None:
    path = tmp_path / "run"
    fit(Noisy(), points(), **RUN, checkpoint=path)
    with pytest.raises(ValueError, match=r"config is .*8.* there and .*9.* here"):
        fit(Noisy(width=9), points(), **RUN, checkpoint=path)
    with pytest.raises(ValueError, match="class is Noisy there and Line here"):
        fit(Line(), points(), **RUN, checkpoint=path)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A checkpoint of a run that was stopped after 21 steps of 40."""
    path = tmp_path_factory.mktemp("begun") / "run"
    with pytest.raises(KeyboardInterrupt):
        fit(Noisy(stop_at=23), points(), **RUN, x_val=points(20), checkpoint=path)
    return path.read_bytes()


def refused(path: Path, message: str) -> None:
    """The run must not go on, and nothing may have changed: not even by half."""
    model = Noisy()
    before, kept = weights(model), path.read_bytes()
    with pytest.raises(ValueError, match=message):
        fit(model, points(), **RUN, x_val=points(20), checkpoint=path)
    assert torch.equal(weights(model), before)
    assert model.calls == 0
    assert path.read_bytes() == kept


def test_a_damaged_checkpoint_is_refused(tmp_path: Path, begun: bytes) -> None:
    path = tmp_path / "run"
    path.write_bytes(begun[:-10])
    refused(path, "damaged")
    for text in (b"val_steps", b"seconds", b"history.loss", b'"dtype":"F64"'):
        place = begun.index(text) + len(text) - 2
        for bit in (1, 2, 4):
            changed = bytes([begun[place] ^ bit])
            path.write_bytes(begun[:place] + changed + begun[place + 1 :])
            refused(path, "damaged")


def test_one_bit_of_the_record_is_noticed(tmp_path: Path, begun: bytes) -> None:
    """A step of the validation is a number like any other: only the digest knows."""
    path = tmp_path / "run"
    for step in (b"[4, 8,", b"[4, 9,"):
        path.write_bytes(begun.replace(b"[4, 8,", step))
        if step == b"[4, 9,":
            refused(path, "its digest does not fit")
        else:
            fit(Noisy(), points(), **RUN, x_val=points(20), checkpoint=path)


ODD = {  # tensors and metadata of a file whose digest is right, and the complaint
    "losses-of-another-type": (
        {"history.loss": lambda t: t.view(torch.int64)},
        {},
        "history.loss must be numbers in float64",
    ),
    "no-losses": ({"history.loss": None}, {}, "history.loss must be numbers"),
    "fewer-rates": ({"history.lr": lambda t: t[1:]}, {}, "21 losses and 20 rates"),
    "moments-of-another-shape": (
        {"optimiser.0.exp_avg": lambda t: t[1:]},
        {},
        r"optimiser.0.exp_avg is \(torch.float32, .*7, 2",
    ),
    "moments-of-another-type": (
        {"optimiser.1.exp_avg_sq": lambda t: t.double()},
        {},
        r"optimiser.1.exp_avg_sq is \(torch.float64",
    ),
    "no-moments": ({"optimiser.2.exp_avg": None}, {}, "exp_avg is None there"),
    "no-weight-for-it": (
        {"optimiser.9.step": lambda t: torch.zeros(())},
        {},
        "optimiser.9 is unknown",
    ),
    "no-state-of-the-noise": (
        {"random.loss": None},
        {},
        "random.loss must be the state of a generator",
    ),
    "a-state-that-is-none": (
        {"random.global": lambda t: t[:-1]},
        {},
        "random.global must be the state of a generator",
    ),
    "an-unknown-state": (
        {"random.dice": lambda t: torch.zeros(1)},
        {},
        "random.dice is unknown",
    ),
    "a-weight-that-is-not-finite": (
        {"model.net.0.bias": lambda t: t * math.nan},
        {},
        "must have finite parameters, net.0.bias holds 8 NaN or infinite of 8",
    ),
    "no-progress": ({}, {"progress": None}, "its progress is missing"),
    "half-a-progress": ({}, {"progress": {"seconds": 1.0}}, "its progress is missing"),
    "a-time-in-words": (
        {},
        {"progress": {"seconds": "1", "cpu_seconds": 1.0, "val_steps": []}},
        "seconds must be a time",
    ),
    "steps-in-words": (
        {},
        {"progress": {"seconds": 1.0, "cpu_seconds": 1.0, "val_steps": ["4"]}},
        "val_steps must be steps",
    ),
    "steps-out-of-order": (
        {},
        {"progress": {"seconds": 1.0, "cpu_seconds": 1.0, "val_steps": [8, 4, 9, 20]}},
        "validation losses at steps",
    ),
    "a-run-in-words": ({}, {"run": "mine"}, "must hold a run of fit"),
}


@pytest.mark.parametrize("name", ODD)
def test_resume_is_all_or_nothing(tmp_path: Path, begun: bytes, name: str) -> None:
    path = tmp_path / "run"
    path.write_bytes(begun)
    tensors, meta = _files.read(path)
    odd, more, message = ODD[name]
    for key, change in odd.items():
        if change is None:
            del tensors[key]
        else:
            tensors[key] = change(tensors.get(key))
    _files.write(path, tensors, meta | more)
    refused(path, message)


def test_numbers_of_numpy_are_kept_as_numbers(tmp_path: Path) -> None:
    path = tmp_path / "run"
    mine = {
        "steps": np.int64(40),
        "batch_size": np.int32(16),
        "lr": np.float64(0.02),
        "seed": np.uint8(3),
        "checkpoint_every": np.int16(7),
        "validate_every": np.int64(4),
        "betas": (np.float64(0.9), 0.999),
        "weight_decay": np.float32(0.5),
        "grad_clip": np.float32(2),
        "resume": np.bool_(True),
        "progress": np.bool_(False),
    }
    x_val = points(20)
    first = fit(Noisy(), points(), **mine, x_val=x_val, checkpoint=path)
    plain = {k: v.item() for k, v in mine.items() if k != "betas"}
    model = Noisy(stop_at=0)  # the same run, finished: it is only read
    again = fit(model, points(), **plain, x_val=x_val, checkpoint=path)
    assert again.loss == first.loss


def test_load_names_both_arguments(tmp_path: Path) -> None:
    path, other = tmp_path / "model", Noisy(width=4)
    save(Noisy(), path)
    with pytest.raises(ValueError, match="got others: width is 8 there and 4 here"):
        load(other, path)
    other.config = {}
    with pytest.raises(ValueError, match="got others: width is 8 there and None here"):
        load(other, path)


@pytest.mark.parametrize("stop_at", [8, 23])
def test_resume_of_an_average_is_exact(tmp_path: Path, stop_at: int) -> None:
    run = RUN | {"ema": 0.9, "x_val": points(20)}
    history = fit(whole := Noisy(), points(), **run)
    with pytest.raises(KeyboardInterrupt):
        fit(Noisy(stop_at=stop_at), points(), **run, checkpoint=tmp_path / "run")
    again = fit(model := Noisy(), points(), **run, checkpoint=tmp_path / "run")
    check_same(model, again, (weights(whole), history))


def test_weights_that_are_no_numbers_are_not_saved(tmp_path: Path) -> None:
    model, path = Line(), tmp_path / "model"
    save(model, path)
    before = path.read_bytes()
    with torch.no_grad():
        model.mu[1] = math.nan
    with pytest.raises(ValueError, match="finite parameters, mu holds 1 NaN or infin"):
        save(model, path)
    assert path.read_bytes() == before
