"""What the browser of the tests leaves behind for those after them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
