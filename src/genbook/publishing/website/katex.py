"""Mathematics rendered while the book is built.

KaTeX runs in QuickJS-ng, so a page carries finished HTML (with MathML for screen
readers) and no mathematics script; an EPUB carries MathML alone. TeX that KaTeX
rejects, or that XeLaTeX would not know, is a warning with its place in the chapter,
and warnings fail the build.
"""

from __future__ import annotations

import json
import re
import shutil
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from myst_parser.mdit_to_docutils.sphinx_ import SphinxRenderer
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

from genbook.publishing.content.macros import Table, macro_bodies

logger = logging.getLogger(__name__)

KATEX = Path(__file__).with_name("katex_assets")

# KaTeX knows these without a definition; XeLaTeX does not.
_KATEX_ONLY = """
    alef alefsym ang Alpha argmax argmin Beta bra Bra braket Braket bull Chi clubs
    cnums Complex Dagger darr dArr Darr diamonds empty Epsilon Eta exist hArr harr
    hearts image infin Iota isin Kappa ket Ket lang larr lArr Larr lrarr lrArr Lrarr Mu
    natnums Nu omicron Omicron plim plusmn rang rarr rArr Rarr real reals Reals Rho
    sdot sect set Set spades sub sube supe Tau thetasym uarr uArr Uarr utilde weierp Z
    Zeta
"""

# The HTML leaves as JSON: of a string that JavaScript holds in pieces, the engine hands
# over nothing.
_RENDERER = """
function render(tex, display, output) {
  return JSON.stringify(katex.renderToString(tex, {
    displayMode: display, output: output, macros: Object.assign({}, MACROS),
    throwOnError: true, strict: "error", trust: false,
  }));
}
"""


class TexError(ValueError):
    """TeX that cannot be set, on the web or in print."""


class Renderer:
    r"""KaTeX with the book's macros.

    Args:
        macros: the table of ``_config.yml``.

    Example:
        >>> html = Renderer({"R": r"\mathbb{R}"})(r"x \in \R")
        >>> "<math" in html and "katex-html" in html
        True
    """

    def __init__(self, macros: Table | None = None) -> None:
        import quickjs

        bodies = macro_bodies(macros or {})
        self._forbidden = set(_KATEX_ONLY.split()) - {name[1:] for name in bodies}
        context = quickjs.Context()
        context.eval((KATEX / "katex.min.js").read_text("utf-8"))
        context.eval(f"const MACROS = {json.dumps(bodies)};" + _RENDERER)
        self._error = quickjs.JSException
        self._render = cache(context.get("render"))

    def __call__(
        self, tex: str, *, display: bool = False, output: str = "htmlAndMathml"
    ) -> str:
        """Set one formula.

        Args:
            tex: the formula, without dollar signs.
            display: on a line of its own, or in the text.
            output: ``htmlAndMathml`` for pages, ``mathml`` for an EPUB.

        Returns:
            HTML.

        Raises:
            TexError: if KaTeX rejects the formula, or XeLaTeX would.
        """
        for word in re.findall(r"\\([A-Za-z]+)", tex):
            if word in self._forbidden:
                raise TexError(rf"\{word} exists on the web but not in print: {tex}")
        try:
            html = str(json.loads(self._render(tex, display, output)))
            return html.replace(' columnspacing=""', "")  # it is an error in MathML
        except self._error as error:  # below its first line stands where in KaTeX
            message = str(error).split("\n")[0].replace("\u0332", "")
            message = re.sub(r"^\w+: KaTeX parse error: ", "", message)
            raise TexError(message) from None


@cache
def _renderer(macros: str) -> Renderer:
    return Renderer(json.loads(macros))


def _set(translator: Any, node: nodes.Element, tex: str, display: bool) -> str:
    """Render a formula of the book; what cannot be rendered is a warning."""
    app = translator.builder.app
    epub = app.builder.name == "epub"
    render = _renderer(json.dumps(dict(app.config.genbook_macros)))
    try:
        html = render(
            tex, display=display, output="mathml" if epub else "htmlAndMathml"
        )
    except TexError as error:
        logger.warning(
            "bad TeX: %s", error, location=node, type="genbook", subtype="math"
        )
        return f'<code class="gb-bad-tex">{translator.encode(tex)}</code>'
    if epub:  # the bare <math>, without KaTeX's wrapper
        return html[html.index("<math") : html.rindex("</math>") + len("</math>")]
    return html


def visit_inline(self: Any, node: nodes.math) -> None:
    """Write a formula of the running text."""
    self.body.append(self.starttag(node, "span", "", CLASS="math notranslate"))
    self.body.append(_set(self, node, node.astext(), display=False) + "</span>")
    raise nodes.SkipNode


def as_display(tex: str, nowrap: bool) -> str:
    r"""Wrap a displayed formula as Sphinx does for LaTeX.

    Args:
        tex: the source between the dollar signs, or a whole AMS environment.
        nowrap: whether the source brings its own environment.

    Returns:
        TeX that KaTeX sets as LaTeX would; the number stands outside it.

    Example:
        >>> print(as_display("a &= b", nowrap=False))
        a &= b
        >>> print(as_display(r"a &= b \\ c &= d", nowrap=False))
        \begin{split}a &= b \\ c &= d\end{split}
    """
    if nowrap:  # KaTeX would number these by itself: Sphinx does
        tex = re.sub(r"\\(begin|end)\{(align|gather|alignat)\}", r"\\\1{\2*}", tex)
        return re.sub(r"\\(begin|end)\{equation\*?\}", "", tex)
    parts = [part.strip() for part in re.split(r"\n\s*\n", tex) if part.strip()]
    parts = [rf"\begin{{split}}{p}\end{{split}}" if r"\\" in p else p for p in parts]
    if len(parts) > 1:
        return r"\begin{aligned}" + r"\\".join(parts) + r"\end{aligned}"
    return "".join(parts)


def visit_block(self: Any, node: nodes.math_block) -> None:
    """Write a displayed formula, with its number at the right."""
    tex = as_display(node.astext(), bool(node.get("nowrap")))
    formula = _set(self, node, tex, display=True)
    self.body.append(self.starttag(node, "div", CLASS="math notranslate"))
    self.body.append(f'<div class="gb-formula">{formula}</div>')
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def steady_label(renderer: Any) -> str:
    """Name the next AMS environment of a page by its place; MyST names it at random.

    Args:
        renderer: MyST's, which holds the page.
    """
    env = renderer.sphinx_env
    pages = [page for page, _ in env.get_domain("math").equations.values()]
    return f"{env.docname.replace('/', '-')}-{pages.count(env.docname) + 1}"


def copy_style(app: Sphinx) -> None:
    """Put the style sheet where the pages ask for it; the fonts come at the end."""
    if app.builder.name != "html":
        return
    static = Path(app.outdir) / "_static" / "katex"
    static.mkdir(parents=True, exist_ok=True)
    for name in ("katex.min.css", "LICENSE"):
        shutil.copyfile(KATEX / name, static / name)


def add_style(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Ask for the style sheet on pages that show a formula."""
    shown = context.get("body") or ""
    in_titles = any(t.next_node(nodes.math) for t in app.env.titles.values())
    if 'class="katex' in shown or in_titles:
        app.add_css_file("katex/katex.min.css", priority=150)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer with Sphinx under the name ``genbook``."""
    app.setup_extension("genbook.publishing.content.macros")
    app.add_html_math_renderer("genbook", (visit_inline, None), (visit_block, None))
    app.setup_extension("genbook.publishing.website.katex_fonts")
    app.setup_extension("genbook.publishing.website.keep_together")
    SphinxRenderer._random_label = steady_label  # type: ignore[assignment]
    app.connect("builder-inited", copy_style)
    app.connect("html-page-context", add_style)
    return {"version": "0.1", "parallel_read_safe": True, "parallel_write_safe": True}
