"""What the figures share: checks, grids, and who has which colour."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import is_color_like

from genbook._validate import check_count, check_number, check_positive
from genbook.course.style import DATA, MODEL

if TYPE_CHECKING:
    from torch import Tensor

Source = Literal["data", "model"]
COLOUR = {"data": DATA, "model": MODEL}


def to_numpy(x: Any) -> np.ndarray:
    """Return a tensor, on whatever device, as a NumPy array."""
    return x.detach().cpu().numpy() if hasattr(x, "detach") else np.asarray(x)


def check_inches(height: float) -> None:
    """Refuse a height that no page has."""
    if check_positive(height, "height") > 100:
        raise ValueError(f"height must be at most 100 inches, got {height}")


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
    v = to_numpy(y)
    if v.dtype.kind not in "fiu":
        raise TypeError(f"y must be numbers, got {v.dtype}")
    v = v.astype(float)
    if v.ndim != 1 or len(v) < smooth:
        raise ValueError(f"y must be ({smooth} or more,), got {v.shape}")
    if smooth > 1:
        v = np.convolve(v, np.ones(smooth) / smooth, mode="valid")
    return v
