"""A page in the shape of a book that is read without a browser."""

from __future__ import annotations

import html
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxTranslator

from genbook.publishing.content import statements
from genbook.publishing.content.citations import BibliographyEntry, unlabel_references
from genbook.publishing.content.doctree import hide_plumbing
from genbook.publishing.content.statements import Statement

_LISTS = (nodes.definition_list, nodes.bullet_list, nodes.enumerated_list)


class PreparePage(SphinxPostTransform):
    """Bring a page into the shape of a book that is read without a browser."""

    default_priority = 15
    builders = ("epub",)

    def run(self, **kwargs: Any) -> None:
        """Change the page in place."""
        hide_plumbing(self.document)
        for cell in self.document.findall(nodes.container):
            cell.attributes.pop("hide_mode", None)
        statements.convert(self.document, self.env, self.env.docname)
        self._solutions_last()

    def _solutions_last(self) -> None:
        found = [
            node
            for node in self.document.findall(Statement)
            if node["kind"] == "solution"
        ]
        chapter = next(self.document.findall(nodes.section), None)
        if not found or chapter is None:
            return
        section = nodes.section("", nodes.title("", "Solutions"), ids=["solutions"])
        for node in found:
            node.parent.remove(node)
            section += node
        chapter += section


class PrepareLists(SphinxPostTransform):
    """Take the labels off the list of references: works are cited by author and year.

    Runs late, when the list is there. Lists that stand in a paragraph leave it.
    """

    default_priority = 760
    builders = ("epub",)

    def run(self, **kwargs: Any) -> None:
        """Change the page in place."""
        unlabel_references(self.document)
        for paragraph in list(self.document.findall(nodes.paragraph)):
            # A list that a docstring's field holds alone; HTML has none in paragraphs.
            if paragraph.children and isinstance(paragraph[0], _LISTS):
                paragraph.replace_self(paragraph.children)


def visit_reference_entry(self: SphinxTranslator, node: BibliographyEntry) -> None:
    """Open a work in the list of references."""
    self.body.append(self.starttag(node, "p", CLASS="reference-entry"))


def depart_reference_entry(self: SphinxTranslator, node: BibliographyEntry) -> None:
    """Close it."""
    self.body.append("</p>\n")


def visit_statement(self: SphinxTranslator, node: Statement) -> None:
    """Open a definition, theorem, proof, exercise or solution."""
    kind = node["kind"]
    self.body.append(
        self.starttag(node, "section", CLASS=f"statement statement-{kind}")
    )
    self.body.append(
        f'<p class="statement-title">{self.encode(statements.heading(node))}'
    )
    if node.children and isinstance(node.children[0], nodes.title):
        title = node.children.pop(0)
        self.body.append(' <span class="statement-subtitle">(')
        for child in title.children:
            child.walkabout(self)
        self.body.append(")</span>")
    partner = node.get("partner")
    if partner:
        word = "solution" if kind == "exercise" else "exercise"
        self.body.append(
            f' <a class="statement-partner" href="#{html.escape(partner)}">{word}</a>'
        )
    self.body.append("</p>\n")


def depart_statement(self: SphinxTranslator, node: Statement) -> None:
    """Close it."""
    if node["kind"] == "proof":
        self.body.append('<p class="qed" role="presentation">□</p>\n')
    self.body.append("</section>\n")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register what changes the pages, and what writes their statements."""
    app.setup_extension("genbook.publishing.content.statements")
    app.add_node(Statement, html=(visit_statement, depart_statement))
    entry = (visit_reference_entry, depart_reference_entry)
    app.add_node(BibliographyEntry, html=entry)
    app.add_post_transform(PreparePage)
    app.add_post_transform(PrepareLists)
    return {"version": "0.1", "parallel_read_safe": True, "parallel_write_safe": True}
