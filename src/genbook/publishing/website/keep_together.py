"""What belongs to a formula in the text stays on its line.

A browser may break a line on either side of a formula, so a comma could open the next
line and a bracket end the last one. They go into one group with the formula, and the
style sheets forbid breaks in it. A long formula stays without: a narrow screen must be
able to break it within.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

_BEFORE = re.compile(r"[(\[“‘]+$")
_AFTER = re.compile(r"^(?:[.,;:!?)\]%”’‐‑–—-]|(?<=’)s\b)+")
_SIGN = re.compile(r"\\[A-Za-z]+|[^\s{}_^\\&]")
_LONG = 24  # signs of a formula that a telephone may have to break


def keep_together(formula: nodes.Element) -> None:
    """Put a formula into a group with the marks before and after it, if it has any.

    Args:
        formula: a formula of a paragraph, or an element that holds nothing else.

    Example:
        >>> formula = nodes.math("", "x")
        >>> text = nodes.paragraph("", "", nodes.Text("where ("), formula)
        >>> text += nodes.Text("), and")
        >>> keep_together(formula)
        >>> [child.astext() for child in text]
        ['where ', '(x),', ' and']
    """
    if len(_SIGN.findall(formula.astext())) > _LONG:
        return
    while isinstance(formula.parent, nodes.Inline) and len(formula.parent) == 1:
        formula = formula.parent
    parent = formula.parent
    place = parent.index(formula)
    group = nodes.inline(classes=["gb-keep"])
    for step, pattern in ((-1, _BEFORE), (1, _AFTER)):
        beside = place + step
        if not 0 <= beside < len(parent) or not isinstance(parent[beside], nodes.Text):
            continue
        text = str(parent[beside])
        marks = pattern.search(text)
        if marks:
            parent[beside] = nodes.Text(text[: marks.start()] + text[marks.end() :])
            group.insert(0 if step < 0 else len(group), nodes.Text(marks[0]))
    if len(group):
        parent[place] = group
        first = 1 if _BEFORE.search(group[0].astext()) else 0
        group.insert(first, formula)


class KeepTogether(SphinxPostTransform):
    """Group the formulas of a page with their punctuation."""

    default_priority = 850  # after all that looks for formulas in their paragraphs
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Change the page in place."""
        for formula in list(self.document.findall(nodes.math)):
            keep_together(formula)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the grouping, for pages and for the EPUB."""
    app.add_post_transform(KeepTogether)
    return {"version": "0.1", "parallel_read_safe": True, "parallel_write_safe": True}
