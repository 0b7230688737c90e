"""The server: connections, their number and their patience, and a graceful stop."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from genbook.practice.serving.settings import Limits

__all__ = ["listen"]


def _last_words(status: str, error: str, more: str = "") -> bytes:
    """Return a whole answer, after which the connection is closed."""
    body = json.dumps({"error": error})
    head = f"HTTP/1.1 {status}\r\nconnection: close\r\n{more}"
    kind = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return (head + kind + body).encode("ascii")


FULL = _last_words(
    "503 Service Unavailable", "too many connections", "retry-after: 1\r\n"
)
SLOW = _last_words("408 Request Timeout", "the head of the request came too slowly")


def _protocol(limits: Limits) -> type[H11Protocol]:
    """Return uvicorn's protocol with a limit on connections and on slow heads."""

    class Impatient(H11Protocol):
        head_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > limits.connections:
                self._close_with(FULL)
            else:
                self._start_timer()

        def data_received(self, data: bytes) -> None:
            if self.transport.is_closing():
                return
            if not self._inside() and self.head_timer is None:
                self._start_timer()
            super().data_received(data)
            if self._inside():
                self._stop_timer()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_timer()
            super().connection_lost(exc)

        def _inside(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _start_timer(self) -> None:
            self.head_timer = self.loop.call_later(limits.head_seconds, self._late)

        def _stop_timer(self) -> None:
            if self.head_timer is not None:
                self.head_timer.cancel()
                self.head_timer = None

        def _late(self) -> None:
            self.head_timer = None
            if not self._inside():
                self._close_with(SLOW)

        def _close_with(self, answer: bytes) -> None:
            if not self.transport.is_closing():
                self.transport.write(answer)
                self.transport.close()

    return Impatient


class _Server(uvicorn.Server):
    """A server whose graceful stop is no death by a signal: the process ends with 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and Control-C while it lasts."""
        kinds = (signal.SIGTERM, signal.SIGINT)
        before = [signal.signal(kind, self.handle_exit) for kind in kinds]
        try:
            yield
        finally:
            for kind, handler in zip(kinds, before, strict=True):
                signal.signal(kind, handler)


def listen(app: Any, host: str, port: int, limits: Limits) -> None:
    """Answer until the process is told to stop, by SIGTERM or Control-C.

    It then takes no new connection, ends what it has begun, and returns.

    Args:
        app: The application.
        host: The address to listen at.
        port: Its port.
        limits: What is allowed.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="asyncio",
        http=_protocol(limits),
        ws="none",
        log_level="warning",
        access_log=False,  # it would hold addresses
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=round(max(limits.stop_seconds, 1)),
        h11_max_incomplete_event_size=16_384,
        backlog=min(2 * limits.connections, 4096),
    )
    _Server(config).run()
