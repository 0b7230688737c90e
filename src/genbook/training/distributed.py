r"""The same training on several processes, each with its share of every batch.

``torchrun --nproc-per-node 2 script.py`` starts a script twice and tells each process
its number, its rank. Within :func:`together` the two know of one another, and
``fit(..., shared=True)`` lets rank :math:`r` of :math:`p` compute the gradient of its
rows of each batch. Equal shares of :math:`n/p` rows have

.. math:: \frac1p \sum_{r=1}^{p} \nabla \frac pn \sum_{i \in r} \ell(x_i)
          = \nabla \frac1n \sum_{i=1}^{n} \ell(x_i),

so the mean of the processes' gradients, which PyTorch's ``DistributedDataParallel``
takes, is the gradient of the whole batch: every process makes the step that one alone
would make, up to rounding. Batches and weights are the same everywhere, and rank 0
writes the checkpoint for all.

Every process takes the first step on the whole batch, since a model may set itself up
by the first rows that it sees.

Two things differ. Noise that a loss draws is drawn by each process for its own rows, so
such a run is as good as one of a single process and not the same. And a batch norm sees
the rows of its process only.

Reference:
    S. Li and others, "PyTorch Distributed: Experiences on accelerating data parallel
    training", 2020, arXiv:2006.15704; P. Goyal and others, "Accurate, large minibatch
    SGD", 2017, arXiv:1706.02677.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from genbook._validate import check_count, check_kind, check_number
from genbook.models.base import Model
from genbook.training.loop import TrainState, descend
from genbook.training.randomness import isolated_rng

__all__ = ["Team", "together"]

_TOLD = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")  # by torchrun
_MOST = 65_536


@dataclass(frozen=True)
class Team:
    """Who trains together: this process, and how many there are.

    Attributes:
        rank: The number of this process, from 0.
        size: How many processes there are; 1 for one alone.

    Raises:
        TypeError: If one is not an integer.
        ValueError: If ``size`` is not between 1 and 65536, or ``rank`` not below it.

    Example:
        >>> Team(rank=1, size=2).share(torch.arange(6))
        tensor([1, 3, 5])
    """

    rank: int = 0
    size: int = 1

    def __post_init__(self) -> None:
        size = check_count(self.size, "size", 1, _MOST)
        rank = check_count(self.rank, "rank", 0, size - 1)
        object.__setattr__(self, "size", size)
        object.__setattr__(self, "rank", rank)

    @property
    def leads(self) -> bool:
        """Whether this process writes and prints for all."""
        return self.rank == 0

    def share(self, rows: Tensor) -> Tensor:
        """Return the rows of this process: every ``size``-th, from ``rank`` on.

        Args:
            rows: A tensor of rows, the same on every process.

        Raises:
            TypeError: If ``rows`` is no tensor.
            ValueError: If it has no rows, or they cannot be shared out equally.
        """
        check_kind(rows, "rows", Tensor)
        if not rows.ndim or not len(rows) or len(rows) % self.size:
            raise ValueError(
                f"rows must be a multiple of the {self.size} processes, got shape "
                f"{tuple(rows.shape)}"
            )
        return rows[self.rank :: self.size]


@contextmanager
def together(seconds: float = 600.0) -> Iterator[Team]:
    """Meet the other processes that ``torchrun`` started; part from them at the end.

    Started by hand, a script is alone, and runs as it would without this.

    Args:
        seconds: How long a process waits for the others before it gives up; a week at
            most.

    Yields:
        The team.

    Raises:
        TypeError: If ``seconds`` is not a number.
        ValueError: If it is not above zero and at most a week.
        RuntimeError: If the processes cannot meet, or have met already.

    Example:
        >>> with together() as team:
        ...     print(team)
        Team(rank=0, size=1)
    """
    from datetime import timedelta

    if not 0 < check_number(seconds, "seconds") <= 604_800:
        raise ValueError(f"seconds must be above 0 and at most 604800, got {seconds}")
    if not all(name in os.environ for name in _TOLD):
        yield Team()
        return
    if dist.is_initialized():
        raise RuntimeError("together must be entered once in a process, got twice")
    dist.init_process_group("gloo", timeout=timedelta(seconds=seconds))
    try:
        yield team()
    finally:
        dist.destroy_process_group()


def team() -> Team:
    """Return who trains together now."""
    if not (dist.is_available() and dist.is_initialized()):
        return Team()
    return Team(dist.get_rank(), dist.get_world_size())


def start_alike(
    model: nn.Module, run: Mapping[str, Any], batch: int, here: Team
) -> None:
    """Refuse runs that differ between the processes; take the weights of rank 0."""
    if batch % here.size:
        raise ValueError(
            f"batch_size must be a multiple of the {here.size} processes, got {batch} "
            f"rows a step"
        )
    told: list[Any] = [None] * here.size
    dist.all_gather_object(told, dict(run))
    names = sorted({k for other in told for k in other if other[k] != told[0].get(k)})
    if names:
        raise ValueError(
            f"every process must be given the same data and arguments, got other "
            f"{', '.join(names)}"
        )
    with torch.no_grad():
        for t in [*model.parameters(), *model.buffers()]:
            dist.broadcast(t.data, 0)


def same_step(done: int, here: Team) -> None:
    """Refuse to go on where the processes have not come equally far."""
    told: list[Any] = [None] * here.size
    dist.all_gather_object(told, done)
    if len(set(told)) > 1:
        raise ValueError(
            f"checkpoint must be a file that every process can read, got runs of "
            f"{told} steps"
        )


def descend_shared(model: Model, state: TrainState) -> None:
    """Lower the loss as :func:`.descend` does, with each batch shared out."""
    here = team()
    same_step(state.history.steps, here)
    descend(_Shared(model, here, whole=state.history.steps == 0), state)
    dist.barrier()  # until rank 0 has written the last of the run


class _Loss(nn.Module):
    """A model whose forward pass is its loss, since that is what DDP stands around."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, x: Tensor, y: Tensor | None, generator: torch.Generator
    ) -> Tensor:
        return self.model.loss(x, y, generator=generator)


class _Shared(Model):
    """A model whose loss is that of this process's rows, and shown as that of all."""

    def __init__(self, model: Model, here: Team, whole: bool) -> None:
        super().__init__()
        self.model, self.here, self.whole = model, here, whole
        self.ddp: nn.Module | None = None

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return a loss with this process's gradient and the value of the whole."""
        if self.whole:  # as one alone would, to the same bits in every process
            self.whole = False
            return self.model.loss(x, y, generator=generator)
        if self.ddp is None:
            self.ddp = nn.parallel.DistributedDataParallel(_Loss(self.model))
        x, y = self.here.share(x), None if y is None else self.here.share(y)
        # One seed a process, all drawn by every process: the common dice stay common.
        seeds = torch.randint(2**62, (self.here.size,), generator=generator)
        seed = int(seeds[self.here.rank])
        with isolated_rng(seed):
            own = self.ddp(x, y, torch.Generator(x.device).manual_seed(seed))
        mean = own.detach().clone()
        dist.all_reduce(mean)
        return own + (mean / self.here.size - own.detach())
