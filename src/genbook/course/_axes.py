"""What the figures share: checks, grids, and who has which colour."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import is_color_like
from torch import Tensor

from genbook._validate import check_count, check_number, check_positive
from genbook.course.style import DATA, MODEL

Source = Literal["data", "model"]
#: What can be drawn: a tensor on whatever device, an array, or lists of numbers.
Points: TypeAlias = Tensor | np.ndarray | Sequence[Any]
FAR = 1e30  # no corner of a plane lies further out
COLOUR = {"data": DATA, "model": MODEL}


def to_numpy(x: Any) -> np.ndarray:
    """Return a tensor, on whatever device, as a NumPy array.

    Args:
        x: Values of any shape and any type; NaN and infinity stay.
    """
    return x.detach().cpu().numpy() if hasattr(x, "detach") else np.asarray(x)


def plain(v: Any) -> Any:
    """Return a number of Python's for a tensor of one, anything else as it is."""
    return v.item() if isinstance(v, Tensor) and v.numel() == 1 else v


def numbers(x: Any, name: str) -> np.ndarray:
    """Return numbers of whatever type as an array."""
    p = to_numpy(x)
    if p.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be numbers, got {p.dtype}")
    return p


def pixels(x: Any) -> np.ndarray:
    """Return images as an array ``(n, height, width, channels)``."""
    p = numbers(x, "x")
    if p.ndim == 4 and p.shape[1] in (1, 3):
        p = p.transpose(0, 2, 3, 1)
    elif p.ndim == 3:
        p = p[..., None]
    else:
        raise ValueError(
            f"x must be (n, height, width) or (n, 1 or 3, height, width), got {p.shape}"
        )
    if not p.size:
        raise ValueError(f"x must hold an image at least, got {p.shape}")
    if not np.isfinite(p).all():
        raise ValueError("x must be finite, got a pixel that is NaN or infinite")
    return p


def check_axes(ax: Axes) -> None:
    """Refuse what cannot be drawn on."""
    if not isinstance(ax, Axes):
        raise TypeError(f"ax must be axes of Matplotlib, got {type(ax).__name__}")


def check_source(source: Source) -> None:
    """Refuse what is neither data nor model."""
    if not isinstance(source, str) or source not in COLOUR:
        raise ValueError(f"source must be 'data' or 'model', got {source!r}")


def check_label(label: str | None) -> None:
    """Refuse a label that is no text."""
    if label is not None and not isinstance(label, str):
        raise TypeError(f"label must be a text or None, got {type(label).__name__}")


def check_marks(
    size: float, alpha: float, colour: str | None, label: str | None
) -> None:
    """Refuse a size, an opacity, a colour or a label that is none."""
    check_positive(size, "size")
    if not 0 <= check_number(alpha, "alpha") <= 1:
        raise ValueError(f"alpha must be from 0 to 1, got {alpha}")
    if colour is not None and not is_color_like(colour):
        raise ValueError(f"colour must be a colour of Matplotlib, got {colour!r}")
    check_label(label)


def check_function(log_prob: Any) -> Callable[[Tensor], Tensor]:
    """Return the log density of a model, or the function that was given as such."""
    function = getattr(log_prob, "log_prob", log_prob)
    if not callable(function):
        raise TypeError(
            f"log_prob must be a model with a density or a function, got "
            f"{type(log_prob).__name__}"
        )
    return function


def check_rings(rings: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return closed lines as arrays ``(k, 2)``."""
    if isinstance(rings, str) or not isinstance(rings, Sequence) or not rings:
        raise TypeError(f"rings must be a list of arrays (k, 2), got {rings!r}")
    found = [to_numpy(ring) for ring in rings]
    for ring in found:
        if ring.ndim != 2 or ring.shape[1] != 2 or not len(ring):
            raise ValueError(f"rings must be arrays (k, 2), got {ring.shape}")
    return found


def corner(x: Any, name: str) -> np.ndarray:
    """Return a corner of a rectangle, two numbers."""
    corner = to_numpy(x)
    if corner.shape != (2,) or corner.dtype.kind not in "fiu":
        raise ValueError(f"{name} must be two numbers, got {x!r}")
    if not (np.abs(corner) <= FAR).all():
        raise ValueError(f"{name} must be finite, and at most {FAR:g}, got {x!r}")
    return corner.astype(float)


def grid_points(
    low: Sequence[float], high: Sequence[float], resolution: int = 200
) -> tuple[np.ndarray, np.ndarray, Tensor]:
    """Return a grid over a rectangle: edges in x, edges in y, and cell centres.

    Args:
        low: The lower left corner, ``(2,)``.
        high: The upper right corner, ``(2,)``.
        resolution: Cells along each axis.

    Returns:
        ``(resolution + 1,)``, ``(resolution + 1,)`` and a tensor
        ``(resolution ** 2, 2)`` in which x varies fastest.
    """
    import torch

    resolution = check_count(resolution, "resolution", 1, 10_000)
    lo, hi = corner(low, "low"), corner(high, "high")
    ex, ey = (np.linspace(lo[i], hi[i], resolution + 1) for i in range(2))
    cx, cy = (ex[:-1] + ex[1:]) / 2, (ey[:-1] + ey[1:]) / 2
    gx, gy = np.meshgrid(cx, cy)
    return ex, ey, torch.tensor(np.stack([gx.ravel(), gy.ravel()], 1))


def smoothed(y: Sequence[float], smooth: int) -> np.ndarray:
    """Return a curve averaged over ``smooth`` steps, in double precision."""
    smooth = check_count(smooth, "smooth", 1)
    v = numbers(y, "y").astype(float)
    if v.ndim != 1 or len(v) < smooth:
        raise ValueError(f"y must be ({smooth} or more,), got {v.shape}")
    if smooth > 1:
        v = np.convolve(v, np.ones(smooth) / smooth, mode="valid")
    return v
