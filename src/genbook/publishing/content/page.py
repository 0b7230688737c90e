"""A page of the book, taken apart by the parser that the book is built with."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from markdown_it.token import Token

from genbook.publishing.content.bookkeeping import SHOWN, bookkeeping
from genbook.publishing.content.myst import blocks, plain, spans

CHAPTER_FOLDERS = ("learning", "foundations", "families", "practice")
_HIDDEN = {"solution"}

# Blocks whose body is no text for a reader.
_VERBATIM = {
    "code-cell",
    "code-block",
    "literalinclude",
    "math",
    "raw",
    "bibliography",
    "eval-rst",
    "toctree",
    "image",
    "glue",
}
_LINES = {"glossary", "figure"}  # whose body is text, and not taken apart
_INFO = re.compile(r"(?:\{([\w:+-]+)\})?\s*(.*?)\s*$")
_OPTION = re.compile(r":([\w-]+):\s*(.*)$")
_TYPED = re.compile(r"^\s*typed numbers:(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Directive:
    """One fenced block, such as a figure, an exercise or a code cell.

    Attributes:
        name: Its name; empty for a plain block of code.
        argument: What stands after the name.
        options: Its options, from ``:key: value`` lines or a YAML block.
        body: The lines below the options.
        line: The number of its first line in the file.
        body_line: The number of the body's first line.
        inside: The names of the blocks around it, outermost first.
    """

    name: str
    argument: str
    options: dict[str, Any]
    body: tuple[str, ...]
    line: int
    body_line: int
    inside: tuple[str, ...] = ()

    @property
    def tags(self) -> list[str]:
        """The tags of a code cell."""
        tags = self.options.get("tags") or []
        if isinstance(tags, str):
            tags = yaml.safe_load(tags) if tags.startswith("[") else tags.split(",")
        return [str(t).strip() for t in tags]

    @property
    def source(self) -> str:
        """The body as one string."""
        return "\n".join(self.body)

    @property
    def code_lines(self) -> int:
        """How many lines of the body are not blank."""
        return sum(bool(line.strip()) for line in self.body)

    @property
    def figure(self) -> dict[str, Any]:
        """The figure options of a code cell: caption and name."""
        return (self.options.get("mystnb") or {}).get("figure") or {}

    @property
    def alt(self) -> str:
        """The alternative text of a code cell's figure, or of a figure directive."""
        image = (self.options.get("mystnb") or {}).get("image") or {}
        return str(image.get("alt") or self.options.get("alt") or "")


@dataclass
class Page:
    """One source file of the book, taken apart.

    Attributes:
        name: Its path from the root, without ``.md``, as in ``_toc.yml``.
        path: Where it lies.
        front: Its front matter.
        directives: Every fenced block, nested ones too, in order.
        prose: The lines a reader reads as text: (number, line, blocks around it).
        targets: Labels written as ``(label)=``, with their lines.
        allowed: Numbers that the page may type, from ``% typed numbers:`` comments.
    """

    name: str
    path: Path
    front: dict[str, Any] = field(default_factory=dict)
    directives: list[Directive] = field(default_factory=list)
    prose: list[tuple[int, str, tuple[str, ...]]] = field(default_factory=list)
    targets: list[tuple[str, int]] = field(default_factory=list)
    allowed: set[str] = field(default_factory=set)

    @property
    def is_chapter(self) -> bool:
        """Whether the page is a chapter, not one of the pages around them."""
        parts = self.name.split("/")
        return len(parts) > 2 and parts[1] in CHAPTER_FOLDERS

    @property
    def cells(self) -> list[Directive]:
        """The code cells."""
        return [d for d in self.directives if d.name == "code-cell"]

    @property
    def visible_cells(self) -> list[Directive]:
        """The code cells that a reader sees."""
        return [c for c in self.cells if "remove-cell" not in c.tags]

    @property
    def listings(self) -> list[Directive]:
        """The pieces of the package that the page shows."""
        return [d for d in self.directives if d.name == "literalinclude"]

    @property
    def shown_cells(self) -> list[Directive]:
        """The code cells whose code a reader sees without opening a fold."""
        cells = self.cells
        folds = bookkeeping([cell.source for cell in cells])
        return [
            cell
            for cell, fold in zip(cells, folds, strict=True)
            if not {"hide-input", "remove-cell"} & set(cell.tags)
            if not fold or SHOWN in cell.tags or cell.figure
        ]

    def labels(self) -> Iterator[tuple[str, int]]:
        """Yield every label that the page defines, with its line."""
        yield from self.targets
        for d in self.directives:
            for key in ("label", "name"):
                if d.options.get(key):
                    yield str(d.options[key]), d.line
            if d.figure.get("name"):
                yield str(d.figure["name"]), d.line
            if d.name == "code-cell":
                for label in re.findall(r"\blabel=\"([\w-]+)\"", d.source):
                    if label.startswith("tab-"):
                        yield label, d.line

    def roles(self, *names: str) -> Iterator[tuple[str, int]]:
        """Yield the targets of roles of these names, with their lines.

        Roles in alternative texts count too: numbers are glued there as in the prose.
        """
        texts = [(line, text) for line, text, _ in self.prose]
        texts += [(d.line, d.alt) for d in self.directives if d.alt]
        for line, text in texts:
            for span in spans(text):
                if span.type == "myst_role" and span.meta["name"] in names:
                    found = re.search(r"<([^<>]+)>\s*$", span.content)
                    yield (found[1] if found else span.content).strip(), line

    def links(self) -> Iterator[tuple[str, int]]:
        """Yield the addresses of links, with their lines."""
        for line, text, _ in self.prose:
            for span in spans(text):
                if span.type == "link_open":
                    yield str(span.attrs["href"]), line

    def calls(self, name: str) -> Iterator[tuple[str, int]]:
        """Yield the first argument of every call of a function in the cells.

        What an f-string computes is written as ``*``.
        """
        for cell in self.cells:
            for node in ast.walk(parse(cell)):
                if (
                    isinstance(node, ast.Call)
                    and getattr(node.func, "id", "") == name
                    and node.args
                    and (text := _text(node.args[0]))
                ):
                    yield text, cell.body_line + node.lineno - 1

    def words(self) -> int:
        """Count the words of the text: no code, no equations, no solutions."""
        return sum(
            len(re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", plain(text, glue="one")))
            for _, text, inside in self.prose
            if not _HIDDEN & set(inside)
        )


def read_page(path: Path, name: str) -> Page:
    """Take one MyST file apart.

    Args:
        path: The file.
        name: What ``_toc.yml`` calls it.
    """
    page = Page(name, path)
    _read(page, path.read_text("utf8").splitlines(), 1, ())
    return page


def _read(
    page: Page, lines: Sequence[str], number: int, inside: tuple[str, ...]
) -> None:
    """Read lines, the first of which has a number, inside of some blocks."""
    found = {b.map[0]: b for b in blocks(lines, front=number == 1) if b.map}
    gate, i = "", 0
    while i < len(lines):
        around = (*inside, gate) if gate else inside
        block = found.get(i)
        if block is None or block.map is None:
            page.prose.append((number + i, lines[i], around))
            i += 1
            continue
        if block.type == "front_matter":
            page.front = yaml.safe_load(block.content) or {}
        elif block.type == "myst_target":
            page.targets.append((block.content, number + i))
        elif block.type == "myst_line_comment":
            for typed in _TYPED.findall(block.content):
                page.allowed |= set(typed.split())
        elif block.type in ("fence", "colon_fence"):
            directive = _directive(block, number + i, around)
            _enter(page, directive)
            if directive.name.endswith(("-start", "-end")):
                name, _, side = directive.name.rpartition("-")
                gate = name if side == "start" else ""
        i = block.map[1]


def _enter(page: Page, d: Directive) -> None:
    """Note a fenced block, and read what is inside."""
    page.directives.append(d)
    inside = (*d.inside, d.name)
    if d.name in _LINES:
        lines = enumerate(d.body, d.body_line)
        page.prose += [(number, line, inside) for number, line in lines]
    elif d.name and d.name not in _VERBATIM:
        if d.name.startswith("prf:") and d.argument:
            page.prose.append((d.line, d.argument, inside))
        _read(page, d.body, d.body_line, inside)
    if d.figure.get("caption"):
        page.prose.append((d.line, str(d.figure["caption"]), d.inside))


def _directive(token: Token, number: int, inside: tuple[str, ...]) -> Directive:
    """Take a fenced block apart, whose first line has a number."""
    match = _INFO.match(token.info.strip())
    assert match is not None
    name, lines = match[1] or "", token.content.splitlines()
    options: dict[str, Any] = {}
    i = 0
    if name and lines and lines[0].strip() == "---":
        i = next(j for j in range(1, len(lines)) if lines[j].strip() == "---") + 1
        options = yaml.safe_load("\n".join(lines[1 : i - 1])) or {}
    elif name:
        while i < len(lines) and (option := _OPTION.match(lines[i].strip())):
            options[option[1]] = option[2]
            i += 1
    while i < len(lines) and not lines[i].strip():
        i += 1
    body = tuple(lines[i:])
    return Directive(name, match[2], options, body, number, number + 1 + i, inside)


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(v) or "*" for v in node.values)
    return ""


def parse(cell: Directive) -> ast.Module:
    source = "\n".join(
        "pass" if line.lstrip().startswith(("%", "!")) else line for line in cell.body
    )
    return ast.parse(source)
