"""What the environment remembers of the pages with code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sphinx.environment import BuildEnvironment

from genbook.course.fingerprint import Code, Key


@dataclass(frozen=True)
class Chapter:
    """A page with code, for its key and for the reports.

    Attributes:
        code: Its own part of the key.
        key: What its outputs depend on. The digest is empty when the package, or what
            the chapter reads, changed while it ran: then it runs again in the next
            build.
        cell_seconds: Wall time of each code cell when it was executed.
        cpu_seconds: Processor time of its kernel.
        claims: The claims that it checked, in order.
        numbers: The numbers that it made for its text, as they are shown.
        reads: The digests of the files that it read, beside the package.
    """

    code: Code
    key: Key
    cell_seconds: tuple[float, ...]
    cpu_seconds: float
    claims: tuple[dict[str, Any], ...]
    numbers: dict[str, str]
    reads: dict[str, str]

    @property
    def seconds(self) -> float:
        """Wall time of all cells."""
        return sum(self.cell_seconds)


def chapters_of(env: BuildEnvironment) -> dict[str, Chapter]:
    """Return the pages with code that the environment knows, by document name."""
    if not hasattr(env, "genbook_chapters"):
        env.genbook_chapters = {}  # type: ignore[attr-defined]
    return env.genbook_chapters  # type: ignore[attr-defined]
