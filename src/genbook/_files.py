"""Files that are replaced whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a file to write beside another, which it replaces once it is complete.

    The new file is on the disk before it takes the old one's name in one move. After an
    exception the old file stands unharmed, and nothing else does; after a kill the old
    file stands unharmed.

    Args:
        path: The file to replace, or to make; its folder must exist.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "poem.txt")
        ...     with replacing(file) as partial:
        ...         _ = partial.write_text("complete")
        ...     file.read_text()
        'complete'
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield partial
        with open(partial, "r+b") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
