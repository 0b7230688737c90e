"""The sheet whose words are counted: in Chromium, on a page of its own."""

from __future__ import annotations

import pytest

from genbook.explorables.words import explore_words

from .conftest import page_of

EXAMPLE = "A desk that answers questions — from the manuals."


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    sheet = explore_words(10, ["use case", "pros", "cons"], example=EXAMPLE)
    return page_of(sheet.html(), tmp_path_factory.mktemp("words"), "Words")


@pytest.fixture
def page(folder, serve, open_page):
    page = open_page(serve(folder) + "index.html")
    page.locator(".gb-live").wait_for()
    return page


def readout(page):
    return page.locator(".gb-readout dd").all_inner_texts()


def test_it_counts_while_one_writes(page) -> None:
    assert readout(page) == ["0", "9"]
    page.get_by_label("Your note").press_sequentially("one two – three")
    assert readout(page) == ["3", "6"]
    page.get_by_label("Your note").fill("a " * 12)
    assert readout(page) == ["12", "none: 3 too many"]
    assert page.get_by_label("Your note").get_attribute("aria-invalid") == "true"
    page.get_by_text("12 words, 3 too many.").wait_for(state="attached")
    assert page.trouble == []


def test_keyboard(page) -> None:
    page.get_by_role("button", name="Start from the example").press("Enter")
    assert page.get_by_label("Your note").input_value() == EXAMPLE
    assert readout(page) == ["8", "1"]
    page.keyboard.type("x")  # the focus is on the sheet
    assert page.get_by_label("Your note").input_value() != EXAMPLE
    page.get_by_role("button", name="Clear").press("Space")
    assert readout(page) == ["0", "9"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible(folder, serve, open_page, violations, scheme) -> None:
    page = open_page(serve(folder) + "index.html", color_scheme=scheme)
    page.locator(".gb-live").wait_for()
    assert violations(page, within=".gb-explorable") == []
    page.get_by_label("Your note").fill("a " * 12)
    assert violations(page, within=".gb-explorable") == []


def test_on_a_telephone(folder, serve, open_page) -> None:
    page = open_page(serve(folder) + "index.html", size=(320, 700), is_mobile=True)
    page.locator(".gb-live").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_without_a_script_it_is_a_sentence(folder, serve, open_page) -> None:
    page = open_page(serve(folder) + "index.html", java_script_enabled=False)
    assert "fewer than 10 words in all" in page.locator(".gb-still").inner_text()
    assert page.locator("textarea, button").count() == 0


def test_under_a_strict_policy(folder, serve, open_page) -> None:
    policy = "default-src 'self'; img-src 'self' data:"
    page = open_page(serve(folder, policy) + "index.html")
    page.locator(".gb-live").wait_for()
    page.get_by_label("Your note").fill("two words")
    assert readout(page)[0] == "2"
