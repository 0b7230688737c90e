"""The training loop against hand-written ones, and against input that is wrong."""

from __future__ import annotations

import itertools
import math
import os
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from doors import check_limits
from genbook.models.density.gaussian import Gaussian
from genbook.models.density.kernel import KernelDensity
from genbook.models.flows.flow import Flow
from genbook.training import fit, load, one_cycle
from tiny_models import RUN, Line, Noisy, points, weights


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


def test_how_often_is_validated_belongs_to_a_validated_run(tmp_path: Path) -> None:
    run, x = RUN | {"progress": False}, points()
    for x_val, every in ((points(20), 6), (None, 5)):
        path = tmp_path / f"run-{every}"
        other = {"x_val": x_val, "checkpoint": path}
        with pytest.raises(KeyboardInterrupt):
            fit(Noisy(stop_at=20), x, **run, **other, validate_every=5)
        if x_val is None:
            history = fit(Noisy(), x, **run, **other, validate_every=6)
            assert history.steps == RUN["steps"]
        else:
            with pytest.raises(ValueError, match=r"another run: .*validate_every is"):
                fit(Noisy(), x, **run, **other, validate_every=6)


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


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_device_changes_rounding_only() -> None:
    x, a, b = points(), Gaussian(2), Gaussian(2).cuda()
    before = torch.cuda.get_rng_state()
    on_cpu = fit(a, x, steps=50, batch_size=16)
    on_gpu = fit(b, x.cuda(), steps=50, batch_size=16)
    assert on_gpu.loss == pytest.approx(on_cpu.loss, abs=1e-4)
    assert torch.equal(torch.cuda.get_rng_state(), before)


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
        ({"betas": (0.9, math.nan)}, ValueError, r"betas\[1\] must be finite"),
        ({"betas": ("a", 0.9)}, TypeError, r"betas\[0\] must be a number, got str 'a'"),
        ({"betas": None}, TypeError, "betas must be two numbers .* got None"),
        ({"betas": "ab"}, TypeError, "betas must be two numbers .* got 'ab'"),
        ({"seed": 2**70}, ValueError, "seed must be at most 9,223,372,036,854,775,807"),
        ({"steps": 10**15}, ValueError, "steps must be at most 100,000,000, got 1000"),
        ({"schedule": [1]}, ValueError, r"schedule must be one of .*got \[1\]"),
        ({"resume": "no"}, TypeError, "resume must be True or False, got str 'no'"),
        ({"progress": "no"}, TypeError, "progress must be True or False, got str"),
        ({"checkpoint": 5}, TypeError, "checkpoint must be a path, got int 5"),
        ({"checkpoint": b"a"}, TypeError, "checkpoint must be a path, got bytes"),
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


@pytest.mark.parametrize(
    ("y_val", "error", "message"),
    [
        (torch.tensor([0, -1]), ValueError, "y_val must hold labels 0 to 1, got -1"),
        (torch.tensor([0, 2]), ValueError, "y_val must hold labels 0 to 1, got 2"),
        (torch.zeros(2), TypeError, "y_val must be like y, torch.int64 in 1 dim"),
        (torch.zeros(2, 1).long(), TypeError, "y_val must be like y"),
    ],
)
def test_labels_to_validate_with_are_checked_before_the_first_step(
    y_val: torch.Tensor, error: type[Exception], message: str
) -> None:
    model = Flow(2, transforms=1, hidden=(4,), classes=2)
    before = weights(model)
    y = torch.tensor([0, 1] * 2)
    with pytest.raises(error, match=message):
        fit(model, points(4), y, steps=1, x_val=points(2), y_val=y_val)
    assert torch.equal(weights(model), before)


def test_after_one_step_the_average_is_near_the_last_weights() -> None:
    x = points(50)
    first, plain, averaged = Line(), Line(), Line()
    fit(plain, x, steps=1, lr=0.1, schedule="constant")
    fit(averaged, x, steps=1, lr=0.1, schedule="constant", ema=0.999)
    expected = 0.1 * weights(first) + 0.9 * weights(plain)  # min(0.999, 1 / (1 + 9))
    assert torch.allclose(weights(averaged), expected)
    assert not torch.allclose(weights(averaged), weights(plain))


def test_every_step_may_be_validated_and_kept(tmp_path: Path) -> None:
    x, least = points(20), {"steps": 1, "validate_every": 1, "checkpoint_every": 1}
    check_limits(
        lambda **n: fit(Line(), x, x_val=x, **{"steps": 1} | n), **least, batch_size=1
    )


def test_whether_steps_are_recorded_is_a_flag() -> None:
    for bad in (1, None, "yes"):
        with pytest.raises(TypeError, match=r"^capture must be True or False"):
            fit(Line(), points(5), steps=1, capture=bad)  # type: ignore[arg-type]
