"""What the browser of the tests leaves behind for those after them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BATCHING = ROOT / "tests/practice/serving/test_batching.py"


def test_a_browser_is_open(browser) -> None:
    """The next test runs this one in a process of its own, before another file."""
    assert browser.is_connected()


def test_an_event_loop_starts_after_the_browsers_file(chromium: str) -> None:
    """A worker that has looked at pages can still call ``asyncio.run``."""
    tests = [
        f"{__file__}::test_a_browser_is_open",
        f"{BATCHING}::test_keys_that_cannot_share_are_computed_one_by_one",
    ]
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", *tests]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert "2 passed" in done.stdout, done.stdout


FOR_EVER = "new Promise(() => {})"  # a frame that is not drawn


def test_a_look_that_does_not_end_is_tried_once_more(patiently) -> None:
    seen = []

    def look(browser):
        seen.append(browser)
        page = browser.new_page()
        return page.evaluate("6 * 7" if seen[1:] else FOR_EVER)

    with pytest.warns(UserWarning, match="looks again, after: .*closed"):
        assert patiently(look, seconds=2) == 42
    first, second = seen
    assert not first.is_connected()
    assert second.is_connected()
    assert patiently(lambda browser: browser) is second


def test_a_look_that_never_ends_fails(patiently) -> None:
    from playwright.sync_api import Error

    with (
        pytest.warns(UserWarning, match="looks again"),
        pytest.raises(Error, match="closed"),
    ):
        patiently(lambda browser: browser.new_page().evaluate(FOR_EVER), seconds=2)
    assert patiently(lambda browser: browser.new_page().evaluate("1 + 1")) == 2


def test_what_is_found_is_not_looked_at_again(patiently) -> None:
    seen = []

    def look(browser):
        seen.append(browser)
        assert browser.new_page().title() == "a title"

    with pytest.raises(AssertionError):
        patiently(look)
    assert len(seen) == 1
