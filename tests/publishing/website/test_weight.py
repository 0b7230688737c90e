"""What a reader's browser fetches for each page."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from .conftest import read_through

pytestmark = pytest.mark.site

# Bytes until a page can be read: HTML, styles, scripts, fonts, figures.
OPENED = 300_000
WHOLE = 550_000  # and once a reader has seen all of it: every figure in one scheme
TEXT = {".html", ".css", ".js", ".svg"}  # what a host compresses


@cache
def packed(file: Path) -> int:
    """The bytes of a file on its way: compressed, if it is text."""
    content = file.read_bytes()
    return len(gzip.compress(content) if file.suffix in TEXT else content)


@pytest.fixture
def fetched(browser, address, site):
    """Open pages, each as a first visit, and hear which files they ask for."""
    contexts = []

    def open_(name: str, scheme: str):
        context = browser.new_context(
            viewport={"width": 1280, "height": 900}, color_scheme=scheme
        )
        contexts.append(context)
        page = context.new_page()
        files: set[Path] = set()

        def heard(response):
            path = unquote(urlsplit(response.url).path)
            if response.ok and response.url.startswith(address):
                files.add(site / path.lstrip("/"))

        page.on("response", heard)
        page.goto(address + name, wait_until="networkidle")
        return page, files

    yield open_
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_is_light(fetched, site, page_name, scheme):
    page, files = fetched(page_name, scheme)
    assert site / page_name in files
    at_once = {file: packed(file) for file in files}
    read_through(page)
    whole = {file: packed(file) for file in files}
    heaviest = sorted(((n, f.name) for f, n in whole.items()), reverse=True)[:5]
    assert sum(at_once.values()) <= OPENED, heaviest
    assert sum(whole.values()) <= WHOLE, heaviest
    # Of a figure and its twin, only the one that is shown.
    names = {file.name for file in files if file.parent.name == "_images"}
    both = {name for name in names if name.replace(".svg", "-dark.svg") in names}
    assert both == set()


def test_what_is_below_comes_later(fetched, site):
    """The longest chapter has most of its figures still to come when it opens."""
    chapters = site.glob("book/*/*.html")
    name = str(max(chapters, key=lambda p: p.read_text("utf-8").count("only-dark")))
    page, files = fetched(name.removeprefix(f"{site}/"), "light")
    first = sum(file.parent.name == "_images" for file in files)
    read_through(page)
    assert first < sum(file.parent.name == "_images" for file in files) / 2
