"""Every page in Chromium: quiet, readable, in light and dark, wide and narrow."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.site

OVERFLOW = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const scrolls = (e) => { for (let p = e.parentElement; p; p = p.parentElement)
      if (getComputedStyle(p).overflowX !== "visible") return true; return false; };
  return [...document.querySelectorAll("body *")]
    .filter((e) => e.getBoundingClientRect().right > width + 1 && !scrolls(e))
    .map((e) => e.outerHTML.slice(0, 100)).concat("the page is too wide").slice(0, 5);
}"""


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_quiet(open_page, address, site, page_name, scheme):
    base = address if scheme == "http" else site.as_uri() + "/"
    page = open_page(base + page_name, wait="networkidle")
    assert page.trouble == []


def open_all(page):
    """Open what is folded, and wait for the fonts."""
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.wait_for_function("document.fonts.status === 'loaded'")


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


def test_accessible(open_page, address, page_name, violations):
    page = open_page(address + page_name, color_scheme="light")
    open_all(page)
    page.evaluate(SHORTEN)
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page, "color-contrast") == []


def test_narrow(open_page, address, page_name):
    page = open_page(address + page_name, size=(360, 740))
    open_all(page)
    assert page.evaluate(OVERFLOW) == []
    # A wide table may scroll in its box, but its caption must not.
    cut = """() => [...document.querySelectorAll(".gb-table caption")].filter((c) =>
      c.offsetWidth > c.closest(".gb-table").clientWidth).map((c) => c.innerText)"""
    assert page.evaluate(cut) == []


def test_figures_suit_the_page(open_page, address, page_name):
    page = open_page(address + page_name, color_scheme="light")
    shown = """() => [...document.querySelectorAll("main img")]
      .filter((i) => i.getClientRects().length).map((i) => [i.currentSrc || i.src,
        getComputedStyle(i).backgroundColor, getComputedStyle(i).filter])"""
    light = page.evaluate(shown)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(shown)
    assert len(light) == len(dark)
    for (a, _, _), (b, ground, filtered) in zip(light, dark, strict=True):
        assert (ground, filtered) == ("rgba(0, 0, 0, 0)", "none")
        if a.endswith(".svg") and a != b:
            assert b == a.replace(".svg", "-dark.svg")


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_the_root_leads_on(open_page, address, site, scheme):
    base = address if scheme == "http" else site.as_uri() + "/"
    page = open_page(base + "index.html")
    page.wait_for_url("**/book/index.html")
    assert page.trouble == []


def chapter(address, site):
    """Return the address of a page with figures and mathematics."""
    return address + max(
        (str(p.relative_to(site)) for p in site.glob("book/foundations/*.html")),
        key=lambda name: (site / name).read_text("utf-8").count("only-dark"),
    )


def test_dark_is_dark(open_page, address, site):
    page = open_page(chapter(address, site), color_scheme="dark")
    ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert max(int(v) for v in ground[4:-1].split(",")) < 64
    assert page.locator("main img.only-dark").first.is_visible()
    assert not page.locator("main img.only-light").first.is_visible()


def test_references_have_no_labels(open_page, address):
    """The text cites by author and year, so numbers in brackets would lead nowhere."""
    page = open_page(address + "book/references.html")
    assert page.locator(".citation p").first.is_visible()
    labels = page.locator(".citation .label")
    assert not any(label.is_visible() for label in labels.all())


def test_underscores_can_be_read_in_links(open_page, address, site):
    page = open_page(chapter(address, site))
    script = page.locator(".genbook-opening a", has_text=".py").first
    size, offset = script.evaluate(
        """(e) => [getComputedStyle(e).fontSize,
        getComputedStyle(e).textUnderlineOffset].map(parseFloat)"""
    )
    assert offset >= 0.28 * size, "the underline lies on the underscores"


def test_colours_can_be_chosen(open_page, address, site):
    page = open_page(chapter(address, site), color_scheme="light")
    button = page.locator(".gb-theme")
    assert page.locator("main img.only-light").first.is_visible()
    button.click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.locator("main img.only-dark").first.is_visible()
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.locator("main img.only-dark").first.is_visible()
    button.click()
    button.click()
    assert page.evaluate("document.documentElement.dataset.theme") is None


def test_keyboard(open_page, address, site):
    """The first stop skips to the text; every stop can be seen."""
    page = open_page(chapter(address, site))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to main content"
    assert page.locator(".gb-skip").bounding_box()["y"] >= 0
    for _ in range(12):
        page.keyboard.press("Tab")
        outline = page.evaluate(
            "(s => s.outlineStyle + ' ' + s.outlineWidth)"
            "(getComputedStyle(document.activeElement))"
        )
        assert outline == "solid 3px"


def test_chapters_on_a_telephone(open_page, address, site):
    page = open_page(chapter(address, site), size=(360, 740))
    chapters = page.locator("#gb-chapters")
    assert not chapters.is_visible()
    page.get_by_role("button", name="Chapters").click()
    assert chapters.is_visible()
    page.keyboard.press("Escape")
    assert not chapters.is_visible()
    page.get_by_role("button", name="Chapters").click()
    chapters.get_by_role("link").first.click()
    page.wait_for_load_state()
    assert page.trouble == []


def test_answers_open(open_page, address, site):
    solved = [
        str(p.relative_to(site))
        for p in site.rglob("*.html")
        if '<details class="solution' in p.read_text("utf-8")
    ]
    page = open_page(address + solved[0], java_script_enabled=False)
    box = page.locator("details.solution").first
    hidden = box.locator(":scope > :not(summary)").first
    assert not hidden.is_visible()
    box.locator("summary").click()
    assert hidden.is_visible()


def test_readable_without_a_script(open_page, address, site):
    page = open_page(chapter(address, site), java_script_enabled=False)
    assert page.locator("main h1").is_visible()
    assert page.locator("main .katex").first.is_visible()
    assert page.locator("main img").first.is_visible()
    assert page.locator("#gb-chapters").is_visible()


def test_nothing_moves_for_those_who_ask(open_page, address, site):
    page = open_page(chapter(address, site), reduced_motion="reduce")
    assert (
        page.evaluate("getComputedStyle(document.documentElement).scrollBehavior")
        == "auto"
    )


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_search(open_page, address, site, scheme):
    base = address if scheme == "http" else site.as_uri() + "/"
    page = open_page(base + "search.html?q=likelihood", wait="networkidle")
    results = page.locator("#search-results li a")
    results.first.wait_for()
    page.locator(".search-summary", has_text="finished").wait_for()
    assert results.count() >= 2
    assert page.trouble == []
    results.first.click()
    page.wait_for_load_state()
    assert "likelihood" in page.locator("main").inner_text().lower()


def test_search_from_a_page(open_page, address, site):
    page = open_page(chapter(address, site))
    page.keyboard.press("Control+k")
    page.keyboard.type("density")
    page.keyboard.press("Enter")
    page.locator("#search-results li a").first.wait_for()


def test_print(open_page, address, site):
    """On paper: light figures, open answers, no furniture."""
    page = open_page(chapter(address, site), color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert not page.locator(".gb-header").is_visible()
    assert page.locator("main img.only-light").first.is_visible()
    ink = page.evaluate("getComputedStyle(document.body).color")
    assert max(int(v) for v in ink[4:-1].split(",")) < 64
