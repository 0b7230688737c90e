"""The reader drags a box over points and watches its log-likelihood."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genbook._validate import check_corners, check_tensor
from genbook.course.plotting import show_box, show_points, subplots
from genbook.explorables.export import bundle, packed, signed
from genbook.models.density.box import UniformBox

_WIDTH, _MARGIN = 640, 14  # of the drawing, in its own units
_LABEL = (
    "A map of {n} points under a box. Its four sides can be moved with the sliders "
    "that follow, or by dragging its corners and sides."
)


@dataclass(frozen=True)
class BoxExplorer:
    """Points under a box; shown at the end of a cell.

    On a web page the box can be moved. In print, in an EPUB and in a notebook three
    boxes stand beside one another.

    Attributes:
        points: The points, ``(n, 2)``.
        low: The lower left corner of the plane, ``(2,)``.
        high: The upper right corner of the plane, ``(2,)``.
        aspect: The height of a unit of y, in units of x.
    """

    points: Tensor
    low: Tensor
    high: Tensor
    aspect: float = 0.5

    def log_likelihood(self, low: Sequence[float], high: Sequence[float]) -> float:
        """Return the log-likelihood of a box, in nats, as the page computes it.

        Args:
            low: The lower left corner of the box, ``(2,)``.
            high: Its upper right corner, ``(2,)``.

        Returns:
            ``-n log(area)``, or minus infinity when a point lies outside.
        """
        box = UniformBox.from_corners(
            self.points.new_tensor(low), self.points.new_tensor(high)
        )
        return float(box.log_prob(self.points).sum())

    def boxes(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Return the boxes that the page offers by name, as pairs of corners."""
        half = self.high.clone()
        half[0] = (self.low[0] + self.high[0]) / 2
        return {
            "Left half": (self.low, half),
            "Whole plane": (self.low, self.high),
            "Smallest box": (self.points.amin(0), self.points.amax(0)),
        }

    def html(self) -> str:
        """Return the explorable for a web page.

        It is a drawing that says what it says without a script, and the data with
        which the script of the website brings it to life.
        """
        height = round(_WIDTH * self._ratio())
        box = f"{-_MARGIN} {-_MARGIN} {_WIDTH + 2 * _MARGIN} {height + 2 * _MARGIN}"
        p = self._drawn(self.points, height)
        dots = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in p)
        data = {
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "height": height,
            "width": _WIDTH,
            "points": packed(self.points.detach().cpu(), "f8"),
            "boxes": {
                name: [*low.tolist(), *high.tolist()]
                for name, (low, high) in self.boxes().items()
            },
        }
        n = len(self.points)
        value = self.log_likelihood(self.low.tolist(), self.high.tolist())
        label = escape(_LABEL.format(n=n))
        return (
            '<div class="gb-explorable" data-explorable="box">'
            f'<script type="application/json">{json.dumps(data)}</script>'
            f'<svg viewBox="{box}" role="img" aria-label="{label}">'
            f'<path class="gb-dots" d="{dots}" style="fill:none;stroke-linecap:round;'
            'stroke-width:5;stroke:var(--gb-data,#1f5fa8)"/>'
            f'<rect class="gb-box" width="{_WIDTH}" height="{height}" '
            'style="fill:none;stroke-width:2.5;stroke:var(--gb-model,#b8500b)"/></svg>'
            f'<p class="gb-still">The whole plane: {n} of {n} points inside, '
            f"log-likelihood {signed(value, 2)} nats.</p></div>"
        )

    def subplots(self) -> Any:
        """Return the three boxes as a still figure for print."""
        fig, axes = subplots(1, 3, height=0.55 + 2.05 * self._ratio())
        for ax, (name, (low, high)) in zip(axes, self.boxes().items(), strict=True):
            value = self.log_likelihood(low.tolist(), high.tolist())
            limits = torch.stack([self.low, self.high], 1).tolist()
            ax.set(xlim=limits[0], ylim=limits[1], aspect=self.aspect)
            ax.set(xticks=[], yticks=[])
            ax.set_title(f"{name}\n{signed(value, 1)} nats", fontsize=8.5)
            show_points(ax, self.points, "data", size=4)
            show_box(ax, low.tolist(), high.tolist(), clip_on=False)
        return fig

    def _ratio(self) -> float:
        width, height = (self.high - self.low).tolist()
        return height * self.aspect / width

    def _drawn(self, x: Tensor, height: float) -> np.ndarray:
        unit = ((x - self.low) / (self.high - self.low)).cpu().double().numpy()
        return np.stack([unit[:, 0] * _WIDTH, (1 - unit[:, 1]) * height], 1)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict:
        return bundle(self.html(), self.subplots(), repr(self))

    def __repr__(self) -> str:
        return f"BoxExplorer({len(self.points)} points)"


def explore_box(
    points: Tensor,
    low: Tensor | Sequence[float],
    high: Tensor | Sequence[float],
    *,
    aspect: float = 0.5,
) -> BoxExplorer:
    """Show points under a box that the reader can drag.

    Args:
        points: The points, ``(n, 2)``.
        low: The lower left corner of the plane, ``(2,)``.
        high: The upper right corner of the plane, ``(2,)``.
        aspect: The height of a unit of y, in units of x; one half for the world map.

    Returns:
        What a notebook shows at the end of a cell.

    Raises:
        TypeError: If ``points`` is not a floating-point tensor.
        ValueError: If the points are not ``(n, 2)``, or fewer than two in either
            direction, or do not all lie in the plane.

    Example:
        >>> import torch
        >>> x = torch.tensor([[-0.5, 0.0], [0.5, 0.5]])
        >>> explorer = explore_box(x, (-1.0, -1.0), (1.0, 1.0))
        >>> round(explorer.log_likelihood((-1.0, -1.0), (1.0, 1.0)), 3)
        -2.773
        >>> explorer.log_likelihood((-1.0, -1.0), (0.0, 1.0))
        -inf
    """
    check_tensor(points, "points", ("n", 2))
    low, high = (c.to(points) for c in check_corners(low, high))
    if len(low) != 2:
        raise ValueError(f"low and high must be (2,), got ({len(low)},)")
    outside = int(((points < low) | (points > high)).any(1).sum())
    if outside:
        raise ValueError(
            f"points must lie between low and high, got {outside} of {len(points)} "
            "outside"
        )
    if not aspect > 0:
        raise ValueError(f"aspect must be positive, got {aspect}")
    UniformBox(dim=2).to(points).fit(points)  # says it when a side would have no length
    return BoxExplorer(points.detach(), low, high, aspect)
