"""What several forms of the book ask of a page's nodes."""

from __future__ import annotations

from typing import TypeVar

from docutils import nodes

Kind = TypeVar("Kind", bound=nodes.Node)


def ancestor(node: nodes.Node, kind: type[Kind]) -> Kind | None:
    """Return the nearest node of a kind around a node."""
    parent = node.parent
    while parent is not None and not isinstance(parent, kind):
        parent = parent.parent
    return parent


def hide_plumbing(document: nodes.Element) -> None:
    """Drop the code of ``hide-input`` cells, which only draws; keep what it drew."""
    for cell in list(document.findall(nodes.container)):
        if cell.get("hide_mode") not in ("input", "all", "input+output"):
            continue
        for child in list(cell.children):
            if isinstance(child, nodes.container) and (
                "cell_input" in child.get("classes", ())
            ):
                cell.remove(child)
