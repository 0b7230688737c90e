"""Chapters that run side by side, and what becomes of them."""

from __future__ import annotations

import os
import threading
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode
from sphinx.util import logging

from genbook.course.fingerprint import Code, Key, Package
from genbook.publishing.running import kernel
from genbook.publishing.running.queue import Queue
from genbook.publishing.running.reads import Reader
from genbook.publishing.running.record import Chapter
from genbook.publishing.running.store import Execution, Store

log = logging.getLogger(__name__)


def cells_of(notebook: NotebookNode) -> list[tuple[str, list[str]]]:
    """Return source and tags of each code cell."""
    found = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [(cell.source, list(cell.metadata.get("tags", []))) for cell in found]


@dataclass(eq=False)
class Run:
    """A chapter of this build on its way to its outputs."""

    docname: str
    path: Path
    notebook: NotebookNode
    code: Code
    key: Key
    execution: Execution | None = None
    before: dict[str, str] = field(default_factory=dict)  # what it read last time
    done: Future[None] = field(default_factory=Future)

    @property
    def after(self) -> list[str]:
        """The pages that this one says it comes after."""
        return self.notebook.metadata.get("after", [])

    @property
    def executed(self) -> Execution:
        """What it showed."""
        assert self.execution is not None, f"{self.docname} was not executed"
        return self.execution

    def record(self) -> Chapter:
        """Return what the environment remembers of it."""
        done = self.executed
        return Chapter(
            self.code,
            self.key,
            tuple(done.cell_seconds),
            done.cpu_seconds,
            tuple(done.claims),
            done.numbers,
            dict(done.reads),
        )


class Runner:
    """Runs chapters in threads while Sphinx goes on.

    Args:
        store: Where their outputs are kept.
        package: What they depend on.
        reader: Who tells what they read beside.
        root: The folder that messages name the chapters from.
        timeout: Seconds that one cell may take.
        variables: Environment variables that they may read.
    """

    def __init__(
        self,
        store: Store,
        package: Package,
        reader: Reader,
        root: Path,
        timeout: int,
        variables: tuple[str, ...] = (),
    ) -> None:
        self.store = store
        self.package = package
        self.reader = reader
        self.root = root
        self.timeout = timeout
        self.variables = variables
        self.running: list[Run] = []
        self.failures: list[str] = []

    def start(self, todo: list[Run]) -> None:
        """Let chapters run side by side, the longest first, while Sphinx goes on."""
        workers = min(len(todo), _cores())
        pages = "1 page" if len(todo) == 1 else f"{len(todo)} pages"
        log.info(f"\nrunning the code of {pages}, {workers} at a time")
        _find_fonts()
        self.running += todo
        runs = {run.docname: run for run in sorted(todo, key=self.took, reverse=True)}
        queue = Queue(runs, {name: run.after for name, run in runs.items()})

        def work() -> None:
            while (name := queue.take()) is not None:
                try:
                    self._run(runs[name])
                    runs[name].done.set_result(None)
                except BaseException as error:
                    runs[name].done.set_exception(error)
                queue.finish(name)

        for _ in range(workers):
            threading.Thread(target=work, daemon=True).start()

    def took(self, run: Run) -> tuple[float, int, str]:
        """Return how long a chapter took last time, or else how long it looks."""
        cells = len(cells_of(run.notebook))
        return self.store.seconds(run.docname), cells, run.docname

    def wait_for(self, run: Run) -> None:
        """Wait for a chapter that runs, and say meanwhile which ones have finished."""
        if run not in self.running:
            return
        while not run.done.done():
            wait([other.done for other in self.running], return_when=FIRST_COMPLETED)
            self._report()
        self._report()

    def _report(self) -> None:
        """Say which chapters have finished; if one failed, let the others and leave.

        Leaving at once keeps the reason in sight: Jupyter Book would print sixty lines
        of traceback after it.
        """
        finished = [run for run in self.running if run.done.done()]
        self.running = [run for run in self.running if run not in finished]
        for run in finished:
            error = run.done.exception()
            if error is None:
                changed = ", ".join(run.executed.changed) or "the package"
                again = "" if run.key.digest else f"; {changed} changed, so again soon"
                seconds = run.record().seconds
                log.info(f"  {run.docname}: ran in {seconds:.1f} s{again}")
            else:
                log.info(f"  {run.docname}: failed")
                reason = str(error) or repr(error)
                if reason not in self.failures:
                    self.failures.append(reason)
        if self.failures and self.running:
            wait([run.done for run in self.running])
            self._report()
        if self.failures:
            log.error("the code of the book fails\n\n" + "\n\n".join(self.failures))
            raise SystemExit(1)

    def _run(self, run: Run) -> None:
        """Run a chapter and keep its outputs, unless the package changed meanwhile."""
        run.execution = kernel.run(
            run.notebook,
            name=run.path.relative_to(self.root).as_posix(),
            folder=run.path.parent,
            timeout=self.timeout,
            reader=self.reader,
            before=run.before,
            variables=self.variables,
        )
        changed = run.executed.changed or self.package.key(run.code) != run.key
        if not changed:
            self.store.save(run.docname, run.key.digest, run.execution)
        else:
            run.key = Key("", run.key.modules, run.key.versions)


def _cores() -> int:
    """Return how many chapters may run at once; ``GENBOOK_JOBS`` overrides."""
    wanted = os.environ.get("GENBOOK_JOBS", "")
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _find_fonts() -> None:
    """Let Matplotlib list the fonts once: on a new machine it says so, and at length.

    Every kernel would do it at the same time, and the message on standard error would
    fail the chapters.
    """
    import matplotlib

    if not list(Path(matplotlib.get_cachedir()).glob("fontlist-*.json")):
        import matplotlib.font_manager
