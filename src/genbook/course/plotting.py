"""Every figure's style: one palette, light and dark, web and print.

Data are always filled blue dots; a model is always orange: its density as a wash, its
samples as crosses. So colour is never the only difference. Each colour of the palette
has a mate for dark pages (:data:`~genbook.course.style.DARK`); the website swaps them
in the finished SVG.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from genbook._validate import check_count, check_flag, check_positive
from genbook.course._axes import (
    COLOUR,
    Points,
    Source,
    check_axes,
    check_function,
    check_label,
    check_marks,
    check_rings,
    check_source,
    corner,
    grid_points,
    numbers,
    pixels,
    plain,
    smoothed,
    to_numpy,
)
from genbook.course.style import (
    ACCENT,
    BAD,
    DARK,
    DATA,
    GOOD,
    GRID,
    INK,
    LAND,
    MODEL,
    MODEL_CMAP,
    MUTED,
    PALETTE,
    PAPER,
    SEA,
    WIDTH,
    setup,
    subplots,
)

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "ACCENT",
    "BAD",
    "DARK",
    "DATA",
    "GOOD",
    "GRID",
    "INK",
    "LAND",
    "MODEL",
    "MODEL_CMAP",
    "MUTED",
    "PALETTE",
    "PAPER",
    "SEA",
    "WIDTH",
    "draw_land",
    "grid_points",
    "setup",
    "show_box",
    "show_curve",
    "show_density",
    "show_images",
    "show_points",
    "subplots",
    "to_numpy",
    "world_axes",
]

_MARKER = {"data": "o", "model": "x"}
_MANY = 2_500  # more points than this are drawn as pixels, not as vectors


def show_points(
    ax: Axes,
    x: Points,
    source: Source = "data",
    *,
    size: float = 6.0,
    alpha: float = 0.8,
    label: str | None = None,
    colour: str | None = None,
) -> None:
    """Draw points, ``(n, 2)``: data as filled dots, a model's samples as crosses.

    Args:
        ax: Where to draw.
        x: Points, numbers of any type; where one is NaN or infinite, none is drawn.
        source: Whose points they are, ``"data"`` or ``"model"``.
        size: The area of a mark.
        alpha: Their opacity.
        label: What the legend says.
        colour: Another colour than that of the source.

    Raises:
        ValueError: If ``source`` is neither ``"data"`` nor ``"model"``, or the points
            are not ``(n, 2)``.
    """
    check_axes(ax)
    check_source(source)
    check_marks(size, alpha, colour, label)
    p = numbers(x, "x")
    if p.ndim != 2 or p.shape[1] != 2:
        raise ValueError(f"x must be (n, 2), got {p.shape}")
    ax.scatter(
        p[:, 0],
        p[:, 1],
        s=size if source == "data" else 1.6 * size,
        marker=_MARKER[source],
        c=colour or COLOUR[source],
        alpha=alpha,
        label=label,
        rasterized=len(p) > _MANY,
        linewidths=0.0 if source == "data" else 0.9,
    )


def show_density(
    ax: Axes,
    log_prob: Callable[[Tensor], Tensor] | Any,
    low: Sequence[float],
    high: Sequence[float],
    *,
    resolution: int = 200,
    ceiling: float | Tensor | None = None,
) -> Any:
    """Draw a model's density over a rectangle as a wash of its colour.

    Args:
        ax: Where to draw.
        log_prob: A model with ``log_prob``, or such a function: ``(n, 2) -> (n,)``.
        low: The lower left corner, ``(2,)``.
        high: The upper right corner, ``(2,)``.
        resolution: Cells along each axis.
        ceiling: The density drawn darkest; the largest one when ``None``.

    Returns:
        The drawn mesh, for a colour bar.
    """
    import torch

    check_axes(ax)
    ex, ey, centres = grid_points(low, high, resolution)
    dtype = getattr(log_prob, "dtype", torch.float64)
    function = check_function(log_prob)
    if ceiling is not None:
        ceiling = check_positive(plain(ceiling), "ceiling")
    with torch.inference_mode():
        p = to_numpy(function(centres.to(dtype)).exp()).reshape(resolution, resolution)
    return ax.pcolormesh(
        ex, ey, p, cmap=MODEL_CMAP, vmin=0.0, vmax=ceiling or p.max(), rasterized=True
    )


def show_box(
    ax: Axes, low: Sequence[float], high: Sequence[float], **style: Any
) -> None:
    """Draw the outline of a box from its lower left and upper right corners."""
    check_axes(ax)
    lo, hi = corner(low, "low"), corner(high, "high")
    style = {"fill": False, "edgecolor": MODEL, "linewidth": 1.8, **style}
    ax.add_patch(Rectangle((lo[0], lo[1]), *(hi - lo), **style))


def world_axes(ax: Axes, *, labels: bool = True) -> Axes:
    """Set up axes for the equal-area map: longitude / 180°, sine of latitude."""
    check_axes(ax)
    check_flag(labels, "labels")
    ax.set(xlim=(-1, 1), ylim=(-1, 1), aspect=0.5)
    lon, lat = np.array([-180, -90, 0, 90, 180]), np.array([-90, -45, 0, 45, 90])
    ax.set_xticks(lon / 180)
    ax.set_yticks(np.sin(np.deg2rad(lat)))
    if labels:
        ax.set_xticklabels(["180°", "90° W", "0°", "90° E", "180°"])
        ax.set_yticklabels(["90° S", "45° S", "0°", "45° N", "90° N"])
        ax.set_xlabel("longitude")
        ax.set_ylabel("latitude")
    else:
        ax.set_xticklabels([])
        ax.set_yticklabels([])
    ax.spines[["top", "right"]].set_visible(True)
    return ax


def draw_land(
    ax: Axes, rings: Sequence[np.ndarray], *, fill: bool = True, **style: Any
) -> None:
    """Draw land polygons given as rings in map coordinates, each ``(k, 2)``."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    check_axes(ax)
    check_flag(fill, "fill")
    vertices = np.concatenate([np.vstack([r, r[:1]]) for r in check_rings(rings)])
    codes = np.concatenate(
        [[Path.MOVETO] + [Path.LINETO] * (len(r) - 1) + [Path.CLOSEPOLY] for r in rings]
    )
    style = {
        "facecolor": LAND if fill else "none",
        "edgecolor": MUTED,
        "linewidth": 0.4,
        **style,
    }
    ax.add_patch(PathPatch(Path(vertices, codes), zorder=0.5, **style))


def show_images(
    ax: Axes, x: Points, *, columns: int = 10, gap: int = 1, vmax: float = 1.0
) -> None:
    """Tile images, ``(n, height, width)`` or ``(n, channels, height, width)``.

    Args:
        ax: Where to draw.
        x: Images, numbers of any type.
        columns: Images in a row.
        gap: Pixels between two images.
        vmax: What is drawn as full ink.

    Raises:
        ValueError: If ``x`` has another shape, neither 1 nor 3 channels, no images, or
            a pixel that is not finite.
    """
    check_axes(ax)
    columns, gap = check_count(columns, "columns", 1), check_count(gap, "gap")
    check_positive(vmax, "vmax")
    p = pixels(x)
    n, h, w, c = p.shape
    rows = -(-n // columns)
    shape = (rows * (h + gap) - gap, columns * (w + gap) - gap, 4)
    # Clear between the images, in light and in dark; white, lest print shows a fringe.
    sheet = np.ones(shape)
    sheet[..., 3] = 0.0
    for i, image in enumerate(np.clip(p / vmax, 0, 1)):
        top, left = (i // columns) * (h + gap), (i % columns) * (w + gap)
        ink = np.broadcast_to(image if c == 3 else 1 - image, (h, w, 3))
        sheet[top : top + h, left : left + w, :3] = ink
        sheet[top : top + h, left : left + w, 3] = 1.0
    ax.imshow(sheet)
    ax.set_axis_off()


def show_curve(
    ax: Axes,
    y: Sequence[float],
    *,
    smooth: int = 1,
    source: Source = "model",
    label: str | None = None,
    **style: Any,
) -> None:
    """Draw a training curve, averaged over ``smooth`` steps.

    Args:
        ax: Where to draw.
        y: The losses; NaN and infinity leave a gap.
        smooth: The steps of a mean.
        source: Whose curve it is, ``"data"`` or ``"model"``.
        label: What the legend says.
        **style: Passed to :meth:`matplotlib.axes.Axes.plot`.
    """
    check_axes(ax)
    check_source(source)
    check_label(label)
    v = smoothed(y, smooth)
    steps = np.arange(len(v)) + (len(y) - len(v)) / 2
    ax.plot(steps, v, **{"color": COLOUR[source], "label": label, **style})
    ax.set_xlabel("step")
