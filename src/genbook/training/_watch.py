"""What stands by the steps of ``fit``: averages, validates, keeps, shows."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from genbook._validate import check_flag
from genbook.models.base import Model
from genbook.training._arguments import Data
from genbook.training._average import Average
from genbook.training.checkpoint import Checkpoint, save_checkpoint
from genbook.training.loop import TrainState
from genbook.training.randomness import isolated_rng


class Watch:
    """Stands by the steps: averages weights, validates, keeps the run, moves the bar.

    What is validated, kept for use and at last returned is the average, if there is
    one. In between the model holds the weights of the last step.
    """

    def __init__(
        self,
        model: Model,
        state: TrainState,
        data: Data,
        validate_every: int,
        kept: Checkpoint | None,
        ema: float | None,
        progress: bool | None,
    ) -> None:
        if progress is not None:
            check_flag(progress, "progress")
        self.model, self.state, self.data = model, state, data
        self.validate_every, self.kept, self.progress = validate_every, kept, progress
        self.average = None if ema is None else Average(model, ema)
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
        if self.average is not None:
            self.average.update(done)
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
        with isolated_rng(self.seed, x.device), self._averaged():
            value = _mean_loss(self.model, x, y, self.state.batch.size, self.seed)
        self.state.history.val_steps.append(done)
        self.state.history.val_loss.append(value)

    def keep(self, done: int) -> None:
        """Note the time; write the run to its file, unless a weight is not finite."""
        self.state.history.seconds = time.perf_counter() - self.start
        self.state.history.cpu_seconds = time.process_time() - self.cpu_start
        with self._averaged() as own:
            _check_weights(self.model, done)
            if self.kept is not None and self.kept.writes:
                save_checkpoint(self.model, self.state, self.kept, own)

    def finish(self) -> None:
        """Leave the average in the model, at the end of the run."""
        if self.average is not None:
            self.average.copy_to_model()

    def _averaged(self) -> AbstractContextManager[list[Tensor]]:
        """Let the model hold the average, if any, and give what it held."""
        return nullcontext([]) if self.average is None else self.average.in_the_model()


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
