"""The one training loop, and files that hold a model or a run.

:func:`descend` is the loop itself, short enough to print in the book. :func:`fit`
checks its arguments, sets the loop up, and keeps a checkpoint from which a killed run
goes on to the same last bit. :func:`save` and :func:`load` write and read a model. The
files are safetensors: reading one never executes code, and each is replaced whole or
not at all.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn

from genbook import _files
from genbook._validate import check_count, check_positive, check_tensor
from genbook.models.base import Model

__all__ = [
    "Batches",
    "History",
    "Run",
    "constant",
    "descend",
    "fit",
    "load",
    "one_cycle",
    "save",
]

M = TypeVar("M", bound=nn.Module)
Schedule = Callable[[int, int, float], float]


@dataclass(repr=False)
class History:
    """What happened during training, one entry a step.

    Attributes:
        loss: The loss of each step's batch, before that step's update.
        lr: The learning rate of each step.
        val_steps: After how many steps the validation loss was taken.
        val_loss: The mean loss over the validation set at those points.
        seconds: Wall-clock time spent, summed over interruptions.
        cpu_seconds: Processor time spent, summed over interruptions.

    Example:
        >>> History(loss=[1.4, 0.6], lr=[0.01, 0.01], seconds=0.25)
        History(2 steps, loss 1.4 → 0.6, 0.2 s)
    """

    loss: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    val_steps: list[int] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    @property
    def steps(self) -> int:
        """How many steps were taken."""
        return len(self.loss)

    def __repr__(self) -> str:
        if not self.loss:
            return "History(0 steps)"
        ends = f"{self.loss[0]:.4g} → {self.loss[-1]:.4g}"
        val = f", validation {self.val_loss[-1]:.4g}" if self.val_loss else ""
        return f"History({self.steps} steps, loss {ends}{val}, {self.seconds:.1f} s)"


def constant(step: int, steps: int, peak: float) -> float:
    """Return the learning rate of a schedule that never changes it.

    Args:
        step: The step about to be taken, from 0.
        steps: How many steps the run has.
        peak: The learning rate.

    Returns:
        ``peak``.

    Example:
        >>> constant(5, 10, 0.01)
        0.01
    """
    return peak


def one_cycle(step: int, steps: int, peak: float) -> float:
    r"""Return the learning rate of the one-cycle schedule.

    It climbs from ``peak / 25`` to ``peak`` over the first 30 % of the steps and falls
    to ``peak / 250000`` over the rest, each time along half a cosine,

    .. math:: \eta = a + (b - a)\,\tfrac12\,(1 - \cos \pi t), \qquad t \in [0, 1].

    Args:
        step: The step about to be taken, from 0.
        steps: How many steps the run has.
        peak: The highest learning rate.

    Returns:
        The learning rate of this step.

    Reference:
        L. N. Smith and N. Topin, "Super-Convergence", 2018, arXiv:1708.07120.

    Example:
        >>> [round(one_cycle(step, 10, 1.0), 3) for step in range(10)]
        [0.04, 0.52, 1.0, 0.95, 0.812, 0.611, 0.389, 0.188, 0.05, 0.0]
    """
    top, last = 0.3 * steps - 1, steps - 1
    if step <= top:
        t, start, end = step / top, peak / 25, peak
    else:
        t, start, end = (step - top) / (last - top), peak, peak / 250_000
    return start + (end - start) * (1 - math.cos(math.pi * t)) / 2


SCHEDULES: dict[str, Schedule] = {"one-cycle": one_cycle, "constant": constant}


@dataclass
class Run:
    """What the loop needs: the batches, the optimiser, the rate, and the record.

    Attributes:
        batch: Gives the observations and conditions of a step.
        optimiser: Holds the weights and moves them.
        schedule: Gives the learning rate from the step, the steps and the peak.
        steps: How many steps the run has.
        lr: The peak learning rate.
        generator: The randomness of the loss.
        grad_clip: The largest norm of a gradient, or ``None``.
        history: What happened so far; the loop goes on where it ends.
        after: Called after each step with the number of steps taken.
    """

    batch: Batches
    optimiser: torch.optim.Optimizer
    schedule: Schedule
    steps: int
    lr: float
    generator: torch.Generator
    grad_clip: float | None = None
    history: History = field(default_factory=History)
    after: Callable[[int], None] = lambda done: None


def descend(model: Model, run: Run) -> None:
    """Lower the loss: take a batch, its gradient, and a step; repeat."""
    for step in range(run.history.steps, run.steps):
        x, y = run.batch(step)  # (batch, *event), (batch, ...) or None
        loss = model.loss(x, y, generator=run.generator)  # ()
        value, lr = loss.item(), run.schedule(step, run.steps, run.lr)
        if not math.isfinite(value):
            raise FloatingPointError(f"the loss is {value} at step {step}")
        run.optimiser.zero_grad()
        loss.backward()
        if run.grad_clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), run.grad_clip)
        for group in run.optimiser.param_groups:
            group["lr"] = lr
        run.optimiser.step()
        run.history.loss.append(value)
        run.history.lr.append(lr)
        run.after(step + 1)


class Batches:
    """The rows of each step: shuffled anew every epoch, and redrawn at will.

    The rows that do not fill a last batch wait for another epoch's shuffle. When one
    batch holds all rows, each step gets the data as they are.

    Args:
        x: Observations, ``(n, *event_shape)``.
        y: Conditions, ``(n, ...)``, or ``None``.
        size: The rows of a batch.
        seed: The seed of the shuffling, drawn on the CPU whatever the device of ``x``.

    Example:
        >>> x = torch.arange(4.0)[:, None]
        >>> batch = Batches(x, None, 2, seed=0)
        >>> torch.cat([batch(0)[0], batch(1)[0]]).flatten().sort().values
        tensor([0., 1., 2., 3.])
    """

    def __init__(self, x: Tensor, y: Tensor | None, size: int, seed: int) -> None:
        self.x, self.y, self.size = x, y, size
        self.per_epoch = max(len(x) // size, 1)
        self.generator = torch.Generator().manual_seed(seed)
        self.order: Tensor | None = None

    def __call__(self, step: int) -> tuple[Tensor, Tensor | None]:
        """Return the observations and the conditions of a step."""
        if self.size >= len(self.x):
            return self.x, self.y
        k = step % self.per_epoch
        if self.order is None or k == 0:
            self.epoch_state = self.generator.get_state()
            order = torch.randperm(len(self.x), generator=self.generator)
            self.order = order.to(self.x.device)
        rows = self.order[k * self.size : (k + 1) * self.size]
        return self.x[rows], None if self.y is None else self.y[rows]

    def state(self, step: int) -> Tensor:
        """Return the generator's state from which ``step`` can be drawn again."""
        fresh = self.order is None or step % self.per_epoch == 0
        return self.generator.get_state() if fresh else self.epoch_state


def fit(
    model: Model,
    x: Tensor,
    y: Tensor | None = None,
    *,
    steps: int,
    batch_size: int = 512,
    lr: float = 1e-2,
    seed: int = 0,
    schedule: Literal["one-cycle", "constant"] = "one-cycle",
    betas: tuple[float, float] = (0.9, 0.999),
    weight_decay: float = 0.0,
    grad_clip: float | None = None,
    x_val: Tensor | None = None,
    y_val: Tensor | None = None,
    validate_every: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 500,
    resume: bool = True,
    progress: bool | None = None,
) -> History:
    """Train a model by gradient descent on its own loss.

    The optimiser is Adam with decoupled weight decay. The same seed gives the same
    numbers: the batches, the noise that the loss draws and any dropout follow from
    ``seed`` alone, and the global random state is left as it was. The model is in
    training mode during the steps and in evaluation mode afterwards, ready to sample.

    With a ``checkpoint`` the run is written every ``checkpoint_every`` steps and at the
    end. Called again with the same arguments after a kill, ``fit`` goes on from the
    file and ends in the same bits as a run that was never stopped; after a finished run
    it only reads the result back.

    Args:
        model: Any :class:`~genbook.models.base.Model` with parameters.
        x: Observations, ``(n, *event_shape)``, of the model's type and on its device.
        y: Conditions, ``(n, ...)``, for models that take them.
        steps: How many updates.
        batch_size: Observations a step; all of them when it is ``n`` or more.
        lr: The learning rate, the peak of the one-cycle schedule.
        seed: Decides the batches and the randomness of the loss.
        schedule: ``"one-cycle"`` (see :func:`one_cycle`) or ``"constant"``.
        betas: Adam's decay rates of the gradient's mean and square.
        weight_decay: Shrinks the weights by this share of the rate at each step.
        grad_clip: The largest norm of a gradient; none when ``None``.
        x_val: Observations to validate on, never trained on.
        y_val: Their conditions.
        validate_every: Steps between validations; a tenth of ``steps`` when ``None``.
        checkpoint: The file that holds the run.
        checkpoint_every: Steps between two writings of it.
        resume: Whether a run found in that file goes on; otherwise it is replaced.
        progress: Whether a bar is shown; on a terminal only when ``None``.

    Returns:
        The :class:`History` of the whole run.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If an argument has the wrong shape or value, the model has nothing
            to train, or the checkpoint belongs to another run.
        FloatingPointError: If the loss or a weight is no longer finite. A loss is
            refused before its step is taken, and nothing is written.

    Reference:
        D. P. Kingma and J. Ba, "Adam", 2015, arXiv:1412.6980; I. Loshchilov and
        F. Hutter, "Decoupled Weight Decay Regularization", 2019, arXiv:1711.05101.

    Example:
        >>> from genbook.models.base import ExplicitModel
        >>> class Location(ExplicitModel):
        ...     event_shape = (1,)
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.mu = nn.Parameter(torch.zeros(1))
        ...     def log_prob(self, x, y=None):
        ...         return -0.5 * ((x - self.mu) ** 2).sum(1) - 0.918939
        ...     def sample(self, n, y=None, *, generator=None):
        ...         return self.mu.detach() + torch.randn(n, 1, generator=generator)
        >>> model = Location()
        >>> history = fit(model, torch.full((100, 1), 3.0), steps=200, lr=0.1)
        >>> round(model.mu.item(), 2), history.steps
        (3.0, 200)
    """
    x, y = _check_data(model, x, y, ("x", "y"))
    if x_val is not None:
        x_val, y_val = _check_data(model, x_val, y_val, ("x_val", "y_val"))
        if (y is None) != (y_val is None):
            raise ValueError("y and y_val must be given together, got one of them")
    elif y_val is not None:
        raise ValueError("y_val must come with x_val, got no x_val")
    check_count(steps, "steps", 1)
    check_count(batch_size, "batch_size", 1)
    check_count(checkpoint_every, "checkpoint_every", 1)
    if validate_every is None:
        validate_every = max(steps // 10, 1)
    check_count(validate_every, "validate_every", 1)
    if schedule not in SCHEDULES:
        raise ValueError(f"schedule must be one of {list(SCHEDULES)}, got {schedule!r}")
    optimiser = _adam(model, lr, betas, weight_decay)
    if grad_clip is not None:
        check_positive(grad_clip, "grad_clip")
    batch = Batches(x, y, batch_size, check_count(seed, "seed"))
    noise_seed = int(torch.randint(2**31, (), generator=batch.generator))
    generator = torch.Generator(x.device).manual_seed(noise_seed)
    run = Run(batch, optimiser, SCHEDULES[schedule], steps, lr, generator, grad_clip)

    path = None if checkpoint is None else Path(checkpoint)
    identity: dict[str, Any] = {}
    if path is not None:
        _files.check_folder(path)
        _files.model_tensors(model)  # refuses now what could not be written later
        identity = _files.identity(model) | {
            "x": _files.digest(x),
            "y": _files.digest(y),
            "x_val": _files.digest(x_val),
            "y_val": _files.digest(y_val),
            "validate_every": None if x_val is None else validate_every,
            "device": x.device.type,
            **{"steps": steps, "batch_size": batch_size, "lr": lr, "seed": seed},
            **{"schedule": schedule, "betas": list(betas)},
            **{"weight_decay": weight_decay, "grad_clip": grad_clip},
        }

    with _own_randomness(x.device, noise_seed):
        if path is not None and resume and path.exists():
            _resume(model, run, path, identity)
        start = time.perf_counter() - run.history.seconds
        cpu_start = time.process_time() - run.history.cpu_seconds
        bar = _bar(steps, run.history.steps, progress)

        def after(done: int) -> None:
            last = done == steps
            if x_val is not None and (last or done % validate_every == 0):
                with _own_randomness(x.device, noise_seed):
                    value = _mean_loss(model, x_val, y_val, batch_size, noise_seed)
                run.history.val_steps.append(done)
                run.history.val_loss.append(value)
            if last or (path is not None and done % checkpoint_every == 0):
                run.history.seconds = time.perf_counter() - start
                run.history.cpu_seconds = time.process_time() - cpu_start
                _check_weights(model, done)
                if path is not None:
                    _suspend(model, run, path, identity)
            if bar is not None:
                bar.update()
                if last or done % 50 == 0:
                    bar.set_postfix(loss=f"{run.history.loss[-1]:.4f}", refresh=False)

        run.after = after
        model.train()
        try:
            descend(model, run)
        finally:
            model.eval()
            if bar is not None:
                bar.close()
    return run.history


def save(model: nn.Module, path: str | os.PathLike[str]) -> None:
    """Write a model's parameters and buffers to a file, whole or not at all.

    The file is safetensors; its metadata name the model's class and, where the model
    has a ``config``, the arguments that made it.

    Args:
        model: The model.
        path: The file; its folder must exist.

    Raises:
        TypeError: If the model is not a module, or holds a state that is not a tensor.
        OSError: If the file cannot be written; an older one then stands unharmed.

    Example:
        >>> import tempfile
        >>> model = nn.Linear(2, 1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(model, f"{folder}/model.safetensors")
        ...     twin = load(nn.Linear(2, 1), f"{folder}/model.safetensors")
        >>> torch.equal(twin.weight, model.weight)
        True
    """
    _files.write(Path(path), _files.model_tensors(model), _files.identity(model))


def load(model: M, path: str | os.PathLike[str]) -> M:
    """Read parameters and buffers into a model of the same class and arguments.

    A checkpoint of :func:`fit` serves as well. The model is checked against the file
    first and is left untouched by any failure. A buffer whose size follows the data,
    like the points of a kernel density estimate, takes the size it has in the file.

    Args:
        model: The model to fill.
        path: The file.

    Returns:
        The same model.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, was not written by :func:`save` or
            :func:`fit`, or holds another class, other arguments, other names, shapes
            or types; the message names them.
    """
    path = Path(path)
    tensors, meta = _files.read(path)
    wanted = _files.identity(model)
    if meta["class"] != wanted["class"]:
        raise ValueError(
            f"model must be a {meta['class']} to load {path}, got a {wanted['class']}"
        )
    if meta["config"] != wanted["config"]:
        differs = _files.differences(meta["config"] or {}, wanted["config"] or {})
        raise ValueError(
            f"model must be made with the arguments in {path}, got others: {differs}"
        )
    _files.fill(model, _files.part(tensors, "model."), path)
    return model


# --- helpers of fit -------------------------------------------------------------------


def _check_data(
    model: nn.Module, x: Tensor, y: Tensor | None, names: tuple[str, str]
) -> tuple[Tensor, Tensor | None]:
    """Check a model and its data against one another, before anything is changed."""
    if not isinstance(model, nn.Module) or not callable(getattr(model, "loss", None)):
        raise TypeError(
            f"model must be a module with a loss method, got {type(model).__name__}"
        )
    like = next((p for p in model.parameters() if p.requires_grad), None)
    if like is None:
        hint = "; it is fitted by model.fit(x)" if hasattr(model, "fit") else ""
        raise ValueError(
            f"model must have parameters to train, {type(model).__name__} has none"
            + hint
        )
    for name, t in zip(names, (x, y), strict=True):
        if isinstance(t, Tensor) and t.device != like.device:
            raise ValueError(
                f"{name} must be on the model's device {like.device}, got {t.device}; "
                f"move one of them with .to()"
            )
    event = getattr(model, "event_shape", None)
    shape = None if event is None else ("n", *event)
    if isinstance(x, Tensor) and not (x.is_floating_point() or x.is_complex()):
        check_tensor(x.float(), names[0], shape)  # tokens: whole numbers
    else:
        check_tensor(x, names[0], shape, dtype=like.dtype)
    if y is not None:
        if not isinstance(y, Tensor):
            raise TypeError(
                f"{names[1]} must be a torch.Tensor, got {type(y).__name__}"
            )
        if y.ndim == 0 or len(y) != len(x):
            raise ValueError(
                f"{names[1]} must have one row for each of the {len(x)} rows of "
                f"{names[0]}, got shape {tuple(y.shape)}"
            )
        if y.is_floating_point():
            check_tensor(y, names[1])
    return _plain(x), None if y is None else _plain(y)


def _plain(t: Tensor) -> Tensor:
    """Return a tensor that autograd can use, whatever mode it was made in."""
    return t.clone() if t.is_inference() else t.detach()


def _adam(
    model: nn.Module, lr: float, betas: tuple[float, float], weight_decay: float
) -> torch.optim.Optimizer:
    """Return Adam in its fused form, or the plain one where there is no fused form."""
    check_positive(lr, "lr")
    check_positive(weight_decay, "weight_decay", zero=True)
    if len(betas) != 2 or not all(0 <= b < 1 for b in betas):
        raise ValueError(f"betas must be two numbers in [0, 1), got {betas}")
    weights = [p for p in model.parameters() if p.requires_grad]
    options: dict[str, Any] = {"lr": lr, "betas": betas, "weight_decay": weight_decay}
    try:
        return torch.optim.AdamW(weights, **options, fused=True)
    except RuntimeError:  # complex weights, or a device without the fused kernel
        return torch.optim.AdamW(weights, **options)


@contextmanager
def _own_randomness(device: torch.device, seed: int) -> Iterator[None]:
    """Seed the global random state inside, and put it back as it was outside."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.random.default_generator.manual_seed(seed)
        for d in devices:
            with torch.cuda.device(d):
                torch.cuda.manual_seed(seed)
        yield


@torch.no_grad()
def _mean_loss(
    model: Model, x: Tensor, y: Tensor | None, size: int, seed: int
) -> float:
    """Return the mean loss over a whole set, with the same randomness every time."""
    generator = torch.Generator(x.device).manual_seed(seed)
    model.eval()
    total = 0.0
    for i in range(0, len(x), size):
        rows = slice(i, i + size)
        loss = model.loss(x[rows], None if y is None else y[rows], generator=generator)
        total += loss.item() * len(x[rows])
    model.train()
    return total / len(x)


def _check_weights(model: nn.Module, done: int) -> None:
    """Refuse to keep or to return weights that are not finite."""
    for name, p in model.named_parameters():
        if not torch.isfinite(p).all():
            raise FloatingPointError(
                f"parameter {name} is NaN or infinite after {done} steps, though the "
                f"loss was finite: a gradient was not"
            )


def _bar(steps: int, done: int, progress: bool | None) -> Any:
    """Return a progress bar, or ``None`` where nobody watches a terminal."""
    if progress is None:
        progress = sys.stderr is not None and sys.stderr.isatty()
    if not progress:
        return None
    from tqdm import tqdm  # imported only where it is shown

    return tqdm(total=steps, initial=done, unit="step", dynamic_ncols=True)


# --- a run in a file ------------------------------------------------------------------


def _suspend(model: nn.Module, run: Run, path: Path, identity: dict[str, Any]) -> None:
    """Write everything from which the run can go on to the same bits."""
    history = run.history
    tensors = _files.model_tensors(model)
    for i, state in run.optimiser.state_dict()["state"].items():
        for key, value in state.items():
            tensors[f"optimiser.{i}.{key}"] = torch.as_tensor(value)
    for key in ("loss", "lr", "val_loss"):
        tensors[f"history.{key}"] = torch.tensor(
            getattr(history, key), dtype=torch.float64
        )
    tensors["random.batches"] = run.batch.state(history.steps)
    tensors["random.loss"] = run.generator.get_state()
    tensors["random.global"] = torch.get_rng_state()
    if run.generator.device.type == "cuda":
        tensors["random.cuda"] = torch.cuda.get_rng_state(run.generator.device)
    progress = {
        "seconds": history.seconds,
        "cpu_seconds": history.cpu_seconds,
        "val_steps": history.val_steps,
    }
    _files.write(
        path, tensors, _files.identity(model) | {"run": identity, "progress": progress}
    )


def _resume(model: nn.Module, run: Run, path: Path, identity: dict[str, Any]) -> None:
    """Put a run back where its file left it; check everything before."""
    tensors, meta = _files.read(path)
    if "run" not in meta:
        raise ValueError(
            f"checkpoint must hold a run of fit, {path} holds a saved model; give "
            f"another file, or pass resume=False to replace it"
        )
    if meta["run"] != identity:
        raise ValueError(
            f"checkpoint {path} belongs to another run: "
            f"{_files.differences(meta['run'], identity)}; give another file, or pass "
            f"resume=False to start again"
        )
    _files.fill(model, _files.part(tensors, "model."), path)
    state: dict[int, dict[str, Tensor]] = {}
    for name, t in _files.part(tensors, "optimiser.").items():
        index, key = name.split(".")
        state.setdefault(int(index), {})[key] = t
    groups = run.optimiser.state_dict()["param_groups"]
    run.optimiser.load_state_dict({"state": state, "param_groups": groups})
    for key, t in _files.part(tensors, "history.").items():
        setattr(run.history, key, t.tolist())
    run.history.val_steps = meta["progress"]["val_steps"]
    run.history.seconds = meta["progress"]["seconds"]
    run.history.cpu_seconds = meta["progress"].get("cpu_seconds", 0.0)
    run.batch.generator.set_state(tensors["random.batches"])
    run.generator.set_state(tensors["random.loss"])
    torch.set_rng_state(tensors["random.global"])
    if "random.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random.cuda"], run.generator.device)
