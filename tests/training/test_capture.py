"""Steps recorded as a CUDA graph: the same training, at a launch a step.

What a GPU does is tested where there is one. Elsewhere the same loop runs without a
recording: a step is rehearsed, undone, and then taken unseen, as it is there.
"""

from __future__ import annotations

import contextlib
import math
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from genbook._looking import may_look, unseen
from genbook._validate import check_corners, check_labels, check_tensor
from genbook.course.taxonomy import discover
from genbook.models.adversarial.gan import GAN
from genbook.models.autoregressive.made import MADE
from genbook.models.autoregressive.pictures import PictureWriter
from genbook.models.autoregressive.pixelcnn import PixelCNN
from genbook.models.autoregressive.transformer import Transformer
from genbook.models.base import Model
from genbook.models.density.class_conditional import ClassConditional
from genbook.models.density.gaussian import Gaussian
from genbook.models.density.grid import GridNetwork
from genbook.models.density.mixture import GaussianMixture
from genbook.models.density.ppca import ProbabilisticPCA
from genbook.models.density.ppca_mixture import PPCAMixture
from genbook.models.diffusion.diffusion import Diffusion
from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.models.diffusion.masked import MaskedDiffusion
from genbook.models.diffusion.reflow import Reflow
from genbook.models.diffusion.text_to_image import CaptionedFlow, TextToImage
from genbook.models.energy.network import EnergyNetwork
from genbook.models.energy.noise_conditional import NoiseConditionalEnergy
from genbook.models.flows.flow import Flow
from genbook.models.flows.image_flow import ImageFlow
from genbook.models.networks.dit import DiT
from genbook.models.networks.words import WordEncoder
from genbook.models.representation.autoencoder import Autoencoder
from genbook.models.representation.contrastive import ContrastivePair
from genbook.models.representation.mixture_of_autoencoders import (
    MixtureOfAutoencoders,
)
from genbook.models.representation.places import PlaceAutoencoder
from genbook.models.representation.tokens import TokenAutoencoder
from genbook.models.variational.vae import VAE
from genbook.training import _capture, fit
from genbook.training.loop import TrainState
from seeding import seeded
from tiny_models import Line, Noisy, points, weights

torch.set_num_threads(1)  # two threads beside another busy process are far slower

LOW, HIGH = [-5.0, -5.0], [5.0, 5.0]
BOX = {"low": LOW, "high": HIGH}
IMAGE = (1, 4, 4)
CODE = (3, 4)  # three places of four numbers
RUN: dict[str, Any] = {"steps": 130, "batch_size": 32, "lr": 5e-3, "seed": 3}
FIT = sys.modules["genbook.training.fit"]  # the package calls its function the same

#: Makes each model, and says what it is trained on.
MODELS: dict[str, tuple[Callable[[], Model], str]] = {
    "gaussian": (lambda: Gaussian(2), "points"),
    "mixture": (lambda: GaussianMixture(2, 3), "points"),
    "grid": (lambda: GridNetwork(LOW, HIGH, bins=12, hidden=16), "points"),
    "made": (lambda: MADE(LOW, HIGH, bins=12, hidden=(16,), frequencies=2), "points"),
    "made-labels": (lambda: MADE(LOW, HIGH, hidden=(16,), classes=2), "labels"),
    "flow": (lambda: Flow(2, transforms=2, hidden=(16,)), "points"),
    "flow-affine": (lambda: Flow(2, kind="affine", hidden=(16,)), "points"),
    "flow-box": (lambda: Flow(2, transforms=2, hidden=(16,), **BOX), "points"),
    "flow-labels": (lambda: Flow(2, hidden=(16,), classes=2), "labels"),
    "flow-many": (lambda: Flow(16, transforms=2, hidden=(16,)), "vectors"),
    "image-flow": (lambda: ImageFlow(4, transforms=2, channels=4), "flat images"),
    "diffusion": (lambda: Diffusion((2,), width=24, depth=1), "points"),
    "diffusion-labels": (lambda: Diffusion((2,), width=24, classes=2), "labels"),
    "diffusion-wide": (lambda: Diffusion((2,), width=24, sigma_data=1.0), "points"),
    "flow-matching": (lambda: FlowMatching((2,), width=24, depth=1), "points"),
    "reflow": (lambda: Reflow(FlowMatching((2,), width=24, depth=1)), "pairs"),
    "vae": (lambda: VAE((2,), hidden=(24,)), "points"),
    "vae-pixels": (
        lambda: VAE(IMAGE, hidden=(24,), likelihood="bernoulli", classes=2),
        "labelled images",
    ),
    "energy": (
        lambda: EnergyNetwork(LOW, HIGH, hidden=(16,), chains=64, independence_steps=1),
        "points",
    ),
    "energy-by-score": (
        lambda: EnergyNetwork(LOW, HIGH, hidden=(16,), objective="dsm"),
        "points",
    ),
    "energy-of-noise": (lambda: NoiseConditionalEnergy((2,), width=24), "points"),
    "gan": (lambda: GAN((2,), hidden=(16,)), "points"),
    "gan-averaged": (
        lambda: GAN((2,), hidden=(16,), r1_weight=0.1, lipschitz=2.0, ema_decay=0.5),
        "points",
    ),
    "pixels": (lambda: PixelCNN(IMAGE, channels=4, depth=2, kernel_size=3), "images"),
    "transformer": (lambda: Transformer(5, 8, width=16, depth=1, heads=2), "tokens"),
    "texts": (
        lambda: Transformer(5, 8, width=16, depth=1, heads=2, separator=0),
        "tokens",
    ),
    "masked": (lambda: MaskedDiffusion(5, 8, width=16, depth=1, heads=2), "tokens"),
    "autoencoder": (
        lambda: Autoencoder(
            IMAGE, hidden=(16,), standardise_code=True, input_noise=0.1
        ),
        "images",
    ),
    "mixture-of-autoencoders": (
        lambda: MixtureOfAutoencoders(IMAGE, clusters=2, hidden=8, augment=0.1),
        "images",
    ),
    "captioned-flow": (
        lambda: CaptionedFlow(DiT(CODE, words(), width=16, depth=1), draws=2),
        "captioned codes",
    ),
    "places": (
        lambda: PlaceAutoencoder(IMAGE, 2, latent_dim=2, components=8, margin=1),
        "images",
    ),
    "token-autoencoder": (
        lambda: TokenAutoencoder(
            [3, 2], 2, event_shape=IMAGE, places=2, components=8, margin=1
        ),
        "images",
    ),
    "picture-writer": (
        lambda: PictureWriter([5], 8, words=9, caption=6, width=8),
        "captioned tokens",
    ),
    "dropout": (Noisy, "points"),
}
#: Their losses wait for a factorisation to say whether it worked, and for the length of
#: the longest caption.
WAITS: dict[str, tuple[Callable[[], Model], str]] = {
    "ppca": (lambda: ProbabilisticPCA((2,), 1), "points"),
    "contrastive-pair": (
        lambda: ContrastivePair(words(), CODE, width=16, dim=8),
        "captioned codes",
    ),
}
#: Fitted in closed form, made of planes like it, and trained part by part: the parts
#: stand above.
OTHERS = {ClassConditional, PPCAMixture, TextToImage}


def words() -> WordEncoder:
    return WordEncoder(9, 6, width=8)


def data(kind: str, n: int = 100) -> tuple[Tensor, Tensor | None]:
    g, x = seeded(5), points(n)
    if kind == "vectors":
        x = torch.randn(n, 16, generator=g)
    elif kind == "flat images":
        x = torch.rand(n, 16, generator=g)
    elif kind == "pairs":
        x = torch.stack([torch.randn(n, 2, generator=g), x], 1)
    elif kind.endswith("images"):
        x = (torch.rand(n, *IMAGE, generator=g) < 0.4).float()
    elif kind == "tokens":
        x = torch.randint(5, (n, 8), generator=g)
    elif kind.startswith("captioned"):
        x = torch.randn(n, *CODE, generator=g)
        if kind == "captioned tokens":
            x = torch.randint(5, (n, 8), generator=g)
        return x, torch.randint(1, 9, (n, 6), generator=g).sort(1, descending=True)[0]
    return x, torch.arange(n) % 2 if "label" in kind else None


def made(name: str) -> Model:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return (MODELS | WAITS)[name][0]()


def close(a: list[float], b: list[float], share: float) -> bool:
    """Return whether curves agree to a share of how far they move."""
    size = max(max(map(abs, b)), 1e-3)
    return max(abs(x - y) for x, y in zip(a, b, strict=True)) < share * size


def test_every_trainable_model_is_in_the_table() -> None:
    there = {type(make()) for make, _ in (MODELS | WAITS).values()} | OTHERS
    wanted = {c for c in discover() if c.__module__ != "genbook.models.density.kernel"}
    closed = {"UniformBox", "Histogram", "PCA"}  # without a weight to train
    missing = {c.__name__ for c in wanted - there} - closed
    assert not missing, f"add a line to MODELS: {missing}"


# --- on any machine -------------------------------------------------------------------


@pytest.fixture
def rehearsed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let ``fit`` take the loop of a GPU; return after how many steps it recorded."""
    at: list[int] = []

    def recorded(step: _capture.Step) -> Callable[[], None]:
        at.append(int(step.state.optimiser.state_dict()["state"][0]["step"]))
        with _capture._undone(step):
            _capture._show_every_row(step.model, step.state)
            with unseen():
                step()
                step()

        def launch() -> None:
            with unseen():
                step()

        return launch

    monkeypatch.setattr(_capture, "_recorded", recorded)
    monkeypatch.setattr(FIT, "descend", _capture.descend_captured)
    return at


@pytest.mark.parametrize("name", MODELS | WAITS)
def test_the_loop_is_that_of_plain_steps(name: str, rehearsed: list[int]) -> None:
    x, y = data((MODELS | WAITS)[name][1])
    x = x.double() if x.is_floating_point() else x
    run = RUN | {"steps": 6, "grad_clip": 1.0, "progress": False}
    captured = made(name).double()
    history = fit(captured, x, y, **run)
    assert rehearsed == [1]
    plain = made(name).double()
    FIT.descend = sys.modules["genbook.training.loop"].descend
    usual = fit(plain, x, y, **run)
    assert history.lr == usual.lr
    assert close(history.loss, usual.loss, 1e-5)  # a rate of float32 is rounded
    assert torch.allclose(weights(captured), weights(plain), atol=1e-5)
    for a, b in zip(captured.buffers(), plain.buffers(), strict=True):
        assert torch.allclose(a.double(), b.double(), atol=1e-4)


class Waits(TorchFunctionMode):
    """Writes down for what a GPU would wait: for a number of its own, or of a list."""

    NAMES = (
        *("__bool__", "__float__", "__index__", "__int__", "item", "tolist", "numpy"),
        *("as_tensor", "from_numpy", "new_tensor", "tensor"),
        *("linalg_cholesky", "masked_select", "nonzero"),
    )

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        name = func.__name__
        if name in ("__getitem__", "__setitem__"):
            parts = args[1] if isinstance(args[1], tuple) else (args[1],)
            if any(isinstance(p, list) or _is_mask(p) for p in parts):
                self.found.append(name)
        elif name in self.NAMES and not (
            name == "as_tensor" and isinstance(args[0], Tensor)
        ):
            self.found.append(name)
        return func(*args, **(kwargs or {}))


def _is_mask(part: Any) -> bool:
    return isinstance(part, Tensor) and part.dtype == torch.bool


@pytest.mark.parametrize("name", MODELS | WAITS)
def test_for_what_a_step_would_wait_is_seen_without_a_gpu(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = Waits()

    def recorded(step: _capture.Step) -> Callable[[], None]:
        with _capture._undone(step), unseen(), waits:
            step.model.loss(step.x, step.y, generator=step.state.generator).backward()
        return step

    monkeypatch.setattr(_capture, "_recorded", recorded)
    monkeypatch.setattr(FIT, "descend", _capture.descend_captured)
    x, y = data((MODELS | WAITS)[name][1])
    fit(made(name), x, y, **RUN | {"steps": 2, "progress": False})
    looks = name in WAITS or name == "captioned-flow"  # which does not look on a GPU
    assert bool(waits.found) == looks, waits.found


@pytest.mark.parametrize("ema", [None, 0.9])
def test_it_goes_on_from_a_checkpoint_to_the_same_bits(
    tmp_path: Path,
    rehearsed: list[int],
    monkeypatch: pytest.MonkeyPatch,
    ema: float | None,
) -> None:
    run = RUN | {"x_val": points(9), "validate_every": 7, "checkpoint_every": 11}
    run |= {"ema": ema}
    check_resume(lambda: Noisy(), points(), run, tmp_path / "run", 57, monkeypatch)
    assert rehearsed == [1, 1, 55]  # the last checkpoint before


def check_resume(
    make: Callable[[], Model],
    x: Tensor,
    run: dict[str, Any],
    path: Path,
    at: int,
    monkeypatch: pytest.MonkeyPatch,
    y: Tensor | None = None,
) -> None:
    """Stop a run at a step and go on; compare it with one that was never stopped."""
    whole = make()
    history = fit(whole, x, y, **run)
    schedule = FIT.SCHEDULES["one-cycle"]

    def stops(step: int, *rest: Any) -> float:
        if step == at:
            raise KeyboardInterrupt
        return schedule(step, *rest)

    monkeypatch.setitem(FIT.SCHEDULES, "one-cycle", stops)
    with pytest.raises(KeyboardInterrupt):
        fit(make(), x, y, **run, checkpoint=path)
    monkeypatch.setitem(FIT.SCHEDULES, "one-cycle", schedule)
    model = make()
    again = fit(model, x, y, **run, checkpoint=path)
    assert torch.equal(weights(model), weights(whole))
    for a, b in zip(model.buffers(), whole.buffers(), strict=True):
        assert torch.equal(a, b)
    assert again.loss == history.loss
    assert again.lr == history.lr
    assert again.val_loss == history.val_loss


@pytest.mark.usefixtures("rehearsed")
@pytest.mark.parametrize(
    ("x_val", "wanted"),
    [(None, [1, 101, 201, 230]), (points(9), [1, 60, 120, 180, 230])],
)
def test_losses_are_read_at_the_first_step_and_where_they_must_be(
    x_val: Tensor | None, wanted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """To read one is to wait for it: a hundred at once, and all of them when due."""
    write, read = _capture._write, []

    def counted(state: TrainState, *rest: Any) -> None:
        write(state, *rest)
        read.append(state.history.steps)

    monkeypatch.setattr(_capture, "_write", counted)
    run = {"steps": 230, "x_val": x_val, "validate_every": 60, "progress": False}
    fit(Line(), points(), batch_size=4, **run)
    assert read == wanted


class Breaking(Line):
    """A line whose loss is no number while a coordinate is 1, as a batch may say."""

    def loss(self, x, y=None, *, generator=None):  # type: ignore[no-untyped-def]
        return super().loss(x) + torch.where(y.max() > 0, math.nan, 0.0)


def breaks_at(step: int) -> tuple[Tensor, Tensor]:
    """Return rows of which one lies in the batch of a step, and only there."""
    batch = sys.modules["genbook.training.loop"].Batches(
        torch.arange(400.0)[:, None], None, 4, seed=0
    )
    torch.randint(2**31, (), generator=batch.generator)  # as fit draws
    row = int([batch(k)[0] for k in range(step + 1)][-1][0])
    y = torch.zeros(400)
    y[row] = 1
    return points(400), y


@pytest.mark.usefixtures("rehearsed")
def test_an_average_is_that_of_plain_steps() -> None:
    x, run = points(100, torch.float64), RUN | {"steps": 30, "ema": 0.8}
    run |= {"x_val": x[:9], "validate_every": 7}
    history = fit(captured := made("flow").double(), x, **run)
    FIT.descend = sys.modules["genbook.training.loop"].descend
    usual = fit(plain := made("flow").double(), x, **run)
    fit(last := made("flow").double(), x, **run | {"ema": None})
    assert torch.allclose(weights(captured), weights(plain), rtol=0, atol=1e-5)
    assert not torch.allclose(weights(last), weights(plain), rtol=0, atol=1e-4)
    assert close(history.val_loss, usual.val_loss, 1e-5)


def check_a_broken_loss(path: Path, device: str = "cpu", **more: Any) -> None:
    x, y = (t.to(device) for t in breaks_at(37))
    run = {"batch_size": 4, "schedule": "constant", "progress": False}
    run |= {"capture": True, "checkpoint_every": 30}
    model = Breaking().to(device)
    with pytest.raises(FloatingPointError, match="the loss is nan at step 37"):
        fit(model, x, y, steps=90, checkpoint=path, **run, **more)
    twin = Breaking().to(device)
    fit(twin, x, y, steps=37, **run)
    assert torch.equal(weights(model), weights(twin))  # the last good ones
    again = Breaking().to(device)
    with pytest.raises(FloatingPointError, match="the loss is nan at step 37"):
        fit(again, x, y, steps=90, checkpoint=path, **run, **more)
    assert torch.equal(weights(again), weights(twin))


@pytest.mark.usefixtures("rehearsed")
def test_a_loss_that_is_not_finite_is_named_and_moves_nothing(tmp_path: Path) -> None:
    check_a_broken_loss(tmp_path / "run")
    check_a_broken_loss(tmp_path / "averaged", ema=0.9)


@pytest.mark.usefixtures("rehearsed")
def test_rows_are_looked_at_before_they_are_not() -> None:
    x, y = data("labels")
    y[70] = 2
    with pytest.raises(ValueError, match="y must hold labels 0 to 1, got 2"):
        fit(made("flow-labels"), x, y, **RUN | {"batch_size": 4})


def test_on_the_cpu_nothing_changes(tmp_path: Path) -> None:
    a, b, run = Noisy(), Noisy(), RUN | {"steps": 20}
    first = fit(a, points(), **run, checkpoint=tmp_path / "run")
    second = fit(b, points(), **run, capture=True)
    assert torch.equal(weights(a), weights(b))
    assert first.loss == second.loss
    fit(Noisy(), points(), **run, capture=True, checkpoint=tmp_path / "run")
    with pytest.raises(TypeError, match="capture must be True or False, got int 1"):
        fit(Noisy(), points(), **run, capture=1)  # type: ignore[arg-type]


def test_unseen_values_pass_and_shapes_do_not() -> None:
    bad = torch.tensor([math.nan, 2.0])
    with unseen():
        with unseen():
            assert not may_look()
        check_tensor(bad, "x", ("n",))
        assert check_labels(torch.tensor([7], dtype=torch.uint8), "y", 2).tolist() == [
            7
        ]
        check_corners(bad, bad)
        with pytest.raises(ValueError, match="x must be"):
            check_tensor(bad, "x", ("n", 2))
        with pytest.raises(ValueError, match="y must be"):
            check_labels(torch.zeros(2, 2).long(), "y")
    assert may_look()
    with pytest.raises(ValueError, match="x must be finite"):
        check_tensor(bad, "x")
    with pytest.raises(RuntimeError), unseen():
        raise RuntimeError
    assert may_look()


class Streams:
    """Stands for ``torch.cuda``, and writes down what is asked of it."""

    def __init__(self, step: _capture.Step, waits: bool = False) -> None:
        self.log: list[str] = []
        self.step, self.waits, self.mode = step, waits, 0

    def take(self) -> None:
        self.log.append("step" if may_look() else "step unseen")
        if self.waits and self.mode == "error":
            raise RuntimeError("called a synchronizing CUDA operation")

    def named(self, name: str) -> Any:
        other = "aside" if name == "here" else "here"
        wait = lambda stream: self.log.append(f"{name} waits for {other}")  # noqa: E731
        return types.SimpleNamespace(wait_stream=wait)

    @contextlib.contextmanager
    def inside(self, what: Any) -> Iterator[None]:
        self.log.append(f"in {type(what).__name__}")
        yield
        self.log.append("out")

    def set_mode(self, mode: Any) -> None:
        self.mode = mode
        self.log.append(f"waiting is {mode}")

    def patch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Graph:
            log = self.log

            def register_generator_state(self, generator: torch.Generator) -> None:
                self.log.append("register")

            def replay(self) -> None:
                self.log.append("replay")

        fake = {
            "Stream": lambda device: self.named("aside"),
            "current_stream": lambda device: self.named("here"),
            "stream": self.inside,
            "device": lambda device: contextlib.nullcontext(),
            "CUDAGraph": Graph,
            "graph": self.inside,
            "get_sync_debug_mode": lambda: self.mode,
            "set_sync_debug_mode": self.set_mode,
            "synchronize": lambda device: self.log.append("all wait"),
        }
        for name, value in fake.items():
            monkeypatch.setattr(torch.cuda, name, value)
        monkeypatch.setattr(_capture.Step, "__call__", lambda step: self.take())


WARM = ["aside waits for here", "in SimpleNamespace", "step unseen", "step unseen"]
WARM += ["waiting is error", "step unseen", "waiting is 0"]


def small_step() -> _capture.Step:
    state = TrainState(
        sys.modules["genbook.training.loop"].Batches(points(9), None, 4, seed=0),
        torch.optim.AdamW((model := Line()).parameters(), fused=True),
        lambda step, steps, peak: peak,
        5,
        0.01,
        seeded(4),
    )
    return _capture.Step(model, state)


def test_the_order_in_which_a_step_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = Streams(step := small_step())
    streams.patch(monkeypatch)
    launch = _capture._recorded(step)
    assert streams.log == [
        *(*WARM, "out", "here waits for aside"),
        *("register", "in Graph", "step unseen", "out", "all wait"),
    ]
    launch()
    assert streams.log[-1] == "replay"


def test_what_waits_is_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = Streams(step := small_step(), waits=True)
    streams.patch(monkeypatch)
    with pytest.raises(RuntimeError, match=r"capture must be False for Line, .* waits"):
        _capture._recorded(step)
    assert streams.log == [*WARM, "here waits for aside"]


# --- on a GPU -------------------------------------------------------------------------

on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def there(name: str) -> tuple[Model, Tensor, Tensor | None]:
    x, y = data((MODELS | WAITS)[name][1])
    return made(name).cuda(), x.cuda(), None if y is None else y.cuda()


@on_a_gpu
@pytest.mark.parametrize("name", MODELS)
def test_a_recorded_run_equals_a_plain_one(name: str) -> None:
    run = RUN | {"steps": 30, "grad_clip": 1.0}
    state = torch.cuda.get_rng_state()
    plain, x, y = there(name)
    usual = fit(plain, x, y, **run)
    model, x, y = there(name)
    history = fit(model, x, y, **run, capture=True)
    assert history.lr == usual.lr
    assert close(history.loss, usual.loss, 2e-3)
    assert torch.allclose(weights(model), weights(plain), atol=5e-3)
    assert torch.equal(torch.cuda.get_rng_state(), state)
    assert torch.randn(2, device="cuda").isfinite().all()
    assert all(p.grad is None for p in model.parameters())


@on_a_gpu
@pytest.mark.parametrize("capture", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_a_run_on_a_gpu_goes_on_to_the_same_bits(
    name: str, capture: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, x, y = there(name)
    run = RUN | {"x_val": x[:20], "validate_every": 7, "checkpoint_every": 11}
    run |= {"y_val": None if y is None else y[:20], "capture": capture}
    path = tmp_path / "run"
    check_resume(lambda: there(name)[0], x, run, path, 57, monkeypatch, y)
    with pytest.raises(ValueError, match=r"another run: .*capture"):
        fit(there(name)[0], x, y, **run | {"capture": not capture}, checkpoint=path)


class Slow(Noisy):
    """A model whose recorded step takes half a second before it rolls its dice."""

    def loss(self, *args: Any, **more: Any) -> Tensor:
        if torch.cuda.is_current_stream_capturing():
            torch.cuda._sleep(10**9)
        return super().loss(*args, **more)


class Late(torch.cuda.CUDAGraph):
    """A recording on a stream that is busy, so that it sets the dice to 0 late."""

    def capture_begin(self, *args: Any, **more: Any) -> None:
        torch.cuda._sleep(5 * 10**8)
        super().capture_begin(*args, **more)


@on_a_gpu
def test_the_first_launch_waits_for_the_recording(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, x = RUN | {"steps": 3, "capture": True}, points().cuda()
    usual = fit(first := Slow().cuda(), x, **run)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Late)
    late = fit(second := Slow().cuda(), x, **run)
    assert late.loss == usual.loss
    assert torch.equal(weights(first), weights(second))


@on_a_gpu
@pytest.mark.parametrize("name", ["flow", "diffusion-labels", "autoencoder"])
def test_an_average_on_a_gpu(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, x, y = there(name)
    run = RUN | {"steps": 30, "ema": 0.8}
    fit(plain := there(name)[0], x, y, **run)
    fit(model := there(name)[0], x, y, **run, capture=True)
    assert torch.allclose(weights(model), weights(plain), atol=5e-3)
    run = RUN | {"ema": 0.9, "capture": True, "checkpoint_every": 11}
    path = tmp_path / "run"
    check_resume(lambda: there(name)[0], x, run, path, 57, monkeypatch, y)
    check_a_broken_loss(tmp_path / "broken", "cuda", ema=0.9)


@on_a_gpu
def test_what_waits_for_the_gpu_is_refused_and_left_as_it_was() -> None:
    model, x, _ = there("ppca")
    with pytest.raises(RuntimeError, match="capture must be False for Probabilistic"):
        fit(model, x, **RUN, capture=True)
    assert not model.training
    once = there("ppca")[0]
    with pytest.raises(RuntimeError, match="capture must be False"):
        fit(once, x, **RUN, capture=True)
    assert torch.equal(weights(once), weights(model))
    fit(there("flow")[0], x, **RUN | {"steps": 5}, capture=True)  # nothing is spoilt
    assert torch.cuda.get_sync_debug_mode() == 0


@on_a_gpu
def test_a_broken_loss_on_a_gpu(tmp_path: Path) -> None:
    check_a_broken_loss(tmp_path / "run", "cuda")


@on_a_gpu
def test_double_precision_and_the_largest_batch() -> None:
    losses = []
    for capture in (False, True):
        model = made("flow").double().cuda()
        x = points(60, torch.float64).cuda()
        run = RUN | {"batch_size": 512, "steps": 20}
        losses.append(fit(model, x, **run, capture=capture).loss)
    assert close(*losses, 1e-6)


def test_the_state_of_a_step_is_put_back() -> None:
    model, x = Noisy(), points(40)
    model.register_buffer("seen", torch.zeros(()))
    state = TrainState(
        sys.modules["genbook.training.loop"].Batches(x, None, 8, seed=0),
        torch.optim.AdamW(model.parameters(), fused=True),
        lambda step, steps, peak: peak,
        5,
        0.01,
        seeded(4),
    )
    step = _capture.Step(model, state)
    step.load(x[:8], None, 0.01)
    step()
    before = [t.clone() for t in (*model.parameters(), *model.buffers())]
    moments = [t.clone() for s in state.optimiser.state.values() for t in s.values()]
    dice, other = state.generator.get_state(), torch.get_rng_state()

    def fail() -> None:
        with _capture._undone(step):
            step()
            model.seen += 1
            torch.rand(3)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    after = (*model.parameters(), *model.buffers())
    assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))
    now = [t for s in state.optimiser.state.values() for t in s.values()]
    assert all(torch.equal(a, b) for a, b in zip(now, moments, strict=True))
    assert torch.equal(state.generator.get_state(), dice)
    assert torch.equal(torch.get_rng_state(), other)
    assert all(p.grad is None for p in model.parameters())
    assert isinstance(model, nn.Module)
