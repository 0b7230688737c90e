"""What is refused before the application hears of it."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from genbook.practice.serving import _guard
from genbook.practice.serving._guard import Guard
from genbook.practice.serving._meters import Meters
from genbook.practice.serving.settings import Limits


class Trail(list):
    def info(self, event: str, **words: Any) -> None:
        self.append(words)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the body, after a while where one is asked for."""
    body = (await receive())["body"]
    await asyncio.sleep(float(dict(scope["headers"]).get(b"x-sleep", b"0")))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


class Behind:
    """A guard with ``echo`` behind it, asked without any server."""

    def __init__(self, limits: Limits | None = None, **keys: str) -> None:
        self.trail = Trail()
        self.guard = Guard(echo, limits or Limits(), keys, Meters(), self.trail)

    async def ask(
        self,
        *parts: bytes | float,
        path: str = "/v1/x",
        caller: str = "1.2.3.4",
        **headers: str,
    ) -> tuple[int, bytes, dict[str, str]]:
        """Send parts of a body; a number is a pause of so many seconds."""
        todo, sent = list(parts), []

        async def receive() -> Any:
            while todo and isinstance(todo[0], float):
                await asyncio.sleep(todo.pop(0))
            if not todo:
                return {"type": "http.request", "body": b"", "more_body": False}
            if todo[0] == b"GONE":
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": todo.pop(0), "more_body": True}

        async def send(message: Any) -> None:
            sent.append(message)

        named = {k.replace("_", "-"): v for k, v in headers.items()}
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "client": (caller, 1),
            "headers": [(k.encode(), v.encode()) for k, v in named.items()],
        }
        await self.guard(scope, receive, send)
        if not sent:
            return 0, b"", {}
        got = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
        return sent[0]["status"], b"".join(m["body"] for m in sent[1:]), got


def test_a_body_arrives_whole_and_every_answer_is_numbered() -> None:
    behind = Behind()
    status, body, headers = asyncio.run(behind.ask(b"ab", b"cd"))
    assert (status, body) == (200, b"abcd")
    assert headers["x-request-id"] == behind.trail[0]["request_id"]
    assert headers["x-content-type-options"] == "nosniff"
    assert behind.trail[0]["bytes"] == 4


@pytest.mark.parametrize("told", [{"content_length": "101"}, {}])
def test_a_large_body_is_refused_told_or_not(told: dict[str, str]) -> None:
    behind = Behind(Limits(body_bytes=100))
    status, body, headers = asyncio.run(behind.ask(*[b"x" * 40] * 3, **told))
    assert (status, headers["connection"]) == (413, "close")
    assert "100 bytes" in json.loads(body)["error"]
    assert asyncio.run(behind.ask(b"x" * 100))[0] == 200


@pytest.mark.parametrize("length", ["-1", "many", "9" * 5000, "1e9"])
def test_a_length_that_is_none_is_refused(length: str) -> None:
    assert asyncio.run(Behind().ask(content_length=length))[0] == 413


def test_a_slow_body_is_cut_even_if_it_trickles() -> None:
    behind = Behind(Limits(body_seconds=0.1))
    trickle = [part for _ in range(20) for part in (b"x", 0.02)]
    status, _, headers = asyncio.run(behind.ask(*trickle))
    assert (status, headers["connection"]) == (408, "close")


def test_a_large_body_is_thrown_away_within_a_time_and_a_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who trickles, or sends more than was told, does not hold the answer up."""
    behind, pieces = Behind(Limits(body_bytes=10)), 0
    monkeypatch.setattr(_guard, "DRAINING", 0.1)
    monkeypatch.setattr(_guard, "DRAINED", 1000)
    trickle = [part for _ in range(100) for part in (b"x", 0.02)]
    start = time.perf_counter()
    assert asyncio.run(behind.ask(*trickle, content_length="100"))[0] == 413
    assert time.perf_counter() - start < 1.0

    async def endless() -> Any:
        nonlocal pieces
        pieces += 1
        return {"type": "http.request", "body": b"x" * 100, "more_body": pieces < 50}

    monkeypatch.setattr(_guard, "DRAINING", 60.0)
    asyncio.run(_guard._drain(endless))
    assert pieces == 10, "it must stop after 1000 bytes"

    async def gone() -> Any:
        return {"type": "http.disconnect"}

    asyncio.run(_guard._drain(gone))


def test_who_leaves_is_written_down_and_gets_nothing() -> None:
    behind = Behind()
    assert asyncio.run(behind.ask(b"x", b"GONE"))[0] == 0
    assert behind.trail[0]["status"] == 499


def test_what_takes_too_long_is_ended() -> None:
    behind = Behind(Limits(seconds=0.05))
    status, _, headers = asyncio.run(behind.ask(b"x", x_sleep="5"))
    assert (status, headers["retry-after"]) == (503, "1")


def test_a_crowd_is_let_in_up_to_a_number() -> None:
    behind = Behind(Limits(in_flight=3))

    async def main() -> list[int]:
        calls = [behind.ask(b"x", x_sleep="0.05") for _ in range(5)]
        found = await asyncio.gather(*calls)
        again = await behind.ask(b"x")
        return [status for status, _, _ in (*found, again)]

    assert sorted(asyncio.run(main())) == [200, 200, 200, 200, 503, 503]


def test_who_guesses_keys_is_slowed_down_and_hinders_nobody() -> None:
    """Keys are guessed at a caller's rate, not at that of the line."""
    secret = "a-secret-of-the-reader"
    behind = Behind(Limits(rate=0.1, burst=3), reader=secret)

    def status(key: str, **more: str) -> int:
        told = {"authorization": f"Bearer {key}"}
        return asyncio.run(behind.ask(**told, **more))[0]

    assert [status(f"guess-{i}") for i in range(5)] == [401] * 3 + [429] * 2
    assert status("guess", caller="another") == 401
    assert [status(secret) for _ in range(4)] == [200] * 3 + [429]


def test_a_burst_passes_and_then_the_rate_holds_for_each_caller() -> None:
    behind = Behind(Limits(rate=0.01, burst=2))

    async def main() -> list[int]:
        callers = ["a", "a", "a", "b"]
        return [(await behind.ask(b"", caller=c))[0] for c in callers]

    assert asyncio.run(main()) == [200, 200, 429, 200]
    status, _, headers = asyncio.run(behind.ask(caller="a"))
    assert status == 429
    assert 90 <= int(headers["retry-after"]) <= 100
    assert asyncio.run(behind.ask(caller="a", path="/healthz"))[0] == 200


def test_only_a_whole_key_opens_and_both_headers_do() -> None:
    secret = "0123456789abcdef"
    behind = Behind(Limits(burst=100), reader=secret, other="f" * 16)

    def status(**headers: str) -> int:
        return asyncio.run(behind.ask(b"", **headers))[0]

    assert status() == status(authorization="Bearer ") == 401
    assert status(authorization=f"Bearer {secret[:-1]}") == 401
    assert status(authorization=f"Bearer {secret}x") == 401
    assert status(authorization=f"Bearer {secret}") == 200
    assert status(x_api_key=secret) == 200
    assert behind.trail[-1]["key"] == "reader"
    assert status(x_api_key="f" * 16) == 200
    assert behind.trail[-1]["key"] == "other"
    assert asyncio.run(behind.ask(path="/healthz"))[0] == 200
    assert secret not in str(behind.trail)


def test_a_method_of_ones_own_is_not_written_down() -> None:
    behind = Behind()

    async def main() -> None:
        scope = {"type": "http", "method": "ADA", "path": "/", "headers": []}

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            pass

        await behind.guard(scope, receive, send)

    asyncio.run(main())
    assert behind.trail[0]["method"] == "(other)"
