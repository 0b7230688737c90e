"""What all tests share: where the built book is, and what may not be missing.

A test that needs the built site, a browser or TeX is skipped where there is none. The
names in ``GENBOOK_REQUIRE`` (``site,epub,notebooks,pdf,browser,tex``, …) turn the skip
into a failure; ``make test`` and ``.ci/run`` set it.

No test depends on those before it: the global dice start anew for every file, fixture
and test. ``pytest --shuffle SEED`` runs the tests in another order.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[1]
BUILD = Path(os.environ.get("GENBOOK_BUILD", ROOT / "_build"))
REQUIRED = set(os.environ.get("GENBOOK_REQUIRE", "").replace(",", " ").split())


def start_dice() -> None:
    """Seed every global generator."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)


@pytest.hookimpl(tryfirst=True)
def pytest_make_collect_report() -> None:
    """Start the dice before a file of tests is imported, which may make models."""
    start_dice()


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup() -> None:
    """Start the dice before each fixture: whoever asks for it first decides nothing."""
    start_dice()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call() -> None:
    """Start the dice before each test."""
    start_dice()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the order of the tests be another."""
    parser.addoption("--shuffle", type=int, metavar="SEED", help="the order of tests")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Shuffle the tests; pytest then puts those that share a fixture side by side."""
    seed = config.getoption("--shuffle")
    if seed is not None:
        random.Random(seed).shuffle(items)


def need(what: str, found: Any, how: str) -> Any:
    """Return what was found; without it skip the test, or fail if it is required.

    Args:
        what: Its name in ``GENBOOK_REQUIRE``.
        found: The thing; anything false means that it is missing.
        how: What to do about it, for the message.
    """
    if not found:
        stop = pytest.fail if what in REQUIRED else pytest.skip
        stop(f"{what} is missing: {how}")
    return found


@pytest.fixture(scope="session")
def needs() -> Callable[[str, Any, str], Any]:
    """:func:`need`, for tests that cannot import this file."""
    return need


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built website."""
    folder = BUILD / "html"
    return need("site", (folder / "search.html").exists() and folder, "make html")


@pytest.fixture(scope="session")
def notebooks(site: Path) -> list[Path]:
    """The notebooks that the website offers."""
    found = sorted((site / "notebooks").glob("*.ipynb"))
    return need("notebooks", found, "make notebooks")


@pytest.fixture(scope="session")
def epub() -> Path:
    """The built EPUB."""
    return need("epub", next(BUILD.glob("epub/*.epub"), None), "make epub")


@pytest.fixture(scope="session")
def pdf() -> Path:
    """The built PDF."""
    file = BUILD / "genbook.pdf"
    return need("pdf", file.exists() and file, "make pdf")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium to drive."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    return need("browser", found, "apt-get install chromium")
