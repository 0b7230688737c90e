"""What the service asks when somebody asks it a question."""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol, runtime_checkable

__all__ = ["Desk"]


@runtime_checkable
class Desk(Protocol):
    """Anything that answers questions, with a passage at hand or without.

    Example:
        >>> class Parrot:
        ...     def answer(self, question: str, passage: str | None) -> str | None:
        ...         return passage
        >>> isinstance(Parrot(), Desk)
        True
    """

    @abstractmethod
    def answer(self, question: str, passage: str | None) -> str | None:
        """Return an answer, or ``None`` where it would be invented.

        Args:
            question: What somebody wants to know.
            passage: Where it may stand; ``None`` when the desk shall look itself.
        """
