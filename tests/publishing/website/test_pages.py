"""What a reader does on the pages, in Chromium: colours, keyboard, search, paper."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.site


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
