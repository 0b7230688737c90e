"""Sphinx extension: the reference of the package, from its docstrings.

Corrections to what autodoc and napoleon make of them: a property's first line may hold
a colon, a base class without a public name gives way to its own bases, the attributes
of a class are called so, and the fields of a named tuple are not listed twice.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.domains.python import PyObject
from sphinx.errors import PycodeError
from sphinx.pycode import ModuleAnalyzer

_COLON = "\ue000"  # a character that no docstring holds


def _hide_colon(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Keep napoleon from reading ``The entropy in nats: …`` as a type."""
    if what in {"property", "attribute", "data"} and lines:
        lines[0] = lines[0].replace(":", _COLON)


def _show_colon(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    lines[:] = [line.replace(_COLON, ":") for line in lines]


def public_bases(bases: tuple[type, ...]) -> list[type]:
    """Return the nearest base classes that have a public name.

    Example:
        >>> class _Hidden(dict): pass
        >>> public_bases((_Hidden, object))
        [<class 'dict'>]
    """
    found: list[type] = []
    for base in bases:
        hidden = base.__name__.startswith("_")
        for known in public_bases(base.__bases__) if hidden else [base]:
            if known is not object and known not in found:
                found.append(known)
    return found


def _show_public_bases(
    app: Sphinx, name: str, obj: Any, options: Any, bases: list[Any]
) -> None:
    if all(isinstance(base, type) for base in bases):
        bases[:] = public_bases(tuple(bases)) or [object]


def _skip_aliases(
    app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out the fields of a named tuple, which say "Alias for field number 0"."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def _own_nodes(app: Sphinx, document: nodes.document) -> None:
    """Let the nodes of a page know their page, and no document that was made inside.

    MyST makes one for each block of reStructuredText. It holds the whole environment,
    which was then kept with the page: seven times its size, and read with it.
    """
    for node in document.findall():
        if node.document is not document:
            node.document = document


def _analyse_only(package: str) -> None:
    """Keep autodoc from parsing the sources of base classes that are not ours.

    For PyTorch's ``Module`` and its like that takes seconds, and finds nothing to show.
    """
    analyse = ModuleAnalyzer.for_module

    def for_module(name: str) -> ModuleAnalyzer:
        if name.partition(".")[0] != package:
            raise PycodeError(f"{name} is not documented here")
        return analyse(name)

    ModuleAnalyzer.for_module = for_module  # type: ignore[method-assign,assignment]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("doctree-read", _own_nodes, priority=900)
    app.connect("autodoc-process-docstring", _hide_colon, priority=400)
    app.connect("autodoc-process-docstring", _show_colon, priority=600)
    app.connect("autodoc-process-bases", _show_public_bases)
    app.connect("autodoc-skip-member", _skip_aliases)
    app.setup_extension("sphinx.ext.napoleon")
    _analyse_only("genbook")
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
