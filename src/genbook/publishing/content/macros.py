r"""The book's macros of mathematics: one table, for the web, for print, for notebooks.

It stands in ``_config.yml`` under ``genbook_macros``: a name without backslash leads to
its body, or to ``[body, number of arguments]``. KaTeX is given the bodies, LaTeX the
definitions; a notebook knows no macros, so there they are written out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from sphinx.application import Sphinx
from sphinx.config import Config

Table = Mapping[str, str | list[Any]]
_NAME = re.compile(r"\\([A-Za-z]+)")


class Macro(NamedTuple):
    """What a name stands for, with ``#1``, ``#2``, … for its arguments."""

    body: str
    arguments: int


def macros_of(table: Table) -> dict[str, Macro]:
    """Return the macros of ``_config.yml``, by their names without backslash.

    Raises:
        ValueError: If an entry is neither a body nor a body with the number of its
            arguments, or if it uses more arguments than it declares.
    """
    macros = {}
    for name, entry in table.items():
        body, arguments = (entry, 0) if isinstance(entry, str) else entry
        used = max((int(n) for n in re.findall(r"#(\d)", body)), default=0)
        if used > arguments:
            raise ValueError(
                f"genbook_macros: {name} uses #{used} but declares {arguments} "
                f"argument(s); write {name}: [body, {used}]"
            )
        macros[name] = Macro(body, arguments)
    return macros


def macro_bodies(table: Table) -> dict[str, str]:
    r"""Return the macros as KaTeX wants them: name with backslash to body.

    Raises:
        ValueError: As :func:`macros_of`.

    Example:
        >>> macro_bodies({"half": ["x/2", 0], "vect": ["bold #1", 1]})
        {'\\half': 'x/2', '\\vect': 'bold #1'}
    """
    return {f"\\{name}": macro.body for name, macro in macros_of(table).items()}


def macros_to_latex(table: Table) -> str:
    r"""Return the macros as LaTeX definitions.

    Returns:
        Lines that define each macro whether or not LaTeX already knows its name.

    Raises:
        ValueError: As :func:`macros_of`.

    Example:
        >>> print(macros_to_latex({"vect": ["\\mathbf{#1}", 1]}))
        \let\vect\relax\newcommand{\vect}[1]{\mathbf{#1}}
    """
    lines = []
    for name, macro in macros_of(table).items():
        count = f"[{macro.arguments}]" if macro.arguments else ""
        lines.append(rf"\let\{name}\relax\newcommand{{\{name}}}{count}{{{macro.body}}}")
    return "\n".join(lines)


def expand_macros(tex: str, table: Table) -> str:
    r"""Write out the macros, so that a formula needs no definitions.

    Args:
        tex: A formula.
        table: The macros.

    Raises:
        ValueError: If a macro lacks an argument, and as :func:`macros_of`.

    Example:
        >>> table = {"R": r"\mathbb{R}", "vect": [r"\mathbf{#1}", 1]}
        >>> print(expand_macros(r"\vect{x} \in \R^d, \Re z", table))
        \mathbf{x} \in \mathbb{R}^d, \Re z
    """
    return _expand(tex, macros_of(table))


def _expand(tex: str, macros: Mapping[str, Macro]) -> str:
    out, position = [], 0
    while match := _NAME.search(tex, position):
        out.append(tex[position : match.start()])
        position = match.end()
        name = match[1]
        if name not in macros:
            out.append(match[0])
            continue
        arguments = []
        for _ in range(macros[name].arguments):
            argument, position = _argument(tex, position)
            arguments.append(_expand(argument, macros))
        body = macros[name].body
        body = re.sub(r"#(\d)", lambda m: arguments[int(m[1]) - 1], body)  # noqa: B023
        body = _expand(body, {k: v for k, v in macros.items() if k != name})
        follows = tex[position : position + 1]
        ends_in_word = re.search(r"\\[A-Za-z]+$", body) is not None
        out.append(body + (" " if ends_in_word and follows.isalpha() else ""))
    return "".join(out) + tex[position:]


def _argument(tex: str, position: int) -> tuple[str, int]:
    """Return the macro argument that begins here, and where it ends."""
    while position < len(tex) and tex[position].isspace():
        position += 1
    if position == len(tex):
        raise ValueError(f"a macro lacks its argument: {tex}")
    if tex[position] != "{":
        command = re.match(r"\\(?:[A-Za-z]+|.)", tex[position:])
        end = position + (command.end() if command else 1)
        return tex[position:end], end
    depth, end = 0, position
    while end < len(tex):
        depth += {"{": 1, "}": -1}.get(tex[end], 0) if tex[end - 1] != "\\" else 0
        end += 1
        if depth == 0:
            return tex[position + 1 : end - 1], end
    raise ValueError(f"a brace is not closed: {tex}")


def _check(app: Sphinx, config: Config) -> None:
    """Say at once, and not in a formula, that the table is wrong."""
    macros_of(config.genbook_macros)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the table with Sphinx."""
    app.add_config_value("genbook_macros", {}, "env", types=(dict,))
    app.connect("config-inited", _check)
    return {"version": "0.1", "parallel_read_safe": True, "parallel_write_safe": True}
