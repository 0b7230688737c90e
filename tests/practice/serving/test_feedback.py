"""Feedback outlives the process, and becomes pairs."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from genbook.practice.serving.feedback import Feedback, FeedbackStore, Full, Pair


def test_pairs_are_those_that_people_meant() -> None:
    store = FeedbackStore(":memory:")
    for row in (
        ("desk", "q1", "wrong", "bad", "right"),
        ("desk", "q2", "yes", "good", None),
        ("desk", "q2", "no", "bad", None),
        ("desk", "q2", "no", "bad", None),  # said twice, one pair
        ("desk", "q3", "alone", "bad", None),  # nothing to prefer
        ("desk", "q4", "same", "bad", "same"),
        ("flow", "q2", "other", "bad", None),  # of another model
    ):
        store.add(Feedback(*row))
    wanted = [Pair("q1", "right", "wrong"), Pair("q2", "yes", "no")]
    assert store.pairs() == store.pairs("desk") == wanted
    assert store.pairs("flow") == []
    assert len(store) == 7


def test_it_is_on_disk_when_the_answer_is_out(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from genbook.practice.serving.feedback import Feedback, FeedbackStore\n"
        "FeedbackStore(sys.argv[1]).add(Feedback('desk', 'q', 'a', 'bad', 'b'))\n"
        "os._exit(9)\n"  # no goodbye
    )
    path = tmp_path / "feedback.db"
    assert subprocess.run([sys.executable, "-c", code, path]).returncode == 9
    assert FeedbackStore(path).pairs() == [Pair("q", "b", "a")]


def test_words_are_words_and_no_commands() -> None:
    store = FeedbackStore(":memory:")
    nasty = "'); drop table feedback; --"
    store.add(Feedback("desk", nasty, nasty, "bad", better="\0 ok"))
    assert store.pairs(nasty) == []
    assert store.pairs() == [Pair(nasty, "\0 ok", nasty)]


def test_it_forgets_what_is_old_and_knows_no_hour() -> None:
    store = FeedbackStore(":memory:")
    for day in (1, 2, 3):
        store.add(Feedback("desk", "q", "a", "good"), date(2026, 1, day))
    [days] = store._db.execute("select group_concat(day) from feedback").fetchone()
    assert days == "2026-01-01,2026-01-02,2026-01-03"
    with pytest.raises(TypeError, match=r"^today must be a date or None, got str"):
        store.forget(1, "2026-01-03")
    assert store.forget(1, date(2026, 1, 3)) == 1
    assert len(store) == 2


def test_a_full_store_says_so_and_no_store_is_none(tmp_path: Path) -> None:
    store = FeedbackStore(":memory:", most=1)
    store.add(Feedback("desk", "q", "a", "good"))
    with pytest.raises(Full, match="holds 1 already"):
        store.add(Feedback("desk", "q", "a", "good"))
    (tmp_path / "text").write_text("no database " * 100)
    with pytest.raises(ValueError, match="is no store"):
        FeedbackStore(tmp_path / "text")
    with pytest.raises(OSError, match="cannot be opened"):
        FeedbackStore(tmp_path / "nowhere" / "x")
    with pytest.raises(ValueError, match="verdict must be good or bad, got 'fine'"):
        Feedback("desk", "q", "a", "fine")
