"""Sphinx extension: run the chapters that must run, side by side, and no others.

Before Sphinx reads the chapters, each gets its key (``dependencies``). Those whose key
is known take their outputs from the store; the rest run at once (``kernel``), the
longest first, one thread each, while Sphinx reads the pages that need not wait. A page
whose front matter says ``after`` of other pages runs when they have finished, and these
run before all others. A failure fails the build after the others have finished, and
what they showed is kept.
"""

from __future__ import annotations

import importlib.metadata
import os
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import myst_nb.sphinx_
from myst_nb.core.execute import create_client as stock_client
from myst_nb.core.execute.base import NotebookClientBase
from myst_nb.core.read import create_nb_reader
from myst_nb.sphinx_ import SphinxEnvType
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util import logging

from genbook.fingerprint import Code, Key, Package
from genbook.publishing.running import kernel
from genbook.publishing.running.dependencies import read_cells
from genbook.publishing.running.kernel import Execution, Store

log = logging.getLogger(__name__)

# Called or replaced here without being public, so tried with exactly these versions.
PINNED = {"Sphinx": "7.4.7", "myst-nb": "1.4.0"}


@dataclass(frozen=True)
class Chapter:
    """What the environment remembers of a page with code, for its key and the reports.

    Attributes:
        code: Its own part of the key.
        key: What its outputs depend on. The digest is empty when the package changed
            while the chapter ran: then it runs again in the next build.
        cell_seconds: Wall time of each code cell when it was executed.
        cpu_seconds: Processor time of its kernel.
        claims: The claims that it checked, in order.
    """

    code: Code
    key: Key
    cell_seconds: tuple[float, ...]
    cpu_seconds: float
    claims: tuple[dict[str, Any], ...]

    @property
    def seconds(self) -> float:
        """Wall time of all cells."""
        return sum(self.cell_seconds)


def chapters_of(env: BuildEnvironment) -> dict[str, Chapter]:
    """Return the pages with code that the environment knows, by document name."""
    if not hasattr(env, "genbook_chapters"):
        env.genbook_chapters = {}  # type: ignore[attr-defined]
    return env.genbook_chapters  # type: ignore[attr-defined]


def _after(run: _Run) -> list[str]:
    """Return the pages that a page says it comes after."""
    return run.notebook.metadata.get("after", [])


def _cells(notebook: NotebookNode) -> list[tuple[str, list[str]]]:
    """Return source and tags of each code cell."""
    found = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [(cell.source, list(cell.metadata.get("tags", []))) for cell in found]


@dataclass(eq=False)
class _Run:
    """A chapter of this build on its way to its outputs."""

    docname: str
    notebook: NotebookNode
    code: Code
    key: Key
    execution: Execution | None = None
    done: Future[None] = field(default_factory=Future)

    @property
    def executed(self) -> Execution:
        assert self.execution is not None, f"{self.docname} was not executed"
        return self.execution

    def record(self) -> Chapter:
        done = self.executed
        return Chapter(
            self.code,
            self.key,
            tuple(done.cell_seconds),
            done.cpu_seconds,
            tuple(done.claims),
        )


class _Session:
    """One build: what was found in the store and what had to run."""

    def __init__(self, app: Sphinx) -> None:
        self.app = app
        self.runs: dict[str, _Run] = {}
        self.running: list[_Run] = []
        self.failures: list[str] = []

    @property
    def env(self) -> SphinxEnvType:
        return cast(SphinxEnvType, self.app.env)

    @property
    def enabled(self) -> bool:
        return self.env.mystnb_config.execution_mode == "cache"

    # Sphinx events, in the order in which they come.

    def outdated(self, app: Sphinx, env: BuildEnvironment, *changes: set) -> list[str]:
        """Name the chapters whose code is the same but whose package is not."""
        self.package = Package(app.config.genbook_package)
        if not self.enabled:
            return []
        return [
            docname
            for docname, chapter in chapters_of(env).items()
            if self.package.key(chapter.code).digest != chapter.key.digest
        ]

    def execute(self, app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
        """Start what is not in the store; what need not wait is read first."""
        if not self.enabled:
            return
        cache = Path(self.env.mystnb_config.execution_cache_path)
        self.store = Store(cache)
        os.environ.setdefault("GENBOOK_RUNS", str(cache.resolve().parent / ".runs"))
        for docname in docnames:
            notebook = self.read(docname)
            if notebook is not None:
                self.look_up(docname, notebook)
        todo = [run for run in self.runs.values() if run.execution is None]
        if todo:
            self.start(todo)
        order = {run.docname: self.took(run) for run in todo}
        docnames.sort(key=lambda docname: order.get(docname, (0.0, 0, docname)))
        if app.parallel > 1:  # Sphinx will fork, and threads do not survive that
            for run in todo:
                self.wait_for(run)

    def purge(self, app: Sphinx, env: BuildEnvironment, docname: str) -> None:
        """Forget a page that is about to be read, once its outputs are there."""
        chapters_of(env).pop(docname, None)
        run = self.runs.get(docname)
        if run in self.running:
            self.wait_for(run)

    def merge(
        self,
        app: Sphinx,
        env: BuildEnvironment,
        docnames: set[str],
        other: BuildEnvironment,
    ) -> None:
        found = chapters_of(other)
        chapters_of(env).update({d: found[d] for d in docnames if d in found})

    # The work.

    def read(self, docname: str) -> NotebookNode | None:
        """Read a page as a notebook; None for a page that is none."""
        path = self.env.doc2path(docname)
        text = Path(path).read_text("utf8")
        reader = create_nb_reader(
            path, self.env.myst_config, self.env.mystnb_config, text
        )
        return reader.read(text) if reader else None

    def look_up(self, docname: str, notebook: NotebookNode) -> None:
        """Find the key of a page's code and its outputs in the store."""
        self.runs.pop(docname, None)
        if _cells(notebook):
            code = read_cells(_cells(notebook))
            key = self.package.key(code)
            execution = self.store.load(docname, key.digest)
            self.runs[docname] = _Run(docname, notebook, code, key, execution)

    def start(self, todo: list[_Run]) -> None:
        """Let chapters run side by side while Sphinx goes on.

        Those that others wait for come first, then those that waited, then the rest,
        each the longest first: so that nobody waits alone at the end.
        """
        awaited = {name for run in todo for name in _after(run)}
        todo = sorted(
            todo,
            key=lambda run: (run.docname in awaited, bool(_after(run)), self.took(run)),
            reverse=True,
        )
        workers = min(len(todo), _cores())
        pages = "1 page" if len(todo) == 1 else f"{len(todo)} pages"
        log.info(f"\nrunning the code of {pages}, {workers} at a time")
        _find_fonts()
        self.running += todo
        waiting, lock = list(todo), threading.Lock()
        done = {run.docname: run.done for run in todo}

        def blocks(run: _Run) -> list[Future[None]]:
            """What a chapter waits for: those of this build that it comes after."""
            return [done[d] for d in _after(run) if d in done and d != run.docname]

        def take() -> _Run | list[Future[None]] | None:
            """The next chapter; or what to wait for until there is one; or the end."""
            with lock:
                if not waiting:
                    return None
                ready = [run for run in waiting if all(f.done() for f in blocks(run))]
                busy = [r.done for r in todo if r not in waiting and not r.done.done()]
                if not ready and busy:
                    return busy
                run = (ready or waiting)[0]  # pages that come after each other: any
                waiting.remove(run)
                return run

        def work() -> None:
            while (run := take()) is not None:
                if isinstance(run, list):
                    wait(run, return_when=FIRST_COMPLETED)
                    continue
                try:
                    self.run_one(run)
                    run.done.set_result(None)
                except BaseException as error:
                    run.done.set_exception(error)

        for _ in range(workers):
            threading.Thread(target=work, daemon=True).start()

    def took(self, run: _Run) -> tuple[float, int, str]:
        """Return how long a chapter took last time, or else how long it looks."""
        cells = len(_cells(run.notebook))
        return self.store.seconds(run.docname), cells, run.docname

    def wait_for(self, run: _Run) -> None:
        """Wait for a chapter, and say meanwhile which ones have finished."""
        while not run.done.done():
            wait([other.done for other in self.running], return_when=FIRST_COMPLETED)
            self.report()
        self.report()

    def report(self) -> None:
        """Say which chapters have finished; if one failed, let the others and leave.

        Leaving at once keeps the reason in sight: Jupyter Book would print sixty lines
        of traceback after it.
        """
        finished = [run for run in self.running if run.done.done()]
        self.running = [run for run in self.running if run not in finished]
        for run in finished:
            error = run.done.exception()
            if error is None:
                again = "" if run.key.digest else "; the package changed, so again soon"
                seconds = run.record().seconds
                log.info(f"  {run.docname}: ran in {seconds:.1f} s{again}")
            else:
                log.info(f"  {run.docname}: failed")
                self.failures.append(str(error) or repr(error))
        if self.failures and self.running:
            wait([run.done for run in self.running])
            self.report()
        if self.failures:
            log.error("the code of the book fails\n\n" + "\n\n".join(self.failures))
            raise SystemExit(1)

    def run_one(self, run: _Run) -> None:
        """Run a chapter and keep its outputs, unless the package changed meanwhile."""
        path = Path(self.env.doc2path(run.docname))
        run.execution = kernel.run(
            run.notebook,
            name=path.relative_to(self.app.srcdir).as_posix(),
            folder=path.parent,
            timeout=self.env.mystnb_config.execution_timeout,
        )
        if self.package.key(run.code) == run.key:
            self.store.save(run.docname, run.key.digest, run.execution)
        else:
            run.key = Key("", run.key.modules, run.key.versions)

    def client(
        self,
        notebook: NotebookNode,
        source: str,
        config: Any,
        logger: Any,
        *rest: Any,
    ) -> NotebookClientBase:
        """Stand in for MyST-NB's own client, which would execute and cache again."""
        if not self.enabled:
            return stock_client(notebook, source, config, logger, *rest)
        client = NotebookClientBase(notebook, Path(source), config, logger)
        run = self.run_of(self.env.path2doc(source) or "", notebook)
        if run is None:  # a page without code
            return client
        record = run.record()
        run.executed.fill(notebook)
        _check_captions(notebook, run.docname)
        chapters_of(self.env)[run.docname] = record
        client.exec_metadata = {
            "mtime": time.time(),
            "runtime": record.seconds,
            "method": "cache",
            "succeeded": True,
            "error": None,
            "traceback": None,
        }
        return client

    def run_of(self, docname: str, notebook: NotebookNode) -> _Run | None:
        """Return the run of a page, anew if the page was edited in the meantime."""
        run = self.runs.get(docname)
        if _cells(notebook) != (_cells(run.notebook) if run else []):
            self.look_up(docname, notebook)
            run = self.runs.get(docname)
            if run is not None and run.execution is None:
                self.start([run])
                self.wait_for(run)
        return run


def _check_captions(notebook: NotebookNode, docname: str) -> None:
    """Warn of a cell with one caption and several things to caption."""
    lines = notebook.metadata.get("source_map", [])
    for cell, line in zip(notebook.cells, lines, strict=False):
        shown = [
            output
            for output in cell.get("outputs", [])
            if output.output_type in {"display_data", "execute_result"}
            if not output.metadata.get("scrapbook")
        ]
        if cell.metadata.get("mystnb", {}).get("figure") and len(shown) != 1:
            log.warning(
                f"a cell with a caption must show one thing, and shows {len(shown)}; "
                "if one of them is a line of text, end the cell with a semicolon",
                location=(docname, line),
            )


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


def check_versions(pinned: dict[str, str] = PINNED) -> None:
    """Refuse to work with versions that this extension was not tried with.

    Raises:
        ExtensionError: Naming the distribution, its version and the one wanted.
    """
    for name, wanted in pinned.items():
        found = importlib.metadata.version(name)
        if found != wanted:
            raise ExtensionError(
                f"the book is built with {name} {wanted}, found {found}; "
                "install with: pip install -c constraints.txt -e '.[book]'"
            )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    check_versions()
    session = _Session(app)
    myst_nb.sphinx_.create_client = session.client
    app.add_config_value("genbook_package", "genbook", "env", types=(str,))
    app.connect("env-get-outdated", session.outdated)
    app.connect("env-before-read-docs", session.execute)
    app.connect("env-purge-doc", session.purge)
    app.connect("env-merge-info", session.merge)
    return {
        "version": "1",
        "env_version": 1,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
