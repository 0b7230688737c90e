"""The loop with its step recorded: one launch in the place of hundreds.

A step of a small network is some hundred short kernels. A GPU does each in no time and
waits for the processor to launch the next. So one step is recorded as a CUDA graph and
launched as a whole, again and again. What changes from step to step lies in fixed
places of the memory: the batch, the rate, and the state of the generators, of which
each launch draws on as the plain loop would.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from genbook._looking import unseen
from genbook.models.base import Model
from genbook.training.loop import TrainState
from genbook.training.randomness import isolated_rng

__all__ = ["descend_captured"]

UNREAD = 100  # losses that may lie on the GPU unread: to read one is to wait for it


class Step:
    """What :func:`.descend` does at a step, from and to fixed places of the memory.

    From the first loss on that is not finite the weights and moments stay as they are.
    """

    def __init__(self, model: Model, state: TrainState) -> None:
        self.model, self.state = model, state
        device, rows = state.generator.device, state.batch.size
        self.x = state.batch.x[:rows].clone()
        self.y = None if state.batch.y is None else state.batch.y[:rows].clone()
        self.lr = torch.zeros((), dtype=torch.float32, device=device)
        self.loss = torch.zeros((), dtype=torch.float64, device=device)
        self.stopped = torch.zeros((), dtype=torch.float32, device=device)
        state.optimiser.found_inf = self.stopped  # type: ignore[attr-defined]
        for group in state.optimiser.param_groups:
            group["lr"] = self.lr

    def load(self, x: Tensor, y: Tensor | None, lr: float) -> None:
        """Put the batch and the rate in their places."""
        self.x.copy_(x)
        if y is not None and self.y is not None:
            self.y.copy_(y)
        self.lr.fill_(lr)

    def __call__(self) -> None:
        """Take the step."""
        self.state.optimiser.zero_grad()
        loss = self.model.loss(self.x, self.y, generator=self.state.generator)
        self.stopped.copy_(torch.maximum(self.stopped, (~loss.isfinite()).float()))
        loss.backward()
        if self.state.grad_clip is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.state.grad_clip)
        self.state.optimiser.step()
        self.loss.copy_(loss.detach())


def descend_captured(model: Model, state: TrainState) -> None:
    """Lower the loss as :func:`.descend` does, with all steps but the first recorded.

    The first is taken plainly, since a model may set itself up by its first batch. The
    record is written when it is due, since to read a loss is to wait for it.

    Args:
        model: The model, on a GPU.
        state: What the loop needs; its optimiser is a fused and capturable Adam.
    """
    step = Step(model, state)
    unread = torch.zeros(UNREAD, dtype=torch.float64, device=step.loss.device)
    rates: list[float] = []
    take: Callable[[], None] = step
    try:
        for k in range(state.history.steps, state.steps):
            rates.append(state.schedule(k, state.steps, state.lr))
            step.load(*state.batch(k), rates[-1])
            if k and take is step:
                take = _recorded(step)
            take()
            unread[len(rates) - 1].copy_(step.loss)
            if k == 0 or len(rates) == UNREAD or state.due(k + 1):
                _write(state, unread, rates)
            state.on_step(k + 1)
    finally:
        state.optimiser.zero_grad()  # gradients lie in the memory of the graph
        take = step  # and the traceback of an error would keep the graph


def _write(state: TrainState, unread: Tensor, rates: list[float]) -> None:
    """Write losses and rates into the record, up to a loss that is not finite."""
    for value, lr in zip(unread[: len(rates)].tolist(), rates, strict=True):
        if not math.isfinite(value):
            raise FloatingPointError(
                f"the loss is {value} at step {state.history.steps}"
            )
        state.history.loss.append(value)
        state.history.lr.append(lr)
    rates.clear()


def _recorded(step: Step) -> Callable[[], None]:
    """Record a step and return its launch. Nothing is left of what recording takes.

    Libraries set themselves up at their first calls, which cannot be recorded: so a few
    steps are taken before, on a stream of their own, and undone. The last of them stops
    with an error where it would wait for the GPU.

    Recording sets the generators' places in the memory to 0, on a stream of its own. A
    launch sets them to where the generators are, on the stream of the run, which does
    not wait for the other: on a busy GPU the 0 may come last, and the first launch
    draws again what the first step drew. So the run waits once for all streams.
    """
    model, state, device = step.model, step.state, step.x.device
    aside, here = torch.cuda.Stream(device), torch.cuda.current_stream(device)
    with _undone(step):
        _show_every_row(model, state)
        aside.wait_stream(here)
        try:
            with torch.cuda.stream(aside), unseen():
                step()
                step()
                with _no_waiting(model):
                    step()
        finally:
            here.wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    graph.register_generator_state(state.generator)
    try:
        with torch.cuda.device(device), unseen(), torch.cuda.graph(graph):
            step()
    except RuntimeError as error:
        raise RuntimeError(f"{_refusal(model)}: {error}") from error
    torch.cuda.synchronize(device)
    return graph.replay


@torch.no_grad()
def _show_every_row(model: Model, state: TrainState) -> None:
    """Let the loss refuse rows now that it would refuse in their step."""
    x, y, size = state.batch.x, state.batch.y, state.batch.size
    device, seed = state.generator.device, state.generator.initial_seed()
    model.eval()
    try:
        with isolated_rng(seed, device):
            generator = torch.Generator(device).manual_seed(seed)
            for i in range(0, len(x), size):
                rows = slice(i, i + size)
                model.loss(x[rows], None if y is None else y[rows], generator=generator)
    finally:
        model.train()


@contextmanager
def _undone(step: Step) -> Iterator[None]:
    """Put weights, buffers, moments and dice back as they were before."""
    state, device = step.state, step.state.generator.device
    moments = [t for s in state.optimiser.state.values() for t in s.values()]
    tensors = [*step.model.parameters(), *step.model.buffers(), *moments, step.stopped]
    kept = [t.detach().clone() for t in tensors]
    own = state.generator.get_state()
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        try:
            yield
        finally:
            with torch.no_grad():
                for t, old in zip(tensors, kept, strict=True):
                    t.copy_(old)
            state.generator.set_state(own)
            state.optimiser.zero_grad()


@contextmanager
def _no_waiting(model: Model) -> Iterator[None]:
    """Refuse a step that waits for the GPU, before it spoils a recording."""
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    except RuntimeError as error:
        if "synchroniz" not in str(error):
            raise
        raise RuntimeError(
            f"{_refusal(model)}: its loss waits for a number of the GPU"
        ) from error
    finally:
        torch.cuda.set_sync_debug_mode(before)


def _refusal(model: Model) -> str:
    return (
        f"capture must be False for {type(model).__name__}, of which a step cannot be "
        f"recorded"
    )
