"""Sphinx extension: a page that is written is never older than what it was made from.

Sphinx decides what to read from the dates of the files, and what to write from what it
has read. That goes wrong where a file takes an older date or is edited while it is
read; where the builders share one environment, so that a change the EPUB has read is
news no more to the website; where a page shows titles, numbers or works of others, the
lists of chapters or what was checked; where only a style sheet, a picture or the book's
own machinery changes; where a warning is forgotten by the next build, which then
succeeds; and where a chapter is removed and its page stays. Each is mended here.
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from docutils import nodes
from myst_nb.ext.glue.utils import PendingGlueReference
from sphinx.application import ENV_PICKLE_FILENAME, Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment

from genbook.course.surroundings import file_digest
from genbook.publishing.running.facts import facts, looks, machinery


def depends_on_all(env: BuildEnvironment, docname: str) -> None:
    """Write this page, which shows facts of the others, when any of them changes."""
    _gatherers(env).add(docname)


def _gatherers(env: BuildEnvironment) -> set[str]:
    if not hasattr(env, "genbook_gatherers"):
        env.genbook_gatherers = set()  # type: ignore[attr-defined]
    return env.genbook_gatherers  # type: ignore[attr-defined]


def _sources(env: BuildEnvironment) -> dict[str, dict[str, str]]:
    """Return the digests of the files that each page was read from."""
    if not hasattr(env, "genbook_sources"):
        env.genbook_sources = {}  # type: ignore[attr-defined]
    return env.genbook_sources  # type: ignore[attr-defined]


def _digest(env: BuildEnvironment, name: str) -> str:
    try:
        return file_digest(Path(env.srcdir, name))
    except OSError:
        return ""  # it is not there


class _Reading:
    """Pages are read again when a file they were read from has another content."""

    def note_machinery(self, app: Sphinx, config: Config) -> None:
        """Let Sphinx read every page again when what reads them has changed."""
        config.genbook_machinery = machinery(app.extensions)

    def outdated(self, app: Sphinx, env: BuildEnvironment, *changes: set) -> list[str]:
        """Name the pages whose files are not what they were, whatever their dates."""
        return [
            docname
            for docname, files in _sources(env).items()
            if any(_digest(env, name) != digest for name, digest in files.items())
        ]

    def purge(self, app: Sphinx, env: BuildEnvironment, docname: str) -> None:
        """Note what a page is about to be read from; forget one that is gone."""
        _gatherers(env).discard(docname)
        _sources(env).pop(docname, None)
        if docname in env.found_docs:
            name = str(env.doc2path(docname, base=False))
            _sources(env)[docname] = {name: _digest(env, name)}

    def note_others(
        self, app: Sphinx, env: BuildEnvironment, docnames: list[str]
    ) -> None:
        """Begin to note what else the pages are read from."""
        self.docnames = list(docnames)

    def find_pasted(self, app: Sphinx, document: nodes.document) -> None:
        """Note a page that pastes what another one has glued."""
        if next(document.findall(PendingGlueReference), None) is not None:
            depends_on_all(app.env, app.env.docname)

    def updated(self, app: Sphinx, env: BuildEnvironment) -> None:
        """Note the files that the pages have named while they were read."""
        for docname in self.docnames:
            files = _sources(env).get(docname, {})
            for name in env.dependencies.get(docname, ()):
                files.setdefault(str(name), _digest(env, str(name)))

    def merge(
        self,
        app: Sphinx,
        env: BuildEnvironment,
        docnames: set[str],
        other: BuildEnvironment,
    ) -> None:
        """Take over what another process has found."""
        _gatherers(env).update(_gatherers(other) & set(docnames))


class _Writing:
    """A builder notes what it wrote from; when that changes, it writes everything.

    The environment's generation changes whenever any page is read. A builder that
    missed one was not told what to write.
    """

    def __init__(self) -> None:
        self.read = False
        self.now: dict[str, Any] = {}

    def note_reading(
        self, app: Sphinx, env: BuildEnvironment, docnames: list[str]
    ) -> None:
        self.read = bool(docnames)

    def to_write(self, app: Sphinx, env: BuildEnvironment) -> list[str]:
        """Name the pages to write besides those that Sphinx knows of."""
        generation = getattr(env, "genbook_generation", "")
        before = _written(app)
        self.now = {
            "generation": generation,
            "facts": facts(env),
            "looks": looks(app.config, Path(app.confdir)),
            "pages": sorted(env.found_docs),
        }
        wanted = set(_gatherers(env)) if self.read else set()
        if before != self.now:
            wanted = set(env.found_docs)
        if self.read:
            self.now["generation"] = uuid.uuid4().hex
            env.genbook_generation = self.now["generation"]  # type: ignore[attr-defined]
        return sorted(wanted)

    def finish(self, app: Sphinx, error: Exception | None) -> None:
        """Note what was written; after a warning that is an error, forget it all."""
        if error is not None:
            return
        if app.keep_going and app._warncount:  # it says that warnings are errors
            Path(app.doctreedir, ENV_PICKLE_FILENAME).unlink(missing_ok=True)
        else:
            before = _written(app) or {}
            _note(app).write_text(json.dumps(self.now), "utf8")
            _sweep(app, before.get("pages", []))


def _note(app: Sphinx) -> Path:
    return Path(app.doctreedir, f"written-{app.builder.name}.json")


def _written(app: Sphinx) -> Any:
    """Return what this builder has noted, or nothing."""
    try:
        return json.loads(_note(app).read_text("utf8"))
    except (OSError, ValueError):
        return None


def _sweep(app: Sphinx, before: list[str]) -> None:
    """Delete the pages whose sources are gone; Sphinx leaves them on the site."""
    if app.builder.name != "html":
        return
    place = app.builder.get_outfilename  # type: ignore[attr-defined]
    written = {Path(place(docname)) for docname in app.env.found_docs}
    gone = {Path(place(docname)) for docname in before}
    for folder in {page.parent for page in written} - {Path(app.outdir)}:
        gone |= set(folder.glob("*.html"))
    for page in gone - written:
        page.unlink(missing_ok=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    reading, writing = _Reading(), _Writing()
    app.add_config_value("genbook_machinery", "", "env", types=(str,))
    app.connect("config-inited", reading.note_machinery)
    app.connect("env-get-outdated", reading.outdated)
    app.connect("env-before-read-docs", reading.note_others, priority=900)
    app.connect("env-before-read-docs", writing.note_reading, priority=900)
    app.connect("env-purge-doc", reading.purge)
    app.connect("env-merge-info", reading.merge)
    app.connect("doctree-read", reading.find_pasted)
    app.connect("env-updated", reading.updated)
    # After the collectors, which number the pages on the same event.
    app.connect("env-get-updated", writing.to_write, priority=900)
    app.connect("build-finished", writing.finish)
    return {
        "version": "1",
        "env_version": 2,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
