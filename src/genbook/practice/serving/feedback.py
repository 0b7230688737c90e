"""What people thought of an answer, kept in SQLite, and the preference pairs in it.

The loop of a product closes here: a service answers, somebody says whether it was good
and what would have been better, and the next alignment learns from the pairs.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from genbook._files import check_path
from genbook._validate import check_choice, check_count, check_text

__all__ = ["Feedback", "FeedbackStore", "Full", "Pair"]

TABLE = """
create table if not exists feedback (
    id integer primary key,
    day text not null,
    model text not null,
    prompt text not null,
    answer text not null,
    verdict text not null check (verdict in ('good', 'bad')),
    better text
)
"""


class Full(Exception):
    """The store holds as much as it may."""


@dataclass(frozen=True)
class Feedback:
    """What somebody thought of an answer.

    Args:
        model: Which model gave it.
        prompt: What it was asked.
        answer: What it answered.
        verdict: ``"good"`` or ``"bad"``.
        better: What it should have answered, if somebody says so.

    Raises:
        TypeError: If a text is none.
        ValueError: If the verdict is neither.

    Example:
        >>> Feedback("desk", "momentum of SGD?", "0.9", "bad", better="0").better
        '0'
    """

    model: str
    prompt: str
    answer: str
    verdict: str
    better: str | None = None

    def __post_init__(self) -> None:
        for name in ("model", "prompt", "answer"):
            check_text(getattr(self, name), name)
        check_choice(self.verdict, "verdict", ("good", "bad"))
        if self.better is not None:
            check_text(self.better, "better")


@dataclass(frozen=True)
class Pair:
    """Two answers to one prompt, the first preferred to the second."""

    prompt: str
    chosen: str
    rejected: str


class FeedbackStore:
    """A file of SQLite that holds feedback, written at once and safe from a kill.

    It keeps the day, never the hour or the sender.

    Args:
        path: The file; made when there is none. ``":memory:"`` keeps nothing.
        most: How many it may hold.

    Raises:
        TypeError: If ``path`` is no path or ``most`` no integer.
        ValueError: If ``most`` is out of range, or the file is no such store.
        OSError: If the file cannot be opened.

    Example:
        >>> store = FeedbackStore(":memory:")
        >>> store.add(Feedback("desk", "momentum?", "0.9", "bad", better="0"))
        1
        >>> store.pairs()
        [Pair(prompt='momentum?', chosen='0', rejected='0.9')]
    """

    def __init__(self, path: str | os.PathLike[str], most: int = 100_000) -> None:
        self.path = check_path(path, "path")
        self.most = check_count(most, "most", 1)
        self._lock = threading.Lock()
        try:
            self._db = sqlite3.connect(self.path, check_same_thread=False)
            with self._db:
                self._db.execute("pragma journal_mode = wal")
                self._db.execute(TABLE)
        except sqlite3.OperationalError as error:
            raise OSError(f"path {self.path} cannot be opened: {error}") from None
        except sqlite3.DatabaseError as error:
            raise ValueError(f"path {self.path} is no store: {error}") from None

    def add(self, feedback: Feedback, day: date | None = None) -> int:
        """Keep a feedback; return its number.

        Args:
            feedback: What somebody thought.
            day: When; today when ``None``.

        Raises:
            TypeError: If an argument is of another type.
            Full: If the store holds as much as it may.
        """
        if not isinstance(feedback, Feedback):
            raise TypeError(
                f"feedback must be a Feedback, got {type(feedback).__name__}"
            )
        day = _day(day)
        f = feedback
        row = (day.isoformat(), f.model, f.prompt, f.answer, f.verdict, f.better)
        with self._lock, self._db, closing(self._db.cursor()) as cursor:
            if self._count(cursor) >= self.most:
                raise Full(f"the store holds {self.most} already")
            cursor.execute(
                "insert into feedback (day, model, prompt, answer, verdict, better) "
                "values (?, ?, ?, ?, ?, ?)",
                row,
            )
            return int(cursor.lastrowid or 0)

    def __len__(self) -> int:
        with self._lock, closing(self._db.cursor()) as cursor:
            return self._count(cursor)

    @staticmethod
    def _count(cursor: sqlite3.Cursor) -> int:
        return int(cursor.execute("select count(*) from feedback").fetchone()[0])

    def pairs(self, model: str | None = None) -> list[Pair]:
        """Return the preference pairs that the feedback holds, each once.

        A bad answer with a better one is a pair; so are a good and a bad answer to one
        prompt of one model.

        Args:
            model: Of which; of all when ``None``.

        Raises:
            TypeError: If ``model`` is no text.
        """
        if model is not None:
            check_text(model, "model")
        query = """
            select id, prompt, better, answer from feedback
            where verdict = 'bad' and better is not null and better != answer
            and (:model is null or model = :model)
            union all
            select b.id, b.prompt, g.answer, b.answer from feedback b
            join feedback g on g.prompt = b.prompt and g.model = b.model
            where b.verdict = 'bad' and g.verdict = 'good' and g.answer != b.answer
            and (:model is null or b.model = :model)
            order by 1
        """
        with self._lock, closing(self._db.cursor()) as cursor:
            rows = cursor.execute(query, {"model": model}).fetchall()
        return list(dict.fromkeys(Pair(*row[1:]) for row in rows))

    def forget(self, days: int, today: date | None = None) -> int:
        """Delete what is older than so many days; return how many went.

        Args:
            days: How long feedback is kept.
            today: The day from which they count; today when ``None``.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If ``days`` is out of range.
        """
        days = check_count(days, "days", 0, 100_000)
        last = (_day(today, "today") - timedelta(days)).isoformat()
        with self._lock, self._db, closing(self._db.cursor()) as cursor:
            cursor.execute("delete from feedback where day < ?", (last,))
            return cursor.rowcount

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _day(day: date | None, name: str = "day") -> date:
    if day is None:
        return datetime.now(UTC).date()
    if not isinstance(day, date):
        raise TypeError(f"{name} must be a date or None, got {type(day).__name__}")
    return day
