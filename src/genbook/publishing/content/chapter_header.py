"""Sphinx extension: the box that opens a chapter.

Under the title of a page whose front matter says ``course:`` it tells which rows of the
course the page covers, what the reader will be able to do, how long the code takes,
and where its scripts, its notebook and the package are. Nobody writes it by hand.
"""

from __future__ import annotations

import re
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from genbook.publishing.content import sources
from genbook.publishing.running.record import chapters_of

log = logging.getLogger(__name__)

SCRIPTS = "examples"  # where the scripts stand in the source
_MARKUP = re.compile(r"(`[^`]+`|\$[^$]+\$|\*[^*]+\*)")


def topics() -> dict[str, str]:
    """Return the topic of every row of the course, by its id, as the file says now.

    Example:
        >>> topics()["F2"]
        'The box'
    """
    return _topics(sources.COURSE, sources.COURSE.stat().st_mtime_ns)


@cache
def _topics(course: Path, modified: int) -> dict[str, str]:
    parts = sources.read_course(course)["parts"].values()
    return {row: topic for part in parts for row, topic in part["rows"].items()}


def about(seconds: float) -> str:
    """Round a time so that a reader can plan with it.

    Example:
        >>> about(0.4), about(3.2), about(37), about(200)
        ('a second', '3 s', '35 s', '3 min')
    """
    if seconds < 1.5:
        return "a second"
    if seconds < 10:
        return f"{seconds:.0f} s"
    if seconds < 90:
        return f"{5 * round(seconds / 5)} s"
    return f"{seconds / 60:.0f} min"


def front_matter(env: BuildEnvironment, docname: str, key: str) -> list[str]:
    """Return a list from a page's front matter; empty when it is not there."""
    value = yaml.safe_load(str(env.metadata[docname].get(key, "[]")))
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def marked_up(text: str) -> list[nodes.Node]:
    """Return a line of front matter as nodes: code, mathematics and emphasis."""
    kinds = {"`": nodes.literal, "$": nodes.math, "*": nodes.emphasis}
    return [
        kinds[part[0]]("", part[1:-1]) if _MARKUP.fullmatch(part) else nodes.Text(part)
        for part in _MARKUP.split(text)
        if part
    ]


def _insert(app: Sphinx, document: nodes.document) -> None:
    env = app.env
    rows = front_matter(env, env.docname, "course")
    title = next(document.findall(nodes.title), None)
    if not rows or title is None:
        return
    env.note_dependency(str(sources.COURSE))
    for row in rows:
        if row not in topics():
            log.warning(f"course: there is no row {row!r}", location=env.docname)
    listed = [f"{row} {topics()[row]}" for row in rows if row in topics()]
    box = nodes.admonition(classes=["genbook-opening"])
    box += nodes.title("", "In this chapter")
    box += nodes.paragraph(
        "", "", nodes.strong("", "Course: "), nodes.Text("; ".join(listed))
    )
    outcomes = front_matter(env, env.docname, "outcomes")
    if outcomes:
        box += nodes.paragraph("", "", nodes.strong("", "You will be able to"))
        items = [
            nodes.list_item("", nodes.paragraph("", "", *marked_up(outcome)))
            for outcome in outcomes
        ]
        box += nodes.bullet_list("", *items)
    box += _practical(env, env.docname)
    section = title.parent
    section.insert(section.index(title) + 1, box)


def _practical(env: BuildEnvironment, docname: str) -> list[nodes.Node]:
    """Say how long the code takes and where to get it."""
    lines: list[nodes.Node] = []
    chapter = chapters_of(env).get(docname)
    up = "../" * docname.count("/")
    files = []
    for script in front_matter(env, docname, "script"):
        if not Path(env.srcdir, SCRIPTS, f"{script}.py").is_file():
            message = f"script: there is no {SCRIPTS}/{script}.py"
            log.warning(message, location=docname)
        files.append(_download(f"{script}.py", f"{up}scripts/{script}.py"))
    if chapter is not None:
        time = about(chapter.cpu_seconds)
        text = f"The code of this page runs in about {time} on one processor core."
        lines.append(nodes.paragraph("", text))
        name = docname.rpartition("/")[2]
        files.append(_download(f"{name}.ipynb", f"{up}notebooks/{name}.ipynb"))
        if wheel := getattr(env.config, "genbook_wheel", ""):
            files.append(_download(wheel, f"{up}notebooks/{wheel}"))
    if files:
        paragraph = nodes.paragraph("", "", nodes.strong("", "Run it: "))
        for position, file in enumerate(files):
            paragraph += [nodes.Text(", "), file] if position else [file]
        lines.append(paragraph)
    return lines


def _download(name: str, uri: str) -> addnodes.download_reference:
    """Make a link to a file; builders without files show its name."""
    literal = nodes.literal("", name, classes=["file"])
    return addnodes.download_reference("", "", literal, refuri=uri)


def _copy_scripts(app: Sphinx, error: Exception | None) -> None:
    """Put the scripts that the pages name beside the pages."""
    if error is not None or app.builder.name != "html":
        return
    folder = Path(app.outdir, "scripts")
    shutil.rmtree(folder, ignore_errors=True)
    for docname in sorted(app.env.found_docs):
        for script in front_matter(app.env, docname, "script"):
            source = Path(app.srcdir, SCRIPTS, f"{script}.py")
            if source.is_file():
                folder.mkdir(exist_ok=True)
                shutil.copyfile(source, folder / source.name)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.setup_extension("genbook.publishing.running.execution")
    app.setup_extension("genbook.publishing.running.freshness")
    app.connect("doctree-read", _insert)
    app.connect("build-finished", _copy_scripts)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
