"""Sphinx extension: pages made from what the chapters did.

``{claims-table}`` lists every claim of the book with its value, its band and the
alternatives that it refuses;
``{build-report}`` lists every page with its time, cells, claims and digest, and the
versions behind them. Both are filled in when the book is written, so they are right
after every build.
"""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import os
import platform
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from genbook.practice.audits.energy import EnergyAssumptions, footprint
from genbook.publishing.running.execution import PINNED
from genbook.publishing.running.freshness import depends_on_all
from genbook.publishing.running.record import Chapter, chapters_of

log = logging.getLogger(__name__)

MAKERS = ("genbook", "jupyter-book", *PINNED)  # what built the book, beside its code


class report(nodes.General, nodes.Element):
    """A place in a page that is filled in when the page is written."""


class _Directive(SphinxDirective):
    """Leave a place for a report."""

    def run(self) -> list[nodes.Node]:
        depends_on_all(self.env, self.env.docname)
        return [report("", kind=self.name, docname=self.env.docname)]


class FillReports(SphinxPostTransform):
    """Put tables in the places, before references are resolved."""

    default_priority = 5

    def run(self, **kwargs: Any) -> None:
        makers = {"claims-table": claims_table, "build-report": build_report}
        for place in list(self.document.findall(report)):
            make = makers[place["kind"]]
            place.replace_self(make(self.env, place["docname"]))


def reading_order(env: BuildEnvironment) -> list[str]:
    """Return the pages in the order of the table of contents."""
    order: list[str] = []

    def visit(docname: str) -> None:
        if docname not in order:
            order.append(docname)
            for child in env.toctree_includes.get(docname, []):
                visit(child)

    visit(env.config.root_doc)
    return [docname for docname in order if docname in env.found_docs]


def claims_table(env: BuildEnvironment, here: str) -> list[nodes.Node]:
    """Return the claims of each page as a table, or a sentence if there are none."""
    found = [(name, chapter) for name, chapter in _chapters(env) if chapter.claims]
    if not found:
        return [nodes.paragraph("", "No chapter makes a claim yet.")]
    text = f"{_tried(found)}, on {_count(len(found), 'page')}, checked for this copy."
    header = ["Claim", "Value", "Wanted", "Refused"]
    shown: list[nodes.Node] = [nodes.paragraph("", text)]
    for docname, chapter in found:
        rows = [
            [
                nodes.Text(claim["says"]),
                nodes.Text(claim["shown"]),
                nodes.Text(claim["band"]),
                nodes.Text(claim["refused"] or "–"),
            ]
            for claim in chapter.claims
        ]
        shown.append(nodes.rubric("", "", _page(env, docname, here)))
        shown.append(_table(header, rows, [42, 16, 17, 25]))
    return shown


def build_report(env: BuildEnvironment, here: str) -> list[nodes.Node]:
    """Return the times, cells, claims and digests of all pages, and the versions."""
    chapters, rows = chapters_of(env), []
    for docname in reading_order(env):
        chapter = chapters.get(docname)
        digest = chapter.key.digest if chapter else _source_digest(env, docname)
        facts = ["–", "–", "–"]
        if chapter:
            claims, cells = len(chapter.claims), len(chapter.cell_seconds)
            facts = [f"{chapter.seconds:.1f}", str(cells), str(claims)]
        rows.append(
            [
                _page(env, docname, here),
                *(nodes.Text(fact) for fact in facts),
                nodes.literal("", digest[:10]),
            ]
        )
    header = ["Page", "Seconds", "Cells", "Claims", "Digest"]
    return [
        nodes.paragraph("", _summary(env)),
        nodes.paragraph("", _energy(env)),
        _table(header, rows, [44, 13, 11, 12, 20]),
        nodes.paragraph("", "The versions behind the outputs, and of the builders:"),
        _table(["Package", "Version"], _versions(env), [50, 50]),
        nodes.paragraph("", f"Platform: {platform.system()}, {platform.machine()}."),
    ]


def _summary(env: BuildEnvironment) -> str:
    found = _chapters(env)
    seconds = sum(chapter.seconds for _, chapter in found)
    cells = _count(sum(len(c.cell_seconds) for _, c in found), "code cell")
    date = datetime.datetime.fromtimestamp(_now(), datetime.UTC).strftime("%d %B %Y")
    return (
        f"Written on {date.lstrip('0')} from {_count(len(env.found_docs), 'page')}: "
        f"{cells} that took {seconds:.0f} s; {_tried(found)}."
    )


def _energy(env: BuildEnvironment) -> str:
    """Return what the code took, as a range with its assumptions."""
    assumed = EnergyAssumptions()
    took = footprint(sum(c.cpu_seconds for _, c in _chapters(env)), assumed)
    watts, pue, grid = (
        f"{low:g} to {high:g}"
        for low, high in (assumed.watts, assumed.pue, assumed.grid)
    )
    return (
        f"Their {took.cpu_seconds:,.0f} s of processor time come to {took}, if a busy "
        f"core adds {watts} W, the building takes {pue} times that, and a "
        f"kilowatt-hour emits {grid} g."
    )


def _tried(chapters: Sequence[tuple[str, Chapter]]) -> str:
    """Return how many claims were checked, and how many alternatives refused."""
    claims = [claim for _, chapter in chapters for claim in chapter.claims]
    refused = sum(len(claim["rejects"]) for claim in claims)
    return (
        f"{_count(len(claims), 'claim')} and {_count(refused, 'refused alternative')}"
    )


def _now() -> float:
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    return float(epoch) if epoch else datetime.datetime.now().timestamp()


def _versions(env: BuildEnvironment) -> list[list[nodes.Node]]:
    found = {name: importlib.metadata.version(name) for name in MAKERS}
    for _, chapter in _chapters(env):
        found.update(dict(chapter.key.versions))
    found["Python"] = platform.python_version()
    names = sorted(found, key=str.lower)
    return [[nodes.Text(name), nodes.Text(found[name])] for name in names]


def _source_digest(env: BuildEnvironment, docname: str) -> str:
    return hashlib.sha256(Path(env.doc2path(docname)).read_bytes()).hexdigest()


def _chapters(env: BuildEnvironment) -> list[tuple[str, Chapter]]:
    """Return the pages with code, in reading order."""
    found = chapters_of(env)
    return [(name, found[name]) for name in reading_order(env) if name in found]


def _page(env: BuildEnvironment, docname: str, here: str) -> nodes.Node:
    """Refer to a page by its title."""
    title = env.titles[docname].astext()
    text = nodes.inline("", title, classes=["std", "std-doc"])
    return addnodes.pending_xref(
        "",
        text,
        refdomain="std",
        reftype="doc",
        reftarget=f"/{docname}",
        refdoc=here,
        refexplicit=True,
        refwarn=True,
    )


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _table(
    header: Sequence[str], rows: Sequence[Sequence[nodes.Node]], widths: Sequence[int]
) -> nodes.table:
    """Make a table; in print it may run over several pages."""
    columns = [nodes.colspec("", colwidth=width) for width in widths]
    head = [[nodes.Text(cell)] for cell in header]
    table = nodes.table("", classes=["longtable", "colwidths-given", "genbook-report"])
    table += nodes.tgroup(
        "",
        *columns,
        nodes.thead("", _row([cell for [cell] in head])),
        nodes.tbody("", *map(_row, rows)),
        cols=len(header),
    )
    return table


def _row(cells: Sequence[nodes.Node]) -> nodes.row:
    return nodes.row(
        "", *(nodes.entry("", nodes.paragraph("", "", cell)) for cell in cells)
    )


def _check_claims(app: Sphinx, env: BuildEnvironment) -> None:
    """Say how many claims there are; warn of a name that two of them bear."""
    log.info(f"claims: {_tried(_chapters(env))}")
    where = [(c["name"], doc) for doc, ch in _chapters(env) for c in ch.claims]
    for name, count in Counter(name for name, _ in where).items():
        if count > 1:
            pages = ", ".join(doc for other, doc in where if other == name)
            log.warning(f"claim {name!r} is made {count} times: {pages}")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.setup_extension("genbook.publishing.running.execution")
    app.setup_extension("genbook.publishing.running.freshness")
    app.add_node(report)
    app.add_directive("claims-table", _Directive)
    app.add_directive("build-report", _Directive)
    app.add_post_transform(FillReports)
    app.connect("env-check-consistency", _check_claims)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
