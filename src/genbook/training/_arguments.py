"""The arguments of ``fit``, checked before anything is changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from genbook._validate import (
    check_count,
    check_labels,
    check_number,
    check_positive,
    check_seed,
    check_share,
    check_tensor,
)
from genbook.training.schedules import SCHEDULES


@dataclass(frozen=True)
class Settings:
    """What decides a run beside the model and the data; see ``fit``.

    The numbers are Python's own, whatever was given, since a file must hold them.
    """

    steps: int
    batch_size: int
    lr: float
    seed: int
    schedule: str
    betas: tuple[float, float]
    weight_decay: float
    grad_clip: float | None
    ema: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.schedule, str) or self.schedule not in SCHEDULES:
            raise ValueError(
                f"schedule must be one of {list(SCHEDULES)}, got {self.schedule!r}"
            )
        clip, ema = self.grad_clip, self.ema
        plain = {
            "steps": check_count(self.steps, "steps", 1),
            "batch_size": check_count(self.batch_size, "batch_size", 1),
            "lr": check_positive(self.lr, "lr"),
            "seed": check_seed(self.seed),
            "betas": _check_betas(self.betas),
            "weight_decay": check_positive(
                self.weight_decay, "weight_decay", zero=True
            ),
            "grad_clip": None if clip is None else check_positive(clip, "grad_clip"),
            "ema": None if ema is None else check_share(ema, "ema"),
        }
        for name, value in plain.items():
            object.__setattr__(self, name, value)


def _check_betas(betas: tuple[float, float]) -> tuple[float, float]:
    """Return Adam's two decay rates as Python's numbers."""
    if isinstance(betas, str) or not isinstance(betas, Sequence):
        raise TypeError(f"betas must be two numbers in [0, 1), got {betas!r}")
    plain = tuple(check_number(b, f"betas[{i}]") for i, b in enumerate(betas))
    if len(plain) != 2 or not all(0 <= b < 1 for b in plain):
        raise ValueError(f"betas must be two numbers in [0, 1), got {betas}")
    return plain


class Data(NamedTuple):
    """Observations and conditions, to train on and to validate on."""

    x: Tensor
    y: Tensor | None
    x_val: Tensor | None
    y_val: Tensor | None


def check_data(
    model: nn.Module,
    x: Tensor,
    y: Tensor | None,
    x_val: Tensor | None,
    y_val: Tensor | None,
) -> Data:
    """Check a model and its data against one another; return what autograd can use."""
    if not isinstance(model, nn.Module) or not callable(getattr(model, "loss", None)):
        raise TypeError(
            f"model must be a module with a loss method, got {type(model).__name__}"
        )
    like = next((p for p in model.parameters() if p.requires_grad), None)
    if like is None:
        hint = "; it is fitted by model.fit(x)" if hasattr(model, "fit") else ""
        raise ValueError(
            f"model must have parameters to train, {type(model).__name__} has none"
            + hint
        )
    event = getattr(model, "event_shape", None)
    shape = None if event is None else ("n", *event)
    x, y = _check_pair(x, y, ("x", "y"), like, shape)
    if x_val is None:
        if y_val is not None:
            raise ValueError("y_val must come with x_val, got no x_val")
        return Data(x, y, None, None)
    x_val, y_val = _check_pair(x_val, y_val, ("x_val", "y_val"), like, shape)
    if (y is None) != (y_val is None):
        raise ValueError("y and y_val must be given together, got one of them")
    if y is not None and y_val is not None:
        _check_like(y_val, y, getattr(model, "classes", 0))
    return Data(x, y, x_val, y_val)


def _check_pair(
    x: Tensor,
    y: Tensor | None,
    names: tuple[str, str],
    like: Tensor,
    shape: tuple[str | int, ...] | None,
) -> tuple[Tensor, Tensor | None]:
    """Check observations and their conditions against a weight of the model."""
    for name, t in zip(names, (x, y), strict=True):
        if isinstance(t, Tensor) and t.device != like.device:
            raise ValueError(
                f"{name} must be on the model's device {like.device}, got {t.device}; "
                f"move one of them with .to()"
            )
    if isinstance(x, Tensor) and not (x.is_floating_point() or x.is_complex()):
        check_tensor(x.float(), names[0], shape)  # tokens: whole numbers
    else:
        check_tensor(x, names[0], shape, dtype=like.dtype)
    if y is None:
        return _plain(x), None
    if not isinstance(y, Tensor):
        raise TypeError(f"{names[1]} must be a torch.Tensor, got {type(y).__name__}")
    if y.ndim == 0 or len(y) != len(x):
        raise ValueError(
            f"{names[1]} must have one row for each of the {len(x)} rows of "
            f"{names[0]}, got shape {tuple(y.shape)}"
        )
    if y.is_floating_point():
        check_tensor(y, names[1])
    return _plain(x), _plain(y)


def _check_like(y_val: Tensor, y: Tensor, classes: int) -> None:
    """Check what is validated with against what is trained on."""
    numbers = [t.is_floating_point() or t.is_complex() for t in (y, y_val)]
    if numbers[0] != numbers[1] or y_val.ndim != y.ndim:
        raise TypeError(
            f"y_val must be like y, {y.dtype} in {y.ndim} dimensions, got "
            f"{y_val.dtype} in {y_val.ndim}"
        )
    if classes and y_val.ndim == 1 and not numbers[1]:
        check_labels(y_val, "y_val", classes)


def _plain(t: Tensor) -> Tensor:
    """Return a tensor that autograd can use, whatever mode it was made in."""
    return t.clone() if t.is_inference() else t.detach()
