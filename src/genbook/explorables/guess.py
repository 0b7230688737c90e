"""The reader guesses where a hidden rule could draw next, and then sees the rule."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genbook._validate import check_corners, check_positive, check_tensor
from genbook.course.plotting import show_points, subplots
from genbook.course.style import GRID
from genbook.explorables.export import bundle, packed

_WIDTH, _MARGIN = 640, 14  # of the drawing, in its own units
_CELLS = 256  # of the hidden picture, along x
_LABEL = (
    "{n} points, drawn by a hidden rule. Places where its next point could lie are "
    "chosen by a click, or with the sliders and the button that follow."
)


@dataclass(frozen=True)
class GuessExplorer:
    """Points of a hidden rule, and where it could draw; shown at the end of a cell.

    On a web page the reader chooses places and then asks for the rule. In print, in an
    EPUB and in a notebook the points stand on squared paper, for a pencil.

    Attributes:
        points: The points, ``(n, 2)``.
        possible: Whether the rule could draw in each cell of a fine grid, from the top
            row to the bottom row, ``(rows, columns)``.
        low: The lower left corner of the plane, ``(2,)``.
        high: The upper right corner of the plane, ``(2,)``.
        aspect: The height of a unit of y, in units of x.
    """

    points: Tensor
    possible: Tensor
    low: Tensor
    high: Tensor
    aspect: float = 0.5

    def html(self) -> str:
        """Return the explorable for a web page, which shows no more than the points."""
        height = round(_WIDTH * self._ratio())
        box = f"{-_MARGIN} {-_MARGIN} {_WIDTH + 2 * _MARGIN} {height + 2 * _MARGIN}"
        unit = ((self.points - self.low) / (self.high - self.low)).cpu().double()
        dots = "".join(
            f"M{_WIDTH * x:.1f} {height * (1 - y):.1f}h0" for x, y in unit.tolist()
        )
        data = {
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "height": height,
            "width": _WIDTH,
            "cells": list(self.possible.shape),
            "possible": packed(np.packbits(self.possible.cpu().numpy()), "u1"),
        }
        n = len(self.points)
        return (
            '<div class="gb-explorable" data-explorable="guess">'
            f'<script type="application/json">{json.dumps(data)}</script>'
            f'<svg class="gb-plane" viewBox="{box}" role="img" '
            f'aria-label="{escape(_LABEL.format(n=n))}">'
            f'<path class="gb-dots" d="{dots}" style="fill:none;stroke-linecap:round;'
            'stroke-width:5;stroke:var(--gb-data,#1f5fa8)"/></svg>'
            f'<p class="gb-still">{n} points of a hidden rule.</p></div>'
        )

    def subplots(self) -> Any:
        """Return the points on squared paper as a still figure for print."""
        fig, ax = subplots(height=0.3 + 6.0 * self._ratio())
        limits = torch.stack([self.low, self.high], 1).tolist()
        ax.set(xlim=limits[0], ylim=limits[1], aspect=self.aspect)
        for axis, (a, b) in zip((ax.xaxis, ax.yaxis), limits, strict=True):
            axis.set_ticks(np.linspace(a, b, 11).tolist(), [""] * 11)
            axis.set_tick_params(length=0)
        ax.grid(True, color=GRID)
        show_points(ax, self.points, "data", size=8)
        return fig

    def _ratio(self) -> float:
        width, height = (self.high - self.low).tolist()
        return height * self.aspect / width

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict:
        return bundle(self.html(), self.subplots(), repr(self))

    def __repr__(self) -> str:
        return f"GuessExplorer({len(self.points)} points)"


def explore_guess(
    points: Tensor,
    possible: Callable[[Tensor], Tensor],
    low: Tensor | Sequence[float],
    high: Tensor | Sequence[float],
    *,
    aspect: float = 0.5,
) -> GuessExplorer:
    """Show points of a hidden rule, and let the reader guess where it could draw.

    Args:
        points: The points, ``(n, 2)``.
        possible: The rule's support: says of points ``(m, 2)`` whether each could be
            drawn, ``(m,)``, as :meth:`genbook.data.world.WorldMap.on_land` does.
        low: The lower left corner of the plane, ``(2,)``.
        high: The upper right corner of the plane, ``(2,)``.
        aspect: The height of a unit of y, in units of x; one half for the world map.

    Returns:
        What a notebook shows at the end of a cell.

    Raises:
        TypeError: If ``points`` is not a floating-point tensor, ``possible`` is no
            function or gives no booleans, or ``aspect`` is not a number.
        ValueError: If the points are not ``(n, 2)`` or do not all lie in the plane,
            ``possible`` does not give one answer for each point, or ``aspect`` is not
            positive.

    Example:
        >>> import torch
        >>> x = torch.tensor([[-0.5, 0.0], [-0.2, 0.5]])
        >>> explorer = explore_guess(x, lambda x: x[:, 0] < 0, (-1.0, -1.0), (1.0, 1.0))
        >>> explorer.possible.double().mean().item()
        0.5
    """
    check_tensor(points, "points", ("n", 2))
    if not callable(possible):
        raise TypeError(f"possible must be a function, got {type(possible).__name__}")
    check_positive(aspect, "aspect")
    low, high = (c.to(points) for c in check_corners(low, high))
    if len(low) != 2:
        raise ValueError(f"low and high must be (2,), got ({len(low)},)")
    outside = int(((points < low) | (points > high)).any(1).sum())
    if outside:
        raise ValueError(
            f"points must lie between low and high, got {outside} of {len(points)} "
            "outside"
        )
    width, height = (high - low).tolist()
    rows = max(1, round(_CELLS * height * aspect / width))
    x = low[0] + width * (torch.arange(_CELLS).to(points) + 0.5) / _CELLS
    y = high[1] - height * (torch.arange(rows).to(points) + 0.5) / rows
    centres = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).view(-1, 2)
    answers = possible(centres)
    if not isinstance(answers, Tensor) or answers.dtype != torch.bool:
        kind = getattr(answers, "dtype", type(answers).__name__)
        raise TypeError(f"possible must give booleans, got {kind}")
    if answers.shape != (len(centres),):
        raise ValueError(
            f"possible must give ({len(centres)},), got {tuple(answers.shape)}"
        )
    return GuessExplorer(
        points.detach(), answers.view(rows, _CELLS), low, high, float(aspect)
    )
