"""What layers check of their input: shape and type, since they run at every step."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from genbook._looking import may_look
from genbook._validate import check_count, check_labels, check_tensor

MOST_PATCH = 64  # pixels a side of the square that becomes a cell


def check_vectors(v: Tensor, name: str, dim: int, dtype: torch.dtype) -> None:
    """Refuse what is not vectors of length ``dim`` in the type of the weights."""
    check_tensor(v, name, ("n", dim), dtype=dtype, finite=False, allow_empty=True)


def check_rows(x: Tensor, weight: Tensor, *batch: str, name: str = "x") -> None:
    """Refuse what is not rows that a weight can be applied to; NaN goes through.

    Args:
        x: Vectors, ``(n, inputs)``, or of more dimensions.
        weight: A matrix, ``(outputs, inputs)``.
        *batch: What the dimensions before the last are called; ``n`` if not given.
        name: The argument's name, for the message.
    """
    shape: tuple[int | str, ...] = (*(batch or ("n",)), weight.shape[1])
    check_tensor(x, name, shape, dtype=weight.dtype, finite=False, allow_empty=True)


def check_cells(x: Tensor, weight: Tensor) -> None:
    """Refuse what is not images that a weight can be applied to; NaN goes through.

    Args:
        x: Images, ``(n, channels, height, width)``.
        weight: A kernel, ``(outputs, channels, ...)``.
    """
    shape = ("n", weight.shape[1], "height", "width")
    check_tensor(x, "x", shape, dtype=weight.dtype, finite=False, allow_empty=True)


def check_patch(shape: tuple[int, ...], patch: int) -> int:
    """Return the side of a square, or refuse images that cannot be cut into such.

    Args:
        shape: The shape of an image, ``(channels, height, width)``.
        patch: The side of the squares.
    """
    patch = check_count(patch, "patch", 1, MOST_PATCH)
    if len(shape) != 3:
        raise ValueError(f"event_shape must be (channels, height, width), got {shape}")
    if any(side % patch for side in shape[1:]):
        raise ValueError(f"patch must divide the sides {shape[1:]}, got {patch}")
    return patch


def check_vocabulary(x: Tensor, name: str, size: int) -> Tensor:
    """Return tokens that are from 0 to ``size - 1``, where values may be looked at."""
    if x.numel() and may_look() and not 0 <= int(x.min()) <= int(x.max()) < size:
        raise ValueError(
            f"{name} must hold tokens 0 to {size - 1}, got {int(x.min())} to "
            f"{int(x.max())}"
        )
    return x


@torch.no_grad()
def answer(network: nn.Module, rows: int, size: int) -> Any:
    """Return what a network says of rows of zeros, a copy of it: it learns nothing.

    Args:
        network: Any network; its errors come through.
        rows: How many rows it is shown.
        size: How many numbers a row has.
    """
    one = next(network.parameters(), torch.zeros(()))
    return deepcopy(network).eval()(one.new_zeros(rows, size))


def check_network(network: nn.Module) -> nn.Module:
    """Return a network, or refuse what is none."""
    if not isinstance(network, nn.Module):
        raise TypeError(
            f"network must be a torch.nn.Module, got {type(network).__name__}"
        )
    return network


def describe(network: nn.Module) -> dict[str, Any]:
    """Return what the ``config`` of a model says of a network that was given."""
    config = getattr(network, "config", None)
    return {"class": type(network).__name__, "config": config}


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
