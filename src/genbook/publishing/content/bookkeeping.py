"""Which cells of a page only keep its accounts: claims, numbers, tables.

What a reader should see of such a cell is what it shows, so its code is folded.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from IPython.core.inputtransformer2 import TransformerManager

SHOWN = "show"  # the tag of a cell whose code is to be seen all the same
_CALLS = {"claim", "number", "table"}
_FILLS = {"add", "append", "extend", "setdefault", "update"}
_COURSE = "genbook.course"


def bookkeeping(sources: Sequence[str]) -> list[bool]:
    """Tell the cells that hold nothing but bookkeeping.

    Such a cell calls ``claim``, ``number`` or ``table``, and beside that it imports
    from ``genbook.course`` and assigns what no later cell reads.

    Args:
        sources: The code cells of a page, in order.

    Example:
        >>> bookkeeping(["x = fit()", "gap = x - 1\\nclaim('gap', gap, at_most=1)"])
        [False, True]
        >>> bookkeeping(["y = fit()\\nclaim('y', y, at_most=1)", "print(y)"])
        [False, False]
    """
    trees = [_parse(source) for source in sources]
    found = []
    for i, tree in enumerate(trees):
        own: set[str] = set()
        kept = bool(tree.body) and all(_keeps(s, own) for s in tree.body)
        calls = any(_called(node) for node in ast.walk(tree))
        found.append(kept and calls and not _read_later(own, trees[i + 1 :]))
    return found


def _parse(source: str) -> ast.Module:
    try:
        return ast.parse(TransformerManager().transform_cell(source))
    except SyntaxError:  # the cell says so when it runs
        return ast.Module([], [])


def _called(node: ast.AST) -> bool:
    """Return whether a node calls ``claim``, ``number`` or ``table``."""
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    if isinstance(function, ast.Attribute):
        module = function.value
        inside = isinstance(module, ast.Name) and module.id in ("claims", "tables")
        return inside and function.attr in _CALLS
    return isinstance(function, ast.Name) and function.id in _CALLS


def _keeps(statement: ast.stmt, own: set[str]) -> bool:
    """Return whether a statement is bookkeeping; note the names that it assigns."""
    if isinstance(statement, ast.ImportFrom):
        return (statement.module or "").startswith(_COURSE)
    if isinstance(statement, ast.Import):
        return all(alias.name.startswith(_COURSE) for alias in statement.names)
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = getattr(statement, "targets", None) or [statement.target]  # type: ignore[union-attr]
        return all(_assigns(target, own) for target in targets)
    if isinstance(statement, ast.For):
        body = [*statement.body, *statement.orelse]
        return _assigns(statement.target, own) and all(_keeps(s, own) for s in body)
    if isinstance(statement, ast.If | ast.With):
        body = [*statement.body, *getattr(statement, "orelse", ())]
        return all(_keeps(s, own) for s in body)
    return isinstance(statement, ast.Expr) and _shows(statement.value, own)


def _shows(value: ast.expr, own: set[str]) -> bool:
    """Return whether an expression shows, or fills, what the cell has made."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        holder = value.func.value
        mine = isinstance(holder, ast.Name) and holder.id in own
        return _called(value) or (mine and value.func.attr in _FILLS)
    return _called(value) or (isinstance(value, ast.Name) and value.id in own)


def _assigns(target: ast.expr, own: set[str]) -> bool:
    """Return whether a target is a name, or a part of one's own; note the names."""
    if isinstance(target, ast.Tuple | ast.List):
        return all(_assigns(part, own) for part in target.elts)
    if isinstance(target, ast.Starred):
        return _assigns(target.value, own)
    if isinstance(target, ast.Name):
        own.add(target.id)
        return True
    if isinstance(target, ast.Subscript):
        return isinstance(target.value, ast.Name) and target.value.id in own
    return False


def _read_later(names: set[str], trees: Sequence[ast.Module]) -> bool:
    """Return whether a later cell reads one of the names before it is made anew."""
    names = set(names)
    for tree in trees:
        for statement in tree.body:
            nodes = [n for n in ast.walk(statement) if isinstance(n, ast.Name)]
            read = {n.id for n in nodes if not isinstance(n.ctx, ast.Store)}
            changed = isinstance(statement, ast.AugAssign)
            made = {n.id for n in nodes if isinstance(n.ctx, ast.Store)}
            bound = _bound_inside(statement)
            if names & ((read - bound) | (made if changed else set())):
                return True
            if isinstance(statement, ast.Assign):
                names -= made
    return False


def _bound_inside(statement: ast.stmt) -> set[str]:
    """Return the names that belong to a loop or a function of the statement."""
    bound: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.comprehension | ast.For):
            bound |= {n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)}
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            bound |= {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
    return bound
