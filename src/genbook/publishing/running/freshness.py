"""Sphinx extension: a page that is written is never older than what it was made from.

Sphinx decides what to write from the dates of the sources alone. That goes wrong in
four ways, each mended here: the builders share one environment, so a change that the
EPUB has read is news no more to the website; a page may show facts of all the others;
a warning is forgotten by the next build, which then succeeds; and the page of a chapter
that was removed stays.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from sphinx.application import ENV_PICKLE_FILENAME, Sphinx
from sphinx.environment import BuildEnvironment


def depends_on_all(env: BuildEnvironment, docname: str) -> None:
    """Write this page, which shows facts of the others, when any of them changes."""
    _gatherers(env).add(docname)


def _gatherers(env: BuildEnvironment) -> set[str]:
    if not hasattr(env, "genbook_gatherers"):
        env.genbook_gatherers = set()  # type: ignore[attr-defined]
    return env.genbook_gatherers  # type: ignore[attr-defined]


class _Generations:
    """The environment's generation changes whenever any page is read.

    A builder notes the generation that it wrote; one that missed a generation writes
    everything, from the pages as they were read.
    """

    def __init__(self) -> None:
        self.read = False

    def note_reading(
        self, app: Sphinx, env: BuildEnvironment, docnames: list[str]
    ) -> None:
        self.read = bool(docnames)

    def to_write(self, app: Sphinx, env: BuildEnvironment) -> list[str]:
        """Name the pages to write besides those that Sphinx knows of."""
        generation = getattr(env, "genbook_generation", "")
        note = _note(app)
        written = note.read_text("utf8") if note.exists() else ""
        wanted = set(_gatherers(env)) if self.read else set()
        if written != generation:
            wanted = set(env.found_docs)
        if self.read:
            env.genbook_generation = uuid.uuid4().hex  # type: ignore[attr-defined]
        return sorted(wanted)

    def finish(self, app: Sphinx, error: Exception | None) -> None:
        """Note what was written; after a warning that is an error, forget it all."""
        if error is not None:
            return
        if (
            app.keep_going and app._warncount
        ):  # keep_going says that warnings are errors
            Path(app.doctreedir, ENV_PICKLE_FILENAME).unlink(missing_ok=True)
        else:
            _note(app).write_text(getattr(app.env, "genbook_generation", ""), "utf8")
            _sweep(app)


def _note(app: Sphinx) -> Path:
    return Path(app.doctreedir, f"written-{app.builder.name}.txt")


def _sweep(app: Sphinx) -> None:
    """Delete the pages whose sources are gone; Sphinx leaves them on the site."""
    if app.builder.name != "html":
        return
    outdir = Path(app.outdir)
    written = {Path(app.builder.get_outfilename(d)) for d in app.env.found_docs}  # type: ignore[attr-defined]
    for folder in {page.parent for page in written} - {outdir}:
        for page in set(folder.glob("*.html")) - written:
            page.unlink()


def _purge(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    _gatherers(env).discard(docname)


def _merge(
    app: Sphinx, env: BuildEnvironment, docnames: set[str], other: BuildEnvironment
) -> None:
    _gatherers(env).update(_gatherers(other) & set(docnames))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    generations = _Generations()
    app.connect("env-before-read-docs", generations.note_reading)
    app.connect("env-updated", generations.to_write)
    app.connect("build-finished", generations.finish)
    app.connect("env-purge-doc", _purge)
    app.connect("env-merge-info", _merge)
    return {
        "version": "1",
        "env_version": 1,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
