"""Clients that count what they are told, beside a server that says what it likes."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator

import pytest

from genbook.practice.serving.load import Load, press


class Moody(http.server.BaseHTTPRequestHandler):
    """Every fourth answer is 503; it keeps what it was asked."""

    protocol_version = "HTTP/1.1"
    asked: list[int] = []  # noqa: RUF012
    told: list[int] = []  # noqa: RUF012

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.asked.append(json.loads(body)["n"])
        status = 503 if len(self.asked) % 4 == 0 else 200
        self.told.append(status)
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Moody)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_it_counts_what_it_was_told(port: int) -> None:
    load = press(port, lambda i: {"n": i}, clients=3, seconds=0.4)
    for status in (200, 503):
        assert load.statuses[status] == Moody.told.count(status)
    assert sorted(Moody.asked) == list(range(len(Moody.asked)))
    assert 0 < load.p50 <= load.p99 < 1000 * load.seconds
    assert load.rate == load.statuses[200] / load.seconds


def test_nobody_there_is_a_broken_connection() -> None:
    load = press(9, lambda i: {"n": i}, clients=2, seconds=0.1)
    assert load.statuses.keys() == {0}
    assert load.p50 != load.p50
    assert Load({200: 30}, 2.0, 1.0, 2.0).rate == 15
