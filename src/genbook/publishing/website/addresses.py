"""Where the site and its source lie: what a publisher says, and nothing before.

If the configuration gives the site an address (``html.baseurl``), it has a map for
search engines, and Sphinx writes canonical addresses. If it names a repository
(``repository.url``), the pages lead there. PDF and EPUB are offered where they lie
beside the pages.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from sphinx.application import Sphinx
from sphinx.config import Config

MISTAKES = "wrong_statement.yml"  # of .github/ISSUE_TEMPLATE: it asks for a page


def configure(app: Sphinx, config: Config) -> None:
    """Keep what Jupyter Book says of addresses, in the options of every theme."""
    base = config.html_baseurl or ""
    config.html_baseurl = base.rstrip("/") + "/" if base else ""
    options = config.html_theme_options or {}
    if options.get("repository_url"):
        config.genbook_repository = {
            "url": options["repository_url"].removesuffix(".git").rstrip("/"),
            "branch": options.get("repository_branch") or "main",
            "path": (options.get("path_to_docs") or "").strip("/"),
        }
    names = (f"{config.project}.pdf", f"{config.project}.epub")
    there = [name for name in names if Path(app.outdir, name).is_file()]
    config.genbook_downloads = there


def repository_links(repository: dict[str, str], source: str) -> list[tuple[str, str]]:
    """Return what a page offers if the publisher has named a repository.

    Args:
        repository: ``url``, ``branch`` and ``path`` of the book within it; or nothing.
        source: The file of the page, relative to the book; empty where there is none.

    Returns:
        Text and address of each link.

    Example:
        >>> repository_links({}, "book/index.md")
        []
        >>> here = {"url": "https://example.org/r", "branch": "main", "path": ""}
        >>> repository_links(here, "a.md")[0]
        ('Edit this page', 'https://example.org/r/edit/main/a.md')
    """
    if not repository:
        return []
    url, branch = repository["url"], repository["branch"]
    links = [("Source", url)]
    if source:
        file = "/".join(filter(None, [repository["path"], source]))
        links = [
            ("Edit this page", f"{url}/edit/{branch}/{quote(file)}"),
            (
                "Report a mistake",
                f"{url}/issues/new?template={MISTAKES}&page={quote(source, safe='')}",
            ),
            *links,
        ]
    return links


def add_links(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Give the templates the links of a page, and what lies beside the pages."""
    source = "" if doctree is None else app.env.doc2path(pagename, base=False)
    context["gb_links"] = repository_links(app.config.genbook_repository, str(source))
    context["gb_downloads"] = [
        (name.rpartition(".")[2].upper(), name) for name in app.config.genbook_downloads
    ]


def write_map(app: Sphinx, exception: Exception | None) -> None:
    """Write the map of a site that has an address; remove that of one that had."""
    if exception or app.builder.name != "html":
        return
    out, base = Path(app.outdir), app.config.html_baseurl
    for name in ("sitemap.xml", "robots.txt"):
        (out / name).unlink(missing_ok=True)
    if base:
        urls = "".join(
            f"<url><loc>{escape(base + name)}.html</loc></url>\n"
            for name in sorted(app.env.found_docs)
        )
        (out / "sitemap.xml").write_text(
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
            f"{urls}</urlset>\n",
            encoding="utf-8",
        )
        (out / "robots.txt").write_text(
            f"User-agent: *\nAllow: /\nSitemap: {base}sitemap.xml\n", encoding="utf-8"
        )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the addresses; before the theme, which drops the options."""
    app.add_config_value("genbook_repository", {}, "html", types=(dict,))
    app.add_config_value("genbook_downloads", [], "html", types=(list,))
    app.connect("config-inited", configure, priority=400)
    app.connect("html-page-context", add_links, priority=600)
    app.connect("build-finished", write_map, priority=900)
    return {"version": "0.1", "parallel_read_safe": True, "parallel_write_safe": True}
