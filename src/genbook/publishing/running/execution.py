"""Sphinx extension: run the chapters that must run, side by side, and no others.

Before Sphinx reads the chapters, each gets its key (``dependencies``). Those whose key
is known, and which read files that are still the same (``reads``), take their outputs
from the store; the rest run at once (``runner``), the
longest first, one thread each, while Sphinx reads the pages that need not wait. A page
whose front matter says ``after`` of other pages runs when they have finished, and these
run before all others. A failure fails the build after the others have finished, and
what they showed is kept.
"""

from __future__ import annotations

import importlib.metadata
import os
import time
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

from genbook.course.fingerprint import Package
from genbook.publishing.running.dependencies import read_cells
from genbook.publishing.running.environment import settings
from genbook.publishing.running.reads import Reader
from genbook.publishing.running.record import chapters_of
from genbook.publishing.running.runner import Run, Runner, cells_of
from genbook.publishing.running.store import Store

log = logging.getLogger(__name__)

# Called or replaced here without being public, so tried with exactly these versions.
PINNED = {"Sphinx": "7.4.7", "myst-nb": "1.4.0"}


class _Session:
    """One build: what was found in the store and what had to run."""

    def __init__(self, app: Sphinx) -> None:
        self.app = app
        self.runs: dict[str, Run] = {}

    @property
    def env(self) -> SphinxEnvType:
        return cast(SphinxEnvType, self.app.env)

    @property
    def enabled(self) -> bool:
        return self.env.mystnb_config.execution_mode == "cache"

    # Sphinx events, in the order in which they come.

    def outdated(self, app: Sphinx, env: BuildEnvironment, *changes: set) -> list[str]:
        """Name the chapters whose code is the same, but not what it depends on."""
        self.variables = tuple(app.config.genbook_environment)
        around = settings(self.variables)
        self.package = Package(app.config.genbook_package, settings=around)
        if not self.enabled:
            return []
        cache = Path(self.env.mystnb_config.execution_cache_path).resolve()
        runs = os.environ.setdefault("GENBOOK_RUNS", str(cache.parent / ".runs"))
        built = [cache, Path(app.doctreedir), Path(app.outdir), Path(runs)]
        self.reader = Reader(Path(app.srcdir), self.package.root, built)
        return [
            docname
            for docname, chapter in chapters_of(env).items()
            if self.package.key(chapter.code).digest != chapter.key.digest
            or not self.reader.fresh(chapter.reads)
        ]

    def execute(self, app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
        """Start what is not in the store; what need not wait is read first."""
        if not self.enabled:
            return
        cache = Path(self.env.mystnb_config.execution_cache_path)
        self.runner = Runner(
            Store(cache, self.reader.fresh),
            self.package,
            self.reader,
            Path(app.srcdir),
            self.env.mystnb_config.execution_timeout,
            self.variables,
        )
        for docname in docnames:
            notebook = self.read(docname)
            if notebook is not None:
                self.look_up(docname, notebook)
        todo = [run for run in self.runs.values() if run.execution is None]
        if todo:
            self.runner.start(todo)
        order = {run.docname: self.runner.took(run) for run in todo}
        docnames.sort(key=lambda docname: order.get(docname, (0.0, 0, docname)))
        if app.parallel > 1:  # Sphinx will fork, and threads do not survive that
            for run in todo:
                self.runner.wait_for(run)

    def purge(self, app: Sphinx, env: BuildEnvironment, docname: str) -> None:
        """Forget a page that is about to be read, once its outputs are there."""
        chapters_of(env).pop(docname, None)
        if docname in self.runs:
            self.runner.wait_for(self.runs[docname])

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
        if cells_of(notebook):
            code = read_cells(cells_of(notebook))
            key = self.package.key(code)
            execution = self.runner.store.load(docname, key.digest)
            path = Path(self.env.doc2path(docname))
            last = chapters_of(self.env).get(docname)
            before = last.reads if last else {}
            run = Run(docname, path, notebook, code, key, execution, before)
            self.runs[docname] = run

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
        if not _captions_fit(notebook, run.docname):
            self.runner.store.forget(run.docname, record.key.digest, run.executed)
        for machine in run.executed.asked:
            message = f"  {run.docname} asks {machine}: a change there is not seen"
            log.info(message)
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

    def run_of(self, docname: str, notebook: NotebookNode) -> Run | None:
        """Return the run of a page, anew if the page was edited in the meantime."""
        run = self.runs.get(docname)
        if cells_of(notebook) != (cells_of(run.notebook) if run else []):
            self.look_up(docname, notebook)
            run = self.runs.get(docname)
            if run is not None and run.execution is None:
                self.runner.start([run])
                self.runner.wait_for(run)
        return run


def _captions_fit(notebook: NotebookNode, docname: str) -> bool:
    """Warn of a cell with a caption that shows more than one thing, or nothing."""
    fit = True
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
            fit = False
    return fit


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
    app.add_config_value("genbook_environment", [], "", types=(list,))
    app.connect("env-get-outdated", session.outdated)
    app.connect("env-before-read-docs", session.execute)
    app.connect("env-purge-doc", session.purge)
    app.connect("env-merge-info", session.merge)
    return {
        "version": "1",
        "env_version": 3,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
