"""Running text in LaTeX, and what every other part of the writer stands on."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.environment import BuildEnvironment
from sphinx.writers.latex import LaTeXTranslator

from genbook.publishing.content import statements

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


class Text(LaTeXTranslator):
    """Write text, and refer to what has a number."""

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

    def visit_transition(self, node: nodes.Element) -> None:
        """Leave out the rule above footnotes: on paper they stand at the foot."""
        if "footnotes" in node.get("classes", ()):
            raise nodes.SkipNode
        super().visit_transition(node)

    def visit_meta(self, node: nodes.Element) -> None:
        """Leave out what describes a web page."""
        raise nodes.SkipNode
