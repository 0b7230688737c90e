"""Checks at the door: each names the argument, what came, and what was wanted."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

import torch
from torch import Tensor

from genbook._looking import may_look
from genbook._numbers import (
    check_choice,
    check_count,
    check_each,
    check_flag,
    check_function,
    check_kind,
    check_number,
    check_positive,
    check_seed,
    check_share,
    check_sizes,
    check_text,
)

__all__ = [
    "check_choice",
    "check_corners",
    "check_count",
    "check_dtype",
    "check_each",
    "check_fitted",
    "check_flag",
    "check_function",
    "check_generator",
    "check_integers",
    "check_kind",
    "check_labels",
    "check_number",
    "check_positive",
    "check_seed",
    "check_share",
    "check_sizes",
    "check_tensor",
    "check_text",
    "check_unit_interval",
]


def _shape(shape: Sequence[int | str]) -> str:
    """Write a shape as it stands in the docstrings: ``(n, 2)``."""
    inner = ", ".join(str(s) for s in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def check_tensor(
    x: Tensor,
    name: str,
    shape: Sequence[int | str] | None = None,
    *,
    dtype: torch.dtype | None = None,
    finite: bool = True,
    allow_empty: bool = False,
) -> Tensor:
    """Return ``x`` if it is a floating-point tensor of the wanted shape.

    Args:
        x: The value to check.
        name: The argument's name, for the message.
        shape: The wanted shape; a string stands for any size, as in ``("n", 2)``.
        dtype: The wanted type; any floating-point type when ``None``.
        finite: Whether NaN and infinity are refused.
        allow_empty: Whether a batch of zero observations is accepted.

    Raises:
        TypeError: If ``x`` is not a floating-point tensor, or of another ``dtype``.
        ValueError: If the shape is wrong, the batch is empty, or a value is NaN
            or infinite.

    Example:
        >>> check_tensor(torch.zeros(500, 2), "x", ("n", 2)).shape
        torch.Size([500, 2])
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(x).__name__}")
    if not x.is_floating_point():
        raise TypeError(f"{name} must be floating point, got {x.dtype}")
    if dtype is not None and x.dtype != dtype:
        raise TypeError(
            f"{name} must be {dtype} like the model, got {x.dtype}; "
            f"convert one of them with .to()"
        )
    if shape is not None:
        wanted = _shape(shape)
        got = _shape(tuple(x.shape))
        fits = x.ndim == len(shape) and all(
            isinstance(w, str) or w == s for w, s in zip(shape, x.shape, strict=True)
        )
        if not fits:
            hint = ""
            if x.ndim == 2 and len(shape) == 2 and x.shape[0] == shape[1]:
                hint = "; did you pass columns as rows?"
            elif x.ndim == len(shape) - 1:
                hint = "; for one observation, pass x[None]"
            raise ValueError(f"{name} must be {wanted}, got {got}{hint}")
    if x.numel() == 0 and not allow_empty:
        raise ValueError(f"{name} must hold at least one observation, got none")
    if finite and may_look() and not torch.isfinite(x).all():
        bad = int((~torch.isfinite(x)).sum())
        raise ValueError(
            f"{name} must be finite, got {bad} NaN or infinite of {x.numel()} values"
        )
    return x


def check_unit_interval(x: Tensor, name: str, why: str = "", hint: str = "") -> Tensor:
    """Return ``x`` if its values lie in [0, 1].

    Args:
        x: Values of any shape.
        name: The argument's name, for the message.
        why: What asks for it, for the message.
        hint: What might help, for the message.

    Raises:
        ValueError: If a value lies outside.

    Example:
        >>> check_unit_interval(torch.tensor([0.0, 0.5]), "x")
        tensor([0.0000, 0.5000])
    """
    if x.numel() and may_look() and (x.min() < 0 or x.max() > 1):
        raise ValueError(
            f"{name} must lie in [0, 1]{why}, got values from "
            f"{x.min():.3g} to {x.max():.3g}{hint}"
        )
    return x


def check_integers(x: Tensor, name: str, what: str = "values") -> Tensor:
    """Return ``x`` in ``torch.int64`` if it holds integers, of whatever type.

    Indices and one-hot vectors want this one type, so it is made at the door.

    Args:
        x: Labels or tokens of any shape.
        name: The argument's name, for the message.
        what: What the integers are, for the message.

    Raises:
        TypeError: If ``x`` is not an integer tensor.

    Example:
        >>> check_integers(torch.tensor([0, 2], dtype=torch.uint8), "y")
        tensor([0, 2])
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(x).__name__}")
    if x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
        raise TypeError(f"{name} must hold integer {what}, got {x.dtype}")
    return x.long()


def check_labels(
    y: Tensor,
    name: str,
    classes: int | None = None,
    n: int | None = None,
    *,
    minimum: int = 0,
) -> Tensor:
    """Return ``y`` in ``torch.int64`` if it holds ``n`` labels of so many classes.

    Args:
        y: Labels, ``(n,)``, integers of any type.
        name: The argument's name, for the message.
        classes: How many there are; any number when ``None``.
        n: How many labels there must be; any number when ``None``.
        minimum: The smallest label; -1 where that stands for none.

    Raises:
        TypeError: If ``y`` is not an integer tensor.
        ValueError: If the shape is not ``(n,)`` or a label is out of range.

    Example:
        >>> check_labels(torch.tensor([0, 2], dtype=torch.int8), "y", classes=3)
        tensor([0, 2])
    """
    y = check_integers(y, name, "labels")
    if y.ndim != 1 or (n is not None and len(y) != n):
        wanted = f"({n},)" if n is not None else "(n,)"
        raise ValueError(f"{name} must be {wanted}, got {_shape(tuple(y.shape))}")
    if not may_look():
        return y
    outside = y < minimum
    if classes is not None:
        outside |= y >= classes
    if outside.any():
        end = "or above" if classes is None else f"to {classes - 1}"
        bad = y[outside][0].item()
        raise ValueError(f"{name} must hold labels {minimum} {end}, got {bad}")
    return y


def check_generator(generator: torch.Generator | None) -> torch.Generator | None:
    """Return ``generator`` if it is ``None`` or a ``torch.Generator``.

    Raises:
        TypeError: If it is anything else, a bare seed for instance.

    Example:
        >>> check_generator(None)
    """
    if generator is not None and not isinstance(generator, torch.Generator):
        raise TypeError(
            f"generator must be a torch.Generator or None, got "
            f"{type(generator).__name__}; write "
            f"torch.Generator().manual_seed(seed)"
        )
    return generator


def check_corners(
    low: Tensor | Sequence[float], high: Tensor | Sequence[float]
) -> tuple[Tensor, Tensor]:
    """Return the two corners of a box as tensors ``(dim,)``, if ``low < high``.

    Raises:
        TypeError: If a corner is neither a tensor nor a sequence of numbers.
        ValueError: If the corners differ in length, are not finite, or leave the box
            without a width.

    Example:
        >>> check_corners([0, 0], [1, 2])
        (tensor([0., 0.]), tensor([1., 2.]))
    """
    corners = []
    for corner, name in ((low, "low"), (high, "high")):
        if isinstance(corner, Sequence) and all(isinstance(v, Real) for v in corner):
            corner = [float(v) for v in corner]  # NumPy's numbers are numbers too
        try:
            t = torch.as_tensor(corner).detach()
        except (TypeError, ValueError, RuntimeError):
            t = None
        if t is None or t.is_complex():
            raise TypeError(
                f"{name} must be a tensor or a sequence of numbers, got "
                f"{type(corner).__name__} {corner!r}"
            )
        t = t if t.is_floating_point() else t.to(torch.get_default_dtype())
        corners.append(check_tensor(t, name, ("dim",)).clone())
    a, b = corners
    if a.shape != b.shape or a.dtype != b.dtype:
        raise ValueError(
            f"low and high must be alike, got {_shape(tuple(a.shape))} {a.dtype} and "
            f"{_shape(tuple(b.shape))} {b.dtype}"
        )
    if may_look() and not (a < b).all():
        i = int((a >= b).nonzero()[0])
        raise ValueError(
            f"low must be below high in every dimension, got {a[i]:g} and {b[i]:g} "
            f"in dimension {i}"
        )
    return a, b


def check_dtype(dtype: torch.dtype, name: str = "dtype") -> torch.dtype:
    """Return ``dtype`` if it is ``torch.float32`` or ``torch.float64``.

    Raises:
        TypeError: If it is anything else.

    Example:
        >>> check_dtype(torch.float64)
        torch.float64
    """
    if dtype not in (torch.float32, torch.float64):
        raise TypeError(f"{name} must be torch.float32 or torch.float64, got {dtype!r}")
    return dtype


def check_fitted(fitted: bool, name: str) -> None:
    """Refuse a model that has seen no data.

    Raises:
        ValueError: If ``fitted`` is false.

    Example:
        >>> check_fitted(True, "Histogram")
    """
    if not fitted:
        raise ValueError(f"{name} is not fitted: call fit(x) first")
