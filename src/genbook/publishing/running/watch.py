"""Start a kernel that notes what its cells open. Run as a script, by its path.

Its first argument is the file for the notes: a line of JSON each, ``[kind, name]``. The
kind is ``read`` (a file that was opened, there or not), ``written`` (one opened to be
changed), ``listed`` (a folder) or ``asked`` (another machine).
Programs that a cell starts, and libraries that open files without Python, are not seen.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

# Who looks through folders to find modules depends on none of the files there.
_FINDERS = {
    "importlib",
    "_frozen_importlib_external",
    "pkgutil",
    "zipimport",
    "pkg_resources",
}
_HERE = {"", "localhost", "127.0.0.1", "::1", "0.0.0.0"}
_CHANGES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def noted(event: str, arguments: tuple[Any, ...]) -> tuple[str, str] | None:
    """Return kind and name of what an audit event tells of, or None.

    Example:
        >>> noted("open", ("/data/a.csv", "r", 0))
        ('read', '/data/a.csv')
        >>> noted("open", ("/data/a.csv", None, os.O_WRONLY))
        ('written', '/data/a.csv')
        >>> noted("compile", ("1 + 1", "cell"))
    """
    first: Any = arguments[0] if arguments else None
    if event == "open" and isinstance(first, str | bytes):
        mode, flags = arguments[1] or "", arguments[2] or 0
        changes = set(mode) & set("wax+") if mode else flags & _CHANGES
        kind = "written" if changes else "read"
    elif event in {"os.listdir", "os.scandir"} and not isinstance(first, int):
        kind, first = "listed", "." if first is None else first
    elif event == "sqlite3.connect":
        kind = "read"
    elif event == "socket.getaddrinfo":
        host = os.fsdecode(first) if isinstance(first, str | bytes) else ""
        return None if host in _HERE else ("asked", host)
    else:
        return None
    return kind, os.path.abspath(os.fsdecode(first))


def _finds_modules() -> bool:
    """Return whether it is the import system that lists a folder."""
    caller = sys._getframe(2)
    return caller.f_globals.get("__name__", "").partition(".")[0] in _FINDERS


def watcher(report: str) -> Callable[[str, tuple[Any, ...]], None]:
    """Return an audit hook that notes into a file what the process opens.

    Args:
        report: The file; it is written at once, for the process may be killed.
    """
    file = os.open(report, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    seen: set[tuple[str, str]] = set()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        try:
            note = noted(event, arguments)
            if note is None or note in seen:
                return
            if note[0] == "listed" and _finds_modules():
                return
            seen.add(note)
            os.write(file, (json.dumps(note) + "\n").encode())
        except Exception:  # it must never break what it watches
            return

    return hook


def main() -> None:
    """Start the kernel; the other arguments are its own."""
    report = sys.argv.pop(1)
    from ipykernel.kernelapp import IPKernelApp

    sys.addaudithook(watcher(report))
    IPKernelApp.launch_instance()


if __name__ == "__main__":
    del sys.path[0]  # this folder, whose modules would hide the standard ones
    main()
