"""Definitions, theorems, proofs, exercises and solutions, as one kind of node.

``sphinx-proof`` and ``sphinx-exercise`` write them for web pages. Print and notebooks
need less and other things: the number, the subtitle, and where the solution stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx_exercise.nodes import (
    exercise_enumerable_node,
    exercise_node,
    solution_node,
)
from sphinx_proof.nodes import NODE_TYPES, proof_node, unenumerable_node

from genbook.publishing.content.doctree import ancestor

ADMONITIONS = {
    "attention": "Attention",
    "caution": "Caution",
    "danger": "Danger",
    "error": "Error",
    "hint": "Hint",
    "important": "Important",
    "note": "Note",
    "seealso": "See also",
    "tip": "Tip",
    "warning": "Warning",
}
_PROVED = (*NODE_TYPES.values(), unenumerable_node)
_EXERCISES = (exercise_node, exercise_enumerable_node)


class Statement(nodes.General, nodes.Element):
    """A definition, theorem, proof, exercise or solution.

    Attributes: ``kind`` (``"definition"``, ..., ``"proof"``, ``"exercise"``,
    ``"solution"``), ``number`` (``"1.2"`` or empty), ``subtitle`` (plain text),
    ``partner`` (the id of an exercise's solution, and of a solution's exercise).
    A first child ``title`` holds the subtitle with its markup.
    """


def number(env: BuildEnvironment, docname: str, kind: str, node_id: str) -> str:
    """Return the number that the website gives to something, or an empty string.

    Args:
        env: the environment, after reading.
        docname: where it stands.
        kind: ``"figure"``, ``"table"``, ``"displaymath"``, ``"theorem"``, ...
        node_id: its id in that document.
    """
    numbers = env.toc_fignumbers.get(docname, {}).get(kind, {}).get(node_id, ())
    return ".".join(map(str, numbers))


def heading(node: Statement) -> str:
    """Return what stands before the subtitle: "Definition 1.2".

    Example:
        >>> heading(Statement(kind="solution", number="1.2"))
        'Solution to exercise 1.2'
    """
    words = {"solution": "Solution to exercise", "proof": "Proof"}
    kind = words.get(node["kind"], node["kind"].capitalize())
    return f"{kind} {node['number']}".strip()


def convert(document: nodes.document, env: BuildEnvironment, docname: str) -> None:
    """Replace the nodes of the two extensions by :class:`Statement` nodes, in place.

    Args:
        document: one page, or the whole book as the LaTeX builder assembles it.
        env: the environment, after reading.
        docname: the page's name; parts of a book know their own.
    """
    registry = getattr(env, "sphinx_exercise_registry", {})
    solution_of = {
        entry["node"]["target_label"]: label
        for label, entry in registry.items()
        if isinstance(entry.get("node"), solution_node)
    }
    kinds = (*_PROVED, *_EXERCISES, solution_node, proof_node)
    for node in list(document.findall(lambda n: isinstance(n, kinds))):
        here = _docname(node, docname)
        if isinstance(node, proof_node):
            statement = _proof(node)
        elif isinstance(node, solution_node):
            exercise = node["target_label"]
            entry = registry.get(exercise, {})
            statement = Statement(
                kind="solution",
                number=number(env, entry.get("docname", here), "exercise", exercise),
                partner=exercise,
            )
            _fill(statement, node, _subtitle(entry["node"]) if entry else [])
        elif isinstance(node, _EXERCISES):
            label = node["ids"][0]
            statement = Statement(
                kind="exercise",
                number=number(env, here, "exercise", label),
                partner=solution_of.get(label, ""),
            )
            _fill(statement, node, _subtitle(node))
        else:
            label = node["ids"][0]
            statement = Statement(
                kind=node["realtype"],
                number=number(env, here, node["countertype"], label),
            )
            _fill(statement, node, _subtitle(node))
        node.replace_self(statement)


def _docname(node: nodes.Node, default: str) -> str:
    page = ancestor(node, addnodes.start_of_file)
    return default if page is None else str(page["docname"])


def _fill(
    statement: Statement, node: nodes.Element, subtitle: list[nodes.Node]
) -> None:
    """Take over ids, subtitle and content."""
    statement["ids"] = list(node["ids"])
    statement["subtitle"] = "".join(child.astext() for child in subtitle)
    statement.source, statement.line = node.source, node.line
    if subtitle:
        statement += nodes.title("", "", *subtitle)
    for child in node.children:
        if isinstance(child, nodes.title):
            continue
        inner = isinstance(child, nodes.section)
        statement.extend(child.children if inner else [child])


def _subtitle(node: nodes.Element) -> list[nodes.Node]:
    """Return what stands in brackets behind "Theorem 1" or "Exercise 1.2"."""
    title = next((c for c in node.children if isinstance(c, nodes.title)), None)
    if title is None:
        return []
    children = [child.deepcopy() for child in title.children]
    nested = [c for c in children if isinstance(c, nodes.subtitle)]
    if nested:  # sphinx-exercise, before it has resolved its titles
        return list(nested[0].children)
    for position, child in enumerate(children):
        before, bracket, after = child.astext().partition("(")
        if isinstance(child, nodes.Text) and bracket and before.strip() in ("",):
            rest = [nodes.Text(after)] if after else []
            rest += children[position + 1 :]
            if rest and isinstance(rest[-1], nodes.Text):
                rest[-1] = nodes.Text(rest[-1].astext().rstrip().removesuffix(")"))
            return [c for c in rest if c.astext()]
    return []


def _proof(node: proof_node) -> Statement:
    statement = Statement(kind="proof", number="", subtitle="")
    content: Iterable[nodes.Node] = node.children
    if node.children and isinstance(node.children[0], nodes.admonition):
        content = node.children[0].children
    statement.extend(content)
    first = next(iter(statement.findall(nodes.Text)), None)
    if first is not None and first.astext().startswith("Proof. "):
        first.parent.replace(first, nodes.Text(first.astext().removeprefix("Proof. ")))
    return statement


class ConvertStatements(SphinxPostTransform):
    """Do it in print, before ``sphinx-exercise`` writes its titles."""

    default_priority = 15
    formats = ("latex",)

    def run(self, **kwargs: Any) -> None:
        """Convert the whole book."""
        for part in self.document.findall(addnodes.start_of_file):
            for child in part.children:  # Sphinx moved them without telling them
                child.parent = part
        convert(self.document, self.env, self.config.root_doc)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the conversion with Sphinx."""
    app.add_post_transform(ConvertStatements)
    return {"version": "0.1", "parallel_read_safe": True, "parallel_write_safe": True}
