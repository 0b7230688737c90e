"""What stands in a line, as plain Markdown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from docutils import nodes
from sphinx import addnodes
from sphinx.environment import BuildEnvironment

from genbook.publishing.content import statements
from genbook.publishing.content.macros import Table, expand_macros

#: What a notebook does not show.
DROPPED = (
    addnodes.index,
    addnodes.toctree,
    nodes.comment,
    nodes.target,
    nodes.raw,
    nodes.meta,
    nodes.substitution_definition,
    nodes.system_message,
    nodes.transition,
)


@dataclass
class LineWriter:
    """Write the text of a line.

    Attributes:
        env: the environment, for numbers.
        docname: the page.
        macros: of mathematics.
    """

    env: BuildEnvironment
    docname: str
    macros: Table = field(default_factory=dict)

    def inline(self, node: nodes.Node) -> str:
        """Return running text as Markdown, on one line."""
        if isinstance(node, nodes.Text):
            return escape(re.sub(r"\s+", " ", node.astext()))
        if isinstance(node, DROPPED):
            return ""
        if isinstance(node, nodes.math):
            return f"${self._tex(node.astext().strip())}$"
        if isinstance(node, nodes.literal):
            return _code(node.astext())
        text = "".join(self.inline(child) for child in node.children)
        if isinstance(node, nodes.emphasis):
            return _marked(text, "*")
        if isinstance(node, nodes.strong):
            return _marked(text, "**")
        if isinstance(node, nodes.superscript):
            return f"<sup>{text}</sup>"
        if isinstance(node, nodes.subscript):
            return f"<sub>{text}</sub>"
        if isinstance(node, nodes.footnote_reference):
            return f"<sup>{text}</sup>"
        if isinstance(node, nodes.image):
            return self.image(node)
        if isinstance(node, nodes.reference):
            address = node.get("refuri", "")
            if re.match(r"https?://", address):
                return f"[{text}]({address})"
        return text

    def _tex(self, tex: str) -> str:
        return re.sub(r"\s+", " ", expand_macros(tex, self.macros)).strip()

    def image(self, node: nodes.image) -> str:
        """Return the alternative text of an image."""
        alt = node.get("alt", "").strip()
        return f"*[Picture: {escape(alt)}]*" if alt else ""

    def number(self, kind: str, node_id: str) -> str:
        """Return the number that the website gives to something on this page."""
        return statements.number(self.env, self.docname, kind, node_id)


def _code(text: str) -> str:
    text = re.sub(r"\s+", " ", text)
    ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def _marked(text: str, mark: str) -> str:
    """Put a mark around words, and spaces outside it."""
    inner = text.strip()
    if not inner:
        return text
    before = text[: len(text) - len(text.lstrip())]
    after = text[len(text.rstrip()) :]
    return f"{before}{mark}{inner}{mark}{after}"


def escape(text: str) -> str:
    r"""Keep characters of the text from being taken for markup.

    Example:
        >>> print(escape("p_model * 2 < $3 [a]"))
        p\_model \* 2 &lt; \$3 \[a\]
    """
    text = re.sub(r"([\\`*_$\[\]|])", r"\\\1", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(r"\|", "|")
