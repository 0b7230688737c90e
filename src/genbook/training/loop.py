"""The training loop itself, and what it needs: a state, batches, and a record."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from genbook._printing import printable
from genbook._validate import check_count, check_kind, check_seed
from genbook.models.base import Model
from genbook.training.schedules import Schedule

__all__ = ["Batches", "History", "TrainState", "descend"]


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
        text = f"History({self.steps} steps, loss {ends}{val}, {self.seconds:.1f} s)"
        return printable(text)


@dataclass
class TrainState:
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
        on_step: Called after each step with the number of steps taken.
        due: Whether it then reads the record, which may otherwise be written later.
    """

    batch: Batches
    optimiser: torch.optim.Optimizer
    schedule: Schedule
    steps: int
    lr: float
    generator: torch.Generator
    grad_clip: float | None = None
    history: History = field(default_factory=History)
    on_step: Callable[[int], None] = lambda done: None
    due: Callable[[int], bool] = lambda done: True


def descend(model: Model, state: TrainState) -> None:
    """Lower the loss: take a batch, its gradient, and a step; repeat."""
    check_kind(model, "model", nn.Module)
    check_kind(state, "state", TrainState)
    for step in range(state.history.steps, state.steps):
        x, y = state.batch(step)  # (batch, *event), (batch, ...) or None
        loss = model.loss(x, y, generator=state.generator)  # ()
        value, lr = loss.item(), state.schedule(step, state.steps, state.lr)
        if not math.isfinite(value):
            raise FloatingPointError(f"the loss is {value} at step {step}")
        state.optimiser.zero_grad()
        loss.backward()
        if state.grad_clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), state.grad_clip)
        for group in state.optimiser.param_groups:
            group["lr"] = lr
        state.optimiser.step()
        state.history.loss.append(value)
        state.history.lr.append(lr)
        state.on_step(step + 1)


class Batches:
    """The rows of each step: shuffled anew every epoch, and redrawn at will.

    The rows that do not fill a last batch wait for another epoch's shuffle. When one
    batch holds all rows, every step is an epoch, and shuffled too: a loss may treat the
    first row of a batch otherwise than the last, and must not learn from the order.

    Args:
        x: Observations of any type, ``(n, *event_shape)``, not looked at: NaN and
            infinity come out again.
        y: Conditions of any type, ``(n, ...)``, not looked at either, or ``None``.
        size: The rows of a batch.
        seed: The seed of the shuffling, drawn on the CPU whatever the device of ``x``.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If there are no rows, not as many conditions, or a number is out of
            range.

    Example:
        >>> x = torch.arange(4.0)[:, None]
        >>> batch = Batches(x, None, 2, seed=0)
        >>> torch.cat([batch(0)[0], batch(1)[0]]).flatten().sort().values
        tensor([0., 1., 2., 3.])
    """

    def __init__(self, x: Tensor, y: Tensor | None, size: int, seed: int) -> None:
        for name, t in (("x", x), ("y", y)):
            if t is not None and (not isinstance(t, Tensor) or not t.ndim):
                raise TypeError(f"{name} must be a tensor of rows, got {t!r}")
        if x is None or not len(x) or (y is not None and len(y) != len(x)):
            rows = [None if t is None else len(t) for t in (x, y)]
            raise ValueError(f"x and y must have as many rows, got {rows}")
        self.x, self.y, self.size = x, y, check_count(size, "size", 1)
        self.per_epoch = max(len(x) // size, 1)
        self.generator = torch.Generator().manual_seed(check_seed(seed))
        self.order: Tensor | None = None

    def __call__(self, step: int) -> tuple[Tensor, Tensor | None]:
        """Return the observations and the conditions of a step."""
        k = step % self.per_epoch
        if self.order is None or k == 0:
            self.epoch_state = self.generator.get_state()
            order = torch.randperm(len(self.x), generator=self.generator)
            self.order = order.to(self.x.device)
        rows = self.order[k * self.size : (k + 1) * self.size]
        return self.x[rows], None if self.y is None else self.y[rows]

    def state(self, step: int) -> Tensor:
        """Return the generator's state from which ``step`` can be drawn again."""
        check_count(step, "step")
        fresh = self.order is None or step % self.per_epoch == 0
        return self.generator.get_state() if fresh else self.epoch_state
