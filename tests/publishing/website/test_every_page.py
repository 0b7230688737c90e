"""Every page in Chromium: quiet, light, readable, in light and dark, wide and narrow.

A page is visited three times, each visit a first one, and the tests ask what was seen.
They take no parameter but the page: with another, pytest would not keep a page's tests
together, and would visit it again.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from .conftest import open_in, read_through

pytestmark = pytest.mark.site

# Bytes until a page can be read: HTML, styles, scripts, fonts, figures.
OPENED = 300_000
WHOLE = 550_000  # and once a reader has seen all of it: every figure in one scheme
TEXT = {".html", ".css", ".js", ".svg"}  # what a host compresses

HEAR = """
  window.refused = [];
  document.addEventListener("securitypolicyviolation", (event) =>
    window.refused.push(`${event.violatedDirective}: ${event.blockedURI} ` +
      `${event.sourceFile}:${event.lineNumber} ${event.sample}`));
"""
SHOWN = """() => [...document.querySelectorAll("main img")]
  .filter((i) => i.getClientRects().length).map((i) => [i.currentSrc || i.src,
    getComputedStyle(i).backgroundColor, getComputedStyle(i).filter])"""
OVERFLOW = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const scrolls = (e) => { for (let p = e.parentElement; p; p = p.parentElement)
      if (getComputedStyle(p).overflowX !== "visible") return true; return false; };
  return [...document.querySelectorAll("body *")]
    .filter((e) => e.getBoundingClientRect().right > width + 1 && !scrolls(e))
    .map((e) => e.outerHTML.slice(0, 100)).concat("the page is too wide").slice(0, 5);
}"""
# A wide table may scroll in its box, but its caption must not.
CUT = """() => [...document.querySelectorAll(".gb-table caption")].filter((c) =>
  c.offsetWidth > c.closest(".gb-table").clientWidth).map((c) => c.innerText)"""
# Drawn formulas are hidden from screen readers, which read the MathML beside them. The
# listings of a page are all alike, and so are the entries of a reference. So axe need
# not visit thousands of these.
SHORTEN = """
  document.querySelectorAll(".katex-html").forEach((e) => e.remove());
  const entries = [...document.querySelectorAll("main section > dl.py")];
  entries.slice(12).forEach((e) => e.remove());
  const listings = [...document.querySelectorAll("pre, .sig")];
  listings.slice(8).forEach((e) => { e.textContent = e.textContent; });
"""


@dataclass
class Visit:
    """What was seen on a page; files are paths within the site."""

    trouble: list[str]
    opened: set[str] = field(default_factory=set)  # files until it can be read
    whole: set[str] = field(default_factory=set)  # and until all of it was
    found: dict[str, list] = field(default_factory=dict)  # by what was looked for


@pytest.fixture(scope="module")
def in_light(patiently, strict, page_name):
    """The page under its policy, read through in light; then in the other colours."""

    def look(browser):
        page = open_in(
            browser,
            strict + page_name,
            wait="networkidle",
            script=HEAR,
            color_scheme="light",
        )
        visit = Visit(page.trouble, opened=page.files.copy())
        read_through(page)
        visit.whole = page.files.copy()
        if page.locator(".gb-theme").count():
            page.locator(".gb-theme").click()
        read_through(page)  # the figures of the other colours
        visit.found["refused"] = page.evaluate("window.refused")
        page.context.close()
        return visit

    return patiently(look)


@pytest.fixture(scope="module")
def in_dark(patiently, address, page_name, violations):
    """The page read through in dark; its figures in both colours; what axe finds."""

    def look(browser):
        page = open_in(
            browser, address + page_name, wait="networkidle", color_scheme="dark"
        )
        visit = Visit(page.trouble, opened=page.files.copy())
        read_through(page)
        visit.whole = page.files.copy()
        visit.found["dark"] = page.evaluate(SHOWN)
        page.emulate_media(color_scheme="light")
        visit.found["light"] = page.evaluate(SHOWN)
        page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
        page.evaluate(SHORTEN)
        visit.found["violations"] = violations(page)
        page.emulate_media(color_scheme="dark")
        visit.found["contrast"] = violations(page, "color-contrast")
        page.context.close()
        return visit

    return patiently(look)


@pytest.fixture(scope="module")
def in_a_folder(patiently, site, page_name):
    """The page from the disk; then, with all of it open, on a narrow screen."""

    def look(browser):
        page = open_in(browser, f"{site.as_uri()}/{page_name}", wait="networkidle")
        page.evaluate(
            "document.querySelectorAll('details').forEach(d => d.open = true)"
        )
        page.set_viewport_size({"width": 360, "height": 740})
        page.wait_for_function("document.fonts.status === 'loaded'", polling=50)
        visit = Visit(page.trouble)
        visit.found = {"wide": page.evaluate(OVERFLOW), "cut": page.evaluate(CUT)}
        page.context.close()
        return visit

    return patiently(look)


def test_nothing_is_refused(in_light, page_name):
    assert in_light.found["refused"] == []


def test_quiet(in_light, in_dark, in_a_folder, page_name):
    assert in_light.trouble == []
    assert in_dark.trouble == []
    assert in_a_folder.trouble == []


@cache
def packed(file: Path) -> int:
    """The bytes of a file on its way: compressed, if it is text."""
    content = file.read_bytes()
    return len(gzip.compress(content) if file.suffix in TEXT else content)


def check_weight(visit, site, page_name):
    assert page_name in visit.opened
    whole = {name: packed(site / name) for name in visit.whole}
    heaviest = sorted(((n, name) for name, n in whole.items()), reverse=True)[:5]
    assert sum(whole[name] for name in visit.opened) <= OPENED, heaviest
    assert sum(whole.values()) <= WHOLE, heaviest
    # Of a figure and its twin, only the one that is shown.
    names = {name for name in visit.whole if Path(name).parent.name == "_images"}
    both = {name for name in names if name.replace(".svg", "-dark.svg") in names}
    assert both == set()


def test_a_page_is_light(in_light, site, page_name):
    check_weight(in_light, site, page_name)


def test_a_page_is_light_in_dark(in_dark, site, page_name):
    check_weight(in_dark, site, page_name)


def test_figures_suit_the_page(in_dark, page_name):
    light, dark = in_dark.found["light"], in_dark.found["dark"]
    assert len(light) == len(dark)
    for (a, _, _), (b, ground, filtered) in zip(light, dark, strict=True):
        assert (ground, filtered) == ("rgba(0, 0, 0, 0)", "none")
        if a.endswith(".svg") and a != b:
            assert b == a.replace(".svg", "-dark.svg")


def test_accessible(in_dark, page_name):
    assert in_dark.found["violations"] == []
    assert in_dark.found["contrast"] == []


def test_narrow(in_a_folder, page_name):
    assert in_a_folder.found == {"wide": [], "cut": []}


def test_what_is_below_comes_later(open_page, address, site):
    """The longest chapter has most of its figures still to come when it opens."""
    chapters = site.glob("book/*/*.html")
    name = str(max(chapters, key=lambda p: p.read_text("utf-8").count("only-dark")))
    name = name.removeprefix(f"{site}/")
    page = open_page(address + name, wait="networkidle", color_scheme="light")
    first = sum("_images/" in file for file in page.files)
    read_through(page)
    assert first < sum("_images/" in file for file in page.files) / 2
