"""What layers check of their input: shape and type, since they run at every step."""

from __future__ import annotations

import torch
from torch import Tensor

from genbook._validate import check_labels, check_tensor


def check_rows(x: Tensor, weight: Tensor, *batch: str) -> None:
    """Refuse what is not rows that a weight can be applied to; NaN goes through.

    Args:
        x: Vectors, ``(n, inputs)``, or of more dimensions.
        weight: A matrix, ``(outputs, inputs)``.
        *batch: What the dimensions before the last are called; ``n`` if not given.
    """
    shape: tuple[int | str, ...] = (*(batch or ("n",)), weight.shape[1])
    check_tensor(x, "x", shape, dtype=weight.dtype, finite=False, allow_empty=True)


def check_cells(x: Tensor, weight: Tensor) -> None:
    """Refuse what is not images that a weight can be applied to; NaN goes through.

    Args:
        x: Images, ``(n, channels, height, width)``.
        weight: A kernel, ``(outputs, channels, ...)``.
    """
    shape = ("n", weight.shape[1], "height", "width")
    check_tensor(x, "x", shape, dtype=weight.dtype, finite=False, allow_empty=True)


def check_question(
    x: Tensor,
    t: Tensor,
    y: Tensor | None,
    event_shape: tuple[int, ...],
    classes: int,
    dtype: torch.dtype,
) -> None:
    """Refuse points, times and labels that a network of a path cannot be asked of.

    Args:
        x: Points, ``(n, *event_shape)``; NaN and infinity go through.
        t: Times, ``(n,)``, or one for all, ``(1,)``; their values are not looked at.
        y: Labels, ``(n,)``, or as many as times; ``classes`` stands for none.
        event_shape: The shape of a point.
        classes: How many labels there are; 0 for a network that takes none.
        dtype: The type of the network.
    """
    shape: list[int | str] = ["n", *event_shape]
    check_tensor(x, "x", shape, dtype=dtype, finite=False, allow_empty=True)
    check_tensor(t, "t", dtype=dtype, finite=False, allow_empty=True)
    if t.shape not in ((1,), (len(x),)):
        raise ValueError(f"t must be ({len(x)},) or (1,), got {tuple(t.shape)}")
    if y is None and not classes:
        return
    if y is None or not classes:
        wanted = f"labels 0 to {classes}" if classes else "None"
        raise ValueError(f"y must be {wanted}, got {'None' if y is None else 'some'}")
    check_labels(y, "y", classes + 1)
    if len(y) not in (len(t), len(x)):
        raise ValueError(f"y must be ({len(x)},) or ({len(t)},), got ({len(y)},)")
