"""The order in which chapters run."""

from __future__ import annotations

import threading

import pytest

from genbook.publishing.running.queue import Queue


def drain(queue: Queue) -> list[str]:
    """Take one name at a time until none is left."""
    taken = []
    while (name := queue.take()) is not None:
        taken.append(name)
        queue.finish(name)
    return taken


def test_what_others_wait_for_comes_first_then_what_waited() -> None:
    queue = Queue(["long", "late", "short"], {"late": ["short"]})
    assert drain(queue) == ["short", "late", "long"]


def test_names_from_elsewhere_and_a_name_itself_do_not_count() -> None:
    assert drain(Queue(["a"], {"a": ["a", "nowhere"]})) == ["a"]
    assert drain(Queue([], {})) == []


@pytest.mark.parametrize(
    "after",
    [
        {"a": ["b"], "b": ["a"]},
        {"a": ["b"], "b": ["c"], "c": ["a", "b"]},
    ],
)
def test_a_circle_is_cut_open(after: dict[str, list[str]]) -> None:
    assert sorted(drain(Queue("abc", after))) == ["a", "b", "c"]


def test_whoever_comes_too_early_waits() -> None:
    queue = Queue(["first", "second"], {"second": ["first"]})
    assert queue.take() == "first"
    came: list[str | None] = []
    waiting = threading.Thread(target=lambda: came.append(queue.take()))
    waiting.start()
    waiting.join(0.05)
    assert not came, "the first has not finished"
    queue.finish("first")
    waiting.join(10)
    assert came == ["second"]
