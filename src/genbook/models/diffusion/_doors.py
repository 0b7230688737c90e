"""What models of a path check at the door: times, and the weight of guidance."""

from __future__ import annotations

from types import EllipsisType

import torch
from torch import Tensor

from genbook._validate import check_positive, check_tensor

#: No solver may take more steps, no mean go over more draws or probes.
MOST = 100_000
#: Guidance may not weigh more: the answers would be nothing but rounding.
MOST_GUIDANCE = 1000.0
SLACK = 1e-6  # the rounding of a time


def check_times(
    t: Tensor,
    name: str = "t",
    *,
    n: int | EllipsisType | None = None,
    low: float = 0.0,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Return ``t`` if it holds times from ``low`` to 1.

    Args:
        t: One time, ``()``; with ``n``, or one for each, ``(n,)`` or ``(1,)``; with
            ``...``, times of any shape.
        name: The argument's name, for the message.
        n: How many points there are, or ``None`` where one time is wanted.
        low: The first time.
        dtype: The wanted type; any floating-point type when ``None``.

    Raises:
        TypeError: If ``t`` is not a floating-point tensor, or of another ``dtype``.
        ValueError: If the shape is another, or a time is NaN or lies outside.

    Example:
        >>> check_times(torch.tensor(0.5))
        tensor(0.5000)
    """
    check_tensor(t, name, dtype=dtype, allow_empty=True)
    if n is not ... and t.shape not in ([()] if n is None else [(), (1,), (n,)]):
        wanted = "()" if n is None else f"() or ({n},)"
        raise ValueError(f"{name} must be {wanted}, got {tuple(t.shape)}")
    if t.numel() and not (low - SLACK <= t.min() and t.max() <= 1 + SLACK):
        raise ValueError(
            f"{name} must lie from {low:g} to 1, got values from {t.min():.3g} to "
            f"{t.max():.3g}"
        )
    return t


def check_guidance(guidance: float, y: Tensor | None) -> float:
    """Return ``guidance`` if there is a condition that it can weigh.

    Args:
        guidance: The weight.
        y: The conditions, or ``None``.

    Raises:
        TypeError: If ``guidance`` is not a number.
        ValueError: If it is NaN, infinite, negative or huge, or not 1 where there is
            no condition.

    Example:
        >>> check_guidance(1.0, None)
        1.0
    """
    if check_positive(guidance, "guidance", zero=True) > MOST_GUIDANCE:
        raise ValueError(f"guidance must be at most {MOST_GUIDANCE:g}, got {guidance}")
    if y is None and guidance != 1:
        raise ValueError(
            f"guidance must be 1 where there is no condition y to weigh, got {guidance}"
        )
    return float(guidance)


def check_eta(eta: float) -> float:
    """Return ``eta`` if it is from 0 to 1.

    Raises:
        TypeError: If it is not a number.
        ValueError: If it lies outside.

    Example:
        >>> check_eta(0.5)
        0.5
    """
    if check_positive(eta, "eta", zero=True) > 1:
        raise ValueError(f"eta must be in [0, 1], got {eta}")
    return float(eta)


def check_order(s: Tensor, t: Tensor) -> None:
    """Refuse an earlier time that is later, and a later one without noise.

    Args:
        s: The earlier times.
        t: The later ones, of the same shape.

    Raises:
        ValueError: If one is.

    Example:
        >>> check_order(torch.tensor(0.1), torch.tensor(0.2))
    """
    if s.shape != t.shape:
        raise ValueError(f"s must be {tuple(t.shape)} like t, got {tuple(s.shape)}")
    if (s > t).any():
        raise ValueError(f"s must be at most t, got one later by {(s - t).max():.3g}")
    if (t <= 0).any():
        raise ValueError(
            f"t must be above 0, where there is no noise, got {t.min():.3g}"
        )
