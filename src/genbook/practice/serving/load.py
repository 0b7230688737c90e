"""Many clients at once: what a service bears, measured from outside."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from genbook._validate import check_count, check_function, check_positive

__all__ = ["Load", "press"]


@dataclass(frozen=True)
class Load:
    """What clients saw.

    Attributes:
        statuses: How many answers of each status; 0 stands for a broken connection.
        seconds: For how long they asked.
        p50: Median of the time that a good answer took, in milliseconds; NaN if none.
        p99: What 99 in 100 stayed below.
    """

    statuses: dict[int, int]
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return self.statuses.get(200, 0) / self.seconds


def press(
    port: int,
    ask: Callable[[int], Any],
    *,
    path: str = "/v1/samples",
    clients: int = 32,
    seconds: float = 2.0,
) -> Load:
    """Let clients ask a service on this machine, each anew when it has its answer.

    A client that is told to come later (429, 503) waits a twentieth of a second.

    Args:
        port: Where the service listens.
        ask: What is sent, made from the number of the request.
        path: Where to.
        clients: How many ask at once.
        seconds: For how long.

    Returns:
        What they saw.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If a number is out of range.

    Example:
        >>> press(9, lambda i: {"n": i}, clients=1, seconds=0.1).statuses.keys()
        dict_keys([0])
    """
    port = check_count(port, "port", 1, 65_535)
    check_function(ask, "ask")
    clients = check_count(clients, "clients", 1, 1000)
    seconds = check_positive(seconds, "seconds", maximum=3600)
    if not isinstance(path, str) or not path.startswith("/"):
        raise ValueError(f"path must begin with /, got {path!r}")
    found: list[Load] = []
    job = _press(port, ask, path, clients, seconds)
    thread = threading.Thread(target=lambda: found.append(asyncio.run(job)))
    thread.start()  # a loop of its own: a notebook runs one already
    thread.join()
    return found[0]


async def _press(
    port: int, ask: Callable[[int], Any], path: str, clients: int, seconds: float
) -> Load:
    statuses: Counter[int] = Counter()
    times: list[float] = []
    numbers = iter(range(10**9))
    start = time.perf_counter()

    async def client() -> None:
        while time.perf_counter() - start < seconds:
            try:
                streams = await asyncio.open_connection("127.0.0.1", port)
                await _ask_on(*streams)
            except (OSError, asyncio.IncompleteReadError):
                statuses[0] += 1
                await asyncio.sleep(0.05)

    async def _ask_on(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while time.perf_counter() - start < seconds:
                body = json.dumps(ask(next(numbers))).encode()
                head = (
                    f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                    f"Content-Type: application/json\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n"
                )
                then = time.perf_counter()
                writer.write(head.encode() + body)
                status = await _read_answer(reader)
                statuses[status] += 1
                if status == 200:
                    times.append(time.perf_counter() - then)
                else:
                    await asyncio.sleep(0.05)
        finally:
            writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    p50, p99 = (1000 * np.quantile(times, [0.5, 0.99])) if times else [np.nan] * 2
    elapsed = time.perf_counter() - start
    return Load(dict(sorted(statuses.items())), elapsed, float(p50), float(p99))


async def _read_answer(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
    lengths = [h for h in head if h.startswith(b"content-length:")]
    await reader.readexactly(int(lengths[0].split(b":")[1]))
    return int(head[0].split()[1])
