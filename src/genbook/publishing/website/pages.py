"""The pages of the website: the book's own theme, and what every page must say.

A page has a plain title, a description written by hand, a list of chapters that says
where the reader is, and answers that open without a script. The site has a root that
leads to the first page. What it says of its own address and of a repository is in
:mod:`genbook.publishing.website.addresses`.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

from genbook.publishing.content.about import LANGUAGE
from genbook.publishing.content.html import plain

logger = logging.getLogger(__name__)

THEME = Path(__file__).parent / "theme"

# Pages that no chapter stands behind.
_GENERATED = {
    "genindex": "Every term, model and function of the book, and where it stands.",
    "search": "Search the text of the book.",
}


def sections(toc: str) -> str:
    """Return the sections of a page as a list, without the page's own title.

    Args:
        toc: the table of contents that Sphinx makes of a page.

    Returns:
        HTML of the list inside it; empty when there is none.

    Example:
        >>> sections('<ul><li><a href="#">T</a><ul><li>A</li></ul></li></ul>')
        '<ul><li>A</li></ul>'
    """
    inner = toc.find("<ul>", toc.find("<ul>") + 1)
    if inner < 0:
        return ""
    return toc[inner : toc.rindex("</ul>", 0, toc.rindex("</ul>")) + len("</ul>")]


def chapters(toctree: str | None) -> str:
    """Return the list of chapters, with the open page marked for screen readers.

    Args:
        toctree: the global table of contents that Sphinx makes.

    Returns:
        HTML; the captions of the parts are plain text and not headings.

    Example:
        >>> chapters('<p aria-level="2" class="caption" role="heading">Part</p>')
        '<p class="caption">Part</p>'
    """
    here = 'class="current reference internal"'
    html = re.sub(r' (aria-level="\d"|role="heading")', "", toctree or "")
    return html.replace(here, here + ' aria-current="page"')


# Roles that docutils writes where ARIA does not allow them.
_ROLES = {
    ' role="doc-biblioentry"': ' role="listitem"',
    ' role="doc-backlink"': "",
    '<p class="caption" role="heading">': '<p class="caption">',
}


def drop_options(app: Sphinx, config: Config) -> None:
    """Jupyter Book gives every theme the options of its own one: drop them."""
    if config.html_theme == "genbook":
        config.html_theme_options = {}


def add_context(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Give the templates what they ask for, and every page its description."""
    context["language"] = LANGUAGE
    context["gb_sections"] = sections
    context["gb_chapters"] = chapters
    context["gb_title"] = lambda page, title: plain(title)
    context.setdefault("author", app.config.author)
    if context.get("body"):
        for written, allowed in _ROLES.items():
            context["body"] = context["body"].replace(written, allowed)
    if pagename == app.config.root_doc:
        context["title"] = context["docstitle"]
    if 'name="description"' in (context.get("metatags") or ""):
        return
    if pagename in _GENERATED:
        text = _GENERATED[pagename]
    else:
        text = f"{plain(context.get('title') or pagename)}, {context['docstitle']}."
        if doctree is not None:
            logger.warning(
                "the page has no description; write one in its front matter, "
                "`myst: {html_meta: {description: ...}}`",
                location=pagename,
                type="genbook",
                subtype="description",
            )
    tag = f'<meta name="description" content="{escape(text)}" />\n'
    context["metatags"] = (context.get("metatags") or "") + tag


class disclosure(nodes.Element):
    """A box that the reader opens: its title is always seen."""


class disclosure_title(nodes.TextElement):
    """The line that opens a :class:`disclosure`."""


def visit_disclosure(self: Any, node: nodes.Element) -> None:
    """Open the box."""
    self.body.append(self.starttag(node, "details", CLASS="admonition"))


def depart_disclosure(self: Any, node: nodes.Element) -> None:
    """Close the box."""
    self.body.append("</details>\n")


def visit_disclosure_title(self: Any, node: nodes.Element) -> None:
    """Open the title."""
    self.body.append(self.starttag(node, "summary", "", CLASS="admonition-title"))


def depart_disclosure_title(self: Any, node: nodes.Element) -> None:
    """Close the title."""
    self.body.append("</summary>\n")


def visit_table(self: Any, node: nodes.Element) -> None:
    """Open a table in a box of its own, which scrolls where the table is too wide."""
    self.body.append('<div class="gb-table">')
    type(self).visit_table(self, node)


def depart_table(self: Any, node: nodes.Element) -> None:
    """Close the table and its box."""
    type(self).depart_table(self, node)
    self.body.append("</div>\n")


def unlinked(node: nodes.Node) -> list[nodes.Node]:
    """Return the children of a node, with the text of a link in its place."""
    out: list[nodes.Node] = []
    for child in node.children:
        if isinstance(child, nodes.reference):
            out += unlinked(child)
        else:
            out.append(child.deepcopy())
    return out


class PlainBoxes(SphinxPostTransform):
    """Mend what the extensions write for the web.

    Answers become ``<details>``, which open without a script; the contents of proofs
    and exercises lose ids that stand on a page many times.
    """

    default_priority = 800  # after the titles of exercises are resolved
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Change the page in place."""
        for section in self.document.findall(nodes.section):
            if section["ids"] and section["ids"][0].endswith("-content"):
                section["ids"] = []
        seen: set[str] = set()
        for box in list(self.document.findall(nodes.Admonition)):
            assert isinstance(box, nodes.Element)
            box["ids"] = [i for i in box["ids"] if i not in seen]
            seen.update(box["ids"])
            if "dropdown" in box["classes"] and self.app.builder.name == "html":
                self.fold(box)

    def fold(self, box: nodes.Element) -> None:
        """Turn a box with the class ``dropdown`` into a :class:`disclosure`."""
        classes = [name for name in box["classes"] if name != "dropdown"]
        folded = disclosure("")
        title = box.next_node(nodes.title)
        words = unlinked(title) if title is not None else [nodes.Text("More")]
        folded += disclosure_title("", "", *words)
        folded += [child for child in box.children if child is not title]
        box.replace_self(folded)  # which hands over ids and classes
        folded["classes"] = classes


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Write what a site needs beside its pages."""
    if exception or app.builder.name != "html":
        return
    out, base = Path(app.outdir), app.config.html_baseurl
    root = str(app.config.root_doc)
    title = escape(app.config.html_title or app.config.project)
    favicon = Path(app.config.html_favicon or "").name
    icon = f"_static/{favicon}" if favicon else "data:,"
    address = f'<link rel="canonical" href="{escape(base)}{root}.html">\n'
    if root != "index":
        (out / "index.html").write_text(
            f'<!DOCTYPE html>\n<html lang="{LANGUAGE}">\n<head>\n'
            f'<meta charset="utf-8">\n<title>{title}</title>\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f'<meta name="description" content="{title}: go to the first page.">\n'
            f'<link rel="icon" href="{icon}">\n'  # else browsers ask for favicon.ico
            f'<meta http-equiv="refresh" content="0; url={root}.html">\n'
            f"{address if base else ''}</head>\n"
            f'<body><main><h1>{title}</h1><p><a href="{root}.html">Go to the first '
            "page</a></p></main></body>\n</html>\n",
            encoding="utf-8",
        )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the theme and the mending of pages."""
    app.add_html_theme("genbook", str(THEME))
    html = (visit_disclosure, depart_disclosure)
    summary = (visit_disclosure_title, depart_disclosure_title)
    app.add_node(disclosure, html=html)
    app.add_node(disclosure_title, html=summary)
    app.add_node(nodes.table, override=True, html=(visit_table, depart_table))
    app.add_post_transform(PlainBoxes)
    app.setup_extension("genbook.publishing.website.addresses")
    app.setup_extension("genbook.publishing.website.policy")
    app.connect("config-inited", drop_options)
    app.connect("html-page-context", add_context, priority=600)
    app.connect("build-finished", finish, priority=900)
    return {"version": "0.1", "parallel_read_safe": True, "parallel_write_safe": True}
