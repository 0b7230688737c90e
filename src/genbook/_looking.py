"""Whether the checks at the doors may look at values.

A look at a number on a GPU waits for the GPU, and a step that waits cannot be recorded
as a CUDA graph. ``fit(..., capture=True)`` shows every row to the checks first, and
then takes its steps unseen: types and shapes are compared as ever, values are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_blindfolds = 0


def may_look() -> bool:
    """Return whether checks may look at values: not inside :func:`unseen`.

    Example:
        >>> with unseen():
        ...     may_look()
        False
    """
    return not _blindfolds


@contextmanager
def unseen() -> Iterator[None]:
    """Let checks compare types and shapes alone, in all threads, while it lasts.

    Example:
        >>> with unseen():
        ...     pass
        >>> may_look()
        True
    """
    global _blindfolds
    _blindfolds += 1
    try:
        yield
    finally:
        _blindfolds -= 1
