"""Each chapter as a clean notebook, for Jupyter, Colab and VS Code.

``_build/html/notebooks/<chapter>.ipynb`` is written beside the pages of the website
whenever they are. The code is the chapter's own, every cell of it; the text is what
Sphinx made of the chapter, as plain Markdown (``markdown`` beside this module). The
first cell installs the package where it is missing. There are no outputs: the reader
makes them, and they are the book's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from myst_nb.core.read import create_nb_reader
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from pybtex_docutils import Backend
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util import logging

from genbook._files import replacing
from genbook.publishing.content import chapter_header, statements
from genbook.publishing.notebooks import wheel
from genbook.publishing.notebooks.markdown import Writer

logger = logging.getLogger(__name__)

FOLDER = wheel.FOLDER
_HIDDEN = {"hide-input", "remove-cell", "remove-input"}
_NOTE = (
    "\n\n*A chapter of “{title}” as a notebook: the same text, the same code, the same "
    "numbers.*\n\n"
)
#: What no reader may ever see: markup that only MyST understands.
LEFTOVERS = re.compile(
    r"^\s*(?:`{3,}|:{3,})\{[\w:+-]+\}"  # a directive
    r"|(?<!`)\{[\w:+-]+\}`[^`]"  # a role
    r"|^\([\w.:-]+\)=\s*$"  # a label
    r"|\{\{.*?\}\}",  # a substitution
    re.MULTILINE,
)


class NotebookBuilder(Builder):
    """Stand in for the website's builder while a chapter becomes a notebook."""

    name = "notebook"
    format = "notebook"
    epilog = "The notebooks are in %(outdir)s."
    allow_parallel = True

    def get_outdated_docs(self) -> list[str]:
        """Write every chapter."""
        return sorted(self.env.found_docs)

    def get_target_uri(self, docname: str, typ: str | None = None) -> str:
        """Name a page as the website does."""
        return f"{docname}.html"

    def prepare_writing(self, docnames: set[str]) -> None:
        """There is nothing to prepare."""

    def write_doc(self, docname: str, doctree: nodes.document) -> None:
        """Write the notebook of a page that has code."""
        write(self.app, docname, doctree, Path(self.outdir))


def source_of(env: BuildEnvironment, docname: str) -> NotebookNode | None:
    """Return a chapter's source as a notebook; None for any other page.

    A chapter says in its front matter which rows of the course it covers.
    """
    if "course" not in env.metadata.get(docname, {}):
        return None
    path = env.doc2path(docname)
    text = Path(path).read_text("utf-8")
    reader = create_nb_reader(
        path,
        env.myst_config,  # type: ignore[attr-defined]
        env.mystnb_config,  # type: ignore[attr-defined]
        text,
    )
    notebook = reader.read(text) if reader else None
    if notebook is None or not any(c.cell_type == "code" for c in notebook.cells):
        return None
    return notebook


def make(
    env: BuildEnvironment,
    docname: str,
    doctree: nodes.document,
    source: NotebookNode,
    install: str,
) -> NotebookNode:
    """Make the notebook of a chapter.

    Args:
        env: the environment, after reading.
        docname: the chapter.
        doctree: the chapter, resolved; it is changed.
        source: the chapter as :func:`source_of` reads it.
        install: the first cell, which installs genbook where it is missing.

    Raises:
        ExtensionError: if markup of MyST is left over.
    """
    statements.convert(doctree, env, docname)
    macros = dict(env.config.genbook_macros)
    parts = Writer(env, docname, macros).write(doctree)
    if parts and isinstance(parts[0], str):
        title = env.config.html_title or env.config.project
        parts[0] = parts[0].replace("\n\n", _NOTE.format(title=title), 1)
    parts = _with_all_cells(parts, source)
    references = _references(env, docname)
    if references:
        parts.append("## References\n\n" + "\n\n".join(references))
    cells = [new_code_cell(install)]
    for part in parts:
        if isinstance(part, str):
            if found := LEFTOVERS.search(_without_code(part)):
                raise ExtensionError(
                    f"notebook of {docname}: {found[0].strip()!r} is left over"
                )
            texts = re.split(r"\n\n(?=#{2,3} )", part)
            cells += [new_markdown_cell(text) for text in texts]
        else:
            cells.append(_code_cell(source.cells[part]))
    slug = re.sub(r"[^A-Za-z0-9]+", "-", docname.rpartition("/")[2])[:50]
    for position, cell in enumerate(cells):
        cell["id"] = f"{slug}-{position:03d}"
    metadata = {
        "kernelspec": {
            "display_name": "Python 3",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
    }
    notebook = new_notebook(cells=cells, metadata=metadata)
    nbformat.validate(notebook)
    return notebook


def _without_code(text: str) -> str:
    """Return a text without fenced code and without code that holds backticks."""
    text = re.sub(
        r"^(\s*(?:> )*)(`{3,})[\w+-]*\n.*?\n\1\2$", "", text, flags=re.M | re.S
    )
    return re.sub(r"(``+)(?!`).+?\1", "", text)


def _code_cell(cell: NotebookNode) -> NotebookNode:
    tags = set(cell.metadata.get("tags", ()))
    metadata = {"jupyter": {"source_hidden": True}} if tags & _HIDDEN else {}
    return new_code_cell(cell.source.rstrip("\n"), metadata=metadata)


def _with_all_cells(
    parts: Iterable[str | int], source: NotebookNode
) -> list[str | int]:
    """Put the cells that the page does not show back in their places."""
    code = [i for i, cell in enumerate(source.cells) if cell.cell_type == "code"]
    out: list[str | int] = []
    for part in parts:
        if isinstance(part, int):
            out += [i for i in code if i < part and i not in out]
        out.append(part)
    return out + [i for i in code if i not in out]


def _references(env: BuildEnvironment, docname: str) -> list[str]:
    """Return the works that a chapter cites, as paragraphs."""
    domain: Any = env.domains.get("cite")
    if domain is None:
        return []
    keys = {
        target.key
        for ref in domain.citation_refs
        if ref.docname == docname
        for target in ref.targets
    }
    entries: dict[str, Any] = {
        c.key: c.formatted_entry for c in domain.citations if c.key in keys
    }
    writer = Writer(env, docname)
    written = [
        writer.inline(nodes.inline("", "", *entry.text.render(Backend())))
        for entry in entries.values()
    ]
    return sorted(written, key=str.casefold)


def write(app: Sphinx, docname: str, doctree: nodes.document, folder: Path) -> None:
    """Write the notebook of a page into a folder, if the page has code."""
    source = source_of(app.env, docname)
    if source is None:
        return
    extras = chapter_header.front_matter(app.env, docname, "extras")
    try:
        install = wheel.install_cell(app.config.html_baseurl, extras=extras)
    except ValueError as error:
        raise ExtensionError(f"front matter of {docname}: {error}") from error
    notebook = make(app.env, docname, doctree, source, install)
    target = folder / f"{docname.rpartition('/')[2]}.ipynb"
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(target) as partial:
        partial.write_text(nbformat.writes(notebook) + "\n", "utf-8")


def _note_written(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Remember the pages that the website wrote."""
    if app.builder.name == "html":
        app.genbook_written.add(docname)  # type: ignore[attr-defined]


def _write_beside_pages(app: Sphinx, error: Exception | None) -> None:
    """Write the notebooks of the pages that the website wrote, or lacks."""
    if error is not None or app.builder.name != "html":
        return
    folder, website = Path(app.outdir, FOLDER), app.builder
    chapters = [d for d in sorted(app.env.found_docs) if source_of(app.env, d)]
    names = {docname.rpartition("/")[2] for docname in chapters}
    for old in folder.glob("*.ipynb"):
        if old.stem not in names:
            old.unlink()
    builder = NotebookBuilder(app, app.env)
    builder.init()
    app.builder = builder  # what resolves references asks the application for it
    try:
        for docname in chapters:
            there = (folder / f"{docname.rpartition('/')[2]}.ipynb").is_file()
            written = docname in app.genbook_written  # type: ignore[attr-defined]
            if written or not there:
                doctree = app.env.get_and_resolve_doctree(docname, builder)
                write(app, docname, doctree, folder)
    finally:
        app.builder = website


def configure(app: Sphinx, config: Config) -> None:
    """Show nothing of the cells' outputs."""
    choice = ["notebook", "text/plain", 10]
    if choice not in config.nb_mime_priority_overrides:
        kinds = ["image/svg+xml", "text/markdown", "text/html"]
        more = [["notebook", kind, i] for i, kind in enumerate(kinds)] + [choice]
        config.nb_mime_priority_overrides = [
            *config.nb_mime_priority_overrides,
            *more,
        ]


def _begin(app: Sphinx) -> None:
    app.genbook_written = set()  # type: ignore[attr-defined]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the notebooks with Sphinx."""
    app.setup_extension("genbook.publishing.content.macros")
    app.setup_extension("genbook.publishing.content.statements")
    app.setup_extension("genbook.publishing.notebooks.wheel")
    app.setup_extension("genbook.publishing.notebooks.colab")
    app.add_builder(NotebookBuilder)
    app.connect("config-inited", configure, priority=300)
    app.connect("builder-inited", _begin)
    app.connect("doctree-resolved", _note_written)
    app.connect("build-finished", _write_beside_pages, priority=800)
    return {"version": "0.1", "parallel_read_safe": True, "parallel_write_safe": True}
