"""What Prometheus reads: counts, times and sizes, of one service each."""

from __future__ import annotations

from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

__all__ = ["Meters"]

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
SIZES = (1, 2, 4, 8, 16, 32, 64)


class Meters:
    """The meters of one service.

    Attributes:
        requests: How many, by route and status.
        seconds: How long each took, by route.
        batch: How many requests a batch held.
        inside: How many are inside now.
        p_value: The last p-value of each alarm for drift.
        alarms: How many windows of each were called drifted.

    Example:
        >>> meters = Meters()
        >>> meters.requests.labels("/healthz", "200").inc()
        >>> 'genbook_requests_total{route="/healthz",status="200"} 1.0' in meters.text()
        True
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        kept: Any = {"registry": self.registry}
        self.requests = Counter(
            "genbook_requests", "Requests answered.", ["route", "status"], **kept
        )
        self.seconds = Histogram(
            "genbook_seconds",
            "Time a request took.",
            ["route"],
            buckets=SECONDS,
            **kept,
        )
        self.batch = Histogram(
            "genbook_batch_size", "Requests of a batch.", buckets=SIZES, **kept
        )
        self.inside = Gauge("genbook_in_flight", "Requests inside now.", **kept)
        self.p_value = Gauge(
            "genbook_drift_p_value", "Last p-value of the alarm.", ["model"], **kept
        )
        self.alarms = Counter(
            "genbook_drift_alarms", "Windows called drifted.", ["model"], **kept
        )

    def text(self) -> str:
        """Return all of it in the text format of Prometheus."""
        return generate_latest(self.registry).decode("utf8")
