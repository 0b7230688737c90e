"""Slopes of energies, taken wherever they are asked for, and checks of what comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from genbook._looking import may_look
from genbook._validate import check_positive, check_tensor

Energy = Callable[[Tensor], Tensor]


def slope_at(
    energy: Energy, x: Tensor, *, learn: bool = False, name: str = "energy"
) -> tuple[Tensor, Tensor]:
    """Return energies ``(n,)`` and their gradients, of the shape of ``x``.

    A gradient is taken whatever mode the caller is in: under ``torch.no_grad`` and
    ``torch.inference_mode`` as well.

    Args:
        energy: Gives ``(n,)`` for ``x``.
        x: Where, ``(n, ...)``.
        learn: Whether the gradient itself can be differentiated.
        name: What the energy is called, for the message.
    """
    with torch.inference_mode(False), torch.enable_grad():
        x = x.clone() if x.is_inference() else x  # else autograd refuses it
        x = x if learn and x.requires_grad else x.detach().requires_grad_()
        e = check_answer(energy(x), len(x), name)
        if not e.requires_grad:
            raise ValueError(
                f"{name} must depend on x by operations that autograd follows, got "
                f"values without a gradient"
            )
        (g,) = torch.autograd.grad(e.sum(), x, create_graph=learn)
    return e, g


def check_callable(f: Any, name: str) -> None:
    """Refuse what cannot be called."""
    if not callable(f):
        raise TypeError(f"{name} must be a function of x, got {type(f).__name__} {f!r}")


def check_answer(e: Any, n: int, name: str) -> Tensor:
    """Return what a function gave if it is a number for each point."""
    if not isinstance(e, Tensor) or e.shape != (n,):
        got = tuple(e.shape) if isinstance(e, Tensor) else type(e).__name__
        raise ValueError(f"{name} must give ({n},) for {n} points, got {got}")
    return e


def check_start(x: Tensor, *, finite: bool = True) -> None:
    """Refuse what is not places of chains."""
    check_tensor(x, "x", ("n", "dim"), finite=finite, allow_empty=True)


def check_step(step_size: float, dtype: torch.dtype) -> float:
    """Return the size of a step if its square is a number of the type."""
    check_positive(step_size, "step_size")
    info = torch.finfo(dtype)
    least, most = info.tiny**0.5, info.max**0.5
    if not least <= step_size <= most:
        raise ValueError(
            f"step_size must be {least:.0e} to {most:.0e} in {dtype}, got {step_size}"
        )
    return float(step_size)


def check_numbers(e: Tensor, name: str) -> None:
    """Refuse energies or weights that are not numbers."""
    if may_look() and e.isnan().any():
        bad = int(e.isnan().sum())
        raise ValueError(
            f"{name} must be a number for every x, got NaN for {bad} of {len(e)} points"
        )
