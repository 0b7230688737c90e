"""What the printed book looks like in LaTeX, node by node.

The environments stand in ``book/latex/genbook.sty``. Numbers are the website's.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.environment import BuildEnvironment
from sphinx.util.math import wrap_displaymath
from sphinx.writers.latex import LaTeXTranslator

from genbook.publishing.content import statements
from genbook.publishing.content.citations import BibliographyEntry
from genbook.publishing.content.doctree import ancestor
from genbook.publishing.content.statements import Statement

# Characters that TeX Gyre Pagella and Heros have, from U+2000 on. All others are set
# in DejaVu Sans, and what DejaVu Sans lacks fails the build (pdf.py).
_IN_FONT = set("‐‑–—‖‘’‚“”„†‡•…‰‹›⁄€℃ℓ№™Ω←↑→↓∂∑−∞≈≠≤≥⋆◊◦")
_SPACES = {
    "\u2003": r"\quad{}",
    "\u2009": r"\,",
    "\u200a": r"\,",
    "\u200b": r"\hspace{0pt}",
    "\u202f": r"\,",
}
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


class BookTranslator(LaTeXTranslator):
    """Write the document with the environments of ``genbook.sty``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._mono = 0
        self._breakable = 0
        self.elements["contentsname"] = self.babel_renewcommand(
            r"\contentsname", "Contents"
        )

    @property
    def _env(self) -> BuildEnvironment:
        return self.builder.env

    def _label(self, node_id: str) -> str:
        return self.hypertarget(node_id, anchor=False)

    def _figure_number(self, kind: str, node_id: str, docname: str = "") -> str:
        docname = docname or self.curfilestack[-1]
        return statements.number(self._env, docname, kind, node_id)

    # --- text

    def encode(self, text: str) -> str:
        """Escape text, and set what the text font lacks in another one."""
        text = super().encode(text)
        if self._breakable:  # a long name may go on in the next line
            text = re.sub(r"(\\_|[.,(/=])(?=\S)", r"\1\\allowbreak{}", text)
        if self._mono or text.isascii():
            return text
        out = []
        for character in text:
            if character in _SPACES:
                out.append(_SPACES[character])
            elif ord(character) >= 0x2000 and character not in _IN_FONT:
                out.append(rf"\gbglyph{{{character}}}")
            else:
                out.append(character)
        return "".join(out)

    def visit_Text(self, node: nodes.Text) -> None:
        """Write text; monospaced text is set as it stands."""
        mono = isinstance(
            node.parent,
            nodes.literal
            | nodes.literal_block
            | addnodes.literal_emphasis
            | addnodes.literal_strong
            | addnodes.desc_sig_element,
        )
        literal = mono and not isinstance(node.parent, nodes.literal_block)
        self._mono += mono
        self._breakable += literal and not self.in_title
        super().visit_Text(node)
        self._breakable -= literal and not self.in_title
        self._mono -= mono

    def visit_inline(self, node: nodes.Element) -> None:
        """Write inline markup; classes mean nothing in print."""
        self.context.append("")

    # --- mathematics

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

    # --- references

    def visit_number_reference(self, node: nodes.Element) -> None:
        """Write "Figure 1.2" with the website's number."""
        text = node.astext().strip()
        if not re.search(r"\d", text):  # a section: Sphinx leaves its number to LaTeX
            super().visit_number_reference(node)
        target = (
            self.curfilestack[-1] + ":" + node["refid"]
            if node.get("refid")
            else node.get("refuri", "")[1:].replace("#", ":")
        )
        text = self.encode(text).replace(" ", "~")
        self.body.append(rf"\hyperref[{self.idescape(target)}]{{{text}}}")
        raise nodes.SkipNode

    # --- definitions, theorems, exercises

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

    # --- boxes

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

    # --- cells

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

    # --- figures, tables, listings

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
        rows = sum(1 for _ in node.findall(nodes.row))
        if not self.tables and not _leads(node):
            # The caption stays with the table, and a short table is never torn.
            self.body.append(rf"\Needspace{{{min(rows, 25) + 5}\baselineskip}}" + "\n")
        self._say_number("table", node)
        if not self.tables and not self.next_table_colspec:
            self.next_table_colspec = _columns(node)
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

    # --- references

    def visit_BibliographyEntry(self, node: BibliographyEntry) -> None:
        """Open a work in the list of references."""
        names = [f"cite.{self.curfilestack[-1]}:{i}" for i in node["ids"]]
        anchors = "".join(rf"\hypertarget{{{name}}}{{}}" for name in names)
        labels = "".join(self._label(node_id) for node_id in node["ids"])
        self.body.append(f"\n\n\\gbreference{anchors}\\phantomsection{labels}")

    def depart_BibliographyEntry(self, node: BibliographyEntry) -> None:
        """Close it."""
        self.body.append("\\par\n")

    # --- terms and what they mean

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

    # --- the package: names with their arguments, set to fit

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
        if not self._inside(node, addnodes.desc):
            super().visit_rubric(node)
            return
        self.body.append("\n\n" + r"\gbfield{")
        self.context.append("}\\par\\nobreak\n")

    def _inside(self, node: nodes.Node, kind: type[nodes.Node]) -> bool:
        return ancestor(node, kind) is not None

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

    # --- what only a screen can show

    def visit_transition(self, node: nodes.Element) -> None:
        """Leave out the rule above footnotes: on paper they stand at the foot."""
        if "footnotes" in node.get("classes", ()):
            raise nodes.SkipNode
        super().visit_transition(node)

    def visit_meta(self, node: nodes.Element) -> None:
        """Leave out what describes a web page."""
        raise nodes.SkipNode


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


_UNSEEN = (nodes.raw, nodes.target, addnodes.index)


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
