"""What the figures share: checks, grids, and who has which colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.axes import Axes

from genbook._validate import check_count
from genbook.course.style import DATA, MODEL

if TYPE_CHECKING:
    from torch import Tensor

Source = Literal["data", "model"]
COLOUR = {"data": DATA, "model": MODEL}


def to_numpy(x: Any) -> np.ndarray:
    """Return a tensor, on whatever device, as a NumPy array."""
    return x.detach().cpu().numpy() if hasattr(x, "detach") else np.asarray(x)


def check_axes(ax: Axes) -> None:
    """Refuse what cannot be drawn on."""
    if not isinstance(ax, Axes):
        raise TypeError(f"ax must be axes of Matplotlib, got {type(ax).__name__}")


def check_source(source: Source) -> None:
    """Refuse what is neither data nor model."""
    if not isinstance(source, str) or source not in COLOUR:
        raise ValueError(f"source must be 'data' or 'model', got {source!r}")


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
