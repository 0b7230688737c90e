"""MyST Markdown, as the parser reads it that the book is built with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

# As in _config.yml, but for what changes characters of the text.
_EXTENSIONS = {
    "amsmath",
    "attrs_block",
    "attrs_inline",
    "colon_fence",
    "deflist",
    "dollarmath",
    "substitution",
}
_NO_TEXT = {
    "front_matter",
    "fence",
    "colon_fence",
    "math_block",
    "math_block_label",
    "amsmath",
    "myst_target",
    "myst_line_comment",
}
_REMAINS = re.compile(r"https?://\S+|\{[^}]*\}|[*_#>|\[\]]+")


@cache
def _parser(*unused: str) -> MarkdownIt:
    config = MdParserConfig(enable_extensions=_EXTENSIONS)
    return create_md_parser(config, RendererHTML).disable(unused)


def blocks(lines: Sequence[str], front: bool = True) -> list[Token]:
    """Return the blocks of these lines that are no running text, in order.

    Args:
        lines: Lines of MyST.
        front: Whether they may begin with front matter.

    Example:
        >>> [(b.type, b.map) for b in blocks(["Text.", "(label)=", "$$", "x", "$$"])]
        [('myst_target', [1, 2]), ('math_block', [2, 5])]
    """
    unused = ("inline",) if front else ("inline", "front_matter")
    tokens = _parser(*unused).parse("\n".join(lines))
    for token in tokens:
        if token.type == "amsmath" and token.map:  # whose map lacks the last line
            height = len(token.content.rstrip().split("\n"))
            token.map = [token.map[0], token.map[0] + height]
    return [token for token in tokens if token.type in _NO_TEXT]


@cache
def spans(line: str) -> tuple[Token, ...]:
    """Return what a line is made of: text, roles, formulas, code, links.

    Example:
        >>> [span.type for span in spans("Nats, {term}`entropy`, $x$")]
        ['text', 'myst_role', 'text', 'math_inline']
    """
    [token] = _parser().parseInline(line)
    return tuple(token.children or ())


def plain(line: str, glue: str = "") -> str:
    """Return a line as plain text: no maths, no code, no roles, no links.

    Args:
        line: A line of MyST.
        glue: What stands for a number that is computed.

    Example:
        >>> plain("The {term}`bit <nat>` is *one* of `2`.")
        'The bit is one of  .'
    """
    return _REMAINS.sub(" ", "".join(_shown(span, glue) for span in spans(line)))


def _shown(span: Token, glue: str) -> str:
    if span.type == "text":
        return span.content
    if span.type == "myst_role":
        name = span.meta["name"]
        if name.startswith("glue"):
            return glue
        shown = re.sub(r"<[^<>]*>\s*$", "", span.content).strip()
        return shown if name in ("term", "doc", "ref") and shown else " "
    if span.type == "image":
        return "".join(_shown(child, glue) for child in span.children or ())
    return "" if span.nesting else " "
