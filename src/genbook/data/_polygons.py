"""Points in polygons: the even-odd rule, exact and fast.

A point is inside when a ray from it to the right crosses the rings an odd number of
times. Rays need only meet the edges at their own height, so the edges are filed by
rows; and most cells of a fine grid hold no edge at all, so one test answers for each
run of such cells. Only the points in the remaining cells, along the coast, are tested
one by one, with the same arithmetic: the answer is that of the slow rule everywhere.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

MARGIN = 1e-9  # wider than rounding, far narrower than a cell


class Polygons:
    """A region of the square [-1, 1]² bounded by closed rings, even-odd.

    Args:
        rings: Closed rings, each ``(n, 2)``, the first vertex repeated at the end.
        cells: Rows and columns of the grid that speeds up ``contains``.
    """

    def __init__(self, rings: list[np.ndarray], *, cells: int = 512) -> None:
        self.rings = rings
        self.cells = cells
        ends = np.concatenate([np.hstack([r[:-1], r[1:]]) for r in rings])
        flip = ends[:, 1] > ends[:, 3]  # every edge upwards, so that twins agree
        ends[flip] = ends[flip][:, [2, 3, 0, 1]]
        self.x0, self.y0, self.x1, self.y1 = np.ascontiguousarray(ends.T)
        self.level = self.y0 == self.y1  # these cross no ray: their slope is not used
        rise = np.where(self.level, 1.0, self.y1 - self.y0)
        self.slope = (self.x1 - self.x0) / rise

    @property
    def area(self) -> float:
        """The exact area: between neighbouring heights the widths change linearly."""
        heights = np.unique(np.concatenate([self.y0, self.y1]))
        middles = (heights[:-1] + heights[1:]) / 2
        first, count = _ranges(
            np.searchsorted(middles, self.y0), np.searchsorted(middles, self.y1)
        )
        edge = np.repeat(np.arange(len(self.x0)), count)
        crossing = self.x0[edge] + (middles[first] - self.y0[edge]) * self.slope[edge]
        order = np.lexsort((crossing, first))
        sign = np.where(np.arange(len(order)) % 2, 1, -1)  # right ends minus left ends
        return float(np.sum(sign * (crossing * np.diff(heights)[first])[order]))

    def contains(self, x: np.ndarray) -> np.ndarray:
        """Return whether each point ``(n, 2)`` lies inside, a boolean ``(n,)``.

        The region is half-open: left and lower edges belong to it.
        """
        x = np.asarray(x, dtype=np.float64)
        known = (np.abs(x) <= 1).all(axis=1)
        column, row = self._cell(np.where(known[:, None], x, 0.0)).T
        inside = self._inside[row, column] & known
        near = np.flatnonzero(self._near[row, column] & known)
        inside[near] = self._crossings_odd(x[near], row[near])
        return inside

    def _cell(self, x: np.ndarray) -> np.ndarray:
        """Return the column and row of each point of the square."""
        return np.clip((x + 1) * (self.cells / 2), 0, self.cells - 1).astype(np.int64)

    def _crossings_odd(self, x: np.ndarray, row: np.ndarray) -> np.ndarray:
        """Apply the even-odd rule to points, with the edges filed under their rows."""
        starts, edges = self._edges_by_row
        slot, count = _ranges(starts[row], starts[row + 1])
        point = np.repeat(np.arange(len(x)), count)
        edge = edges[slot]
        px, py = x[point].T
        beside = (self.y0[edge] <= py) & (py < self.y1[edge])
        right = px < self.x0[edge] + (py - self.y0[edge]) * self.slope[edge]
        return np.bincount(point, beside & right, minlength=len(x)) % 2 == 1

    @cached_property
    def _edges_by_row(self) -> tuple[np.ndarray, np.ndarray]:
        """For each row of cells, where its edges start, and the edges."""
        _, low = self._cell(np.stack([self.x0, self.y0 - MARGIN], 1)).T
        _, high = self._cell(np.stack([self.x0, self.y1 + MARGIN], 1)).T
        row, count = _ranges(low, high + 1)
        edge = np.repeat(np.arange(len(low)), count)
        order = np.argsort(row, kind="stable")
        return np.searchsorted(row[order], np.arange(self.cells + 1)), edge[order]

    @cached_property
    def _near(self) -> np.ndarray:
        """Whether an edge passes through each cell, or within a margin of it."""
        starts, edge = self._edges_by_row
        row = np.repeat(np.arange(self.cells), np.diff(starts))
        bottom = np.maximum(row * 2 / self.cells - 1, self.y0[edge])
        top = np.minimum((row + 1) * 2 / self.cells - 1, self.y1[edge])
        x_bottom = self.x0[edge] + (bottom - self.y0[edge]) * self.slope[edge]
        x_top = self.x0[edge] + (top - self.y0[edge]) * self.slope[edge]
        x_top = np.where(self.level[edge], self.x1[edge], x_top)
        left = np.minimum(x_bottom, x_top) - MARGIN
        right = np.maximum(x_bottom, x_top) + MARGIN
        change = np.zeros((self.cells, self.cells + 1), dtype=np.int64)
        np.add.at(change, (row, self._cell(np.stack([left, left], 1))[:, 0]), 1)
        np.add.at(change, (row, self._cell(np.stack([right, right], 1))[:, 0] + 1), -1)
        return change.cumsum(axis=1)[:, :-1] > 0

    @cached_property
    def _inside(self) -> np.ndarray:
        """Whether each cell without an edge lies inside (its whole run does)."""
        free = ~self._near
        first = free.copy()
        first[:, 1:] &= ~free[:, :-1]
        row, column = np.nonzero(first)
        centres = (np.stack([column, row], 1) + 0.5) * 2 / self.cells - 1
        answers = self._crossings_odd(centres, row)
        inside = np.zeros(free.shape, dtype=bool)
        inside[free] = answers[first[free].cumsum() - 1]
        return inside


def _ranges(start: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ``start, …, stop - 1`` of each pair end to end, and their lengths."""
    count = stop - start
    offset = np.repeat(count.cumsum() - count, count)
    return np.arange(count.sum()) - offset + np.repeat(start, count), count
