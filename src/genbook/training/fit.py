"""Training a model from its first step to its last, or from where it was stopped.

:func:`fit` does at once what the smallest loop needs and what a long run needs besides:
it checks its arguments, sets up the state of :func:`~genbook.training.loop.descend`,
and watches the steps. The optimiser is Adam with decoupled weight decay.

Reference:
    D. P. Kingma and J. Ba, "Adam", 2015, arXiv:1412.6980; I. Loshchilov and F. Hutter,
    "Decoupled Weight Decay Regularization", 2019, arXiv:1711.05101.

Example:
    >>> from genbook.models.base import TractableModel
    >>> class Location(TractableModel):
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

from __future__ import annotations

import os
import sys
import time
from dataclasses import asdict
from typing import Any, Literal

import torch
from torch import Tensor, nn

from genbook._validate import check_count, check_flag
from genbook.models.base import Model
from genbook.training import _files
from genbook.training._arguments import Data, Settings, check_data
from genbook.training._capture import descend_captured
from genbook.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from genbook.training.loop import Batches, History, TrainState, descend
from genbook.training.randomness import exact_cudnn, isolated_rng
from genbook.training.schedules import SCHEDULES

__all__ = ["fit"]


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
    capture: bool = False,
) -> History:
    """Train a model by gradient descent on its own loss, with Adam.

    Batches, noise and dropout follow from ``seed`` alone; the global random state is
    left as it was. The model trains in training mode and comes back in evaluation mode.
    The same call after a kill goes on from the ``checkpoint`` and ends in the same bits
    as a run that was never stopped; after a finished run it only reads the result back.

    Args:
        model: Any :class:`~genbook.models.base.Model` with parameters.
        x: Observations, ``(n, *event_shape)``, of the model's type and on its device.
        y: Conditions, ``(n, ...)``, for models that take them.
        steps: How many updates.
        batch_size: Observations a step, in random order; all when it is ``n`` or more.
        lr: The learning rate, the peak of the one-cycle schedule.
        seed: Decides the batches and the randomness of the loss.
        schedule: ``"one-cycle"`` (see :func:`.one_cycle`) or ``"constant"``.
        betas: Adam's decay rates of the gradient's mean and square.
        weight_decay: Shrinks the weights by this share of the rate at each step.
        grad_clip: The largest norm of a gradient; none when ``None``.
        x_val: Observations to validate on, never trained on.
        y_val: Their conditions.
        validate_every: Steps between validations; a tenth of ``steps`` when ``None``.
        checkpoint: The file that holds the run.
        checkpoint_every: Steps between two writings of it; the last is at the end.
        resume: Whether a run found in that file goes on; otherwise it is replaced.
        progress: Whether a bar is shown; on a terminal only when ``None``.
        capture: Whether a CUDA device records a step and replays it, which is faster
            where networks are small and rounds otherwise; the CPU does as ever.

    Returns:
        The :class:`~genbook.training.loop.History` of the whole run.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If an argument has the wrong shape or value, the model has nothing
            to train, or the checkpoint belongs to another run.
        RuntimeError: If a step is to be recorded, and its loss waits for the GPU.
        FloatingPointError: If the loss or a weight is no longer finite. A loss is
            refused before its step is taken, and nothing is written.
    """
    data = check_data(model, x, y, x_val, y_val)
    settings = Settings(
        steps, batch_size, lr, seed, schedule, betas, weight_decay, grad_clip
    )
    captured = check_flag(capture, "capture") and data.x.is_cuda
    validations, writings = _how_often(validate_every, checkpoint_every, settings.steps)
    check_flag(resume, "resume")
    state, kept = _set_up(model, data, settings, captured), None
    if checkpoint is not None:
        run = _what_decides(data, settings, validations, captured)
        kept = Checkpoint.of(model, checkpoint, writings, run)
    watch = _Watch(model, state, data, validations, kept, progress)
    with isolated_rng(state.generator.initial_seed(), data.x.device), exact_cudnn():
        if kept is not None and resume and kept.path.exists():
            load_checkpoint(model, state, kept)
        with watch:
            (descend_captured if captured else descend)(model, state)
    return state.history


def _how_often(
    validate_every: int | None, checkpoint_every: int, steps: int
) -> tuple[int, int]:
    """Return the steps between two validations, and between two writings."""
    every = max(steps // 10, 1) if validate_every is None else validate_every
    every = check_count(every, "validate_every", 1)
    return every, check_count(checkpoint_every, "checkpoint_every", 1)


def _set_up(model: Model, data: Data, settings: Settings, captured: bool) -> TrainState:
    """Return what the loop needs before its first step."""
    batch = Batches(data.x, data.y, settings.batch_size, settings.seed)
    noise_seed = int(torch.randint(2**31, (), generator=batch.generator))
    return TrainState(
        batch,
        _adam(model, settings, captured),
        SCHEDULES[settings.schedule],
        settings.steps,
        settings.lr,
        torch.Generator(data.x.device).manual_seed(noise_seed),
        settings.grad_clip,
    )


def _adam(model: Model, settings: Settings, captured: bool) -> torch.optim.Optimizer:
    """Return Adam in its fused form, or the plain one where there is no fused form."""
    weights = [p for p in model.parameters() if p.requires_grad]
    options: dict[str, Any] = {
        "lr": settings.lr,
        "betas": settings.betas,
        "weight_decay": settings.weight_decay,
        "capturable": captured,
    }
    try:
        return torch.optim.AdamW(weights, **options, fused=True)
    except RuntimeError:  # complex weights, or a device without the fused kernel
        if captured:  # the plain form would also step where a loss is not finite
            raise
        return torch.optim.AdamW(weights, **options)


def _what_decides(
    data: Data, settings: Settings, validate_every: int, captured: bool
) -> dict[str, Any]:
    """Return what tells a run from every other, beside the model."""
    return {
        **({"capture": True} if captured else {}),  # its rates are rounded otherwise
        **{name: _files.digest(t) for name, t in data._asdict().items()},
        "validate_every": None if data.x_val is None else validate_every,
        "device": data.x.device.type,
        **asdict(settings),
        "betas": list(settings.betas),
    }


class _Watch:
    """Stands by the steps: validates, keeps the run in its file, and moves the bar."""

    def __init__(
        self,
        model: Model,
        state: TrainState,
        data: Data,
        validate_every: int,
        kept: Checkpoint | None,
        progress: bool | None,
    ) -> None:
        if progress is not None:
            check_flag(progress, "progress")
        self.model, self.state, self.data = model, state, data
        self.validate_every, self.kept, self.progress = validate_every, kept, progress
        self.seed = state.generator.initial_seed()

    def __enter__(self) -> None:
        history = self.state.history  # not empty where a run goes on
        self.start = time.perf_counter() - history.seconds
        self.cpu_start = time.process_time() - history.cpu_seconds
        self.bar = _bar(self.state.steps, history.steps, self.progress)
        self.state.on_step, self.state.due = self.on_step, self.due
        self.model.train()

    def __exit__(self, *error: object) -> None:
        self.model.eval()
        if self.bar is not None:
            self.bar.close()

    def on_step(self, done: int) -> None:
        """Do what is due after so many steps."""
        validates, keeps, shows = self._due(done)
        if validates:
            self.validate(done)
        if keeps:
            self.keep(done)
        if self.bar is not None:
            self.bar.update()
            if shows:
                loss = f"{self.state.history.loss[-1]:.4f}"
                self.bar.set_postfix(loss=loss, refresh=False)

    def due(self, done: int) -> bool:
        """Return whether the record is read after so many steps."""
        return any(self._due(done))

    def _due(self, done: int) -> tuple[bool, bool, bool]:
        """Return whether to validate, to keep, and to show the loss."""
        last, kept = done == self.state.steps, self.kept
        return (
            self.data.x_val is not None and (last or done % self.validate_every == 0),
            last or (kept is not None and done % kept.every == 0),
            self.bar is not None and (last or done % 50 == 0),
        )

    def validate(self, done: int) -> None:
        """Note the mean loss over the validation set, with the same dice every time."""
        _, _, x, y = self.data
        assert x is not None
        with isolated_rng(self.seed, x.device):
            value = _mean_loss(self.model, x, y, self.state.batch.size, self.seed)
        self.state.history.val_steps.append(done)
        self.state.history.val_loss.append(value)

    def keep(self, done: int) -> None:
        """Note the time; write the run to its file, unless a weight is not finite."""
        self.state.history.seconds = time.perf_counter() - self.start
        self.state.history.cpu_seconds = time.process_time() - self.cpu_start
        _check_weights(self.model, done)
        if self.kept is not None:
            save_checkpoint(self.model, self.state, self.kept)


@torch.no_grad()
def _mean_loss(
    model: Model, x: Tensor, y: Tensor | None, size: int, seed: int
) -> float:
    """Return the mean loss over a whole set."""
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
