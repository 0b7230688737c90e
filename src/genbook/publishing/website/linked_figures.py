"""Figures with links in them, which a browser follows only inside the page itself.

An SVG that a page loads as an image is dead: nobody can click in it. A figure with
links is written into the page instead, once for light pages and once for dark ones.
"""

from __future__ import annotations

import html
import re
from typing import Any

from docutils import nodes

_ID = re.compile(r"""\bid="([^"]+)\"""")
_USE = re.compile(r"""(href="#|url\(#)([^")]+)""")
_LINK = re.compile(r"""<a\b[^>]*\bhref="(?!#)[^"]+\"""")
_ROOT = re.compile(r"<svg\b[^>]*>")


def has_links(svg: str) -> bool:
    """Return whether a figure holds a link.

    Example:
        >>> has_links('<svg><a xlink:href="../a.html"><path/></a></svg>')
        True
    """
    return _LINK.search(svg) is not None


def inline_svg(svg: str, mark: str, alt: str) -> str:
    """Return a figure that can stand in a page beside others.

    Args:
        svg: The figure.
        mark: What its identifiers begin with, so that no two figures share one.
        alt: What it shows, for those who do not see it.

    Returns:
        The root element and what is in it, with the description as its label.

    Example:
        >>> inline_svg('<svg width="8"><path id="a"/></svg>', "x-", "A line.")
        '<svg width="8" role="group" aria-label="A line."><path id="x-a"/></svg>'
    """
    found = _ROOT.search(svg)
    if found is None:
        raise ValueError("svg must hold an <svg> element, got none")
    body = svg[found.start() :]
    body = _ID.sub(lambda m: f'id="{mark}{m[1]}"', body)
    body = _USE.sub(lambda m: f"{m[1]}{mark}{m[2]}", body)
    said = f' role="group" aria-label="{html.escape(alt, quote=True)}"'
    return _ROOT.sub(lambda m: m[0][:-1] + said + ">", body, count=1)


class linked_figure(nodes.General, nodes.Inline, nodes.Element):
    """A figure with links, in its colours for light and for dark pages."""


def visit_linked_figure(self: Any, node: nodes.Element) -> None:
    """Write both figures into the page; the style sheet shows one."""
    for look in ("light", "dark"):
        svg = inline_svg(node[look], f"{node['name']}-{look}-", node.get("alt", ""))
        self.body.append(f'<span class="only-{look} gb-linked">{svg}</span>\n')
    raise nodes.SkipNode
