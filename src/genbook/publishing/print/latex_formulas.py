"""Formulas in LaTeX, under the website's numbers."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.util.math import wrap_displaymath

from genbook.publishing.print.latex_text import Text


class Formulas(Text):
    """Write mathematics."""

    def visit_math(self, node: nodes.Element) -> None:
        """Write a formula; in a heading also in words, for the bookmarks."""
        if self.in_title:
            tex, words = node.astext(), _formula_in_words(node.astext())
            self.body.append(rf"\texorpdfstring{{\({tex}\)}}{{{words}}}")
            raise nodes.SkipNode
        super().visit_math(node)

    def visit_math_block(self, node: nodes.Element) -> None:
        """Write a displayed formula under the website's number, or a claim."""
        tex = node.astext()
        if tex.lstrip().startswith(r"\gbclaim{"):
            self.body.append(f"\n{tex.strip()}\n")
            raise nodes.SkipNode
        if tex.lstrip().startswith(r"\begin{tabular"):  # a cell's own table
            self.body.append(f"\n\\gbtable{{{tex.strip()}}}\n")
            raise nodes.SkipNode
        label, number = node.get("label"), ""
        if label is not None:
            number = self._equation_number(node["docname"], label)
        if node.get("nowrap"):
            tex = _without_numbers(tex)
        if not number:
            self.body.append(wrap_displaymath(tex, None, False))
            raise nodes.SkipNode
        anchor = f"equation:{node['docname']}:{label}"
        display = wrap_displaymath(tex, anchor, False)
        self.body.append(
            rf"{{\renewcommand{{\theequation}}{{{number}}}%" + f"\n{display}}}"
            r"\ignorespacesafterend" + "\n"
        )
        raise nodes.SkipNode

    def _equation_number(self, docname: str, label: str) -> str:
        node_id = nodes.make_id(f"equation-{label}")
        number = self._figure_number("displaymath", node_id, docname)
        if not number:
            number = str(self._env.get_domain("math").data["objects"][label][1])
        return number

    def visit_math_reference(self, node: nodes.Element) -> None:
        """Write the number of an equation, as a link."""
        number = self._equation_number(node["docname"], node["target"])
        label = f"equation:{node['docname']}:{node['target']}"
        self.body.append(rf"\hyperref[{label}]{{({number})}}")


def _without_numbers(tex: str) -> str:
    r"""Return an AMS environment as an inner one, which LaTeX does not number.

    Example:
        >>> print(_without_numbers(r"\begin{align}a &= b\end{align}"))
        \begin{aligned}a &= b\end{aligned}
    """
    inner = {"align": "aligned", "gather": "gathered", "alignat": "alignedat"}
    tex = re.sub(r"\\(?:begin|end)\{equation\*?\}", "", tex)
    return re.sub(
        r"\\(begin|end)\{(align|gather|alignat)\*?\}",
        lambda m: rf"\{m[1]}{{{inner[m[2]]}}}",
        tex,
    )


def _formula_in_words(tex: str) -> str:
    """Return a formula as plain text, for a bookmark.

    Example:
        >>> _formula_in_words(r"p_\\text{data}(\\mathbf{x})")
        'p data(x)'
    """
    tex = re.sub(r"\\(?:text|mathrm|mathbf|operatorname|vect|mathbb)\*?", "", tex)
    tex = tex.replace("_", " ").replace("^", " ")
    return re.sub(r"[\\{}$]", "", tex).strip()
