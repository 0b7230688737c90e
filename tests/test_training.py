"""The training loop against hand-written ones; its files against kills and damage."""

from __future__ import annotations

import itertools
import json
import math
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from genbook import _files
from genbook.models.base import ExplicitModel, GenerativeModel
from genbook.models.gaussian import Gaussian
from genbook.models.kernel import KernelDensity
from genbook.training import (
    Batches,
    History,
    constant,
    fit,
    load,
    one_cycle,
    save,
)


class Noisy(GenerativeModel):
    """A model whose loss draws noise and whose network drops units."""

    def __init__(self, width: int = 8, stop_at: int | None = None) -> None:
        super().__init__()
        self.config = {"width": width}
        self.event_shape = (2,)
        self.stop_at, self.calls = stop_at, 0
        weights = torch.Generator().manual_seed(1)
        self.net = nn.Sequential(
            nn.Linear(2, width), nn.ReLU(), nn.Dropout(0.2), nn.Linear(width, 2)
        )
        with torch.no_grad():
            for p in self.parameters():
                p.copy_(torch.randn(p.shape, generator=weights) / 3)

    def stop(self) -> None:
        raise KeyboardInterrupt

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        if self.training:
            if self.calls == self.stop_at:
                self.stop()
            self.calls += 1
        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        target = x if y is None else x * y[:, None]
        return ((self.net(x + 0.1 * noise) - target) ** 2).sum(1).mean()

    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        return torch.zeros(n, 2)


class Line(ExplicitModel):
    """A Gaussian of unit variance whose mean is learned: the optimum is the average."""

    def __init__(self) -> None:
        super().__init__()
        self.event_shape = (2,)
        self.mu = nn.Parameter(torch.zeros(2))

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return -0.5 * ((x - self.mu) ** 2).sum(1) - math.log(2 * math.pi)

    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        return self.mu.detach() + torch.randn(n, 2, generator=generator)


def points(n: int = 100, dtype: torch.dtype = torch.float32) -> Tensor:
    g = torch.Generator().manual_seed(7)
    return torch.randn(n, 2, generator=g, dtype=dtype)


def weights(model: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


RUN = {"steps": 40, "batch_size": 16, "lr": 0.02, "seed": 3, "checkpoint_every": 7}


# --- the loop -------------------------------------------------------------------------


@pytest.mark.parametrize("peak", [1e-5, 0.01, 1.0])
@pytest.mark.parametrize("steps", [2, 3, 4, 10, 57, 100])
def test_one_cycle_equals_pytorch(steps: int, peak: float) -> None:
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=peak)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=peak, total_steps=steps, cycle_momentum=False
    )
    for step in range(steps):
        oracle = optimiser.param_groups[0]["lr"]
        assert one_cycle(step, steps, peak) == pytest.approx(
            oracle, rel=1e-9, abs=1e-12
        )
        optimiser.step()
        if step < steps - 1:
            scheduler.step()


def test_one_cycle_of_one_step_is_finite() -> None:
    assert 0 < one_cycle(0, 1, 1.0) <= 1


def test_fit_equals_a_loop_written_by_hand() -> None:
    x = points(50)
    model, twin = Gaussian(2), Gaussian(2)
    history = fit(
        model,
        x,
        steps=30,
        batch_size=50,
        lr=0.05,
        schedule="constant",
        weight_decay=0.1,
        grad_clip=0.5,
    )
    adam = torch.optim.AdamW(twin.parameters(), lr=0.05, weight_decay=0.1)
    losses = []
    for _ in range(30):
        loss = -twin.log_prob(x).mean()
        losses.append(loss.item())
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(twin.parameters(), 0.5)
        adam.step()
    assert history.loss == pytest.approx(losses, rel=1e-5)
    assert torch.allclose(weights(model), weights(twin), atol=1e-6)
    assert history.lr == [0.05] * 30


def test_a_rate_belongs_to_its_step() -> None:
    """Adam moves by nearly its rate while the gradient keeps its sign."""
    x = torch.full((4, 2), 1e4)
    places: list[float] = []

    class Watched(Line):
        def loss(self, x, y=None, *, generator=None):  # type: ignore[no-untyped-def]
            places.append(self.mu[0].item())
            return super().loss(x)

    model = Watched()
    history = fit(model, x, steps=10, lr=0.5)
    places.append(model.mu[0].item())
    moves = [b - a for a, b in itertools.pairwise(places)]
    assert moves == pytest.approx(history.lr, rel=1e-3, abs=1e-6)
    assert history.lr == [one_cycle(step, 10, 0.5) for step in range(10)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_fit_reaches_the_closed_form(dtype: torch.dtype) -> None:
    x = points(400, dtype) @ torch.tensor([[2.0, 0.3], [0.0, 0.5]], dtype=dtype) + 3
    learned, closed = Gaussian(2).to(dtype), Gaussian(2).to(dtype).fit(x)
    fit(learned, x, steps=800, batch_size=400, lr=0.1)
    assert weights(learned).dtype == dtype
    assert torch.allclose(learned.covariance, closed.covariance, rtol=1e-3)
    assert torch.allclose(learned.mu, closed.mu, rtol=1e-3)
    assert learned.loss(x).item() <= closed.loss(x).item() + 1e-5


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


def test_same_seed_same_bits_and_the_global_state_is_untouched() -> None:
    x = points()
    a, b, c = Noisy(), Noisy(), Noisy()
    torch.manual_seed(11)
    before = torch.get_rng_state()
    first = fit(a, x, **RUN)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(12)
    second = fit(b, x, **RUN)
    assert torch.equal(weights(a), weights(b))
    assert first.loss == second.loss
    fit(c, x, **RUN | {"seed": 4})
    assert not torch.equal(weights(a), weights(c))


def test_conditions_follow_their_observations() -> None:
    class Pairs(Line):
        def loss(self, x, y=None, *, generator=None):  # type: ignore[no-untyped-def]
            assert torch.equal(x[:, 0], y.to(x.dtype))
            return super().loss(x)

    y = torch.arange(30)
    x = torch.stack([y.float(), -y.float()], 1)
    fit(Pairs(), x, y, steps=10, batch_size=4, x_val=x[:5], y_val=y[:5])


def test_validation_is_the_plain_mean_and_changes_nothing() -> None:
    x, x_val = points(), points(25) + 1
    a, b = Line(), Line()
    fit(a, x, steps=20, batch_size=8)
    history = fit(b, x, steps=20, batch_size=8, x_val=x_val, validate_every=6)
    assert torch.equal(weights(a), weights(b))
    assert history.val_steps == [6, 12, 18, 20]
    assert history.val_loss[-1] == pytest.approx(b.loss(x_val).item(), rel=1e-6)
    noisy, watched = Noisy(), Noisy()
    fit(noisy, x, **RUN)
    fit(watched, x, **RUN, x_val=x_val)
    assert torch.equal(weights(noisy), weights(watched))


def test_training_mode_during_and_evaluation_mode_after() -> None:
    modes = []

    class Watched(Line):
        def loss(self, x, y=None, *, generator=None):  # type: ignore[no-untyped-def]
            modes.append((len(x), self.training))
            return super().loss(x)

    model = Watched().eval()
    fit(model, points(), steps=4, batch_size=10, x_val=points(7), validate_every=4)
    assert modes == [(10, True)] * 4 + [(7, False)]
    assert not model.training


def test_fused_adam_and_the_plain_one_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    x, a, b = points(), Gaussian(2), Gaussian(2)
    fit(a, x, steps=50, batch_size=16)
    adam, asked = torch.optim.AdamW, []

    def unsupported(*args: object, **options: object) -> torch.optim.Optimizer:
        asked.append(options.get("fused", False))
        if options.get("fused"):
            raise RuntimeError("`fused=True` requires all the params to be float")
        return adam(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(torch.optim, "AdamW", unsupported)
    fit(b, x, steps=50, batch_size=16)
    assert asked == [True, False]
    assert torch.allclose(weights(a), weights(b), atol=1e-5)


def test_samples_made_in_inference_mode_can_be_trained_on() -> None:
    with torch.inference_mode():
        x = points(8)
    fit(Gaussian(2), x, steps=2, batch_size=8)
    fit(Gaussian(2), x, steps=2, batch_size=4)


def test_progress_bar_on_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(Line(), points(), steps=5)
    assert capsys.readouterr() == ("", "")
    fit(Line(), points(), steps=5, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "5/5" in err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    fit(Line(), points(), steps=5)
    assert "5/5" in capsys.readouterr().err
    fit(Line(), points(), steps=5, progress=False)
    assert capsys.readouterr().err == ""


def test_history_is_short_to_read() -> None:
    history = fit(Line(), points(), steps=300, x_val=points(9))
    assert history.steps == len(history.loss) == len(history.lr) == 300
    assert len(repr(history)) < 80
    assert repr(History()) == "History(0 steps)"
    assert history.seconds > 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_device_changes_rounding_only() -> None:
    x, a, b = points(), Gaussian(2), Gaussian(2).cuda()
    before = torch.cuda.get_rng_state()
    on_cpu = fit(a, x, steps=50, batch_size=16)
    on_gpu = fit(b, x.cuda(), steps=50, batch_size=16)
    assert on_gpu.loss == pytest.approx(on_cpu.loss, abs=1e-4)
    assert torch.equal(torch.cuda.get_rng_state(), before)


# --- what is not finite ---------------------------------------------------------------


class Breaking(Line):
    """A line whose loss, or whose gradient, stops being a number at a step."""

    def __init__(self, at: int, gradient: bool = False) -> None:
        super().__init__()
        self.at, self.gradient, self.calls = at, gradient, 0

    def loss(self, x, y=None, *, generator=None):  # type: ignore[no-untyped-def]
        loss = super().loss(x)
        self.calls += 1
        if self.calls == self.at + 1:
            if self.gradient:
                return loss + (self.mu.sum() * 0).abs().sqrt()  # 0 with gradient NaN
            return loss * math.nan
        return loss


def test_a_loss_that_is_not_finite_is_named_and_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "run"
    model, x = Breaking(at=12), points()
    run = {"batch_size": 16, "schedule": "constant"}
    with pytest.raises(FloatingPointError, match="loss is nan at step 12"):
        fit(model, x, steps=20, checkpoint=path, checkpoint_every=5, **run)
    assert not model.training
    twin = Line()
    fit(twin, x, steps=12, **run)
    assert torch.equal(weights(model), weights(twin))  # the last good weights
    kept = Breaking(at=99)
    load(kept, path)
    twin = Line()
    fit(twin, x, steps=10, **run)
    assert torch.equal(weights(kept), weights(twin))
    assert os.listdir(tmp_path) == ["run"]


@pytest.mark.parametrize("at", [4, 19])
def test_a_gradient_that_is_not_finite_is_not_kept(tmp_path: Path, at: int) -> None:
    path = tmp_path / "run"
    with pytest.raises(FloatingPointError, match=r"mu is NaN .* after|loss is nan"):
        fit(Breaking(at, True), points(), steps=20, checkpoint=path, checkpoint_every=5)
    if at == 4:  # the checkpoint after step 5 would have been the first
        assert not path.exists()
    else:
        assert torch.isfinite(weights(load(Breaking(0), path))).all()


# --- a run goes on after a kill -------------------------------------------------------


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
    killed = subprocess.run([sys.executable, "-c", script, __file__, path, where])
    assert killed.returncode == -signal.SIGKILL
    half_written = [p for p in tmp_path.iterdir() if p != path]
    assert bool(half_written) == (where == "in a write")
    model = Noisy()
    history = fit(model, points(), **RUN, x_val=points(20), checkpoint=path)
    check_same(model, history, unbroken)
    assert model.calls == RUN["steps"] - (21 if where == "in a step" else 14)


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


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run"
    fit(Noisy(), points(), **RUN, checkpoint=path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ValueError, match="damaged"):
        fit(Noisy(), points(), **RUN, checkpoint=path)


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model"
    old, new = Gaussian(2), Gaussian(2).fit(points())
    save(old, path)

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            save(new, path)
    assert os.listdir(tmp_path) == ["model"]
    assert torch.equal(weights(load(Gaussian(2), path)), weights(old))


# --- save and load --------------------------------------------------------------------


class Odd(nn.Module):
    """Shared weights, a buffer that is a scalar, one that is not there yet."""

    def __init__(self, filled: bool = False) -> None:
        super().__init__()
        self.config = {"dtype": torch.float32, "corner": torch.ones(2), "sizes": (1, 2)}
        self.a = nn.Linear(3, 3)
        self.b = nn.Linear(3, 3)
        self.b.weight = self.a.weight
        self.register_buffer("count", torch.tensor(5))
        self.register_buffer("later", torch.ones(4, 2) if filled else None)
        self.register_buffer("view", torch.arange(12.0).reshape(3, 4).T)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_round_trip(tmp_path: Path, dtype: torch.dtype) -> None:
    path = tmp_path / "model.safetensors"
    model = Gaussian(2).to(dtype).fit(points(50, dtype))
    save(model, str(path))
    twin = Gaussian(2).to(dtype)
    assert load(twin, path) is twin
    assert torch.equal(weights(twin), weights(model))
    first = path.read_bytes()
    save(twin, path)
    assert path.read_bytes() == first  # nothing in a file but the model


def test_odd_modules_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "odd"
    model = Odd(filled=True)
    save(model, path)
    twin = load(Odd(), path)
    assert twin.b.weight is twin.a.weight
    for name, value in model.state_dict().items():
        assert torch.equal(twin.state_dict()[name], value)


@pytest.mark.parametrize("already", [0, 7])
def test_a_buffer_as_large_as_the_data(tmp_path: Path, already: int) -> None:
    path, x = tmp_path / "kernel", points(30)
    model = KernelDensity(2, bandwidth=0.3).fit(x)
    save(model, path)
    twin = KernelDensity(2, bandwidth=0.3)
    if already:
        twin.fit(points(already))
    load(twin, path)
    assert torch.equal(twin.log_prob(x), model.log_prob(x))
    with pytest.raises(ValueError, match=r"bandwidth is 0.3 there and 0.4 here"):
        load(KernelDensity(2, bandwidth=0.4), path)


def refused(model: nn.Module, path: Path, message: str) -> None:
    """Loading must fail with a message and leave every tensor as it was."""
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with pytest.raises(ValueError, match=message):
        load(model, path)
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(after[k], v) for k, v in before.items())


def test_load_names_what_does_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "model"
    save(Gaussian(2), path)
    refused(Line(), path, "must be a Gaussian .* got a Line")
    refused(Gaussian(3), path, "dim is 2 there and 3 here")
    refused(Gaussian(2).double(), path, "mu is torch.float32 there and torch.float64")
    save(nn.Linear(2, 3), path)
    refused(
        nn.Linear(2, 4), path, r"bias is \(3,\) there.*weight is \(3, 2\) there and \(4"
    )
    refused(nn.Linear(2, 3, bias=False), path, "bias is unknown")
    save(nn.Linear(2, 3, bias=False), path)
    refused(nn.Linear(2, 3), path, "bias is missing")


def test_load_reads_a_checkpoint_too(tmp_path: Path) -> None:
    path, model = tmp_path / "run", Noisy()
    fit(model, points(), **RUN, checkpoint=path)
    assert torch.equal(weights(load(Noisy(), path)), weights(model))


def test_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(FileNotFoundError, match="there is no file"):
            load(Gaussian(2), path)
    with pytest.raises(FileNotFoundError, match=r"folder of .* must exist"):
        save(Gaussian(2), tmp_path / "nowhere" / "model")
    with pytest.raises(IsADirectoryError):
        save(Gaussian(2), tmp_path)
    model = Line()
    with pytest.raises(FileNotFoundError, match=r"folder of .* must exist"):
        fit(model, points(), steps=5, checkpoint=tmp_path / "nowhere" / "run")
    assert not weights(model).any()  # refused before the first step


def test_every_damaged_byte_is_noticed(tmp_path: Path) -> None:
    path, model = tmp_path / "model", Gaussian(2)
    save(model, path)
    good = path.read_bytes()
    for cut in (0, 5, len(good) // 2, len(good) - 1):
        path.write_bytes(good[:cut])
        refused(model, path, "damaged|not written by genbook")
    for i in range(len(good) - 24, len(good), 5):  # the tensors stand at the end
        path.write_bytes(good[:i] + bytes([good[i] ^ 1]) + good[i + 1 :])
        refused(model, path, "checksum")
    path.write_bytes(os.urandom(200))
    refused(model, path, "damaged")


def test_foreign_and_later_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, model = tmp_path / "model", Gaussian(2)
    save_file(model.state_dict(), path)
    refused(model, path, "not written by genbook")
    save_file(model.state_dict(), path, {"genbook": json.dumps({"format": 1})})
    refused(model, path, "not written by genbook")
    save_file(model.state_dict(), path, {"genbook": "[1"})
    refused(model, path, "damaged")
    with monkeypatch.context() as patch:
        patch.setattr(_files, "FORMAT", 2)
        save(model, path)
    refused(model, path, "has format 2")


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def test_loading_executes_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    for write in (torch.save, lambda o, p: Path(p).write_bytes(pickle.dumps(o))):
        write({"mu": Bomb(mark)}, tmp_path / "model")
        refused(Gaussian(2), tmp_path / "model", "damaged or not safetensors")
    assert not mark.exists()


def test_what_cannot_be_saved_is_said(tmp_path: Path) -> None:
    model = Gaussian(2)
    model.config = {"dim": object()}
    with pytest.raises(TypeError, match="config\\['dim'\\] must be made of numbers"):
        save(model, tmp_path / "model")

    class Extra(Line):
        def get_extra_state(self) -> str:
            return "text"

        def set_extra_state(self, state: str) -> None: ...

    with pytest.raises(TypeError, match="_extra_state is a str"):
        save(Extra(), tmp_path / "model")
    with pytest.raises(TypeError, match="_extra_state is a str"):
        fit(Extra(), points(), steps=5, checkpoint=tmp_path / "run")
    with pytest.raises(TypeError, match="model must be a module, got dict"):
        save({}, tmp_path / "model")
    assert os.listdir(tmp_path) == []


# --- bad input ------------------------------------------------------------------------

NAN = torch.tensor([[0.0, math.nan]])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": [[0.0, 1.0]]}, TypeError, "x must be a torch.Tensor, got list"),
        ({"x": points().double()}, TypeError, "x must be torch.float32 like the model"),
        ({"x": points().T}, ValueError, r"x must be \(n, 2\), got \(2, 100\); did you"),
        ({"x": torch.zeros(5, 3).long()}, ValueError, r"x must be \(n, 2\)"),
        ({"x": torch.zeros(0, 2)}, ValueError, "x must hold at least one"),
        ({"x": NAN}, ValueError, "x must be finite, got 1 NaN"),
        ({"x": 1 / torch.zeros(3, 2)}, ValueError, "x must be finite, got 6"),
        ({"x": points().to("meta")}, ValueError, "x must be on the model's device cpu"),
        ({"y": torch.zeros(99)}, ValueError, "y must have one row for each of the 100"),
        ({"y": torch.tensor(1.0)}, ValueError, "y must have one row"),
        ({"y": [0] * 100}, TypeError, "y must be a torch.Tensor, got list"),
        ({"y": torch.full((100,), math.nan)}, ValueError, "y must be finite"),
        ({"x_val": NAN}, ValueError, "x_val must be finite"),
        ({"x_val": torch.zeros(0, 2)}, ValueError, "x_val must hold at least one"),
        ({"y_val": torch.zeros(3)}, ValueError, "y_val must come with x_val"),
        ({"y": torch.zeros(100), "x_val": points(3)}, ValueError, "together"),
        ({"steps": 0}, ValueError, "steps must be at least 1, got 0"),
        ({"steps": 2.5}, TypeError, "steps must be an integer, got float 2.5"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"lr": 0.0}, ValueError, "lr must be positive"),
        ({"lr": math.nan}, ValueError, "lr must be positive"),
        ({"lr": "fast"}, TypeError, "lr must be a number"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"seed": None}, TypeError, "seed must be an integer"),
        ({"schedule": "cosine"}, ValueError, "schedule must be one of .*got 'cosine'"),
        ({"betas": (0.9, 1.0)}, ValueError, "betas must be two numbers"),
        ({"betas": (0.9,)}, ValueError, "betas must be two numbers"),
        ({"weight_decay": -1.0}, ValueError, "weight_decay must be zero or positive"),
        ({"grad_clip": 0.0}, ValueError, "grad_clip must be positive"),
        ({"validate_every": 0}, ValueError, "validate_every must be at least 1"),
        ({"checkpoint_every": 0}, ValueError, "checkpoint_every must be at least 1"),
        ({"model": object()}, TypeError, "module with a loss method, got object"),
        (
            {"model": nn.Linear(2, 2)},
            TypeError,
            "module with a loss method, got Linear",
        ),
        (
            {"model": KernelDensity(2)},
            ValueError,
            r"KernelDensity has none; it is fitted by model.fit\(x\)",
        ),
    ],
)
def test_bad_input(change: dict, error: type, message: str) -> None:
    model = Gaussian(2)
    arguments = {"model": model, "x": points(), "steps": 5} | change
    with pytest.raises(error, match=message):
        fit(arguments.pop("model"), arguments.pop("x"), **arguments)
    assert not weights(model).any()  # as it was made
    assert model.training


def test_constant_schedule() -> None:
    assert [constant(s, 5, 0.3) for s in range(5)] == [0.3] * 5
