"""A site says where it and its source lie if a publisher has said so, and else not."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from genbook.publishing.notebooks import wheel
from genbook.publishing.website.addresses import repository_links

BASE = "https://someone.example.org/book/"
SOURCE = "https://github.com/someone/book"
PROJECT = f"""\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "genbook"
requires-python = ">=3.11"
version = "{wheel.NAME.split("-")[1]}"

[tool.hatch.build.targets.wheel]
packages = ["genbook"]
"""


@pytest.fixture
def build(tiny):
    """Build the tiny book, one page of it a chapter, with the book's own theme."""
    tiny.chapter("sums", "1 + 1", front="course: [F1]")
    (tiny.source / "pyproject.toml").write_text(PROJECT)
    (tiny.source / "genbook").mkdir()
    (tiny.source / "genbook" / "__init__.py").touch()

    def run(base: str = "", repository: str = ""):
        built = tiny.build(
            extensions=[
                "genbook.publishing.content.chapter_header",
                "genbook.publishing.website.katex",
                "genbook.publishing.notebooks.notebooks",
                "genbook.publishing.website.pages",
            ],
            html_theme="genbook",
            html_theme_options={
                "repository_url": repository,
                "repository_branch": "main",
                "path_to_docs": "",
            },
            html_baseurl=base,
            suppress_warnings=["config.cache", "genbook.description"],
            html_title="Tiny",
            project="tiny",
        )
        assert not built.failed, built.warnings + built.error
        return built, tiny.root / "_build" / "html"

    return run


def addresses(page: str) -> set[str]:
    return set(re.findall(r'(?:href|src)="(https?:[^"]+)"', page))


def first_cell(out: Path) -> str:
    return nbformat.read(out / "notebooks" / "sums.ipynb", as_version=4).cells[0].source


def test_by_default_nothing_leads_anywhere(build) -> None:
    built, out = build()
    assert {a for page in built.pages.values() for a in addresses(page)} == set()
    assert not any("canonical" in page for page in built.pages.values())
    assert not (out / "sitemap.xml").exists()
    assert not (out / "robots.txt").exists()
    assert first_cell(out) == wheel.install_cell()
    box = f'href="notebooks/{wheel.NAME}"'
    assert box in built.pages["sums"]
    assert (out / "notebooks" / wheel.NAME).is_file()


def test_an_address_gives_canonical_links_a_map_and_a_place_to_install_from(
    build,
) -> None:
    built, out = build(base=BASE.rstrip("/"))
    assert addresses(built.pages["sums"]) == {BASE + "sums.html"}
    assert BASE + "sums.html" in (out / "sitemap.xml").read_text()
    assert BASE + "sitemap.xml" in (out / "robots.txt").read_text()
    assert first_cell(out) == wheel.install_cell(BASE)


def test_a_repository_gives_links_to_it_and_installs_nothing_from_it(build) -> None:
    built, out = build(repository=SOURCE + ".git")
    assert addresses(built.pages["sums"]) == {
        SOURCE,
        SOURCE + "/edit/main/sums.md",
        SOURCE + "/issues/new?template=wrong_statement.yml&amp;page=sums.md",
    }
    assert addresses(built.pages["search"]) == {SOURCE}
    assert first_cell(out) == wheel.install_cell()


def test_with_both_a_chapter_opens_on_colab_and_all_goes_when_they_go(build) -> None:
    colab = "https://colab.research.google.com/github/someone/book/blob/gh-pages/"
    built, out = build(BASE, SOURCE)
    assert colab + "notebooks/sums.ipynb" in addresses(built.pages["sums"])
    assert not [a for a in addresses(built.pages["words"]) if a.startswith(colab)]

    built, out = build()
    assert addresses(built.pages["sums"]) == set()
    assert first_cell(out) == wheel.install_cell()
    assert not (out / "sitemap.xml").exists()


def test_a_chapter_that_needs_more_has_it_installed(build, tiny) -> None:
    tiny.chapter("sums", "1 + 1", front="course: [F1]\nextras: [serve, aws]")
    _, out = build()
    assert first_cell(out) == wheel.install_cell(extras=["serve", "aws"])
    assert "genbook[data,serve,aws]" in first_cell(out)


def test_a_repository_elsewhere_has_no_colab(build) -> None:
    built, _ = build(BASE, "https://git.example.org/someone/book")
    assert not any("colab" in page for page in built.pages.values())


def test_what_lies_beside_the_pages_is_offered(build) -> None:
    built, out = build()
    assert "PDF" not in built.pages["sums"]
    (out / "tiny.pdf").touch()
    built, _ = build()
    assert '<a href="tiny.pdf">PDF</a>' in built.pages["sums"]


def test_an_address_that_code_may_not_come_from_stops_the_build(tiny) -> None:
    extensions = ["genbook.publishing.notebooks.notebooks"]
    built = tiny.build(extensions=extensions, html_baseurl="http://example.org/")
    assert built.failed
    assert "html.baseurl must be empty or an address https://" in built.error


def test_addresses_of_pages() -> None:
    here = {"url": SOURCE, "branch": "next", "path": "text"}
    links = dict(repository_links(here, "book/a b.md"))
    assert links["Edit this page"] == SOURCE + "/edit/next/text/book/a%20b.md"
    asks = "/issues/new?template=wrong_statement.yml&page=book%2Fa%20b.md"
    assert links["Report a mistake"] == SOURCE + asks
