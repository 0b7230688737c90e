"""The built site in a real browser: one Chromium for each worker."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import genbook.explorables
from genbook.publishing.website import pages

ROOT = Path(__file__).resolve().parents[3]
SITE = Path(os.environ.get("GENBOOK_BUILD", ROOT / "_build")) / "html"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # No name but this machine's own leads anywhere.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


def page_names() -> list[str]:
    """Return the site's pages, relative to it; not the root, which only leads on."""
    pages = (str(p.relative_to(SITE)) for p in SITE.rglob("*.html"))
    return sorted(set(pages) - {"index.html"})


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask each question of each page."""
    if "page_name" in metafunc.fixturenames:
        metafunc.parametrize("page_name", page_names() or ["(not built)"])


def page_of(explorable: str, folder: Path, title: str) -> Path:
    """Write a page that holds an explorable alone, and what it needs beside it."""
    static = Path(genbook.explorables.__file__).parent / "static"
    theme = pages.THEME / "static"
    for file in (*static.iterdir(), theme / "genbook.css"):
        shutil.copy(file, folder)
    shutil.copytree(theme / "fonts", folder / "fonts")
    (folder / "index.html").write_text(
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{title}</title>"
        '<meta name="viewport" content="width=device-width">'
        '<link rel="icon" href="data:,"><link rel="stylesheet" href="genbook.css">'
        '<link rel="stylesheet" href="explorables.css">'
        '<script defer src="explorables.js"></script></head><body><main>'
        f'<h1>{title}</h1>{explorable}<p style="height: 80rem">A long page.</p>'
        "</main></body></html>",
        encoding="utf-8",
    )
    return folder


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *args: Any, policy: str = "", **options: Any) -> None:
        self.policy = policy
        super().__init__(*args, **options)

    def end_headers(self) -> None:
        if self.policy:
            self.send_header("Content-Security-Policy", self.policy)
        super().end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[..., str]]:
    """Serve a folder on this machine and return its address, with a slash."""
    servers = []

    def start(folder: Path, policy: str = "") -> str:
        handler = functools.partial(_Quiet, directory=str(folder), policy=policy)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def address(serve: Callable[..., str], site: Path) -> str:
    """The address of the served site, with a slash."""
    return serve(site)


@pytest.fixture(scope="module")
def browser(chromium: str):
    """A running Chromium.

    It ends with the file that asked for it: as long as it runs, this thread has an
    event loop, and nothing else here can start one.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chrome = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield chrome
        chrome.close()


@pytest.fixture
def open_page(browser):
    """Open pages that remember what went wrong: errors, and requests elsewhere."""
    contexts = []

    def open_(url: str, *, wait: str = "load", **options):
        width, height = options.pop("size", (1280, 900))
        options = {"viewport": {"width": width, "height": height}, **options}
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        own = url.split("/", 3)[2] if url.startswith("http") else ""
        page.trouble = []

        def heard(message):
            if message.type in ("error", "warning"):
                page.trouble.append(f"console {message.type}: {message.text}")

        def asked(request):
            scheme, _, rest = request.url.partition("://")
            if scheme in ("http", "https") and rest.split("/")[0] != own:
                page.trouble.append(f"asks another host: {request.url}")

        page.on("console", heard)
        page.on("pageerror", lambda error: page.trouble.append(f"uncaught: {error}"))
        page.on("request", asked)

        def failed(request):
            if request.failure != "net::ERR_ABORTED":  # a page that leads on at once
                page.trouble.append(f"not found: {request.url}")

        page.on("requestfailed", failed)
        page.goto(url, wait_until=wait)
        return page

    yield open_
    for context in contexts:
        context.close()


def read_through(page) -> None:
    """Scroll to the end of a page as a reader does, and wait for what that asks for."""
    page.evaluate(
        """async () => {
          document.querySelectorAll("details").forEach((d) => { d.open = true; });
          for (let y = 0; y < document.documentElement.scrollHeight; y += 600) {
            scrollTo({ top: y, behavior: "instant" });
            await new Promise((done) => setTimeout(done, 20));
            await new Promise(requestAnimationFrame); // a slow machine draws it too
          }
        }"""
    )
    page.wait_for_load_state("networkidle")


@pytest.fixture(scope="session")
def axe_source() -> str:
    """The script of axe-core, as the package axe-playwright-python brings it."""
    package = pytest.importorskip("axe_playwright_python")
    return (Path(package.__file__).parent / "axe.min.js").read_text("utf-8")


@pytest.fixture
def violations(axe_source: str) -> Callable[..., list[str]]:
    """Return what axe finds on a page, a line each; of one rule, or of all of WCAG."""
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

    def run(page, rule: str | None = None, within: str = "html") -> list[str]:
        if not page.evaluate("typeof axe === 'object'"):
            page.evaluate(axe_source)
        only = {"type": "rule", "values": [rule]} if rule else tags
        found = page.evaluate(
            "async ([within, only]) => (await axe.run(within,"
            " {runOnly: only, resultTypes: ['violations']})).violations"
            ".flatMap(v => v.nodes.map(n => [v.id, n.target.join(' '),"
            " n.html.slice(0, 120), n.failureSummary]))",
            [within, only],
        )
        return [" | ".join(str(part) for part in line) for line in found]

    return run
