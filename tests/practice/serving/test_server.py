"""The service as a process: killed, stopped, and treated badly."""

from __future__ import annotations

import json
import math
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from genbook.practice.serving.load import press
from genbook.practice.serving.running import Running, serving

FREE = ("--rate", "1e5", "--burst", "1e5")
IMPATIENT = ("--head-seconds", "0.6", "--body-seconds", "0.6", "--connections", "30")


@pytest.fixture(scope="module")
def service(shelf: Path) -> Iterator[Running]:
    """One process for the tests of this file."""
    with serving(shelf, *FREE, *IMPATIENT, "--queue", "4", "--batch", "2") as running:
        yield running


def speak(port: int, *parts: bytes | float) -> bytes:
    """Send bytes as they are, with pauses; return what comes until the end."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
        try:
            for part in parts:
                if isinstance(part, float):
                    time.sleep(part)
                else:
                    s.sendall(part)
        except OSError:
            pass  # it was cut off
        found = b""
        while more := s.recv(4096):
            found += more
        return found


def wish(seed: int) -> dict[str, Any]:
    return {"model": "words", "seed": seed, "n": 2}


def drawn(service: Running) -> list[Any]:
    return [service.post("/v1/samples", wish(seed)) for seed in range(5)]


HEAD = b"POST /v1/samples HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
WELL = json.dumps(wish(0)).encode()


def test_a_slow_head_is_told_so_and_cut(service: Running) -> None:
    assert speak(service.port).startswith(b"HTTP/1.1 408"), "said nothing at all"
    trickle = [part for _ in range(12) for part in (b"X", 0.1)]
    end = b": 1\r\nContent-Length: %d\r\n\r\n" % len(WELL) + WELL
    assert speak(service.port, HEAD, *trickle, end).startswith(b"HTTP/1.1 408")


def test_a_slow_second_head_is_cut_too(service: Running) -> None:
    length = b"Content-Length: %d\r\n\r\n" % len(WELL)
    found = speak(service.port, HEAD + length + WELL, 0.2, b"POST /v1")
    assert found.startswith(b"HTTP/1.1 200")
    assert found.count(b"HTTP/1.1 408") == 1


def test_a_slow_body_is_told_so_and_cut(service: Running) -> None:
    found = speak(service.port, HEAD, b"Content-Length: 50\r\n\r\n{")
    assert found.startswith(b"HTTP/1.1 408")


def test_what_is_no_http_and_what_is_too_large(service: Running) -> None:
    assert speak(service.port, b"GARBAGE\r\n\r\n").startswith(b"HTTP/1.1 400")
    long = b"X: " + b"y" * 100_000
    assert speak(service.port, HEAD, long).startswith(b"HTTP/1.1 400")
    large = b"Content-Length: 50000000\r\n\r\nx"
    assert speak(service.port, HEAD, large).startswith(b"HTTP/1.1 413")
    chunked = (
        b"Transfer-Encoding: chunked\r\n\r\n" + b"8000\r\n%s\r\n" % (b"x" * 32768) * 3
    )
    assert speak(service.port, HEAD, chunked).startswith(b"HTTP/1.1 413")


def test_a_large_body_that_trickles_is_refused_and_dropped(service: Running) -> None:
    """What is thrown away is not waited for either: 80,000 bytes would take hours."""
    told = b"Content-Length: 80000\r\n\r\n"
    trickle = [part for _ in range(40) for part in (b"x", 0.1)]
    assert speak(service.port, HEAD, told, *trickle).startswith(b"HTTP/1.1 413")
    assert service.get("/readyz")[0] == 200


def test_connections_have_an_end_and_the_service_none(service: Running) -> None:
    held = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(30)]
    time.sleep(0.1)
    assert speak(service.port).startswith(b"HTTP/1.1 503")
    for s in held:
        s.close()
    time.sleep(0.1)
    assert service.get("/healthz")[0] == 200


def test_at_its_limit_it_says_200_or_503_and_nothing_else(service: Running) -> None:
    load = press(service.port, wish, clients=24, seconds=1.0)
    assert load.statuses.keys() == {200, 503}
    assert service.get("/readyz")[0] == 200


def test_beyond_the_rate_it_says_429(shelf: Path) -> None:
    with serving(shelf, "--rate", "5", "--burst", "5") as slow:
        load = press(slow.port, wish, clients=4, seconds=1.0)
        assert load.statuses.keys() == {200, 429}
        assert load.statuses[200] <= 5 + 5 * load.seconds + 1


def test_killed_under_load_it_comes_back_with_the_same_samples(
    service: Running,
) -> None:
    before = drawn(service)
    assert all(status == 200 for status, _ in before)
    crowd = threading.Thread(
        target=press, args=(service.port, wish), kwargs={"clients": 8, "seconds": 1.0}
    )
    crowd.start()
    time.sleep(0.4)
    service.kill()
    assert service.process.returncode == -9
    crowd.join()
    service.start()
    assert drawn(service) == before


def test_it_stops_with_grace(shelf: Path) -> None:
    found: list[Any] = []
    large = {"model": "digits", "n": 64, "label": 1, "seed": 1}
    with serving(shelf, *FREE) as service:
        ask = threading.Thread(
            target=lambda: found.append(service.post("/v1/samples", large))
        )
        ask.start()
        time.sleep(0.02)
        assert service.stop() == 0
        ask.join()
    assert [status for status, _ in found] == [200]


def test_it_says_what_it_cannot_serve(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="genbook serve: place must hold a file"),
        serving(tmp_path),
    ):
        pass


@pytest.mark.parametrize(
    ("place", "options", "error", "names"),
    [
        (3, (), TypeError, "place"),
        (None, (), TypeError, "place"),
        ("no such folder", (), FileNotFoundError, "no such folder"),
        (".", (32,), TypeError, "options"),
    ],
)
def test_a_place_that_is_none_starts_nothing(
    place: object, options: tuple, error: type[Exception], names: str
) -> None:
    with pytest.raises(error, match=names), serving(place, *options):  # type: ignore[arg-type]
        pass


@pytest.mark.parametrize(
    ("seconds", "error"),
    [
        (0, ValueError),
        (math.nan, ValueError),
        (math.inf, ValueError),
        (3601, ValueError),
        ("9", TypeError),
        (None, TypeError),
    ],
)
def test_a_wait_that_cannot_be_starts_nothing(
    seconds: object, error: type[Exception]
) -> None:
    never = Running.__new__(Running)
    with pytest.raises(error, match="seconds must"):
        never.start(seconds)  # type: ignore[arg-type]
