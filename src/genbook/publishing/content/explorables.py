"""The runtime of the explorables, on the pages that have one and nowhere else."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

STATIC = Path(__file__).parents[2] / "explorables" / "static"


def copy_runtime(app: Sphinx) -> None:
    """Put the script and its style sheet where the pages ask for them."""
    if app.builder.name == "html":
        folder = Path(app.outdir, "_static", "explorables")
        folder.mkdir(parents=True, exist_ok=True)
        for file in sorted(STATIC.iterdir()):
            shutil.copyfile(file, folder / file.name)


def add_runtime(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Ask for them on a page that has an explorable."""
    if 'class="gb-explorable"' in (context.get("body") or ""):
        app.add_js_file("explorables/explorables.js", loading_method="defer")
        app.add_css_file("explorables/explorables.css")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the runtime."""
    app.connect("builder-inited", copy_runtime)
    app.connect("html-page-context", add_runtime)
    return {"version": "0.1", "parallel_read_safe": True, "parallel_write_safe": True}
