"""Sphinx extension: the number of a figure, found without reading its page again.

Sphinx unpickles the whole page that a figure stands on for each reference to it. In a
book whose chapters refer to their figures some three hundred times that takes longer
than writing its pages, so a page is kept once it was read.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.domains.std import StandardDomain
from sphinx.environment import BuildEnvironment


class KeptPages:
    """An environment that reads each page once; who gets one must not change it."""

    def __init__(self, env: BuildEnvironment) -> None:
        self.env = env
        self.pages: dict[str, nodes.document] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.env, name)

    def get_doctree(self, docname: str) -> nodes.document:
        """Return a page as it was read, before any reference was resolved."""
        if docname not in self.pages:
            self.pages[docname] = self.env.get_doctree(docname)
        return self.pages[docname]


class Domain(StandardDomain):
    """Sphinx's own domain, which looks up numbers in :class:`KeptPages`."""

    kept: KeptPages | None = None

    def _resolve_numref_xref(
        self, env: BuildEnvironment, *arguments: Any
    ) -> nodes.Element | None:
        if self.kept is None:  # nothing is resolved before all pages are read
            self.kept = KeptPages(env)
        return super()._resolve_numref_xref(self.kept, *arguments)  # type: ignore[arg-type]


def setup(app: Sphinx) -> dict[str, Any]:
    """Put the domain in the place of Sphinx's own."""
    app.add_domain(Domain, override=True)
    return {"version": "0.1", "parallel_read_safe": True, "parallel_write_safe": True}
