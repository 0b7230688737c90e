"""A table computed while the book is built, for the web, for print and for a terminal.

A chapter ends a cell with ``table(rows, formats=..., best=...)``. The same object shows
itself as HTML, as LaTeX, as Markdown and as aligned plain text; in the book it is built
from :meth:`Table.to_myst`, so that it has a number.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from genbook._printing import printable
from genbook.course.tex import escape

MIME = "application/vnd.genbook.table+json"
MISSING = "—"


@dataclass(frozen=True)
class Table:
    """A table whose cells are already text.

    Attributes:
        columns: The headings.
        rows: One tuple of cells for each row; the first cell names the row.
        numeric: For each column, whether it holds numbers and is set to the right.
        bold: The cells that are the best of their column, as (row, column).
        caption: A sentence that says what is to be seen.
        label: A name that the text can refer to, such as ``"tab-scoreboard"``.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    bold: frozenset[tuple[int, int]] = frozenset()
    caption: str = ""
    label: str = ""

    def to_html(self) -> str:
        """Return the table as HTML with headings for rows and columns."""

        def side(j: int) -> str:
            return ' class="gb-number"' if self.numeric[j] else ""

        head = "".join(
            f'<th scope="col"{side(j)}>{html.escape(c)}</th>'
            for j, c in enumerate(self.columns)
        )
        body = []
        for i, row in enumerate(self.rows):
            cells = [f'<th scope="row">{html.escape(row[0])}</th>']
            for j, cell in enumerate(row[1:], 1):
                text = html.escape(cell)
                text = f"<strong>{text}</strong>" if (i, j) in self.bold else text
                cells.append(f"<td{side(j)}>{text}</td>")
            body.append("<tr>" + "".join(cells) + "</tr>")
        caption = f"<caption>{html.escape(self.caption)}</caption>"
        return (
            '<table class="gb-table table">'
            + (caption if self.caption else "")
            + f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
        )

    def to_latex(self) -> str:
        """Return the table as a LaTeX ``tabular`` with rules from ``booktabs``."""
        sides = "".join("r" if n else "l" for n in self.numeric)
        lines = [_join(escape(c) for c in self.columns)]
        for i, row in enumerate(self.rows):
            lines.append(
                _join(
                    rf"\textbf{{{escape(c)}}}" if (i, j) in self.bold else escape(c)
                    for j, c in enumerate(row)
                )
            )
        body = "\n".join(lines[1:])
        return (
            rf"\begin{{tabular}}{{@{{}}{sides}@{{}}}}"
            f"\n\\toprule\n{lines[0]}\n\\midrule\n{body}\n\\bottomrule\n"
            r"\end{tabular}"
        )

    def to_markdown(self) -> str:
        """Return the table in the Markdown that GitHub and Jupyter read."""
        rule = ["---:" if n else ":---" for n in self.numeric]
        rows = [
            [f"**{c}**" if (i, j) in self.bold else c for j, c in enumerate(row)]
            for i, row in enumerate(self.rows)
        ]
        body = "\n".join(
            "| " + " | ".join(c.replace("|", r"\|") for c in row) + " |"
            for row in ([*self.columns], rule, *rows)
        )
        return body

    def to_myst(self) -> str:
        """Return the table as MyST, with its caption and its label.

        The book is built from this form, so that the table is numbered and can be
        referred to, on the web as in print.
        """
        head = f"```{{table}} {self.caption}\n:name: {self.label}\n"
        return f"{head}\n{self.to_markdown()}\n```"

    def to_text(self) -> str:
        """Return the table as aligned plain text."""
        widths = [
            max(len(row[j]) for row in (self.columns, *self.rows))
            for j in range(len(self.columns))
        ]

        def line(row: Sequence[str]) -> str:
            cells = (
                c.rjust(w) if n else c.ljust(w)
                for c, w, n in zip(row, widths, self.numeric, strict=True)
            )
            return "  ".join(cells).rstrip()

        rule = "  ".join("-" * w for w in widths)
        return "\n".join([line(self.columns), rule, *(line(r) for r in self.rows)])

    def __str__(self) -> str:
        """Return the table as aligned plain text that the output can show."""
        plain = replace(
            self,
            columns=tuple(map(printable, self.columns)),
            rows=tuple(tuple(map(printable, row)) for row in self.rows),
        )
        return plain.to_text()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict:
        return {
            MIME: {
                "columns": list(self.columns),
                "rows": [list(r) for r in self.rows],
                "numeric": list(self.numeric),
                "bold": sorted([i, j] for i, j in self.bold),
                "caption": self.caption,
                "label": self.label,
            },
            "text/html": self.to_html(),
            "text/latex": self.to_latex(),
            "text/markdown": self.to_myst() if self.label else self.to_markdown(),
            "text/plain": self.to_text(),
        }


def table(
    rows: Sequence[Mapping[str, Any]],
    *,
    formats: Mapping[str, str] | None = None,
    best: Mapping[str, str] | None = None,
    caption: str = "",
    label: str = "",
) -> Table:
    """Return the table of some records, one a row.

    Args:
        rows: The records. All have the same keys in the same order: the headings.
            ``None`` shows as a dash.
        formats: A format specification for a column's numbers, such as ``".2f"`` or
            ``".0%"``; ``".3g"`` where none is given.
        best: ``"low"`` or ``"high"`` for each column whose best value is set in bold.
        caption: A sentence that says what is to be seen.
        label: A name that the text can refer to, such as ``"tab-scoreboard"``.

    Returns:
        A table that shows itself.

    Raises:
        TypeError: If ``rows`` are not records, or another argument has the wrong type.
        ValueError: If there are no rows, if their keys differ, if ``formats`` or
            ``best`` name an unknown column, if ``best`` asks for another order, or a
            format does not fit its numbers.

    Example:
        >>> rows = [{"model": "box", "on land": 0.28}]
        >>> print(table(rows, formats={"on land": ".0%"}))
        model  on land
        -----  -------
        box        28%
    """
    for text, called in ((caption, "caption"), (label, "label")):
        if not isinstance(text, str):
            raise TypeError(f"{called} must be a text, got {type(text).__name__}")
    formats, best = _by_column(formats, "formats"), _by_column(best, "best")
    _check_records(rows)
    if not rows:
        raise ValueError("rows must hold at least one record, got none")
    columns = tuple(rows[0])
    for row in rows:
        if tuple(row) != columns:
            raise ValueError(
                f"rows must share the columns {list(columns)}, got {list(row)}"
            )
    for name, given in (("formats", formats), ("best", best)):
        if unknown := sorted(set(given) - set(columns)):
            raise ValueError(
                f"{name} must name columns of {list(columns)}, got {unknown}"
            )
    if wrong := {k: v for k, v in best.items() if v not in ("low", "high")}:
        raise ValueError(f"best must say 'low' or 'high', got {wrong}")

    values = [[_plain(row[c]) for c in columns] for row in rows]
    cells = tuple(
        tuple(
            _cell(v, formats.get(c, ".3g")) for c, v in zip(columns, row, strict=True)
        )
        for row in values
    )
    numeric = tuple(
        any(_is_number(row[j]) for row in values) for j in range(len(columns))
    )
    bold = set()
    for name, order in best.items():
        j = columns.index(name)
        known = [
            row[j] for row in values if _is_number(row[j]) and not math.isnan(row[j])
        ]
        if known:
            top = _cell(
                min(known) if order == "low" else max(known), formats.get(name, ".3g")
            )
            bold |= {(i, j) for i, row in enumerate(cells) if row[j] == top}
    return Table(columns, cells, numeric, frozenset(bold), caption, label)


def _check_records(rows: Sequence[Mapping[str, Any]]) -> None:
    if isinstance(rows, str) or not isinstance(rows, Sequence):
        raise TypeError(f"rows must be a list of records, got {type(rows).__name__}")
    for row in rows:
        if not isinstance(row, Mapping):
            raise TypeError(f"rows must be records (dict), got {type(row).__name__}")


def _by_column(given: Mapping[str, str] | None, name: str) -> dict[str, str]:
    if given is not None and not isinstance(given, Mapping):
        raise TypeError(f"{name} must be a dict, got {type(given).__name__} {given!r}")
    return dict(given or {})


def _plain(value: Any) -> Any:
    if not hasattr(value, "item"):
        return value
    try:
        return value.item()
    except (RuntimeError, ValueError):  # of PyTorch, of NumPy
        raise TypeError(
            f"rows must hold one number in a cell, got {type(value).__name__} of shape "
            f"{tuple(value.shape)}"
        ) from None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Any, fmt: str) -> str:
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not _is_number(value):
        return str(value)
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    try:
        text = format(value, fmt)
    except (TypeError, ValueError):
        raise ValueError(
            f"formats must fit the numbers, got {fmt!r} for {value}"
        ) from None
    if not text.strip("-0.,%"):  # rounded to nothing, so without a sign
        text = text.removeprefix("-")
    return "−" + text[1:] if text.startswith("-") else text


def _join(cells: Any) -> str:
    return " & ".join(cells) + r" \\"
