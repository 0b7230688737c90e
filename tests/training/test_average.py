"""Averaged weights against averages by hand, of the weights of every single step."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genbook.course.cached_fit import FOLDER, cached_fit
from genbook.models.density.gaussian import Gaussian
from genbook.training import _files, fit, load, save
from seeding import seeded
from tiny_models import RUN, Line, Noisy, points, weights

#: A rate that does not know how long the run is: its first steps are a shorter run.
SHORT: dict[str, Any] = {"batch_size": 16, "lr": 0.05, "schedule": "constant"}


class Normed(nn.Module):
    """No model of the package's: a loss alone, tied and frozen weights, and states."""

    event_shape = (2,)

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(1)
            self.first, self.twice = nn.Linear(2, 6), nn.Linear(6, 6)
            self.frozen, self.last = nn.Linear(6, 6), nn.Linear(6, 2)
        self.frozen.requires_grad_(False)
        self.again = self.twice
        self.norm, self.plain = nn.BatchNorm1d(6), nn.BatchNorm1d(6, affine=False)
        self.register_buffer("seen", torch.zeros(2))
        self.stop_at, self.calls = stop_at, 0

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        if self.training:
            if self.calls == self.stop_at:
                raise KeyboardInterrupt
            self.calls += 1
            self.seen.copy_(x[0])
        h = self.again(self.norm(self.twice(self.first(x)).relu()))
        return (self.last(self.plain(self.frozen(h).tanh())) - x).square().mean()


class Deep(Noisy):
    """Twelve layers of one shape, whose names sort otherwise than their order."""

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__(stop_at=stop_at)
        with torch.random.fork_rng():
            torch.manual_seed(2)
            self.net = nn.Sequential(*(nn.Linear(2, 2) for _ in range(12)))


def after_each_step(
    make: Callable[[], nn.Module], x: Tensor, steps: int, **run: Any
) -> list[dict[str, Tensor]]:
    """Return the state of a model at first, and after each step of a run."""
    states = [make().state_dict()]
    for n in range(1, steps + 1):
        fit(model := make(), x, steps=n, **run)  # type: ignore[arg-type]
        states.append(model.state_dict())
    return states


def by_hand(states: list[dict[str, Tensor]], name: str, ema: float) -> Tensor:
    """Return the average of one tensor, with the decay as it is usually written."""
    mean = states[0][name].double()
    for step, state in enumerate(states[1:]):
        decay = min(ema, (1 + step) / (10 + step))
        mean = decay * mean + (1 - decay) * state[name].double()
    return mean


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("ema", [0.05, 0.4, 0.999])
def test_the_average_is_that_of_a_loop_by_hand(ema: float, dtype: torch.dtype) -> None:
    x, model, twin = points(50, dtype), Gaussian(2).to(dtype), Gaussian(2).to(dtype)
    fit(model, x, steps=30, ema=ema, **SHORT | {"batch_size": 50})
    adam = torch.optim.AdamW(twin.parameters(), lr=0.05, weight_decay=0)
    mean = weights(twin)
    for step in range(30):
        loss = -twin.log_prob(x).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        decay = min(ema, (1 + step) / (10 + step))
        mean = decay * mean + (1 - decay) * weights(twin)
    assert weights(model).dtype == dtype
    close = 1e-10 if dtype == torch.float64 else 1e-5
    assert torch.allclose(weights(model), mean, rtol=0, atol=close)
    assert not torch.allclose(mean, weights(twin), rtol=0, atol=1e-4)


def test_what_is_averaged_and_what_is_not() -> None:
    """Trained weights and the statistics of a norm; no frozen weight, no state."""
    x, steps = points(60), 14
    states = after_each_step(Normed, x, steps, **SHORT)
    fit(model := Normed(), x, steps=steps, ema=0.5, **SHORT)  # type: ignore[arg-type]
    assert model.again.weight is model.twice.weight
    for name, t in model.state_dict().items():
        last = states[-1][name]
        if name.startswith("frozen") or name.endswith(("seen", "tracked")):
            assert torch.equal(t, last), name
        else:
            wanted = by_hand(states, name, 0.5)
            assert torch.allclose(t.double(), wanted, rtol=1e-5, atol=1e-6), name
            assert not torch.allclose(t, last, rtol=1e-5, atol=1e-6), name


class Inner(nn.Module):
    """A norm that stands on two layers: what it sees moves with their weights."""

    event_shape = (6,)

    def __init__(self, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.first, self.second = nn.Linear(6, 32), nn.Linear(32, 32)
            self.last = nn.Linear(32, 6)
        self.norm = nn.BatchNorm1d(32)

    def below(self, x: Tensor) -> Tensor:
        return self.second(self.first(x).relu())

    def loss(self, x, y=None, *, generator=None):  # type: ignore[no-untyped-def]
        out = self.last(self.norm(self.below(x)).relu())
        return (out - x.roll(1, 1) * x).square().mean()


@pytest.mark.parametrize("seed", [0, 1])
def test_averaged_statistics_are_nearly_those_of_averaged_weights(seed: int) -> None:
    """The last ones are ten times as far away from what all the data say."""
    x = torch.randn(1000, 6, generator=seeded(0))
    run: dict[str, Any] = {"batch_size": 64, "lr": 0.03, "schedule": "constant"}
    fit(averaged := Inner(seed), x, steps=400, ema=0.99, seed=seed, **run)  # type: ignore[arg-type]
    fit(last := Inner(seed), x, steps=400, seed=seed, **run)  # type: ignore[arg-type]
    with torch.no_grad():
        h = averaged.below(x)

    def away(norm: nn.BatchNorm1d) -> tuple[float, float]:
        mean, variance = norm.running_mean, norm.running_var
        assert mean is not None
        assert variance is not None
        off = (mean - h.mean(0)).square() / h.var(0)
        return off.mean().item(), (variance / h.var(0) - 1).square().mean().item()

    (mean, variance), of_last = away(averaged.norm), away(last.norm)
    assert mean < of_last[0] / 5  # 9 to 16 times over six seeds
    assert variance < of_last[1] / 10  # 27 to 88 times


def test_without_it_nothing_changes(tmp_path: Path) -> None:
    path, x = tmp_path / "run", points()
    a, b = Noisy(), Noisy()
    usual = fit(a, x, **RUN, ema=None, checkpoint=path)
    averaged = fit(b, x, **RUN, ema=0.9)
    assert averaged.loss == usual.loss  # the steps are the same
    assert not torch.equal(weights(a), weights(b))
    tensors, meta = _files.read(path)
    assert "ema" not in meta["run"]  # an earlier file goes on
    assert not _files.part(tensors, "last.")


@pytest.mark.parametrize("make", [Noisy, Deep, Normed])
@pytest.mark.parametrize("stop_at", [3, 5, 8])
def test_five_steps_and_five_are_ten(
    tmp_path: Path, make: Callable[..., Any], stop_at: int
) -> None:
    x, path = points(), tmp_path / "run"
    run: dict[str, Any] = RUN | {"steps": 10, "checkpoint_every": 5, "ema": 0.6}
    run |= {"x_val": points(20), "validate_every": 2}
    history = fit(whole := make(), x, **run)
    with pytest.raises(KeyboardInterrupt):
        fit(make(stop_at=stop_at), x, **run, checkpoint=path)
    assert path.exists() == (stop_at >= 5)
    again = fit(model := make(), x, **run, checkpoint=path)
    assert model.calls == (5 if stop_at >= 5 else 10)
    state = whole.state_dict()
    assert all(torch.equal(t, state[name]) for name, t in model.state_dict().items())
    assert (again.loss, again.val_loss) == (history.loss, history.val_loss)
    read = fit(finished := make(stop_at=0), x, **run, checkpoint=path)
    assert torch.equal(weights(finished), weights(whole))
    assert read.loss == history.loss


def test_a_reader_of_the_checkpoint_gets_the_average(tmp_path: Path) -> None:
    path, x, run = tmp_path / "run", points(), SHORT | {"ema": 0.8}
    with pytest.raises(KeyboardInterrupt):
        fit(Noisy(stop_at=9), x, steps=30, checkpoint=path, checkpoint_every=6, **run)
    fit(six := Noisy(), x, steps=6, **run)
    assert torch.equal(weights(load(Noisy(), path)), weights(six))


def test_validation_sees_the_average_and_leaves_the_steps_alone() -> None:
    x, x_val = points(), points(25) + 1
    fit(a := Noisy(), x, **RUN, ema=0.9)
    history = fit(b := Noisy(), x, **RUN, ema=0.9, x_val=x_val, validate_every=3)
    assert torch.equal(weights(a), weights(b))
    fit(line := Line(), x, steps=20, ema=0.9)
    history = fit(Line(), x, steps=20, ema=0.9, x_val=x_val)
    assert history.val_loss[-1] == pytest.approx(line.loss(x_val).item(), rel=1e-6)


class Stopping(Line):
    """A line whose validation fails, or whose loss is no number, at its 12th step."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.calls = how, 0

    def loss(self, x, y=None, *, generator=None):  # type: ignore[no-untyped-def]
        self.calls += self.training
        if self.calls == 12 and not self.training:
            raise ZeroDivisionError
        if self.calls == 13 and self.how == "keyboard":
            raise KeyboardInterrupt
        return super().loss(x) * (math.nan if self.calls == 13 else 1)


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("keyboard", KeyboardInterrupt),
        ("loss", FloatingPointError),
        ("validation", ZeroDivisionError),
    ],
)
def test_a_run_that_stops_leaves_the_weights_of_its_last_step(
    how: str, error: type[BaseException], tmp_path: Path
) -> None:
    model, x = Stopping(how), points()
    run: dict[str, Any] = SHORT | {"ema": 0.9, "checkpoint": tmp_path / "run"}
    run |= {"x_val": x[:9] if how == "validation" else None, "validate_every": 4}
    with pytest.raises(error):
        fit(model, x, steps=40, checkpoint_every=5, **run)
    fit(twin := Line(), x, steps=12, **SHORT)
    assert torch.equal(weights(model), weights(twin))
    assert not model.training


ODD: dict[str, tuple[Callable[[Tensor], Tensor] | None, str]] = {
    "missing": (None, r"last.1 is None there and \(torch.float32, .*8"),
    "of another shape": (lambda t: t[1:], r"last.1 is .*7.* there"),
    "of another type": (lambda t: t.double(), r"last.1 is \(torch.float64"),
    "not finite": (lambda t: t * math.nan, "last.1 holds NaN or infinite"),
}


@pytest.mark.parametrize("name", ODD)
def test_a_run_without_its_own_weights_is_not_put_back(
    tmp_path: Path, name: str
) -> None:
    path, run = tmp_path / "run", RUN | {"ema": 0.9, "checkpoint": tmp_path / "run"}
    with pytest.raises(KeyboardInterrupt):
        fit(Noisy(stop_at=23), points(), **run)
    tensors, meta = _files.read(path)
    change, message = ODD[name]
    last = tensors.pop("last.1")
    if change is not None:
        tensors["last.1"] = change(last)
    _files.write(path, tensors, meta)
    model = Noisy()
    before = weights(model)
    with pytest.raises(ValueError, match=message):
        fit(model, points(), **run)
    assert torch.equal(weights(model), before)


@pytest.mark.parametrize(("first", "second"), [(0.9, None), (None, 0.9), (0.9, 0.8)])
def test_another_decay_is_another_run(
    tmp_path: Path, first: float | None, second: float | None
) -> None:
    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        fit(Noisy(stop_at=20), points(), **RUN, ema=first, checkpoint=path)
    with pytest.raises(ValueError, match=rf"run: ema is {first} there and {second}"):
        fit(Noisy(), points(), **RUN, ema=second, checkpoint=path)


@pytest.mark.parametrize(
    ("ema", "error", "message"),
    [
        (0.0, ValueError, "ema must be between 0 and 1, got 0.0"),
        (-0.5, ValueError, "ema must be between 0 and 1, got -0.5"),
        (1, ValueError, "ema must be between 0 and 1, got 1"),
        (1.5, ValueError, "ema must be between 0 and 1, got 1.5"),
        (math.nan, ValueError, "ema must be between 0 and 1, got nan"),
        (math.inf, ValueError, "ema must be between 0 and 1, got inf"),
        ("0.9", TypeError, "ema must be a number, got str '0.9'"),
        (True, TypeError, "ema must be a number, got bool True"),
        ((0.9,), TypeError, "ema must be a number, got tuple"),
    ],
)
def test_bad_decays(ema: Any, error: type[Exception], message: str) -> None:
    model = Line()
    with pytest.raises(error, match=message):
        fit(model, points(), steps=3, ema=ema)
    assert model.training
    assert not weights(model).any()


def test_shared_trainings_are_averaged_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    run: dict[str, Any] = SHORT | {"steps": 12}
    fit(wanted := Gaussian(2), points(), **run, ema=0.9)
    for _ in range(2):  # trained, and read
        cached_fit(model := Gaussian(2), points(), **run, ema=0.9)
        assert torch.equal(weights(model), weights(wanted))
    cached_fit(other := Gaussian(2), points(), **run)
    assert not torch.equal(weights(other), weights(wanted))
    assert len(list(tmp_path.glob("*.safetensors"))) == 2


def test_a_saved_model_is_the_average(tmp_path: Path) -> None:
    fit(model := Noisy(), points(), **RUN, ema=0.9)
    save(model, tmp_path / "model")
    twin = load(Noisy(), tmp_path / "model")
    assert torch.equal(weights(twin), weights(model))
