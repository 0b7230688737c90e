"""Micro-batching: what has come while a batch was computed makes the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from genbook._validate import check_count, check_function, check_positive

__all__ = ["Batcher", "Busy"]

Work = Callable[[Any, Sequence[Any]], Sequence[Any]]


class Busy(Exception):
    """Too many wait already."""


@dataclass(eq=False)
class _Job:
    key: Hashable
    item: Any
    answer: asyncio.Future[Any]


class Batcher:
    """A queue before one thread that computes, several requests at a time.

    Requests of one ``key`` are computed together. While that runs, others come in; they
    are the next batch, so a lone caller never waits and a crowd fills the batches.

    Args:
        work: Gets a key and the items of a batch in a thread of its own, and returns
            an answer for each.
        most: How many make a batch at most.
        wait: Seconds that the first of a batch waits for more.
        queue: How many may wait; another is refused with :class:`Busy`.
        together: Says of a key whether its requests may share a batch; all may when
            ``None``.
        seen: Is told the size of each batch.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If a number is out of range.

    Example:
        >>> async def main():
        ...     batcher = Batcher(lambda key, items: [2 * i for i in items])
        ...     batcher.start()
        ...     answers = await asyncio.gather(*(batcher.ask("a", i) for i in (1, 2)))
        ...     await batcher.stop()
        ...     return answers
        >>> asyncio.run(main())
        [2, 4]
    """

    def __init__(
        self,
        work: Work,
        *,
        most: int = 16,
        wait: float = 0.0,
        queue: int = 64,
        together: Callable[[Any], bool] | None = None,
        seen: Callable[[int], None] | None = None,
    ) -> None:
        check_function(work, "work")
        for function, name in ((together, "together"), (seen, "seen")):
            if function is not None:
                check_function(function, name)
        self.work, self.together, self.seen = work, together, seen
        self.most = check_count(most, "most", 1, 100_000)
        self.wait = check_positive(wait, "wait", zero=True, maximum=60)
        self.queue = check_count(queue, "queue", 1, 1_000_000)
        self.jobs: deque[_Job] = deque()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to compute; a loop must be running."""
        self._come = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "model")
        self._task = asyncio.create_task(self._go_on())

    async def stop(self) -> None:
        """Stop when what has been begun is done; refuse what still waits."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        for job in self.jobs:
            if not job.answer.done():
                job.answer.set_exception(Busy("the service is stopping"))
        self.jobs.clear()
        await asyncio.to_thread(self._thread.shutdown)

    async def ask(self, key: Hashable, item: Any) -> Any:
        """Return the answer to an item.

        Args:
            key: What can be computed together has the same.
            item: What ``work`` gets.

        Raises:
            Busy: If too many wait, or nothing computes.
        """
        if self._task is None or len(self.jobs) >= self.queue:
            raise Busy("the queue is full")
        job = _Job(key, item, asyncio.get_running_loop().create_future())
        self.jobs.append(job)
        self._come.set()
        return await job.answer

    def _take(self, key: Hashable, most: int) -> list[_Job]:
        """Take those of a key from the queue, and drop who no longer waits."""
        taken: list[_Job] = []
        left: deque[_Job] = deque()
        for job in self.jobs:
            if job.answer.done():
                continue
            if job.key == key and len(taken) < most:
                taken.append(job)
            else:
                left.append(job)
        self.jobs = left
        return taken

    async def _batch(self) -> tuple[Hashable, list[_Job]]:
        while not self.jobs:
            self._come.clear()
            await self._come.wait()
        key = self.jobs[0].key
        most = self.most if self.together is None or self.together(key) else 1
        waiting = sum(job.key == key for job in self.jobs)
        if self.wait and waiting < most:
            await asyncio.sleep(self.wait)
        return key, self._take(key, most)

    async def _go_on(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            key, batch = await self._batch()
            if not batch:
                continue
            if self.seen is not None:
                self.seen(len(batch))
            items = [job.item for job in batch]
            running = loop.run_in_executor(self._thread, self.work, key, items)
            try:
                answers = await asyncio.shield(running)
            except asyncio.CancelledError:
                await self._finish(running, batch)
                raise
            except Exception as error:
                for job in batch:
                    if not job.answer.done():
                        job.answer.set_exception(error)
                continue
            _hand_out(batch, answers)

    async def _finish(self, running: asyncio.Future[Any], batch: list[_Job]) -> None:
        """Let a stopping service end the batch that it has begun."""
        try:
            _hand_out(batch, await running)
        except Exception as error:
            for job in batch:
                if not job.answer.done():
                    job.answer.set_exception(error)


def _hand_out(batch: list[_Job], answers: Sequence[Any]) -> None:
    for job, answer in zip(batch, answers, strict=True):
        if not job.answer.done():
            job.answer.set_result(answer)
