"""What a service allows, in one place: sizes, rates, crowds and times."""

from __future__ import annotations

from dataclasses import dataclass, fields

from genbook._validate import check_count, check_positive

__all__ = ["Limits"]

COUNTS = {
    "body_bytes": 1 << 30,
    "samples": 100_000,
    "points": 100_000,
    "batch": 4096,
    "queue": 100_000,
    "in_flight": 100_000,
    "connections": 100_000,
}


@dataclass(frozen=True)
class Limits:
    """What a service allows; what goes beyond is refused with a status of 4xx or 503.

    Args:
        body_bytes: The largest body of a request: beyond it, 413.
        samples: The most samples of one request: beyond it, 422.
        points: The most observations whose density one request asks for: 422.
        rate: Requests a second that one caller may make in the long run: 429.
        burst: How many it may make at once after a pause.
        batch: How many requests are computed together at most.
        wait: Seconds that a batch waits to be filled; 0 takes what has come meanwhile.
        queue: How many requests may wait for the model: 503.
        in_flight: How many requests may be inside at once: 503.
        connections: How many connections may be open at once: 503.
        seconds: How long one request may take: 503.
        head_seconds: How long its head may take to arrive: 408.
        body_seconds: How long its body may take to arrive: 408.
        stop_seconds: How long a stopping service waits for what it has begun.

    Raises:
        TypeError: If a count is no integer or a number none.
        ValueError: If one is out of range.

    Example:
        >>> Limits(samples=8).samples
        8
    """

    body_bytes: int = 65_536
    samples: int = 64
    points: int = 256
    rate: float = 50.0
    burst: float = 100.0
    batch: int = 16
    wait: float = 0.0
    queue: int = 64
    in_flight: int = 128
    connections: int = 256
    seconds: float = 10.0
    head_seconds: float = 5.0
    body_seconds: float = 5.0
    stop_seconds: float = 10.0

    def __post_init__(self) -> None:
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            if name in COUNTS:
                value = check_count(value, name, 1, COUNTS[name])
            else:
                zero = name == "wait"
                value = check_positive(value, name, zero=zero, maximum=1e6)
            object.__setattr__(self, name, value)
        if self.burst < 1:
            raise ValueError(f"burst must be at least 1, got {self.burst}")
