r"""The printed book: what Sphinx writes for XeLaTeX.

The design stands in ``book/latex/genbook.sty``. Here the chapters are put in the order
of a book (preface, parts, solutions, back matter) and written with its environments.
Every number - of a chapter, figure, equation, statement - is the website's, said to
LaTeX rather than counted by it, so that the two can never differ.
:mod:`genbook.publishing.print.pdf` compiles the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms.post_transforms import SphinxPostTransform

from genbook.course.tex import escape
from genbook.publishing.content.about import KEYWORDS, LANGUAGE, rights
from genbook.publishing.content.citations import unlabel_references
from genbook.publishing.content.doctree import ancestor, hide_plumbing
from genbook.publishing.content.macros import macros_to_latex
from genbook.publishing.content.statements import Statement
from genbook.publishing.print import cover, xmp
from genbook.publishing.print.latex_writer import BookTranslator

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
            and not ancestor(node, addnodes.start_of_file)
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
            caption = escape(captions[position])
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


def _raw(tex: str) -> nodes.raw:
    return nodes.raw("", tex + "\n", format="latex")


def _imprint(config: Config) -> Iterator[str]:
    yield rf"\textbf{{{escape(config.html_title or config.project)}}}"
    yield (
        f"{escape(config.author)}, version {escape(config.release)}. "
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
    words = (
        rf"\url{{{word[:-1]}}}{word[-1]}" if "://" in word else escape(word)
        for word in rights(config).split()
    )
    yield " ".join(words)
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
    config.today_fmt = "%-d %B %Y"
    title = escape(config.html_title or config.project)
    imprint = r"\par ".join(_imprint(config))
    preamble = "\n".join(
        [
            r"\usepackage{genbook}",
            rf"\renewcommand{{\gbsubtitle}}{{{escape(config.genbook_subtitle)}}}",
            r"\renewcommand{\gbcover}{\noindent\gbalt{FEFF"
            + cover.alt(config.html_title).encode("utf-16-be").hex().upper()
            + r"}{\includegraphics[width=\linewidth]{cover.pdf}}}",
            rf"\renewcommand{{\gbimprint}}{{{imprint}}}",
            rf"\hypersetup{{pdftitle={{{title}}},pdfauthor={{{escape(config.author)}}},"
            rf"pdfsubject={{{escape(config.genbook_subtitle)}}},pdflang={LANGUAGE},"
            rf"pdfkeywords={{{escape(', '.join(KEYWORDS))}}},"
            "pdfdisplaydoctitle=true,bookmarksnumbered=true,bookmarksopenlevel=0}",
            r"\AtBeginDocument{%",
            macros_to_latex(config.genbook_macros),
            "}",
        ]
    )
    elements = {**_ELEMENTS, "preamble": preamble}
    config.latex_elements = {**elements, **config.latex_elements}


def use_translator(app: Sphinx) -> None:
    """Take over the writing, in the LaTeX builder only; draw the title page."""
    if app.builder.name == "latex":
        app.set_translator("latex", BookTranslator, override=True)
        Path(app.outdir).mkdir(parents=True, exist_ok=True)
        cover.draw(Path(app.outdir, "cover.pdf"))
        Path(app.outdir, xmp.FILE).write_text(xmp.packet(app.config), "utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the printed book with Sphinx."""
    app.setup_extension("genbook.publishing.content.macros")
    app.setup_extension("genbook.publishing.content.statements")
    app.setup_extension("genbook.publishing.print.cover")
    app.setup_extension("genbook.publishing.print.epub")  # the identifier is one
    app.add_config_value("genbook_print_preface", "About this book", "")
    app.connect("config-inited", configure, priority=900)
    app.connect("builder-inited", use_translator, priority=100)
    app.add_post_transform(AssembleBook)
    return {"version": "0.1", "parallel_read_safe": True, "parallel_write_safe": True}
