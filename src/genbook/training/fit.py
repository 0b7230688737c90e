r"""Training a model from its first step to its last, or from where it was stopped.

:func:`fit` does at once what the smallest loop needs and what a long run needs besides:
it checks its arguments, sets up the state of :func:`~genbook.training.loop.descend`,
and watches the steps. The optimiser is Adam with decoupled weight decay.

With ``ema`` the weights are averaged, too, since near the end each step still moves
them by the noise of its own batch. After :math:`n` steps the average is

.. math:: \bar\theta_n = d_n\,\bar\theta_{n-1} + (1 - d_n)\,\theta_n,
          \qquad d_n = \min\Bigl(\texttt{ema}, \frac{n}{n + 9}\Bigr),

and :math:`\bar\theta_0` the first weights, which a young average soon forgets. It is
what a validation, a reader of the checkpoint and at the end the model get. So are the
averages of the running mean and variance of a batch norm, which describe what the
weights beside them bring about; other buffers are those of the last step. A run that
ends in an error or by the keyboard leaves the weights of its last step, no average;
both lie in the checkpoint.

Reference:
    D. P. Kingma and J. Ba, "Adam", 2015, arXiv:1412.6980; I. Loshchilov and F. Hutter,
    "Decoupled Weight Decay Regularization", 2019, arXiv:1711.05101; B. T. Polyak and
    A. B. Juditsky, "Acceleration of stochastic approximation by averaging", 1992,
    doi:10.1137/0330046; J. Ho, A. Jain and P. Abbeel, "Denoising diffusion
    probabilistic models", 2020, arXiv:2006.11239, who average with 0.9999.

Example:
    >>> from torch import nn
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
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Literal

import torch
from torch import Tensor

from genbook._validate import check_count, check_flag
from genbook.models.base import Model
from genbook.training import _files
from genbook.training._arguments import Data, Settings, check_data
from genbook.training._capture import descend_captured
from genbook.training._watch import Watch
from genbook.training.checkpoint import Checkpoint, load_checkpoint
from genbook.training.distributed import Team, descend_shared, start_alike, team
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
    ema: float | None = None,
    x_val: Tensor | None = None,
    y_val: Tensor | None = None,
    validate_every: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 500,
    resume: bool = True,
    progress: bool | None = None,
    capture: bool = False,
    shared: bool = False,
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
        ema: The decay of an average that the model comes back with, see the module.
        x_val: Observations to validate on, never trained on.
        y_val: Their conditions.
        validate_every: Steps between validations; a tenth of ``steps`` when ``None``.
        checkpoint: The file that holds the run.
        checkpoint_every: Steps between two writings of it; the last is at the end.
        resume: Whether a run found in that file goes on; otherwise it is replaced.
        progress: Whether a bar is shown; on a terminal only when ``None``.
        capture: Whether a CUDA device records a step and replays it, which is faster
            where networks are small and rounds otherwise; the CPU does as ever.
        shared: Whether processes share a batch; see :mod:`.training.distributed`.

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
        steps, batch_size, lr, seed, schedule, betas, weight_decay, grad_clip, ema
    )
    captured = check_flag(capture, "capture") and data.x.is_cuda
    validations, writings = _how_often(validate_every, checkpoint_every, settings.steps)
    here = team() if check_flag(shared, "shared") else Team()
    state = _set_up(model, data, settings, captured)
    run = _agreed(model, data, settings, validations, captured, here)
    kept = _kept(model, checkpoint, writings, run, here)
    watch = Watch(model, state, data, validations, kept, settings.ema, progress)
    go = descend_captured if captured else descend if here.size == 1 else descend_shared
    _run(watch, check_flag(resume, "resume"), go)
    return state.history


def _how_often(
    validate_every: int | None, checkpoint_every: int, steps: int
) -> tuple[int, int]:
    """Return the steps between two validations, and between two writings."""
    every = max(steps // 10, 1) if validate_every is None else validate_every
    every = check_count(every, "validate_every", 1)
    return every, check_count(checkpoint_every, "checkpoint_every", 1)


def _run(watch: Watch, resume: bool, go_down: Callable[..., None]) -> None:
    """Take the steps, all of them or those that are left."""
    model, state, kept, device = (
        watch.model,
        watch.state,
        watch.kept,
        watch.data.x.device,
    )
    with isolated_rng(state.generator.initial_seed(), device), exact_cudnn():
        if kept is not None and resume and kept.path.exists():
            load_checkpoint(model, state, kept, watch.average)
        with watch:
            go_down(model, state)
            watch.finish()


def _kept(
    model: Model,
    checkpoint: str | os.PathLike[str] | None,
    writings: int,
    run: dict[str, Any],
    here: Team,
) -> Checkpoint | None:
    """Return where the run is kept, if anywhere; one of several processes writes."""
    if checkpoint is None:
        return None
    return Checkpoint.of(model, checkpoint, writings, run, here.leads)


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


def _agreed(
    model: Model,
    data: Data,
    settings: Settings,
    validate_every: int,
    captured: bool,
    here: Team,
) -> dict[str, Any]:
    """Return what tells a run from every other, beside the model.

    Processes that share it must agree on it, and all begin with the weights of rank 0.
    """
    run = {
        **({"capture": True} if captured else {}),  # its rates are rounded otherwise
        **{name: _files.digest(t) for name, t in data._asdict().items()},
        "validate_every": None if data.x_val is None else validate_every,
        "device": data.x.device.type,
        **{k: v for k, v in asdict(settings).items() if (k, v) != ("ema", None)},
        "betas": list(settings.betas),
    }
    if here.size == 1:
        return run
    if captured:
        raise ValueError("capture must be False where processes share a batch")
    start_alike(model, run, min(settings.batch_size, len(data.x)), here)
    return run | {"processes": here.size}  # sums are rounded otherwise
