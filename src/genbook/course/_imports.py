"""What a piece of Python imports, read without running it."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from genbook._numbers import check_text

# A module that reads packages without importing them names the distributions here:
# ``READS_PACKAGES = ("scipy", "scikit-learn")``.
DECLARATION = "READS_PACKAGES"


@dataclass(frozen=True)
class Imports:
    """What one piece of code asks for.

    Attributes:
        names: Dotted names of modules that it may import.
        distributions: Distributions that it says it reads without importing them.
        everything: True when the code cannot be read, or imports what it computes.
    """

    names: frozenset[str] = frozenset()
    distributions: frozenset[str] = frozenset()
    everything: bool = False

    def __or__(self, other: Imports) -> Imports:
        return Imports(
            self.names | other.names,
            self.distributions | other.distributions,
            self.everything or other.everything,
        )


class _Visitor(ast.NodeVisitor):
    """Collects imports; leaves out what only a type checker sees."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.names: set[str] = set()
        self.distributions: set[str] = set()
        self.everything = False

    def visit_Import(self, node: ast.Import) -> None:
        self.names.update(alias.name for alias in node.names)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = node.module or ""
        if node.level:
            parts = self.package.split(".")
            above = parts[: len(parts) - node.level + 1]
            base = ".".join([*above, base] if base else above)
        self.names.add(base)
        self.names.update(f"{base}.{alias.name}" for alias in node.names)

    def visit_If(self, node: ast.If) -> None:
        unseen = _last_name(node.test) == "TYPE_CHECKING"
        for child in node.orelse if unseen else ast.iter_child_nodes(node):
            self.visit(child)

    def visit_Call(self, node: ast.Call) -> None:
        if _last_name(node.func) in {"import_module", "__import__"} and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                self.names.add(first.value)
            else:
                self.everything = True
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if any(isinstance(t, ast.Name) and t.id == DECLARATION for t in node.targets):
            self.distributions.update(ast.literal_eval(node.value))
        self.generic_visit(node)


def _last_name(node: ast.expr) -> str:
    """Return ``c`` of ``a.b.c``, and of ``c`` itself."""
    return getattr(node, "attr", getattr(node, "id", ""))


def imports_of(source: str, package: str = "") -> Imports:
    """Return what a piece of Python imports, anywhere in it.

    Args:
        source: Python source text.
        package: The package that relative imports start from.

    Returns:
        The imports; ``everything`` is set when the source does not parse.

    Raises:
        TypeError: If an argument is no string.

    Example:
        >>> sorted(imports_of("from .box import Box", "tiny.models").names)
        ['tiny.models.box', 'tiny.models.box.Box']
    """
    check_text(package, "package")
    try:
        tree = ast.parse(check_text(source, "source"))
    except SyntaxError:
        return Imports(everything=True)
    visitor = _Visitor(package)
    visitor.visit(tree)
    return Imports(
        frozenset(visitor.names), frozenset(visitor.distributions), visitor.everything
    )
