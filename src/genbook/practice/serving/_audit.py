"""The audit trail: one line of JSON a request, and nothing about a person in it.

A line holds the request's own id, the application whose key was used, the route, the
model, sizes, times and the outcome. It never holds an address, a key, a question, an
answer, or a path that a caller made up.
"""

from __future__ import annotations

import sys
from typing import Any, TextIO

import structlog

__all__ = ["audit_log"]


def audit_log(file: TextIO | None = None) -> Any:
    """Return what writes the trail.

    Args:
        file: Where to; the standard output when ``None``.

    Returns:
        A logger of structlog: ``log.info("request", status=200)``.

    Raises:
        TypeError: If ``file`` cannot be written to.

    Example:
        >>> import io, json
        >>> file = io.StringIO()
        >>> audit_log(file).info("request", status=200)
        >>> json.loads(file.getvalue())["status"]
        200
    """
    if file is not None and not hasattr(file, "write"):
        raise TypeError(f"file must be a file to write to, got {type(file).__name__}")
    return structlog.wrap_logger(
        structlog.PrintLogger(file or sys.stdout),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        wrapper_class=structlog.BoundLogger,
        cache_logger_on_first_use=True,
    )
