"""The policy that the site states, and what of a page it would refuse."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from genbook.publishing.website.policy import POLICY

pytestmark = pytest.mark.site

# What the finding asked for, word for word; the site's own policy says more.
ASKED = "default-src 'self'; style-src 'self' 'unsafe-inline'"


class _Inline(HTMLParser):
    """What a page holds that a script in the page would need."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if tag == "script" and "src" not in a:
            self.found.append(f"script {a}")
        self.found += [f"{tag} {name}" for name in a if name.startswith("on")]
        for name in ("href", "src", "xlink:href"):
            if (a.get(name) or "").startswith(("data:", "javascript:")):
                self.found.append(f"{tag} {name}={a[name][:30]}")


def test_the_policy_is_that_strict(site):
    assert POLICY.startswith(ASKED)
    assert "unsafe-eval" not in POLICY
    assert POLICY.count("unsafe-inline") == 1
    text = (site / "_headers").read_text("utf-8")
    assert f"\n/*\n  Content-Security-Policy: {POLICY}\n" in text


def test_no_script_and_no_data_within_a_page(site, page_name):
    page = _Inline()
    page.feed((site / page_name).read_text("utf-8"))
    assert page.found == []


def test_nor_in_the_root(site):
    page = _Inline()
    page.feed((site / "index.html").read_text("utf-8"))
    assert page.found == []


def test_the_chosen_colours_outlive_a_reload(open_page, strict):
    page = open_page(strict + "book/index.html", color_scheme="light")
    page.locator(".gb-theme").click()
    page.reload(wait_until="commit")
    page.wait_for_selector("body", state="attached")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.trouble == []


def test_the_search_works(open_page, strict):
    page = open_page(strict + "search.html?q=likelihood", wait="networkidle")
    page.locator("#search-results li a").first.wait_for()
    assert page.trouble == []


def test_a_violation_would_be_heard(open_page, serve, tmp_path):
    (tmp_path / "index.html").write_text("<p>a<script>window.ran = 1</script>", "utf-8")
    page = open_page(serve(tmp_path, policy=POLICY) + "index.html")
    assert re.search("Content Security Policy", " ".join(page.trouble))
    assert page.evaluate("window.ran") is None
