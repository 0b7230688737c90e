"""Derivatives of any order without keeping what they were computed from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Values = tuple[Tensor, ...]


class _Recomputed(torch.autograd.Function):
    """A function that keeps its inputs alone, and is worked out again for a gradient.

    Its gradient is such a function too, and so on: derivatives of every order are
    right, and no order keeps what lies between the inputs and the values.
    """

    @staticmethod
    def forward(
        ctx: Any, f: Callable[..., Values], known: Values | None, *inputs: Tensor
    ) -> Values:
        """Return the values of ``f`` at the inputs."""
        ctx.f = f
        ctx.save_for_backward(*inputs)
        if known is not None:
            return tuple(v.detach() for v in known)
        with torch.enable_grad():
            values = f(*(t.detach().requires_grad_() for t in inputs))
        return tuple(v.detach() for v in values)

    @staticmethod
    def backward(ctx: Any, *weights: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradient of the weighted sum of the values."""
        f, k = ctx.f, len(ctx.saved_tensors)

        def gradient(*args: Tensor) -> Values:
            inputs, weights = args[:k], args[k:]
            return torch.autograd.grad(f(*inputs), inputs, weights, create_graph=True)

        return None, None, *recomputed(gradient, *ctx.saved_tensors, *weights)


def recomputed(
    f: Callable[..., Values], *inputs: Tensor, known: Values | None = None
) -> Values:
    """Return ``f(*inputs)``, differentiable, in the memory of its values.

    Args:
        f: A differentiable function of tensors that returns a tuple of tensors.
        inputs: Where to evaluate it.
        known: Its values there, where they are known already.

    Example:
        >>> x = torch.ones(3, requires_grad=True)
        >>> (y,) = recomputed(lambda x: (x**3,), x)
        >>> (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        >>> slope, torch.autograd.grad(slope.sum(), x)[0]
        (tensor([3., 3., 3.], grad_fn=<_RecomputedBackward>), tensor([6., 6., 6.]))
    """
    found: Values = _Recomputed.apply(f, known, *inputs)
    return found
