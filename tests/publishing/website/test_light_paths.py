"""Lines in few characters are the same lines."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genbook.publishing.website.light_paths import (
    MANY,
    TOLERANCE,
    read_path,
    short_path,
    thin_out,
    write_numbers,
)

_TOKEN = re.compile(r"[a-zA-Z]|-?(?:\d+\.?\d*|\.\d+)")
_TAKES = {"m": 2, "l": 2, "q": 4, "c": 6, "z": 0}


def corners(d: str) -> np.ndarray:
    """Read a path in steps, as the grammar of SVG has it, into absolute points."""
    tokens = _TOKEN.findall(d)
    place = start = np.zeros(2)
    out, command = [], ""
    while tokens:
        if tokens[0].isalpha():
            command = tokens.pop(0)
        if command == "z":
            place = start
            continue
        numbers = [float(tokens.pop(0)) for _ in range(_TAKES[command])]
        points = place + np.array(numbers).reshape(-1, 2)
        out += list(points)
        place = points[-1]
        if command == "m":
            start, command = place, "l"
    return np.array(out)


def off(points: np.ndarray, line: np.ndarray) -> float:
    """The greatest distance of points from a line of segments."""
    start, along = line[:-1], np.diff(line, axis=0)
    away = points[:, None] - start
    length = np.maximum((along**2).sum(1), 1e-12)
    t = ((away * along).sum(2) / length).clip(0, 1)
    return float(
        np.hypot(*(away - t[..., None] * along).transpose(2, 0, 1)).min(1).max()
    )


numbers = st.floats(-500, 500).map(lambda v: round(v, 2))
lines = st.lists(st.tuples(numbers, numbers), min_size=2, max_size=40, unique=True)


def absolute(points) -> str:
    return "M " + " L ".join(f"{x} {y}" for x, y in points)


@given(lines)
def test_no_point_is_far_from_the_line_that_stays(points):
    drawn = corners(short_path(absolute(points)))
    assert off(np.array(points), drawn) <= TOLERANCE + 0.01
    assert drawn[0] == pytest.approx(points[0], abs=0.01)
    assert drawn[-1] == pytest.approx(points[-1], abs=0.01)


def test_errors_of_many_steps_do_not_add_up():
    t = np.linspace(0, 60, 4_000)
    points = np.stack([7 * t, 100 + 90 * np.sin(t)], 1)
    assert points.size >= MANY
    drawn = corners(short_path(absolute(points)))
    assert len(drawn) < len(points) / 2
    assert off(points, drawn) <= TOLERANCE + 0.08  # one decimal: half of it each way


def test_curves_and_holes_keep_their_points():
    d = "M 1 1 Q 2 0 3 1 C 4 2 5 2 6 1 z M 10 10 L 12 10 L 12 12 z"
    wanted = [
        (1, 1),
        (2, 0),
        (3, 1),
        (4, 2),
        (5, 2),
        (6, 1),
        (10, 10),
        (12, 10),
        (12, 12),
    ]
    assert corners(short_path(d)).tolist() == [list(map(float, p)) for p in wanted]


def test_a_dashed_line_keeps_all_its_points():
    d = "M 0 0 L 1 0 L 2 0 L 3 0"
    assert len(corners(short_path(d))) == 2
    assert len(corners(short_path(d, dashed=True))) == 4


def test_a_dot_remains_a_dot():
    """A line of no length draws its round caps."""
    assert short_path("M 3 4 L 3 4") == "m3 4 0 0"


@pytest.mark.parametrize(
    "d", ["", "M 1 1 H 3", "m 1 1 2 2", "M 1", "L 2 2", "M 1 1 L 2"]
)
def test_what_matplotlib_does_not_write_stays(d):
    assert read_path(d) is None
    assert short_path(d) == d


@given(st.lists(st.integers(-99_999, 99_999), min_size=1), st.integers(0, 3))
def test_numbers_can_be_read_back(whole, places):
    found = re.findall(r"-?(?:\d+\.?\d*|\.\d+)", write_numbers(whole, places))
    assert [round(float(n) * 10**places) for n in found] == whole


def test_thinning_keeps_the_ends_and_the_corners():
    points = np.array([[0, 0], [1, 0], [2, 0], [2, 1], [2, 2]], float)
    assert thin_out(points).tolist() == [[0, 0], [2, 0], [2, 2]]
    assert thin_out(points[:2]).tolist() == [[0, 0], [1, 0]]
