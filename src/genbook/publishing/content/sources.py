"""The book's sources, taken apart without executing or building anything.

A page is a file of MyST Markdown: front matter, prose, and fenced blocks inside one
another. :mod:`genbook.publishing.rules` says what a page and the book must keep.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

COURSE = Path(__file__).with_name("course.yml")
CHAPTER_FOLDERS = ("learning", "foundations", "families", "practice")

_OPEN = re.compile(r"^(\s*)(`{3,}|:{3,}|~{3,})\s*(?:\{([\w:+-]+)\})?\s*(.*?)\s*$")
_OPTION = re.compile(r"^:([\w-]+):\s*(.*)$")
_ROLE = re.compile(r"\{([\w:+-]+)\}`([^`]*)`")
_TARGET = re.compile(r"^\(([\w.:-]+)\)=\s*$")
_ALLOW = re.compile(r"^%\s*typed numbers:\s*(.*)$")
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
_HIDDEN = {"solution"}


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
        """Yield the targets of roles of these names, with their lines."""
        for line, text, _ in self.prose:
            for role, content in _ROLE.findall(text):
                if role in names:
                    found = re.search(r"<([^<>]+)>\s*$", content)
                    yield (found.group(1) if found else content).strip(), line

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


@dataclass
class Book:
    """The pages of the book, its table of contents and the syllabus."""

    root: Path
    pages: dict[str, Page]
    contents: list[str]
    course: dict[str, Any]

    @property
    def chapters(self) -> list[Page]:
        """The pages that are chapters, in the order of the file names."""
        return [p for p in self.pages.values() if p.is_chapter]


def plain(text: str, glue: str = "") -> str:
    """Return a line of MyST as plain text: no maths, no code, no roles, no links."""
    text = _ROLE.sub(
        lambda m: glue if m[1].startswith("glue") else _shown(m[1], m[2]), text
    )
    text = re.sub(r"`[^`]*`", " ", text)
    text = re.sub(r"\$[^$]*\$", " ", text)
    text = re.sub(r"\]\([^)]*\)", "] ", text)
    text = re.sub(r"https?://\S+|<[^>]*>|\{[^}]*\}", " ", text)
    return re.sub(r"[*_#>|\[\]]+", " ", text)


def _shown(role: str, content: str) -> str:
    shown = re.sub(r"<[^<>]*>\s*$", "", content).strip()
    return shown if role in ("term", "doc", "ref") and shown else " "


def read_page(path: Path, name: str) -> Page:
    """Take one MyST file apart.

    Args:
        path: The file.
        name: What ``_toc.yml`` calls it.
    """
    page = Page(name, path)
    lines = path.read_text("utf8").splitlines()
    start = 0
    if lines and lines[0] == "---":
        start = lines.index("---", 1) + 1
        page.front = yaml.safe_load("\n".join(lines[1 : start - 1])) or {}
    _read_block(page, lines[start:], start + 1, ())
    return page


def _read_block(
    page: Page, lines: list[str], number: int, inside: tuple[str, ...]
) -> None:
    i = 0
    in_math = False
    gate = ""
    while i < len(lines):
        line = lines[i]
        match = _OPEN.match(line)
        if match and not in_math:
            fence, name, argument = match[2], match[3] or "", match[4]
            end = i + 1
            while end < len(lines) and not _closes(lines[end], fence):
                end += 1
            around = (*inside, gate) if gate else inside
            directive = _directive(
                name, argument, lines[i + 1 : end], number + i, around
            )
            page.directives.append(directive)
            if name.endswith("-start"):
                gate = name.removesuffix("-start")
            elif name.endswith("-end"):
                gate = ""
            if name == "glossary" or name == "figure":
                _prose(page, directive.body, directive.body_line, (*around, name))
            elif name and name not in _VERBATIM:
                if name.startswith("prf:") and argument:
                    page.prose.append((number + i, argument, (*around, name)))
                _read_block(
                    page, list(directive.body), directive.body_line, (*around, name)
                )
            if directive.figure.get("caption"):
                page.prose.append(
                    (directive.line, str(directive.figure["caption"]), around)
                )
            i = end + 1
            continue
        if line.strip().startswith("$$"):
            closed_on_the_line = line.strip() != "$$" and line.count("$$") > 1
            in_math = not in_math and not closed_on_the_line
        elif not in_math:
            around = (*inside, gate) if gate else inside
            _prose(page, (line,), number + i, around)
        i += 1


def _prose(
    page: Page, lines: tuple[str, ...], number: int, inside: tuple[str, ...]
) -> None:
    for i, line in enumerate(lines):
        if allow := _ALLOW.match(line):
            page.allowed |= set(allow[1].split())
        elif target := _TARGET.match(line):
            page.targets.append((target[1], number + i))
        elif not line.startswith("%"):
            page.prose.append((number + i, line, inside))


def _closes(line: str, fence: str) -> bool:
    text = line.strip()
    return len(text) >= len(fence) and set(text) == {fence[0]}


def _directive(
    name: str, argument: str, lines: list[str], number: int, inside: tuple[str, ...]
) -> Directive:
    options: dict[str, Any] = {}
    i = 0
    if name and lines and lines[0].strip() == "---":
        i = next(j for j in range(1, len(lines)) if lines[j].strip() == "---") + 1
        options = yaml.safe_load("\n".join(lines[1 : i - 1])) or {}
    elif name:
        while i < len(lines) and (match := _OPTION.match(lines[i].strip())):
            options[match[1]] = match[2]
            i += 1
    while i < len(lines) and not lines[i].strip():
        i += 1
    return Directive(
        name, argument, options, tuple(lines[i:]), number, number + 1 + i, inside
    )


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


def read_contents(root: Path) -> list[str]:
    """Return the files of ``_toc.yml`` in reading order, without ``.md``."""
    toc = yaml.safe_load((root / "_toc.yml").read_text("utf8"))

    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            for key in ("root", "file"):
                if key in node:
                    yield str(node[key]).removesuffix(".md")
            for key in ("parts", "chapters", "sections"):
                yield from walk(node.get(key))
        elif isinstance(node, list):
            for item in node:
                yield from walk(item)

    return list(walk(toc))


def read_course() -> dict[str, Any]:
    """Return the syllabus: its parts, their rows, and which parts are written."""
    return yaml.safe_load(COURSE.read_text("utf8"))


def read_book(root: Path) -> Book:
    """Read every page of the book below ``root``."""
    pages = {}
    for path in sorted((root / "book").rglob("*.md")):
        name = path.relative_to(root).with_suffix("").as_posix()
        pages[name] = read_page(path, name)
    return Book(root, pages, read_contents(root), read_course())
