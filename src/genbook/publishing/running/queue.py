"""Which chapter runs next, while several run side by side."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter


class Queue:
    """Hands out names, each after those that it must come after.

    Those that others wait for come first, then those that waited, then the rest, each
    in the order given: so that nobody waits alone at the end.

    Args:
        names: All names, the most urgent first.
        after: The names that a name comes after. Others than ``names`` do not count;
            of names that come after each other, any comes first.

    Example:
        >>> queue = Queue(["long", "short", "last"], {"last": ["short"]})
        >>> queue.take(), queue.take()
        ('short', 'long')
        >>> queue.finish("short")
        >>> queue.take()
        'last'
    """

    def __init__(
        self, names: Iterable[str], after: Mapping[str, Iterable[str]]
    ) -> None:
        order = list(names)
        awaited = {other for name in order for other in after.get(name, ())}
        self._rank = {
            name: (name not in awaited, not after.get(name), place)
            for place, name in enumerate(order)
        }
        known = {n: set(after.get(n, ())) & self._rank.keys() - {n} for n in order}
        self._sorter = _sorter(known)
        self._ready: list[str] = []
        self._changed = threading.Condition()

    def take(self) -> str | None:
        """Return the next name, waiting until there is one; None at the end."""
        with self._changed:
            while True:
                self._ready += self._sorter.get_ready()
                if self._ready:
                    self._ready.sort(key=self._rank.__getitem__)
                    return self._ready.pop(0)
                if not self._sorter.is_active():
                    return None
                self._changed.wait()

    def finish(self, name: str) -> None:
        """Let those that come after a name, which was taken, be taken."""
        with self._changed:
            self._sorter.done(name)
            self._changed.notify_all()


def _sorter(after: dict[str, set[str]]) -> TopologicalSorter[str]:
    """Return a sorter of these names, with every circle cut open somewhere."""
    while True:
        sorter = TopologicalSorter(after)
        try:
            sorter.prepare()
        except CycleError as error:
            first, second = error.args[1][:2]
            after[second].remove(first)
        else:
            return sorter
