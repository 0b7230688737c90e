"""A link from a chapter to its notebook on Colab, where both have a home.

Colab opens what lies in a repository on GitHub: the publishing workflow pushes the site
to a branch of the one that the configuration names. There the notebook installs the
wheel from the address of the site. So the link needs both, ``repository.url`` and
``html.baseurl``.
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

from genbook.publishing.notebooks.notebooks import FOLDER, source_of

BRANCH = "gh-pages"


def add_link(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Put the link before the others of a page that has a notebook."""
    if app.builder.name != "html" or doctree is None or not app.config.html_baseurl:
        return
    url = getattr(app.config, "genbook_repository", {}).get("url", "")
    host, _, repository = url.partition("github.com/")
    if host == "https://" and source_of(app.env, pagename) is not None:
        name = pagename.rpartition("/")[2]
        address = (
            f"https://colab.research.google.com/github/{repository}/blob/"
            f"{BRANCH}/{FOLDER}/{name}.ipynb"
        )
        links = context.get("gb_links", [])
        context["gb_links"] = [("Run it on Colab", address), *links]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the link."""
    app.connect("html-page-context", add_link, priority=700)
    return {"version": "0.1", "parallel_read_safe": True, "parallel_write_safe": True}
