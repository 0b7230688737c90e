"""Statements, boxes, cells and lists in LaTeX."""

from __future__ import annotations

import re

from docutils import nodes

from genbook.publishing.content import statements
from genbook.publishing.content.citations import BibliographyEntry
from genbook.publishing.content.statements import Statement
from genbook.publishing.print.latex_text import Text

_BOXES = {
    "note": "gbnote",
    "genbook-opening": "gbopening",
    "seealso": "gbnote",
    "important": "gbnote",
    "tip": "gbhint",
    "hint": "gbhint",
    "attention": "gbwarning",
    "caution": "gbwarning",
    "danger": "gbwarning",
    "error": "gbwarning",
    "warning": "gbwarning",
}


class Boxes(Text):
    """Write what stands apart from the text."""

    def visit_Statement(self, node: Statement) -> None:
        """Open a definition, theorem, proof, exercise or solution."""
        kind, labels = node["kind"], "".join(self._label(i) for i in node["ids"])
        if kind == "exercise":  # as sphinx-exercise refers to it
            labels += "".join(rf"\label{{exercise:{i}}}" for i in node["ids"])
        heading = self.encode(statements.heading(node))
        if node.children and isinstance(node.children[0], nodes.title):
            title = node.children.pop(0)
            self.pushbody([])
            for child in title.children:
                child.walkabout(self)
            heading += " (" + "".join(self.popbody()) + ")"
        if kind == "proof":
            self.body.append("\n\\begin{gbproof}" + labels)
            environment = "gbproof"
        elif kind in ("exercise", "solution"):
            self.body.append(
                rf"\begin{{gbplain}}{{\phantomsection{labels}{heading}"
                f"{self._other_half(node)}}}\n"
            )
            environment = "gbplain"
        else:
            environment = "gbstatement"
            self.body.append(
                f"\n\\begin{{gbstatement}}{{\\phantomsection{labels}{heading}}}\n"
            )
            self._index_definition(node)
        self.no_latex_floats += 1
        self.context.append(f"\\end{{{environment}}}\n")

    def depart_Statement(self, node: Statement) -> None:
        """Close it."""
        self.no_latex_floats -= 1
        if node["kind"] == "proof":  # its square stands in its last line
            while self.body and not self.body[-1].strip():
                self.body.pop()
            self.body[-1] = self.body[-1].rstrip()
        self.body.append(self.context.pop())

    def _other_half(self, node: Statement) -> str:
        """Say on which page the solution stands, and on which the exercise."""
        target = node.get("partner")
        if not target:
            return ""
        what = "solution" if node["kind"] == "exercise" else "exercise"
        label = self.idescape(self.curfilestack[-1] + ":" + target)
        return rf"\gbsee{{\hyperref[{label}]{{{what} on page~\pageref*{{{label}}}}}}}"

    def _index_definition(self, node: Statement) -> None:
        if node["kind"] == "definition" and node.get("subtitle"):
            term = re.sub(r'([!@|"])', r'"\1', self.encode(node["subtitle"].lower()))
            self.body.append(rf"\index{{{term}@\spxentry{{{term}}}|spxpagem}}")

    def _open_box(self, node: nodes.Element, kind: str, title: str) -> None:
        self.body.append(f"\n\\begin{{{_BOXES.get(kind, 'gbnote')}}}{{{title}}}\n")
        self.context.append(f"\\end{{{_BOXES.get(kind, 'gbnote')}}}\n")
        self.no_latex_floats += 1
        if self.table:
            self.table.has_problematic = True

    def visit_admonition(self, node: nodes.Element) -> None:
        """Open a box with a title of its own."""
        title = ""
        if node.children and isinstance(node.children[0], nodes.title):
            self.pushbody([])
            for child in node.children.pop(0).children:
                child.walkabout(self)
            title = "".join(self.popbody())
        kind = next((c for c in node.get("classes", ()) if c in _BOXES), "note")
        self._open_box(node, kind, title)

    def depart_admonition(self, node: nodes.Element) -> None:
        """Close a box."""
        self.no_latex_floats -= 1
        self.body.append(self.context.pop())

    def _visit_named_admonition(self, node: nodes.Element) -> None:
        self._open_box(node, node.tagname, statements.ADMONITIONS[node.tagname])

    _depart_named_admonition = depart_admonition
    visit_attention = visit_caution = visit_danger = _visit_named_admonition
    visit_error = visit_hint = visit_important = _visit_named_admonition
    visit_note = visit_tip = visit_warning = _visit_named_admonition
    visit_seealso = _visit_named_admonition
    depart_attention = depart_caution = depart_danger = depart_admonition
    depart_error = depart_hint = depart_important = depart_admonition
    depart_note = depart_tip = depart_warning = depart_admonition
    depart_seealso = depart_admonition

    def visit_container(self, node: nodes.Element) -> None:
        """Open the code of a cell, or what it printed."""
        classes = node.get("classes", ())
        for name, environment in (
            ("cell_input", "gbinput"),
            ("cell_output", "gboutput"),
        ):
            if name in classes:
                self.body.append(f"\n\\begin{{{environment}}}\n")
                self.context.append(f"\n\\end{{{environment}}}\n")
                return
        self.context.append("")

    def depart_container(self, node: nodes.Element) -> None:
        """Close it."""
        self.body.append(self.context.pop())

    def visit_BibliographyEntry(self, node: BibliographyEntry) -> None:
        """Open a work in the list of references."""
        names = [f"cite.{self.curfilestack[-1]}:{i}" for i in node["ids"]]
        anchors = "".join(rf"\hypertarget{{{name}}}{{}}" for name in names)
        labels = "".join(self._label(node_id) for node_id in node["ids"])
        self.body.append(f"\n\n\\gbreference{anchors}\\phantomsection{labels}")

    def depart_BibliographyEntry(self, node: BibliographyEntry) -> None:
        """Close it."""
        self.body.append("\\par\n")

    def visit_definition_list(self, node: nodes.Element) -> None:
        """Open a list of terms."""
        self.body.append("\n\\begin{gbterms}\n")
        if self.table:
            self.table.has_problematic = True

    def depart_definition_list(self, node: nodes.Element) -> None:
        """Close it."""
        self.body.append("\\end{gbterms}\n")

    def visit_term(self, node: nodes.Element) -> None:
        """Open a term."""
        self.in_term += 1
        labels = "".join(self._label(node_id) for node_id in node.get("ids", ()))
        anchor = r"\phantomsection" + labels if labels else ""
        self.body.append(rf"\gbterm{{{anchor}")
        self.context.append("}")
