"""What the service asks when somebody asks it a question."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from genbook.practice.answering import ReadingDesk

__all__ = ["Desk", "book_desk"]


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


def book_desk() -> ReadingDesk:
    """Return the desk of the book: what ``genbook serve --desk`` answers with.

    The model is the one that the package ships. It has read scikit-learn's
    documentation, and answers about that: the passage that shares most words with the
    question is looked up in the installed package, and an answer that does not stand in
    it is withheld.

    Raises:
        ModuleNotFoundError: If scikit-learn is not installed.

    Example:
        >>> book_desk().answer("What is the default of n_clusters in KMeans?")
        '8'
    """
    # What a service without a desk does not need is not imported for it.
    from genbook.practice.answering import ReadingDesk
    from genbook.practice.desk import passage_of
    from genbook.practice.entries import read_entries
    from genbook.practice.pretrained import load_pretrained
    from genbook.practice.retrieval import WordIndex, document_of

    entries = read_entries("scikit-learn")
    index = WordIndex([document_of(entry) for entry in entries])
    base = load_pretrained()

    def look_up(question: str) -> str:
        found = index.search(question, 1)
        if not found:
            raise ValueError("question must have words that the documentation has")
        return passage_of(entries[found[0]])

    return ReadingDesk(base.model, base.tokens, guarded=True, retrieve=look_up)
