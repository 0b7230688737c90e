"""The queue before the model: who shares a batch, who is refused, who is told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from genbook.practice.serving.batching import Batcher, Busy


class Gate:
    """Work that waits until it is let go, and remembers what it was given."""

    def __init__(self) -> None:
        self.open, self.begun = threading.Event(), threading.Event()
        self.batches: list[tuple[Any, list[Any]]] = []

    def __call__(self, key: Any, items: Sequence[Any]) -> list[Any]:
        self.batches.append((key, list(items)))
        self.begun.set()
        assert self.open.wait(10)
        if "bad" in items:
            raise RuntimeError("bad")
        return [f"{key}{i}" for i in items]


async def begun(gate: Gate) -> None:
    while not gate.begun.is_set():
        await asyncio.sleep(0.001)


def test_what_comes_meanwhile_makes_the_next_batches_by_key() -> None:
    async def main() -> Any:
        gate, sizes = Gate(), []
        batcher = Batcher(gate, most=3, seen=sizes.append)
        batcher.start()
        first = asyncio.create_task(batcher.ask("a", 0))
        await begun(gate)
        rest = [("a", 1), ("b", 2), ("a", 3), ("a", 4), ("a", 5)]
        tasks = [asyncio.create_task(batcher.ask(k, i)) for k, i in rest]
        await asyncio.sleep(0)
        gate.open.set()
        answers = await asyncio.gather(first, *tasks)
        await batcher.stop()
        return gate.batches, answers, sizes

    batches, answers, sizes = asyncio.run(main())
    assert batches == [("a", [0]), ("a", [1, 3, 4]), ("b", [2]), ("a", [5])]
    assert answers == ["a0", "a1", "b2", "a3", "a4", "a5"]
    assert sizes == [1, 3, 1, 1]


def test_keys_that_cannot_share_are_computed_one_by_one() -> None:
    async def main() -> Any:
        gate = Gate()
        gate.open.set()
        batcher = Batcher(gate, together=lambda key: key == "many")
        batcher.start()
        await asyncio.gather(*(batcher.ask("one", i) for i in range(3)))
        await asyncio.gather(*(batcher.ask("many", i) for i in range(3)))
        await batcher.stop()
        return [len(items) for _, items in gate.batches]

    assert asyncio.run(main()) == [1, 1, 1, 3]


def test_a_full_queue_refuses_and_who_left_is_not_computed() -> None:
    async def main() -> Any:
        gate = Gate()
        batcher = Batcher(gate, queue=2)
        batcher.start()
        first = asyncio.create_task(batcher.ask("a", 0))
        await begun(gate)
        leaver, stayer = (asyncio.create_task(batcher.ask("a", i)) for i in (1, 2))
        await asyncio.sleep(0)
        with pytest.raises(Busy, match="queue is full"):
            await batcher.ask("a", 3)
        leaver.cancel()
        await asyncio.sleep(0)
        gate.open.set()
        await asyncio.gather(first, stayer)
        await batcher.stop()
        return gate.batches

    assert asyncio.run(main()) == [("a", [0]), ("a", [2])]


def test_a_fault_reaches_those_of_its_batch_and_no_other() -> None:
    async def main() -> None:
        gate = Gate()
        gate.open.set()
        batcher = Batcher(gate)
        batcher.start()
        with pytest.raises(RuntimeError, match="bad"):
            await batcher.ask("a", "bad")
        assert await batcher.ask("a", 1) == "a1"
        await batcher.stop()

    asyncio.run(main())


def test_a_stop_ends_what_was_begun_and_refuses_the_rest() -> None:
    async def main() -> None:
        gate = Gate()
        batcher = Batcher(gate, most=1)
        with pytest.raises(Busy):
            await batcher.ask("a", 0)
        batcher.start()
        running = asyncio.create_task(batcher.ask("a", 1))
        await begun(gate)
        waiting = asyncio.create_task(batcher.ask("a", 2))
        await asyncio.sleep(0)
        stopping = asyncio.create_task(batcher.stop())
        await asyncio.sleep(0.01)
        gate.open.set()
        await stopping
        assert await running == "a1"
        with pytest.raises(Busy, match="stopping"):
            await waiting

    asyncio.run(main())
