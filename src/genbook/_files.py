"""Files that are replaced whole or not at all."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: what a killed process left there stays
    fcntl = None  # type: ignore[assignment]

_KINDS = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def check_path(path: str | os.PathLike[str], name: str) -> Path:
    """Return the path that an argument names.

    Raises:
        TypeError: If it is no path.

    Example:
        >>> check_path("poem.txt", "path").name
        'poem.txt'
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"{name} must be a path, got {type(path).__name__} {path!r}")
    return Path(path)


def check_place(path: str | os.PathLike[str]) -> Path:
    """Return where a file is to be written; refuse a place where none can stand.

    A symbolic link is followed, so that the file it leads to is replaced and not the
    link.

    Args:
        path: The file to replace, or to make.

    Raises:
        FileNotFoundError: If its folder does not exist.
        IsADirectoryError: If it is a folder.
        PermissionError: If its folder may not be written in.
        OSError: If it is a FIFO, a device or a socket, or its name is too long.

    Example:
        >>> check_place(os.devnull)
        Traceback (most recent call last):
        ...
        OSError: /dev/null must be a regular file, it is a device
    """
    path = Path(path)
    mode = None
    with suppress(FileNotFoundError, NotADirectoryError):
        mode = os.stat(path).st_mode
    if mode is not None and stat.S_ISDIR(mode):
        raise IsADirectoryError(f"{path} must be a file, it is a folder")
    if mode is not None and not stat.S_ISREG(mode):
        kind = next((what for is_it, what in _KINDS if is_it(mode)), "none")
        raise OSError(f"{path} must be a regular file, it is {kind}")
    place = Path(os.path.realpath(path)) if path.is_symlink() else path
    if not place.parent.is_dir():
        raise FileNotFoundError(f"the folder of {place} must exist, it does not")
    if not os.access(place.parent, os.W_OK | os.X_OK):
        raise PermissionError(f"the folder of {place} must be writable, it is not")
    return place


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a file to write beside another, which it replaces once it is complete.

    The new file is on the disk before it takes the old one's name, in one move, and
    its permissions. After an exception the old file stands unharmed, and nothing else
    does. After a kill the old file stands unharmed, and what was begun is cleared away
    when the same file is written again.

    Args:
        path: The file to replace, or to make; its folder must exist. A symbolic link
            is followed.

    Raises:
        OSError: As :func:`check_place`.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "poem.txt")
        ...     with replacing(file) as partial:
        ...         _ = partial.write_text("complete")
        ...     file.read_text()
        'complete'
    """
    path = check_place(path)
    # Not the name itself, which may already be as long as a name can be.
    begun = f".genbook-{hashlib.blake2b(path.name.encode(), digest_size=8).hexdigest()}"
    _clear(path.parent, begun)
    mode = stat.S_IMODE(os.stat(path).st_mode) if path.exists() else None
    partial, held = _begin(path.parent, begun, 0o666 if mode is None else mode | 0o600)
    try:
        yield partial
        with open(partial, "r+b") as file:
            if not file.seek(0, os.SEEK_END):
                raise FileNotFoundError(f"nothing was written to replace {path}")
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(partial, mode)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
        if held is not None:
            os.close(held)


def _begin(folder: Path, begun: str, mode: int) -> tuple[Path, int | None]:
    """Make a new file that is locked while we live, where there are such locks."""
    while True:
        partial = folder / f"{begun}-{secrets.token_hex(4)}.tmp"
        held = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
        if fcntl is None:
            os.close(held)
            return partial, None
        try:
            _lock(held)
            if os.fstat(held).st_nlink:
                return partial, held
        except BlockingIOError:
            pass  # someone who clears up took it for forsaken
        except OSError:  # a file system without locks
            return partial, held
        os.close(held)


def _clear(folder: Path, begun: str) -> None:
    """Remove what killed processes have left of a file: nobody holds it any more."""
    if fcntl is None:
        return
    for left in folder.glob(f"{begun}-*.tmp"):
        with suppress(OSError):
            held = os.open(left, os.O_RDWR)
            try:
                _lock(held)
                left.unlink(missing_ok=True)
            finally:
                os.close(held)


def _lock(held: int) -> None:
    """Lock a file until it is closed, or its process ends.

    Raises:
        BlockingIOError: If another holds it.
    """
    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
