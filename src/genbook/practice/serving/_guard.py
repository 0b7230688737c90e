"""What stands before the application: size, time, key, rate, crowd, and the trail.

A plain ASGI middleware. It reads the whole body itself, within a time and a size, so
nothing behind it ever waits for a caller.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

from genbook.practice.serving._meters import Meters
from genbook.practice.serving.limits import TokenBuckets, whole_seconds
from genbook.practice.serving.settings import Limits

__all__ = ["POLICY", "Guard"]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
GUARDED = "/v1/"


class Refused(Exception):
    """A request that goes no further."""

    def __init__(self, status: int, error: str, **headers: str) -> None:
        super().__init__(error)
        self.status, self.error = status, error
        self.headers = {k.replace("_", "-"): v for k, v in headers.items()}


class Gone(Exception):
    """The caller has left before all of the body had come."""


class Guard:
    """Refuse what is too large, too slow, too often or unknown, and log the rest.

    Args:
        app: The application behind.
        limits: What is allowed.
        keys: The secrets of the applications that may ask, by their names; everybody
            may when there is none.
        meters: What counts.
        log: The audit trail.
    """

    def __init__(
        self,
        app: Any,
        limits: Limits,
        keys: Mapping[str, str],
        meters: Meters,
        log: Any,
    ) -> None:
        self.app, self.limits, self.meters, self.log = app, limits, meters, log
        self.keys = {name: secret.encode() for name, secret in keys.items()}
        self.buckets = TokenBuckets(limits.rate, limits.burst)
        self.inside = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, request_id = time.perf_counter(), uuid.uuid4().hex
        scope.setdefault("state", {})
        scope["state"] |= {"request_id": request_id, "audit": {}}
        status = 0

        async def answer(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = {k.lower() for k, _ in message["headers"]}
                own = HEADERS | {"x-request-id": request_id}
                message["headers"] = [
                    *message["headers"],
                    *(
                        (k.encode(), v.encode())
                        for k, v in own.items()
                        if k.encode() not in given
                    ),
                ]
            await send(message)

        self.inside += 1
        self.meters.inside.set(self.inside)
        try:
            async with asyncio.timeout(self.limits.seconds + self.limits.body_seconds):
                await self._let_in(scope, receive, answer)
        except Refused as refused:
            await _refuse(answer, refused, request_id)
        except Gone:
            status = 499  # what nginx calls a caller that left
        except TimeoutError:
            if not status:
                late = Refused(503, "this took too long", retry_after="1")
                await _refuse(answer, late, request_id)
        except Exception as error:  # ours: told to the log, not to the caller
            scope["state"]["audit"]["fault"] = type(error).__name__
            if not status:
                await _refuse(answer, Refused(500, "a fault of ours"), request_id)
        finally:
            self.inside -= 1
            self.meters.inside.set(self.inside)
            self._write_down(scope, status, request_id, time.perf_counter() - start)

    async def _let_in(self, scope: Any, receive: Any, send: Any) -> None:
        limits, headers = self.limits, dict(scope["headers"])
        guarded = scope["path"].startswith(GUARDED)
        if self.inside > limits.in_flight and guarded:
            raise Refused(503, "too many requests at once", retry_after="1")
        if guarded:
            who = self._who(headers)
            scope["state"]["audit"]["key"] = who
            # Who has no key is counted by address: keys are not guessed at leisure.
            caller = who or (scope.get("client") or ("", 0))[0]
            seconds = self.buckets.take(caller)
            if seconds:
                again = whole_seconds(seconds)
                raise Refused(429, "too many requests in a second", retry_after=again)
            if self.keys and who is None:
                raise Refused(401, "a key is wanted", www_authenticate="Bearer")
        body = await _whole_body(headers, receive, limits)
        scope["state"]["audit"]["bytes"] = len(body)
        told = False

        async def replay() -> Any:
            nonlocal told
            if told:
                return await receive()  # the end of the connection
            told = True
            return {"type": "http.request", "body": body, "more_body": False}

        async with asyncio.timeout(limits.seconds):
            await self.app(scope, replay, send)

    def _who(self, headers: dict[bytes, bytes]) -> str | None:
        """Return whose key it is; every secret is compared, in constant time."""
        given = headers.get(b"authorization", b"").removeprefix(b"Bearer ")
        given = headers.get(b"x-api-key", given)
        same = [n for n, key in self.keys.items() if hmac.compare_digest(key, given)]
        return same[0] if same else None

    def _write_down(self, scope: Any, status: int, id: str, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or "(none)"
        self.meters.requests.labels(route, str(status)).inc()
        self.meters.seconds.labels(route).observe(seconds)
        method = scope["method"] if scope["method"] in METHODS else "(other)"
        self.log.info(
            "request",
            request_id=id,
            method=method,
            route=route,
            status=status,
            ms=round(1000 * seconds, 2),
            **scope["state"]["audit"],
        )


DRAINED = 4 << 20  # bytes of a body too large that are still read, and thrown away
DRAINING = 2.0  # for so many seconds at most
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


async def _whole_body(
    headers: dict[bytes, bytes], receive: Any, limits: Limits
) -> bytes:
    """Read a body, within its size and its time."""
    large = Refused(
        413, f"a body may have {limits.body_bytes} bytes", connection="close"
    )
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or int(length[:20]) > limits.body_bytes:
        if length.isdigit() and int(length[:20]) <= DRAINED:
            await _drain(receive)
        raise large
    body, more = b"", True
    try:
        async with asyncio.timeout(limits.body_seconds):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > limits.body_bytes:
                    raise large
    except TimeoutError:
        slow = f"a body may take {limits.body_seconds:g} s to arrive"
        raise Refused(408, slow, connection="close") from None
    return body


async def _drain(receive: Any) -> None:
    """Read what is thrown away, or who still sends it would not hear the answer."""
    more, left = True, DRAINED
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAINING):
            while more and left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                more = message.get("more_body", False)


async def _refuse(send: Any, refused: Refused, request_id: str) -> None:
    problem = {"error": refused.error, "request_id": request_id}
    body = json.dumps(problem).encode()
    headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        **refused.headers,
    }
    coded = [(k.encode(), v.encode()) for k, v in headers.items()]
    start = {"type": "http.response.start", "status": refused.status, "headers": coded}
    await send(start)
    await send({"type": "http.response.body", "body": body})
