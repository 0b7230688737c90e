"""Checks at the door: each names the argument, what came, and what was wanted."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real

import torch
from torch import Tensor


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
    if finite and not torch.isfinite(x).all():
        bad = int((~torch.isfinite(x)).sum())
        raise ValueError(
            f"{name} must be finite, got {bad} NaN or infinite of {x.numel()} values"
        )
    return x


def check_count(n: int, name: str, minimum: int = 0, maximum: int | None = None) -> int:
    """Return ``n`` if it is an integer from ``minimum`` to ``maximum``.

    Raises:
        TypeError: If ``n`` is not an integer.
        ValueError: If ``n`` is below ``minimum`` or above ``maximum``.

    Example:
        >>> check_count(3, "n")
        3
    """
    if isinstance(n, bool) or not isinstance(n, Integral):
        raise TypeError(f"{name} must be an integer, got {type(n).__name__} {n!r}")
    if n < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {n}")
    if maximum is not None and n > maximum:
        raise ValueError(f"{name} must be at most {maximum:,}, got {n}")
    return int(n)


def check_sizes(
    sizes: Sequence[int], name: str, minimum: int = 1, *, empty: bool = False
) -> tuple[int, ...]:
    """Return ``sizes`` as a tuple if it is a sequence of integers.

    Args:
        sizes: Shapes, or widths of layers.
        name: The argument's name, for the message.
        minimum: The least of each.
        empty: Whether there may be none.

    Raises:
        TypeError: If it is not a sequence of integers.
        ValueError: If one is below ``minimum``, or there is none.

    Example:
        >>> check_sizes([64, 64], "hidden")
        (64, 64)
    """
    if isinstance(sizes, str) or not isinstance(sizes, Sequence):
        raise TypeError(
            f"{name} must be a sequence of integers, got "
            f"{type(sizes).__name__} {sizes!r}"
        )
    if not sizes and not empty:
        raise ValueError(f"{name} must hold at least one integer, got none")
    return tuple(check_count(s, name, minimum) for s in sizes)


def check_number(v: float, name: str) -> float:
    """Return ``v`` as a ``float`` if it is a finite number.

    Raises:
        TypeError: If ``v`` is not a real number.
        ValueError: If ``v`` is NaN or infinite.

    Example:
        >>> check_number(-0.5, "optimism")
        -0.5
    """
    if isinstance(v, bool) or not isinstance(v, Real):
        raise TypeError(f"{name} must be a number, got {type(v).__name__} {v!r}")
    if not -float("inf") < v < float("inf"):
        raise ValueError(f"{name} must be finite, got {v}")
    return float(v)


def check_positive(v: float, name: str, *, zero: bool = False) -> float:
    """Return ``v`` if it is a finite number above zero (or zero, if allowed).

    Raises:
        TypeError: If ``v`` is not a real number.
        ValueError: If ``v`` is negative, NaN or infinite, or zero when ``zero`` is
            false.

    Example:
        >>> check_positive(0.5, "lr")
        0.5
    """
    if isinstance(v, bool) or not isinstance(v, Real):
        raise TypeError(f"{name} must be a number, got {type(v).__name__} {v!r}")
    wanted = "zero or positive" if zero else "positive"
    if not (0 <= v < float("inf")) or (v == 0 and not zero):
        raise ValueError(f"{name} must be {wanted} and finite, got {v}")
    return float(v)


def check_flag(value: bool, name: str) -> bool:
    """Return ``value`` if it is true or false, and no text that says so.

    Raises:
        TypeError: If it is anything else: ``"no"`` would count as true.

    Example:
        >>> check_flag(True, "resume")
        True
    """
    if not isinstance(value, bool):
        raise TypeError(
            f"{name} must be True or False, got {type(value).__name__} {value!r}"
        )
    return value


def check_choice(value: str, name: str, choices: Sequence[str]) -> str:
    """Return ``value`` if it is one of the choices.

    Raises:
        ValueError: If it is not.

    Example:
        >>> check_choice("linear", "output", ("sigmoid", "linear"))
        'linear'
    """
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be {' or '.join(choices)}, got {value!r}")
    return value


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
    if x.numel() and (x.min() < 0 or x.max() > 1):
        raise ValueError(
            f"{name} must lie in [0, 1]{why}, got values from "
            f"{x.min():.3g} to {x.max():.3g}{hint}"
        )
    return x


def check_labels(y: Tensor, name: str, classes: int, n: int | None = None) -> Tensor:
    """Return ``y`` if it holds ``n`` integer labels in ``0 … classes - 1``.

    Raises:
        TypeError: If ``y`` is not an integer tensor.
        ValueError: If the shape is not ``(n,)`` or a label is out of range.

    Example:
        >>> check_labels(torch.tensor([0, 2]), "y", classes=3)
        tensor([0, 2])
    """
    if not isinstance(y, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(y).__name__}")
    if y.is_floating_point() or y.is_complex() or y.dtype == torch.bool:
        raise TypeError(f"{name} must hold integer labels, got {y.dtype}")
    if y.ndim != 1 or (n is not None and len(y) != n):
        wanted = f"({n},)" if n is not None else "(n,)"
        raise ValueError(f"{name} must be {wanted}, got {_shape(tuple(y.shape))}")
    if y.numel() and (int(y.min()) < 0 or int(y.max()) >= classes):
        bad = y[(y < 0) | (y >= classes)][0].item()
        raise ValueError(f"{name} must hold labels 0 to {classes - 1}, got {bad}")
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
    if not (a < b).all():
        i = int((a >= b).nonzero()[0])
        raise ValueError(
            f"low must be below high in every dimension, got {a[i]:g} and {b[i]:g} "
            f"in dimension {i}"
        )
    return a, b


def check_fitted(fitted: bool, name: str) -> None:
    """Refuse a model that has seen no data.

    Raises:
        ValueError: If ``fitted`` is false.

    Example:
        >>> check_fitted(True, "Histogram")
    """
    if not fitted:
        raise ValueError(f"{name} is not fitted: call fit(x) first")
