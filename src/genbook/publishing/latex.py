r"""The printed book: what Sphinx writes for XeLaTeX.

The design stands in ``book/latex/genbook.sty``. Here the chapters are put in the order
of a book (preface, parts, solutions, back matter) and written with its environments.
Every number - of a chapter, figure, equation, statement - is the website's, said to
LaTeX rather than counted by it, so that the two can never differ.
:mod:`genbook.publishing.pdf` compiles the result.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.math import wrap_displaymath
from sphinx.writers.latex import LaTeXTranslator

from genbook.publishing import cover, statements
from genbook.publishing.statements import Statement

# Characters that TeX Gyre Pagella and Heros have, from U+2000 on. All others are set
# in DejaVu Sans, and what DejaVu Sans lacks fails the build (publishing/pdf.py).
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
_FONTS = r"""
\setmainfont{texgyrepagella}[Extension=.otf,UprightFont=*-regular,
  ItalicFont=*-italic,BoldFont=*-bold,BoldItalicFont=*-bolditalic]
\setsansfont{texgyreheros}[Extension=.otf,UprightFont=*-regular,
  ItalicFont=*-italic,BoldFont=*-bold,BoldItalicFont=*-bolditalic,
  Scale=MatchLowercase]
\setmonofont{DejaVuSansMono}[Extension=.ttf,UprightFont=*,BoldFont=*-Bold,
  ItalicFont=*-Oblique,BoldItalicFont=*-BoldOblique,Scale=0.82]
"""
_ELEMENTS = {
    "papersize": "a4paper",
    "pointsize": "11pt",
    "extraclassoptions": "openany,twoside",
    "fncychap": "",
    "fontpkg": _FONTS,
    "figure_align": "htbp",
    "releasename": "",
    # 79 characters of code are 138 mm wide.
    "geometry": r"\usepackage[a4paper,textwidth=143mm,hcentering,"
    r"top=27mm,bottom=30mm,headsep=9mm,footskip=13mm]{geometry}",
    "sphinxsetup": "TitleColor={HTML}{1A4173},InnerLinkColor={HTML}{1A4173},"
    "OuterLinkColor={HTML}{1F5FA8},"
    "verbatimwithframe=true,verbatimwrapslines=true,verbatimmaxunderfull=4",
}


def macros_to_latex(macros: Mapping[str, Any]) -> str:
    r"""Return the book's macros of mathematics as LaTeX definitions.

    Args:
        macros: name without backslash to body, or to ``[body, number of arguments]``,
            as in ``_config.yml`` under ``genbook_macros``.

    Returns:
        Lines that define each macro whether or not LaTeX already knows its name.

    Example:
        >>> print(macros_to_latex({"vect": ["\\mathbf{#1}", 1]}))
        \let\vect\relax\newcommand{\vect}[1]{\mathbf{#1}}
    """
    lines = []
    for name, entry in macros.items():
        body, count = (entry, 0) if isinstance(entry, str) else tuple(entry)
        arguments = f"[{count}]" if count else ""
        lines.append(rf"\let\{name}\relax\newcommand{{\{name}}}{arguments}{{{body}}}")
    return "\n".join(lines)


class BibliographyEntry(nodes.General, nodes.TextElement):
    """One work in the list of references."""


class AssembleBook(SphinxPostTransform):
    """Put the one large document that Sphinx assembled into the order of a book."""

    default_priority = 745  # after footnotes and links, before Sphinx's bibliography
    formats = ("latex",)

    def run(self, **kwargs: Any) -> None:
        """Rearrange the document in place."""
        hide_plumbing(self.document)
        unlabel_references(self.document)
        self._thin_out_index()
        root = next(self.document.findall(nodes.section), None)
        if root is not None and root.parent is self.document:
            self._order(root)

    def _thin_out_index(self) -> None:
        """Keep classes and functions of the API; methods would drown the terms."""
        for node in list(self.document.findall(addnodes.index)):
            after = node.next_node(descend=False, siblings=True)
            if isinstance(after, addnodes.desc):
                if after.get("objtype") not in ("class", "function", "exception"):
                    node.parent.remove(node)
            elif any(str(entry[2]).startswith("module-") for entry in node["entries"]):
                node.parent.remove(node)

    def _order(self, root: nodes.section) -> None:
        wrappers = [
            node
            for node in root.findall(nodes.compound)
            if "toctree-wrapper" in node["classes"]
            and not _ancestor(node, addnodes.start_of_file)
        ]
        groups = [
            [child for child in wrapper if isinstance(child, addnodes.start_of_file)]
            for wrapper in wrappers
        ]
        for wrapper in wrappers:
            wrapper.parent.remove(wrapper)
        site_map = getattr(self.config, "external_site_map", None)
        trees = site_map.root.subtrees if site_map else []
        captions = [tree.caption or "" for tree in trees]
        captions += [""] * (len(groups) - len(captions))

        title, *preface = root.children
        root.children = []
        root += title
        if preface:
            root += self._preface(root, preface)
        numbered = [bool(group) and self._number(group[0]) != "" for group in groups]
        in_parts = sum(numbered) > 1
        last = max((i for i, has in enumerate(numbered) if has), default=-1)
        solutions = self._solutions(root, groups)
        for position, group in enumerate(groups):
            caption = _escape(captions[position])
            if numbered[position] and in_parts and caption:
                root += _raw(rf"\gbpart{{{caption}}}")
            if position > last and solutions is not None:
                root += solutions
                solutions = None
            if position > last:
                root += _raw(rf"\gbbackmatter{{{caption}}}")
            for chapter in group:
                number = self._number(chapter)
                chapter.insert(
                    0, _raw(rf"\gbnumbered{{{number}}}" if number else r"\gbunnumbered")
                )
                root += chapter
        if solutions is not None:
            root += solutions
        root += _raw(r"\gbunnumbered")

    def _preface(
        self, root: nodes.section, content: list[nodes.Node]
    ) -> addnodes.start_of_file:
        """Make a chapter of what the first page of the website says."""
        docname = self.config.root_doc
        ids, root["ids"] = list(root["ids"]), []
        heading = self.config.genbook_print_preface
        section = nodes.section("", nodes.title("", heading), *content, ids=ids)
        return addnodes.start_of_file(
            "", _raw(r"\gbunnumbered"), section, docname=docname
        )

    def _number(self, chapter: addnodes.start_of_file) -> str:
        numbers = self.env.toc_secnumbers.get(chapter["docname"], {}).get("")
        return str(numbers[0]) if numbers else ""

    def _solutions(
        self, root: nodes.section, groups: list[list[addnodes.start_of_file]]
    ) -> nodes.section | None:
        """Gather the solutions, chapter by chapter, behind the last chapter."""
        gathered = []
        for chapter in [chapter for group in groups for chapter in group]:
            found = [
                node
                for node in list(chapter.findall(Statement))
                if node["kind"] == "solution"
            ]
            if not found:
                continue
            number, docname = self._number(chapter), chapter["docname"]
            heading = self.env.titles[docname].deepcopy()
            if number:
                heading.insert(0, nodes.Text(f"{number}\u2003"))
            section = nodes.section("", heading, ids=[f"solutions-{docname}"])
            for node in found:
                node.parent.remove(node)
                section += node
            gathered.append(addnodes.start_of_file("", section, docname=docname))
        if not gathered:
            return None
        first = nodes.title("", "Solutions to the exercises")
        return nodes.section(
            "", _raw(r"\gbunnumbered"), first, *gathered, ids=["solutions"]
        )


def unlabel_references(document: nodes.Element) -> None:
    """Turn the list of references into paragraphs without labels, in their place."""
    for citation in list(document.findall(nodes.citation)):
        entry = BibliographyEntry("", "", ids=citation["ids"])
        for child in citation.children:
            if isinstance(child, nodes.paragraph):
                entry.extend(child.children)
            elif not isinstance(child, nodes.label):
                entry += child
        citation.replace_self(entry)


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


def _raw(tex: str) -> nodes.raw:
    return nodes.raw("", tex + "\n", format="latex")


def _escape(text: str) -> str:
    return re.sub(r"([&%$#_{}])", r"\\\1", text)


def _ancestor(node: nodes.Node, kind: type[nodes.Node]) -> nodes.Node | None:
    parent = node.parent
    while parent is not None and not isinstance(parent, kind):
        parent = parent.parent
    return parent


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
        return _ancestor(node, kind) is not None

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


def _imprint(config: Config) -> Iterator[str]:
    yield rf"\textbf{{{_escape(config.html_title or config.project)}}}"
    yield (
        f"{_escape(config.author)}, version {_escape(config.release)}. "
        r"This copy was made on \gbdate."
    )
    yield (
        "Every figure, every number and every checked claim in this book was computed "
        "by the package that it teaches, while the book was built. Cells whose code "
        "only draws a figure are not printed; they stand in the notebooks."
    )
    url = (config.html_baseurl or "").rstrip("/")
    if url:
        yield rf"Read it on the web, with notebooks and scripts: \url{{{url}}}"
    yield (
        "Text, figures and code may be used under the licences named in the files "
        r"\texttt{LICENSE} and \texttt{DATA\_LICENSES.md} of the source."
    )
    yield ("Set in TeX Gyre Pagella, TeX Gyre Heros and DejaVu Sans Mono with XeLaTeX.")


def configure(app: Sphinx, config: Config) -> None:
    """Choose the book's own design instead of a stock class."""
    config.latex_engine = "xelatex"
    config.latex_theme = "manual"
    config.latex_toplevel_sectioning = "chapter"
    config.latex_use_xindy = False
    config.latex_domain_indices = False
    config.latex_show_urls = "no"
    config.latex_table_style = ["booktabs"]
    title = _escape(config.html_title or config.project)
    imprint = r"\par ".join(_imprint(config))
    preamble = "\n".join(
        [
            r"\usepackage{genbook}",
            rf"\renewcommand{{\gbsubtitle}}{{{_escape(config.genbook_subtitle)}}}",
            r"\renewcommand{\gbcover}{\noindent\gbalt{FEFF"
            + cover.alt(config.html_title).encode("utf-16-be").hex().upper()
            + r"}{\includegraphics[width=\linewidth]{cover.pdf}}}",
            rf"\renewcommand{{\gbimprint}}{{{imprint}}}",
            rf"\hypersetup{{pdftitle={{{title}}},pdfauthor={{{_escape(config.author)}}},"
            rf"pdfsubject={{{_escape(config.genbook_subtitle)}}},pdflang=en-GB,"
            "pdfdisplaydoctitle=true,bookmarksnumbered=true,bookmarksopenlevel=0}",
            r"\AtBeginDocument{%",
            macros_to_latex(config.genbook_macros),
            "}",
        ]
    )
    elements = {**_ELEMENTS, "preamble": preamble}
    config.latex_elements = {**elements, **config.latex_elements}


def use_translator(app: Sphinx) -> None:
    """Take over the writing, in the LaTeX builder only, and draw the title page."""
    if app.builder.name == "latex":
        app.set_translator("latex", BookTranslator, override=True)
        Path(app.outdir).mkdir(parents=True, exist_ok=True)
        cover.draw(Path(app.outdir, "cover.pdf"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the printed book with Sphinx."""
    app.setup_extension("genbook.publishing.statements")
    app.add_config_value("genbook_subtitle", "", "", types=(str,))
    app.add_config_value("genbook_print_preface", "About this book", "")
    app.connect("config-inited", configure, priority=900)
    app.connect("builder-inited", use_translator, priority=100)
    app.add_post_transform(AssembleBook)
    return {"version": "0.1", "parallel_read_safe": True, "parallel_write_safe": True}
