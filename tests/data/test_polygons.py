"""The fast test of points in polygons equals the slow rule, everywhere."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genbook.data._polygons import Polygons


def even_odd(rings: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    """The rule in its plainest form: one edge at a time, all points."""
    inside = np.zeros(len(x), dtype=bool)
    for ring in rings:
        for (x0, y0), (x1, y1) in pairwise(ring):
            if y0 == y1:
                continue
            if y0 > y1:
                x0, y0, x1, y1 = x1, y1, x0, y0
            beside = (y0 <= x[:, 1]) & (x[:, 1] < y1)
            inside ^= beside & (x[:, 0] < x0 + (x[:, 1] - y0) * ((x1 - x0) / (y1 - y0)))
    return inside


def star(rng: np.random.Generator, vertices: int, digits: int) -> np.ndarray:
    """A ring around the origin; few digits give level edges and shared heights."""
    angle = np.sort(rng.uniform(0, 2 * np.pi, vertices))
    radius = rng.uniform(0.2, 0.95, vertices)
    ring = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).round(digits)
    return np.concatenate([ring, ring[:1]])


@pytest.mark.parametrize("cells", [1, 7, 64, 512])
@pytest.mark.parametrize("digits", [1, 2, 15])
def test_equals_the_slow_rule(cells: int, digits: int) -> None:
    rng = np.random.default_rng(digits)
    rings = [star(rng, 40, digits), 0.5 * star(rng, 9, digits)]
    vertices = np.concatenate(rings)
    x = np.concatenate(
        [
            rng.uniform(-1, 1, (3000, 2)),
            rng.uniform(-1, 1, (3000, 2)).round(digits),
            vertices,
            vertices + rng.normal(0, 1e-12, vertices.shape),
            np.stack([rng.uniform(-1, 1, len(vertices)), vertices[:, 1]], 1),
            (rng.integers(0, 2 * cells, (3000, 2)) + 0.0) / cells - 1,
        ]
    )
    region = Polygons(rings, cells=cells)
    assert np.array_equal(region.contains(x), even_odd(rings, x))


rectangle = st.tuples(*[st.integers(-63, 62)] * 2, *[st.integers(1, 30)] * 2)


@settings(max_examples=60, deadline=None)
@given(rectangle, st.integers(1, 40))
def test_rectangles_are_half_open(sides: tuple[int, ...], cells: int) -> None:
    left, low = sides[0] / 64, sides[1] / 64
    right, high = min(left + sides[2] / 64, 1), min(low + sides[3] / 64, 1)
    ring = [[left, low], [right, low], [right, high], [left, high], [left, low]]
    region = Polygons([np.array(ring)], cells=cells)
    grid = np.arange(-64, 65) / 64
    x = np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 2)
    wanted = (x >= [left, low]).all(1) & (x < [right, high]).all(1)
    assert np.array_equal(region.contains(x), wanted)
    assert region.area == pytest.approx((right - left) * (high - low), abs=1e-14)


def test_a_ring_within_a_ring_is_a_hole() -> None:
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) * 0.8
    region = Polygons([square, square / 2])
    assert region.area == pytest.approx(1.6**2 * 0.75, abs=1e-14)
    inside = region.contains(np.array([[0.0, 0.0], [0.6, 0.0], [0.9, 0.0]]))
    assert inside.tolist() == [False, True, False]


def test_outside_the_square_is_outside() -> None:
    square = np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]])
    region = Polygons([square])
    far = np.array([[1.5, 0.0], [0.0, -7.0], [-1e300, 1e300]])
    assert not region.contains(far).any()
    assert region.contains(np.zeros((0, 2))).shape == (0,)
