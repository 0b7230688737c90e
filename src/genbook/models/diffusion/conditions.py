r"""Conditions: what a network is told beside the point and the time.

A condition ``y`` is one tensor with a row for each observation, so that training can
pick rows of it, and it reaches the network as it is. Labels ``(n,)`` are counted: there
are so many ``classes``, and the number ``classes`` itself stands for no condition. For
anything else the network says what stands for none: its ``null_condition`` is a tensor
of the shape and type of one row.

- A vector ``(n, k)``: ``null_condition`` is ``(k,)``, zeros or a learned parameter.
- A sequence of tokens ``(n, length)``: all are padded to one length with a token that
  the network knows and masks; ``null_condition`` is an empty text, ``(length,)``. Where
  attention looks at the text, leave it a token at which to look, such as a mark at the
  beginning: attention to nothing is not a number.
- Vectors with a mask, ``(n, length, k + 1)``: the last feature says which are there.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from genbook._validate import check_count, check_labels, check_tensor
from genbook.models.networks._doors import check_network

#: There may be no more labels.
MOST_CLASSES = 1_000_000

__all__ = ["MOST_CLASSES", "check_condition", "describe", "drop", "null_condition"]


def null_condition(network: nn.Module, classes: int = 0) -> Tensor | None:
    """Return what stands for no condition, the shape of one row.

    Args:
        network: A network with or without a ``null_condition``.
        classes: How many labels there are, at most a million; 0 where conditions are no
            labels.

    Returns:
        A tensor, or ``None`` for a network that takes no condition.

    Raises:
        TypeError: If the network is no module, its ``null_condition`` no tensor, or
            ``classes`` no integer.
        ValueError: If there are both labels and a ``null_condition``, or ``classes`` is
            negative.

    Example:
        >>> null_condition(nn.Linear(2, 2), classes=10)
        tensor(10)
    """
    check_network(network)
    check_count(classes, "classes", 0, MOST_CLASSES)
    null = getattr(network, "null_condition", None)
    if null is not None and not isinstance(null, Tensor):
        raise TypeError(
            f"network.null_condition must be a torch.Tensor, got {type(null).__name__}"
        )
    if null is not None and classes:
        raise ValueError(
            f"classes must be 0 for a network with a null_condition, got {classes}"
        )
    return torch.tensor(classes) if classes else null


def check_condition(y: Tensor, null: Tensor, n: int, classes: int = 0) -> Tensor:
    """Return ``y`` if it holds ``n`` conditions like the one that stands for none.

    Args:
        y: Conditions, ``(n, ...)``; labels and tokens are integers of any type.
        null: What stands for none.
        n: How many there must be.
        classes: How many labels there are; 0 where conditions are no labels.

    Returns:
        The conditions, in the type of what stands for none.

    Raises:
        TypeError: If ``y`` is no tensor, or of another type.
        ValueError: If the shape is another, a label out of range, or a value is NaN or
            infinite.

    Example:
        >>> check_condition(torch.ones(1, 2), torch.zeros(2), 1)
        tensor([[1., 1.]])
    """
    check_count(n, "n")
    if check_count(classes, "classes"):
        return check_labels(y, "y", classes, n)
    if not isinstance(null, Tensor):
        raise TypeError(f"null must be a torch.Tensor, got {type(null).__name__}")
    if null.is_floating_point():
        check_tensor(null, "null", allow_empty=True)
    if isinstance(y, Tensor) and _is_whole(y) and _is_whole(null):
        y = y.to(null.dtype)
    got = y.dtype if isinstance(y, Tensor) else type(y).__name__
    if got != null.dtype:
        raise TypeError(
            f"y must be {null.dtype} like null, the network's null_condition, got {got}"
        )
    if y.shape != (n, *null.shape):
        raise ValueError(
            f"y must be {(n, *null.shape)}, got {tuple(y.shape)}; null, which stands "
            f"for none, is {tuple(null.shape)}"
        )
    return check_tensor(y, "y", allow_empty=True) if y.is_floating_point() else y


def drop(y: Tensor, out: Tensor, null: Tensor | None) -> Tensor:
    """Return conditions with no condition in the place of some.

    Args:
        y: Conditions, ``(n, ...)``, whose values are not looked at: NaN and infinity
            pass through.
        out: Which to leave out, ``(n,)``.
        null: What stands for none, not looked at either: NaN and infinity pass through.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If nothing stands for none, or the shapes do not fit.

    Example:
        >>> out = torch.tensor([True, False, False])
        >>> drop(torch.tensor([0, 1, 2]), out, torch.tensor(3))
        tensor([3, 1, 2])
    """
    if null is None:
        raise ValueError("null must be a tensor, got None")
    for name, given in (("y", y), ("out", out), ("null", null)):
        if not isinstance(given, Tensor):
            raise TypeError(
                f"{name} must be a torch.Tensor, got {type(given).__name__}"
            )
    if y.ndim == 0 or y.shape[1:] != null.shape or y.dtype != null.dtype:
        raise ValueError(
            f"y must be (n, *{tuple(null.shape)}) {null.dtype}, as null says, got "
            f"{tuple(y.shape)} {y.dtype}"
        )
    if out.dtype != torch.bool or out.shape != (len(y),):
        raise ValueError(
            f"out must be ({len(y)},) torch.bool, got {tuple(out.shape)} {out.dtype}"
        )
    return torch.where(out.view(-1, *(1 for _ in null.shape)), null, y)


def describe(network: nn.Module) -> dict[str, Any]:
    """Return what a model's ``config`` says of a network that it was given.

    Its class, and its own ``config`` where it has one: a file is only read into a model
    with a network of the same kind.

    Args:
        network: Any network.

    Raises:
        TypeError: If it is no module.

    Example:
        >>> describe(nn.Identity())
        {'class': 'Identity', 'config': None}
    """
    check_network(network)
    return {"class": type(network).__name__, "config": getattr(network, "config", None)}


def _is_whole(t: Tensor) -> bool:
    """Whether a tensor holds integers."""
    return not (t.is_floating_point() or t.is_complex() or t.dtype == torch.bool)
