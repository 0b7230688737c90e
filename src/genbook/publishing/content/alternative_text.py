"""Sphinx extension: numbers in alternative texts are computed, as in the prose.

An alternative text that says ``{glue:text}`name``` shows what ``number(name, …)`` made
of it, anywhere on the page: all cells have run before the page is read. Captions are
read as MyST and need nothing of this.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

from genbook.publishing.running.record import chapters_of

log = logging.getLogger(__name__)

GLUED = re.compile(r"\{glue:text\}`([^`]*)`")


class GlueNumbers(SphinxTransform):
    """Put the computed numbers into the alternative texts of a page."""

    default_priority = 400

    def apply(self, **kwargs: Any) -> None:
        """Change the page in place."""
        chapter = chapters_of(self.env).get(self.env.docname)
        numbers = chapter.numbers if chapter else {}
        for image in self.document.findall(nodes.image):
            parts = GLUED.split(image.get("alt", ""))  # text, name, text, name, …
            for i in range(1, len(parts), 2):
                parts[i] = self.number(parts[i], numbers, image)
            if len(parts) > 1:
                image["alt"] = "".join(parts)

    def number(self, name: str, numbers: dict[str, str], image: nodes.image) -> str:
        """Return a number of the page; warn if there is none of this name."""
        if name.strip() not in numbers:
            log.warning(
                f"no number({name.strip()!r}, …) on this page for an alternative text",
                location=image,
            )
        return numbers.get(name.strip(), "")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.setup_extension("genbook.publishing.running.execution")
    app.add_transform(GlueNumbers)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
