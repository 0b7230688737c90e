r"""A page of the book as plain Markdown, for notebooks.

The page has been read and resolved by Sphinx, so numbers, references, citations and
computed values are text already. What only MyST knows becomes what every Jupyter
front end shows: definitions, theorems and notes are quotations with a bold title,
solutions are ``<details>``, included code is fenced, macros are written out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from docutils import nodes
from sphinx import addnodes

from genbook.publishing.content import statements
from genbook.publishing.content.statements import ADMONITIONS, Statement
from genbook.publishing.notebooks.inline import DROPPED, LineWriter, escape


@dataclass
class Writer(LineWriter):
    """Write nodes as Markdown.

    Attributes:
        parts: what has been written: Markdown, or the index of a code cell.
    """

    parts: list[str | int] = field(default_factory=list)
    _level: int = 0

    # --- the page

    def write(self, document: nodes.Element) -> list[str | int]:
        """Write a whole page.

        Returns:
            Its Markdown, cut where a code cell stands, which is given by its index
            among the cells of the source.
        """
        self._page(document.children)
        merged: list[str | int] = []
        for part in self.parts:
            if isinstance(part, str) and merged and isinstance(merged[-1], str):
                merged[-1] += "\n\n" + part
            else:
                merged.append(part)
        return [part for part in merged if isinstance(part, int) or part.strip()]

    def _page(self, children: Iterable[nodes.Node]) -> None:
        for node in children:
            if isinstance(node, nodes.section):
                self._level += 1
                self._page(node.children)
                self._level -= 1
            elif isinstance(node, nodes.title) and isinstance(
                node.parent, nodes.section
            ):
                self.parts.append(f"{'#' * min(self._level, 6)} {self._title(node)}")
            elif _is_cell(node):
                self._cell(node)
            elif _holds_cell(node):
                if isinstance(node, Statement | nodes.Admonition):
                    self.parts.append(f"**{self._box_title(node)}**")
                self._page([c for c in node.children if not isinstance(c, nodes.title)])
            elif not isinstance(node, DROPPED):
                text = self.block(node)
                if text.strip():
                    self.parts.append(text)

    def _title(self, node: nodes.title) -> str:
        section = node.parent
        numbers = self.env.toc_secnumbers.get(self.docname, {})
        ids = [""] if self._level == 1 else [f"#{i}" for i in section["ids"]]
        number = next((numbers[i] for i in ids if numbers.get(i)), None)
        words = self.inline(node)
        return f"{'.'.join(map(str, number))} {words}" if number else words

    def _cell(self, node: nodes.Element) -> None:
        """Keep the cell's place, and the captions of what it shows."""
        self.parts.append(int(node["cell_index"]))
        for figure in node.findall(nodes.figure):
            self.parts.append(self._caption(figure))
        for table in node.findall(nodes.table):
            titles = [c for c in table.children if isinstance(c, nodes.title)]
            if titles:
                caption = self.inline(titles[0])
                self.parts.append(self._numbered("table", table, caption))

    # --- blocks

    def block(self, node: nodes.Node) -> str:
        """Return a block as Markdown, without a blank line around it."""
        name = f"_block_{type(node).__name__}"
        method = getattr(self, name, None)
        if method is not None:
            return str(method(node))
        if isinstance(node, DROPPED):
            return ""
        if isinstance(node, nodes.Admonition):
            return self._quote(node)
        if isinstance(node, nodes.TextElement):
            return self.inline(node)
        assert isinstance(node, nodes.Element), node
        return self.blocks(node.children)

    def blocks(self, children: Iterable[nodes.Node]) -> str:
        """Return blocks with blank lines between them."""
        written = [self.block(child) for child in children]
        return "\n\n".join(text for text in written if text.strip())

    def _block_paragraph(self, node: nodes.paragraph) -> str:
        return _guard(self.inline(node).strip())

    def _block_literal_block(self, node: nodes.literal_block) -> str:
        language = node.get("language", "")
        language = {"default": "python", "none": "", "ipython3": "python"}.get(
            language, language
        )
        code = node.astext().rstrip("\n")
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", code)), default=0))
        return f"{fence}{language}\n{code}\n{fence}"

    _block_doctest_block = _block_literal_block

    def _block_math_block(self, node: nodes.math_block) -> str:
        tex = node.astext().strip()
        if not node.get("nowrap") and r"\\" in tex and r"\begin{" not in tex:
            tex = rf"\begin{{aligned}} {tex} \end{{aligned}}"
        if node.get("nowrap"):
            tex = re.sub(r"\\(begin|end)\{align\*?\}", r"\\\1{aligned}", tex)
            tex = re.sub(r"\\(begin|end)\{gather\*?\}", r"\\\1{gathered}", tex)
            tex = re.sub(r"\\(begin|end)\{equation\*?\}", "", tex)
        ids = list(node.get("ids", ()))
        if node.get("label"):
            ids.append(nodes.make_id(f"equation-{node['label']}"))
        numbers = [self.number("displaymath", i) for i in ids]
        number = next(filter(None, numbers), "")
        tag = rf" \tag{{{number}}}" if number else ""
        return f"$$ {self._tex(tex)}{tag} $$"

    def _block_bullet_list(self, node: nodes.bullet_list) -> str:
        return "\n".join(self._item("- ", item) for item in node.children)

    def _block_enumerated_list(self, node: nodes.enumerated_list) -> str:
        start = int(node.get("start", 1))
        return "\n".join(
            self._item(f"{start + i}. ", item) for i, item in enumerate(node.children)
        )

    def _item(self, mark: str, item: nodes.Node) -> str:
        text = self.blocks(item.children)
        return mark + text.replace("\n", "\n" + " " * len(mark)).replace(
            "\n" + " " * len(mark) + "\n", "\n\n"
        )

    def _block_definition_list(self, node: nodes.definition_list) -> str:
        out = []
        for item in node.children:
            terms = [self.inline(c) for c in item.children if isinstance(c, nodes.term)]
            body = [
                self.block(c) for c in item.children if not isinstance(c, nodes.term)
            ]
            out.append(f"**{', '.join(terms)}**: " + "\n\n".join(body))
        return "\n\n".join(out)

    def _block_block_quote(self, node: nodes.block_quote) -> str:
        return _quoted(self.blocks(node.children))

    def _block_table(self, node: nodes.table) -> str:
        rows = [
            [self._table_cell(entry) for entry in row.children]
            for row in node.findall(nodes.row)
        ]
        titles = [c for c in node.children if isinstance(c, nodes.title)]
        width = max(map(len, rows), default=0)
        rows = [row + [""] * (width - len(row)) for row in rows]
        lines = ["| " + " | ".join(row) + " |" for row in rows]
        entries = next(node.findall(nodes.row)).children if rows else []
        rule = [
            "---:" if "text-right" in entry.get("classes", ()) else "---"
            for entry in entries
        ] + ["---"] * (width - len(entries))
        lines.insert(1, "| " + " | ".join(rule) + " |")
        table = "\n".join(lines)
        if titles:
            caption = self._numbered("table", node, self.inline(titles[0]))
            return f"{caption}\n\n{table}"
        return table

    def _table_cell(self, entry: nodes.Node) -> str:
        text = "<br>".join(
            self.block(child).replace("\n", " ") for child in entry.children
        )
        text = re.sub(
            r"\$([^$]*)\$",
            lambda m: (
                "$"
                + m[1].replace(r"\|", r"\Vert ").replace("|", r"\vert ").strip()
                + "$"
            ),
            text,
        )
        return re.sub(r"(?<!\\)\|", r"\\|", text)

    def _block_image(self, node: nodes.image) -> str:
        return self.image(node)

    def _block_figure(self, node: nodes.figure) -> str:
        alt = " ".join(image.get("alt", "") for image in node.findall(nodes.image))
        picture = f"*[Picture: {escape(alt.strip())}]*\n\n" if alt.strip() else ""
        return picture + self._caption(node)

    def _caption(self, figure: nodes.figure) -> str:
        captions = [
            self.inline(c) for c in figure.children if isinstance(c, nodes.caption)
        ]
        return self._numbered("figure", figure, " ".join(captions))

    def _numbered(self, kind: str, node: nodes.Element, text: str) -> str:
        numbers = [self.number(kind, i) for i in node.get("ids", ())]
        number = next(filter(None, numbers), "")
        return f"**{kind.capitalize()} {number}.** {text}" if number else text

    def _block_Statement(self, node: Statement) -> str:
        content = [c for c in node.children if not isinstance(c, nodes.title)]
        title = self._box_title(node)
        if node["kind"] == "solution":
            return (
                f"<details>\n<summary>{_plain(title)}</summary>\n\n"
                f"{self.blocks(content)}\n\n</details>"
            )
        if node["kind"] == "proof":
            text = self.blocks(content)
            return f"*Proof.* {text}" + ("\n\n" if text[-2:] == "$$" else " ") + "∎"
        return _quoted(f"**{title}**\n\n{self.blocks(content)}")

    def _box_title(self, node: nodes.Element) -> str:
        titles = [c for c in node.children if isinstance(c, nodes.title)]
        inner = self.inline(titles[0]) if titles else ""
        if isinstance(node, Statement):
            return statements.heading(node) + (f" ({inner})" if inner else "")
        return inner or ADMONITIONS.get(node.tagname, "Note")

    def _quote(self, node: nodes.Element) -> str:
        content = [
            c
            for c in node.children
            if not isinstance(c, nodes.title)
            and not any(True for _ in _of(c, addnodes.download_reference))
        ]
        return _quoted(f"**{self._box_title(node)}**\n\n{self.blocks(content)}")

    def _block_rubric(self, node: nodes.rubric) -> str:
        return f"**{self.inline(node)}**"

    def _block_footnote(self, node: nodes.footnote) -> str:
        label = node.children[0].astext()
        return f"<sup>{label}</sup> {self.blocks(node.children[1:])}"

    def _block_line_block(self, node: nodes.line_block) -> str:
        return "  \n".join(self.inline(line) for line in node.findall(nodes.line))

    def _block_container(self, node: nodes.container) -> str:
        return self.blocks(node.children)


def _of(node: nodes.Node, kind: type[nodes.Node]) -> Iterable[nodes.Node]:
    return node.findall(kind) if isinstance(node, nodes.Element) else ()


def _is_cell(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


def _holds_cell(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Element) and any(
        _is_cell(inner) for inner in node.findall(nodes.container)
    )


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def _guard(text: str) -> str:
    """Keep the first characters of a paragraph from beginning a list or a heading."""
    return re.sub(r"^(\d+)\.(\s)|^([#+>-])(\s|#)", _guarded, text, count=1)


def _guarded(match: re.Match[str]) -> str:
    if match[1]:
        return f"{match[1]}\\.{match[2]}"
    return f"\\{match[3]}{match[4]}"


def _plain(text: str) -> str:
    return re.sub(r"[*`\\]", "", text)
