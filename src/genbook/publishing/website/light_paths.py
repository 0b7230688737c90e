"""Lines and shapes in few characters.

Matplotlib writes each point of a path as two absolute numbers. A page needs less: each
point as the step from the one before it, and no point that lies on the line between
its neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import numpy as np

# Points of a drawing are 4/3 of a CSS pixel. Together the two errors stay below a
# quarter of a pixel of the sharpest screens.
TOLERANCE = 0.02  # how far from the line a point may lie that is left out
PLACES = 2  # decimals that are kept
MANY = 300  # numbers from which on a path is a coast or a wash: one decimal is enough

_NUMBERS = {"M": 2, "L": 2, "Q": 4, "C": 6}  # that each command takes
_COMMAND = re.compile(r"([A-Za-z])([^A-Za-z]*)")

Segment = tuple[str, np.ndarray]


def thin_out(points: np.ndarray, tolerance: float = TOLERANCE) -> np.ndarray:
    """Return a line without the points that hardly bend it.

    Args:
        points: ``(n, 2)``.
        tolerance: no point that goes lies further from the line that stays.

    Returns:
        Some of the points, in their order, with the first and the last.

    Reference:
        Douglas and Peucker, "Algorithms for the reduction of the number of points
        required to represent a digitized line or its caricature", 1973,
        doi:10.3138/FM57-6770-U75U-7727.

    Example:
        >>> thin_out(np.array([[0, 0], [1, 0.001], [2, 0], [2, 1]])).tolist()
        [[0.0, 0.0], [2.0, 0.0], [2.0, 1.0]]
    """
    keep = np.zeros(len(points), bool)
    keep[[0, -1]] = True
    open_ = [(0, len(points) - 1)]
    while open_:
        first, last = open_.pop()
        if last - first < 2:
            continue
        start, along = points[first], points[last] - points[first]
        between = points[first + 1 : last] - start
        t = (between @ along / max(along @ along, 1e-12)).clip(0, 1)
        off = np.hypot(*(between - t[:, None] * along).T)
        worst = int(off.argmax())
        if off[worst] > tolerance:
            middle = first + 1 + worst
            keep[middle] = True
            open_ += [(first, middle), (middle, last)]
    return points[keep]


def read_path(d: str) -> list[Segment] | None:
    """Return the segments of a path as Matplotlib writes it, or None if it is another.

    Args:
        d: commands ``M``, ``L``, ``Q``, ``C`` and ``z`` with absolute numbers.

    Returns:
        Each command with its points; neighbouring lines are one command.
    """
    segments: list[Segment] = []
    place = np.zeros(2)
    for command, text in _COMMAND.findall(d):
        numbers = np.array(text.replace(",", " ").split(), float)
        if command in "zZ":
            segments.append(("z", np.empty((0, 2))))
            continue
        wanted = _NUMBERS.get(command, 0)
        if not wanted or not len(numbers) or len(numbers) % wanted:
            return None
        points = numbers.reshape(-1, 2)
        after = segments[-1][0] if segments else "z"
        if (command == "M" and len(points) > 1) or (command != "M" and after == "z"):
            return None
        if command == "L" and segments and segments[-1][0] == "L":
            points = np.concatenate([segments.pop()[1], points])
        elif command == "L":
            points = np.concatenate([place[None], points])
        segments.append((command, points))
        place = points[-1]
    return segments if segments and segments[0][0] == "M" else None


def write_numbers(numbers: Iterable[int], places: int) -> str:
    """Return numbers as a path takes them, with no character too many.

    Args:
        numbers: in units of the last decimal.
        places: decimals.

    Example:
        >>> write_numbers([150, -25, 7, 30], 2)
        '1.5-.25.07.3'
    """
    out: list[str] = []
    for number in numbers:
        whole, rest = divmod(abs(number), 10**places)
        decimals = str(rest).zfill(places).rstrip("0") if places else ""
        text = ("-" if number < 0 else "") + (str(whole) if whole else "")
        text += f".{decimals}" if decimals else ("" if whole else "0")
        joined = text[0] == "-" or (text[0] == "." and "." in (out or [""])[-1])
        out.append(text if joined or not out else f" {text}")
    return "".join(out)


def write_path(segments: list[Segment], places: int, tolerance: float) -> str:
    """Return a path in steps from point to point.

    Args:
        segments: as :func:`read_path` returns them.
        places: decimals that are kept. A point is rounded where it lies, so that
            errors of many steps do not add up.
        tolerance: of :func:`thin_out`; 0 keeps all points.
    """
    out: list[str] = []
    place = start = np.zeros(2, int)
    before = ""  # the command that a browser takes numbers for if none is named
    for command, points in segments:
        steps: Iterator[np.ndarray] | list[np.ndarray]
        if command == "L":
            line = thin_out(points, tolerance) if tolerance else points
            whole = np.rint(line[1:] * 10**places).astype(int)
            moves = np.diff(np.concatenate([place[None], whole]), axis=0)
            some = moves[(moves != 0).any(1)]
            steps = list(some if len(some) else moves[:1])
            place = whole[-1]
        elif command == "z":
            steps, place = [np.empty(0, int)], start
        else:
            whole = np.rint(points * 10**places).astype(int)
            each = whole.reshape(-1, _NUMBERS[command] // 2, 2)
            steps = []
            for curve in each:
                steps.append((curve - place).ravel())
                place = curve[-1]
            start = place if command == "M" else start
        for step in steps:
            body = write_numbers(step.tolist(), places)
            name = command.lower()
            if name == before and name != "m":
                out.append(body if body[0] == "-" else f" {body}")
            else:
                out.append(name + body)
            before = "l" if name == "m" else name
    return "".join(out)


def short_path(d: str, *, letters: bool = False, dashed: bool = False) -> str:
    """Return the same path in fewer characters.

    Args:
        d: as Matplotlib writes it; anything else comes back as it is.
        letters: whether it is the shape of a letter, in units far below a point.
        dashed: whether its length must stay, lest the dashes lie elsewhere.

    Example:
        >>> short_path("M 1 1 L 2.5 1 L 4 1 L 4 3.25 L 1 1 z")
        'm1 1 3 0 0 2.25-3-2.25z'
    """
    segments = read_path(d)
    if segments is None:
        return d
    if letters:
        return write_path(segments, 0, 0.0)
    if dashed:
        return write_path(segments, PLACES, 0.0)
    many = sum(points.size for _, points in segments) >= MANY
    return write_path(segments, 1 if many else PLACES, TOLERANCE)
