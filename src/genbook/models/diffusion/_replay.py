"""Derivatives that need little memory: a network runs once more on the way back.

Along a differential equation a network runs dozens of times, and autograd would keep
what happened inside it each time. Here each run keeps its input alone. On the way back
the network runs again from there; its derivatives are the same numbers, of any order.

Reference:
    T. Chen, B. Xu, C. Zhang and C. Guestrin, "Training deep nets with sublinear memory
    cost", 2016, arXiv:1604.06174.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import Function
from torch.func import functional_call

Run = Callable[..., Tensor]


def replay(model: nn.Module, run: Run, *inputs: Tensor | None) -> Tensor:
    """Return ``run(*inputs)``, differentiable by the inputs and by the weights.

    Args:
        model: Holds all the weights that ``run`` may use.
        run: What is to be done; gradients are recorded only when it is done again.
        inputs: What ``run`` is given: tensors, or ``None``.

    Example:
        >>> f, x = nn.Linear(1, 1), torch.ones(1, 1, requires_grad=True)
        >>> (slope,) = torch.autograd.grad(replay(f, f, x), x)
        >>> torch.equal(slope, f.weight)
        True
    """
    weights = dict(model.named_parameters())
    # Tensors made in inference mode cannot be kept, copies can.
    own = (t.clone() if t is not None and t.is_inference() else t for t in inputs)
    given = (*own, *weights.values())
    if torch.is_grad_enabled() and any(
        t is not None and t.requires_grad for t in given
    ):
        device = next(t.device for t in given if t is not None)
        recorded = _Recorded(model, run, tuple(weights), device)
        found: Tensor = _Replay.apply(recorded, *given)
        return found
    with torch.no_grad():
        return run(*inputs)


@contextmanager
def outside_inference(model: nn.Module) -> Iterator[None]:
    """Leave inference mode, which knows no derivatives, for what is made of them.

    Args:
        model: Whose weights are used.

    Raises:
        ValueError: If they were made in inference mode.
    """
    if any(t.is_inference() for t in (*model.parameters(), *model.buffers())):
        raise ValueError(
            "the model must be made outside of torch.inference_mode(): its weights "
            "cannot be differentiated"
        )
    if torch.is_inference_mode_enabled():
        with torch.inference_mode(mode=False), torch.no_grad():
            yield
    else:
        yield


class _Recorded:
    """A run that can be done again, with the same weights and the same dice."""

    def __init__(
        self, model: nn.Module, run: Run, names: tuple[str, ...], device: torch.device
    ) -> None:
        self.call, self.names = _Call(model, run), names
        self.devices = [device] if device.type == "cuda" else []
        self.dice: list[Tensor] = []
        if model.training:  # dropout draws from the global state
            gpu = [torch.cuda.get_rng_state(d) for d in self.devices]
            self.dice = [torch.get_rng_state(), *gpu]

    def __call__(self, *given: Tensor | None) -> Tensor:
        """Run with these inputs and weights, whatever those of the model are now."""
        split = len(given) - len(self.names)
        names = [f"model.{name}" for name in self.names]
        weights = dict(zip(names, given[split:], strict=True))
        with torch.random.fork_rng(self.devices, enabled=bool(self.dice)):
            if self.dice:
                torch.set_rng_state(self.dice[0])
                for d, state in zip(self.devices, self.dice[1:], strict=True):
                    torch.cuda.set_rng_state(state, d)
            found: Tensor = functional_call(
                self.call,
                weights,  # type: ignore[arg-type]
                given[:split],
            )
        return found


class _Call(nn.Module):
    """A function as a module, so that the weights it uses can be exchanged."""

    def __init__(self, model: nn.Module, run: Run) -> None:
        super().__init__()
        self.model, self.kept = model, (run,)  # no part, even if it is the model itself

    def forward(self, *inputs: Tensor | None) -> Tensor:
        return self.kept[0](*inputs)


class _Replay(Function):
    """A run that keeps what it was given, and nothing of what it did."""

    @staticmethod
    def forward(ctx: Any, again: _Recorded, *given: Tensor | None) -> Tensor:
        ctx.again = again
        ctx.save_for_backward(*given)
        return again.call(*given[: len(given) - len(again.names)])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        deeper = torch.is_grad_enabled()  # the gradient is to have a gradient
        needs = ctx.needs_input_grad[1:]
        with torch.enable_grad():
            # Copies, so that the derivative by a weight is that of this run alone, and
            # not also of the runs that led to this one's input.
            given = [
                t
                if not need
                else t.view_as(t)
                if deeper
                else t.detach().requires_grad_()
                for t, need in zip(ctx.saved_tensors, needs, strict=True)
            ]
            out = ctx.again(*given)
        wanted = [t for t, need in zip(given, needs, strict=True) if need]
        if not out.requires_grad:
            return None, *(None for _ in needs)
        found = iter(
            torch.autograd.grad(
                out, wanted, grads, create_graph=deeper, allow_unused=True
            )
        )
        return None, *(next(found) if need else None for need in needs)
