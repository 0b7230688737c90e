"""Sphinx extension: the code of a cell that only keeps accounts is folded.

``bookkeeping`` beside this module says which cells these are. On the website such a
cell shows its lines with their ticks and, below them, the words "Show code", which open
the code; in print and in the EPUB the code is left out, as it is for every folded cell.
The notebooks hold all of it. A cell with the tag ``show`` is left as it is.
"""

from __future__ import annotations

from html import escape
from typing import Any

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxTranslator

from genbook.publishing.content.bookkeeping import SHOWN, bookkeeping

FOLDED = "gb-folded"


def _cells(document: nodes.document) -> list[nodes.container]:
    """Return the code cells of a page, in order."""
    found = document.findall(nodes.container)
    return [node for node in found if node.get("nb_element") == "cell_code"]


def _code(cell: nodes.container) -> str:
    """Return the code of a cell; nothing if the page leaves it out."""
    for part in cell.children:
        if isinstance(part, nodes.container) and (
            part.get("nb_element") == "cell_code_source"
        ):
            return part.astext()
    return ""


class FoldBookkeeping(SphinxTransform):
    """Mark the cells that hold only bookkeeping, so that their code is folded."""

    default_priority = 400

    def apply(self, **kwargs: Any) -> None:
        """Change the page in place."""
        cells = _cells(self.document)
        kept = bookkeeping([_code(cell) for cell in cells])
        for cell, fold in zip(cells, kept, strict=True):
            metadata = cell.get("cell_metadata", {})
            drawn = metadata.get("mystnb", {}).get("figure")
            shown = SHOWN in metadata.get("tags", ()) or drawn or "hide_mode" in cell
            if fold and not shown:
                cell["hide_mode"] = "input"
                cell["prompt_show"], cell["prompt_hide"] = "Show code", "Hide code"
                cell["classes"].append(FOLDED)


class CodeBelow(SphinxPostTransform):
    """Put the folded code of bookkeeping below what the cell shows."""

    default_priority = 200  # after myst-nb has folded it
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Change the page in place."""
        for cell in _cells(self.document):
            if FOLDED in cell["classes"] and cell.children:
                cell.children.sort(key=lambda part: isinstance(part, HideCodeCellNode))


def visit_fold(self: SphinxTranslator, node: HideCodeCellNode) -> None:
    """Open folded code; its summary is called by the words that stand there."""
    classes = " ".join(node["classes"])
    self.body.append(
        f'<details class="admonition hide {classes}">\n'
        f'<summary><span class="collapsed">{escape(node["prompt_show"])}</span>'
        f'<span class="expanded">{escape(node["prompt_hide"])}</span></summary>\n'
    )


def depart_fold(self: SphinxTranslator, node: HideCodeCellNode) -> None:
    """Close it."""
    self.body.append("</details>\n")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.setup_extension("myst_nb")
    app.add_node(HideCodeCellNode, override=True, html=(visit_fold, depart_fold))
    app.add_transform(FoldBookkeeping)
    app.add_post_transform(CodeBelow)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
