"""Pages that load fast and ask nobody.

Jupyter Book's extensions put scripts and style sheets on every page for things that
this book does in other ways, or not at all: they are dropped from the pages, and their
files from the site.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

# What the pages do not use. Copying of code, switching of colours and the folding of
# answers are in the theme's own script and in HTML itself; only the search page needs
# Sphinx's scripts, and names them.
_UNUSED = re.compile(
    r"""
    (^|/)(
      thebe | sphinx-thebe | togglebutton | copybutton | clipboard | design-tabs
      | sphinx-book-theme | pydata-sphinx-theme | fontawesome | bootstrap
      | exercise | proof | mystnb | doctools | documentation_options
      | sphinx_highlight | pygments | basic
    )\b[^/]*$
    """,
    re.VERBOSE,
)
_DESIGN = "sphinx-design"

# Files that no page asks for, relative to `_static`.
_DEAD = (
    "check-solid.svg",
    "copy-button.svg",
    "file.png",
    "minus.png",
    "plus.png",
    "play-solid.svg",
)
_FOR_SEARCH = (
    "doctools.js",
    "documentation_options.js",
    "language_data.js",
    "searchtools.js",
    "sphinx_highlight.js",
)


def _name(asset: Any) -> str:
    return str(getattr(asset, "filename", asset) or "").partition("?")[0]


def keep_used(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Drop the scripts and style sheets that a page does not use."""
    designed = "sd-" in (context.get("body") or "")

    def used(asset: Any) -> bool:
        name = _name(asset)
        if not name:  # a script in the page itself: settings for what is dropped
            return False
        return not _UNUSED.search(name) and (designed or _DESIGN not in name)

    for kind in ("script_files", "css_files"):
        seen: set[str] = set()
        kept = []
        for asset in context.get(kind, []):
            if used(asset) and _name(asset) not in seen:
                seen.add(_name(asset))
                kept.append(asset)
        context[kind] = kept


def drop_settings(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Drop the settings of Thebe, which its extension puts at the end of each page."""
    for raw in list(doctree.findall(nodes.raw)):
        text = raw.astext()
        if "text/x-thebe-config" in text or "<script>kernelName" in text:
            raw.parent.remove(raw)


def remove_unused(app: Sphinx, exception: Exception | None) -> None:
    """Remove from the site what no page asks for."""
    if exception or app.builder.name != "html":
        return
    static = Path(app.outdir) / "_static"
    for file in static.iterdir():
        unused = _UNUSED.search(file.name) or file.name in _DEAD
        if file.is_file() and unused and file.name not in _FOR_SEARCH:
            file.unlink()


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the slimming."""
    app.connect("doctree-resolved", drop_settings, priority=900)
    app.connect("html-page-context", keep_used, priority=950)
    app.connect("build-finished", remove_unused, priority=950)
    return {"version": "0.1", "parallel_read_safe": True, "parallel_write_safe": True}
