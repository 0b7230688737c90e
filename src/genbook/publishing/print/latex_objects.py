"""The reference of the package in LaTeX: names with their arguments, set to fit."""

from __future__ import annotations

from docutils import nodes
from sphinx import addnodes

from genbook.publishing.content.doctree import ancestor
from genbook.publishing.print.latex_text import Text


class Objects(Text):
    """Write classes, functions and their fields."""

    def visit_desc(self, node: nodes.Element) -> None:
        """Open a class, function or attribute."""
        self.body.append("\n\\begin{gbobject}\n")
        if self.table:
            self.table.has_problematic = True

    def depart_desc(self, node: nodes.Element) -> None:
        """Close it."""
        self.body.append("\n\\end{gbobject}\n")

    def visit_desc_signature(self, node: nodes.Element) -> None:
        """Open a signature, which may run over lines."""
        self._mono += 1
        labels = "".join(self._label(node_id) for node_id in node["ids"])
        self.body.append(f"\n\\gbsignature{{\\phantomsection{labels}")

    def depart_desc_signature(self, node: nodes.Element) -> None:
        """Close it."""
        self._mono -= 1
        self.body.append("}\n")

    def visit_desc_content(self, node: nodes.Element) -> None:
        """Go on with what the object does."""

    def visit_desc_name(self, node: nodes.Element) -> None:
        """Open the name."""
        self.body.append(r"\textbf{")

    def depart_desc_name(self, node: nodes.Element) -> None:
        """Close it."""
        self.body.append("}")

    def visit_desc_addname(self, node: nodes.Element) -> None:
        """Write the module in front of the name."""

    depart_desc_addname = visit_desc_addname

    def visit_desc_annotation(self, node: nodes.Element) -> None:
        """Open "class", "property", or a value."""
        self.body.append(r"{\color{gbMuted}")

    def depart_desc_annotation(self, node: nodes.Element) -> None:
        """Close it."""
        self.body.append("}")

    def visit_desc_parameterlist(self, node: nodes.Element) -> None:
        """Open the arguments."""
        self.body.append("(")

    def depart_desc_parameterlist(self, node: nodes.Element) -> None:
        """Close them."""
        self.body.append(")")

    def visit_desc_parameter(self, node: nodes.Element) -> None:
        """Write an argument."""
        if node.parent.index(node) > 0:
            self.body.append(", ")

    def depart_desc_parameter(self, node: nodes.Element) -> None:
        """Nothing stands behind an argument."""

    def visit_rubric(self, node: nodes.Element) -> None:
        """Open a small heading, such as "Example" in a docstring."""
        if ancestor(node, addnodes.desc) is None:
            super().visit_rubric(node)
            return
        self.body.append("\n\n" + r"\gbfield{")
        self.context.append("}\\par\\nobreak\n")

    def visit_field_list(self, node: nodes.Element) -> None:
        """Open arguments, returns, raises."""
        self.body.append("\n\\begin{gbfields}\n")
        if self.table:
            self.table.has_problematic = True

    def depart_field_list(self, node: nodes.Element) -> None:
        """Close them."""
        self.body.append("\n\\end{gbfields}\n")

    def visit_field_name(self, node: nodes.Element) -> None:
        """Open a heading that its text runs on from."""
        self.body.append(r"\gbfield{")

    def depart_field_name(self, node: nodes.Element) -> None:
        """Close it."""
        self.body.append("}")

    def visit_field_body(self, node: nodes.Element) -> None:
        """Run on, where a paragraph comes first."""
        if node.children and isinstance(node.children[0], nodes.paragraph):
            first = node.children.pop(0)
            for child in first.children:
                child.walkabout(self)
            self.body.append("\n")

    def depart_field_body(self, node: nodes.Element) -> None:
        """Close it."""
        self.body.append("\\par\n")
