"""Figures, tables and listings in LaTeX."""

from __future__ import annotations

from docutils import nodes
from sphinx import addnodes

from genbook.publishing.content.statements import Statement
from genbook.publishing.print.latex_text import Text

WIDTH = 75  # letters that fit on a line of a table
_UNSEEN = (nodes.raw, nodes.target, addnodes.index)


class Floats(Text):
    """Write what has a caption, and code."""

    def visit_image(self, node: nodes.Element) -> None:
        """Write an image with its alternative text."""
        start = len(self.body)
        super().visit_image(node)
        alt = " ".join(node.get("alt", "").split())
        image = "".join(self.body[start:]).strip()
        if alt and image and not self.in_title:
            code = alt.encode("utf-16-be", "surrogatepass").hex().upper()
            del self.body[start:]
            if self.is_inline(node):
                self.body.append(rf"\gbalt{{FEFF{code}}}{{{image}}}")
            else:
                image = image.removeprefix(r"\noindent")
                self.body.append("\n" + rf"\gbalt{{FEFF{code}}}{{{image}}}" + "\n")

    def visit_figure(self, node: nodes.Element) -> None:
        """Open a figure under the website's number."""
        self._say_number("figure", node)
        super().visit_figure(node)

    def visit_table(self, node: nodes.Element) -> None:
        """Open a table; columns of numbers stand to the right."""
        rows = list(node.findall(nodes.row))
        if not self.tables and not _leads(node):
            # The caption stays with the table, and a short table is never torn.
            lines = min(sum(map(_lines, rows)), 25) + 5
            self.body.append(rf"\Needspace{{{lines}\baselineskip}}" + "\n")
        self._say_number("table", node)
        if not self.tables and not self.next_table_colspec:
            # Beyond thirty rows Sphinx breaks a table over pages, in equal columns.
            self.next_table_colspec = _columns(node) if len(rows) <= 30 else None
        super().visit_table(node)

    def visit_literal_block(self, node: nodes.Element) -> None:
        """Write code under the website's number, where it has one."""
        self._mono += 1
        lines = node.astext().count("\n") + 1
        if not self.table and not self.in_footnote and not _leads(node):
            # Short code is never torn; under a heading, the heading sees to it.
            self.body.append(rf"\Needspace{{{min(lines, 8) + 2}\baselineskip}}" + "\n")
        try:
            if isinstance(node.parent, nodes.container | nodes.Element):
                self._say_number("literalblock", node.parent, "code-block")
            super().visit_literal_block(node)
        finally:
            self._mono -= 1

    visit_doctest_block = visit_literal_block

    def _say_number(self, counter: str, node: nodes.Element, kind: str = "") -> None:
        for node_id in node.get("ids", ()):
            number = self._figure_number(kind or counter, node_id)
            if number:
                self.body.append(f"\n\\renewcommand{{\\the{counter}}}{{{number}}}\n")
                return


def _lines(row: nodes.Element) -> int:
    """Return about how many lines a row takes; its words share the width of a page."""
    return 1 + len(row.astext()) // WIDTH


def _leads(node: nodes.Node) -> bool:
    """Return whether a node stands directly under a heading."""
    while node.parent is not None:
        before = node.parent.children[: node.parent.index(node)]
        if any(not isinstance(child, _UNSEEN) for child in before):
            return isinstance(before[-1], nodes.title)
        node = node.parent
        if isinstance(node, Statement | nodes.section):
            return True
    return False


def _columns(table: nodes.Element) -> str | None:
    """Return a column specification when the source aligns its columns."""
    rows = list(table.findall(nodes.row))
    if not rows:
        return None
    letters = []
    for column in zip(*(row.children for row in rows), strict=False):
        classes = [set(entry.get("classes", ())) for entry in column]
        if all("text-right" in c for c in classes):
            letters.append("R")
        elif all("text-center" in c for c in classes):
            letters.append("C")
        else:
            letters.append("L" if any("text-left" in c for c in classes) else "T")
    if set(letters) <= {"T"}:
        return None
    return "".join("L" if letter == "T" else letter for letter in letters)
