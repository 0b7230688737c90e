"""A service in a process of its own, for as long as a block lasts."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from genbook._files import check_path
from genbook._validate import check_positive

__all__ = ["Running", "serving"]


class Running:
    """A service that runs.

    Attributes:
        port: Where it listens, on this machine alone.
        process: The process.
        log: The file that its audit trail goes to.
    """

    def __init__(self, args: Sequence[str], log: Path) -> None:
        self.port, self.log, self.args = _free_port(), log, list(args)
        self._out: IO[bytes]
        self.start()

    def start(self, seconds: float = 60.0) -> None:
        """Start it, again after a kill at the same port, and wait until it is ready.

        Args:
            seconds: How long it may take, at most 3600.

        Raises:
            TypeError: If ``seconds`` is not a number.
            ValueError: If it is out of range.
            RuntimeError: If it ends before it is ready, or is not ready in time.
        """
        seconds = check_positive(seconds, "seconds", maximum=3600)
        module = "genbook.practice.serving"
        command = [sys.executable, "-m", module, *self.args, "--port", str(self.port)]
        path = [str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")]
        environment = os.environ | {
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, path)),
        }
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                command, stdout=out, stderr=out, env=environment
            )
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(self.log.read_text("utf8", "replace")[-500:])
            try:
                if self.get("/readyz")[0] == 200:
                    return
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"the service was not ready after {seconds:g} s")

    def get(self, path: str) -> tuple[int, str]:
        """Return the status and the text of an address.

        Args:
            path: Such as ``"/metrics"``.
        """
        return self._send(path, None, {})

    def post(self, path: str, ask: Any, **headers: str) -> tuple[int, Any]:
        """Send JSON; return the status and the JSON that comes back.

        Args:
            path: Such as ``"/v1/samples"``.
            ask: What is sent; bytes go as they are, whether they are JSON or not.
            headers: More headers, with ``_`` for ``-``.
        """
        named = {k.replace("_", "-"): v for k, v in headers.items()}
        named["content-type"] = "application/json"
        body = ask if isinstance(ask, bytes) else json.dumps(ask).encode()
        status, text = self._send(path, body, named)
        return status, json.loads(text)

    def _send(
        self, path: str, data: bytes | None, headers: dict[str, str]
    ) -> tuple[int, str]:
        address = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(address, data, headers)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=30) as answer:
                return answer.status, answer.read().decode("utf8")
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode("utf8")

    def kill(self) -> None:
        """Kill it at once, as a machine that fails would: it cannot say goodbye."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to stop and wait; return its exit code, 0 after a graceful stop."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode

    def trail(self) -> list[dict[str, Any]]:
        """Return the lines of the audit trail."""
        lines = self.log.read_text("utf8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextmanager
def serving(place: str | os.PathLike[str], *options: str) -> Iterator[Running]:
    """Run ``genbook serve`` on a free port of this machine while a block lasts.

    Args:
        place: The models: a folder or a file.
        options: More arguments of the command: ``"--queue", "32"``.

    Yields:
        What asks it, kills it and starts it again.

    Raises:
        TypeError: If an argument is of another type.
        FileNotFoundError: If there is no such place.
        RuntimeError: If the service does not start; the message is its own.

    Example:
        >>> from genbook.models.flows.flow import Flow
        >>> from genbook.training import save
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(Flow(2, transforms=1), f"{folder}/flow.safetensors")
        ...     with serving(folder) as service:
        ...         service.get("/healthz")
        (200, '{"ok": true}')
    """
    path = check_path(place, "place")
    if not path.exists():
        raise FileNotFoundError(f"there is no file or folder {path} to serve")
    for option in options:
        if not isinstance(option, str):
            got = type(option).__name__
            raise TypeError(f"options must be strings, got {got} {option!r}")
    with tempfile.TemporaryDirectory() as folder:
        service = Running([str(path), *options], Path(folder) / "audit.jsonl")
        try:
            yield service
        finally:
            service.stop()
