"""The built site in a real browser: one Chromium for each worker."""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import shutil
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psutil
import pytest

import genbook.explorables
from genbook.publishing.website import pages
from genbook.publishing.website.policy import POLICY

ROOT = Path(__file__).resolve().parents[3]
SITE = Path(os.environ.get("GENBOOK_BUILD", ROOT / "_build")) / "html"
PATIENCE = 120.0  # seconds for a look at a page, which takes some ten
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


@functools.cache  # pytest keeps what it made for a name only as long as it is the same
def page_names() -> list[str]:
    """Return the site's pages, relative to it; not the root, which only leads on."""
    pages = (str(p.relative_to(SITE)) for p in SITE.rglob("*.html"))
    return sorted(set(pages) - {"index.html"})


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask each question of each page: of one after the other, a page in one process.

    So the questions of a file about a page can share what a visit there has heard.
    """
    if "page_name" in metafunc.fixturenames:
        file = Path(metafunc.module.__file__).stem
        group = pytest.mark.xdist_group
        names = page_names() or ["(not built)"]
        each = [pytest.param(n, marks=group(f"{file}: {n}")) for n in names]
        metafunc.parametrize("page_name", each, scope="module")


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


@pytest.fixture(scope="session")
def strict(serve: Callable[..., str], site: Path) -> str:
    """The address of the site under its policy."""
    return serve(site, policy=POLICY)


@pytest.fixture(scope="module")
def launch(chromium: str):
    """Start a Chromium.

    It ends with the file that asked for it: as long as it runs, this thread has an
    event loop, and nothing else here can start one.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        start = playwright.chromium.launch
        yield functools.partial(start, executable_path=chromium, args=FLAGS)


@pytest.fixture(scope="module")
def browser(launch):
    """A running Chromium."""
    chrome = launch()
    yield chrome
    chrome.close()


@pytest.fixture(scope="module")
def patiently(launch):
    """Call a function with a browser; with a new one, if the first stops answering.

    Now and then a headless Chromium on a busy machine draws nothing any more, and
    whatever waits for it waits for ever. So it is ended after a while, which ends the
    waiting too. What a page does each time it does the second time as well.
    """
    from playwright.sync_api import Error

    running: list[Any] = []  # the browser, and after it its processes

    def start() -> None:
        before = psutil.Process().children(recursive=True)
        chrome = launch()
        after = psutil.Process().children(recursive=True)
        running.extend([chrome, *(one for one in after if one not in before)])

    def end() -> None:
        for one in running[1:]:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()

    def call(look: Callable[[Any], Any], seconds: float = PATIENCE) -> Any:
        for last in (False, True):
            if not running:
                start()
            try:
                with _until(seconds, end):
                    return look(running[0])
            except Error as error:
                end()
                running.clear()
                if last:
                    raise
                warnings.warn(f"looks again, after: {error}", stacklevel=2)

    yield call
    if running:
        running[0].close()


@contextlib.contextmanager
def _until(seconds: float, do: Callable[[], None]) -> Iterator[None]:
    """Do something if what is inside is not done by then."""
    watch = threading.Timer(seconds, do)
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def open_in(browser, url: str, *, wait: str = "load", script: str = "", **options):
    """Open a page as a first visit, and remember what it hears.

    Its ``trouble`` are errors, and requests elsewhere; its ``files`` the paths of what
    its own host gave it. The script runs before any of the page's own.
    """
    width, height = options.pop("size", (1280, 900))
    options = {"viewport": {"width": width, "height": height}, **options}
    context = browser.new_context(**options)
    context.add_init_script(script)
    page = context.new_page()
    own = url.split("/", 3)[2] if url.startswith("http") else ""
    page.trouble, page.files = [], set()

    def heard(message):
        if message.type in ("error", "warning"):
            page.trouble.append(f"console {message.type}: {message.text}")

    def asked(request):
        scheme, _, rest = request.url.partition("://")
        if scheme in ("http", "https") and rest.split("/")[0] != own:
            page.trouble.append(f"asks another host: {request.url}")

    def failed(request):
        if request.failure != "net::ERR_ABORTED":  # a page that leads on at once
            page.trouble.append(f"not found: {request.url}")

    def answered(response):
        parts = urlsplit(response.url)
        if response.ok and parts.netloc == own:
            page.files.add(unquote(parts.path).lstrip("/"))

    page.on("console", heard)
    page.on("pageerror", lambda error: page.trouble.append(f"uncaught: {error}"))
    page.on("request", asked)
    page.on("requestfailed", failed)
    page.on("response", answered)
    page.goto(url, wait_until=wait)
    return page


@pytest.fixture
def open_page(browser):
    """Open pages for one test: see :func:`open_in`."""
    contexts = len(browser.contexts)
    yield functools.partial(open_in, browser)
    for context in browser.contexts[contexts:]:
        context.close()


def read_through(page) -> None:
    """Scroll to the end of a page as a reader does, and wait for what that asks for.

    Figures and explorables are asked for when they are near, long before they are seen.
    """
    page.evaluate(
        """async () => {
          document.querySelectorAll("details").forEach((d) => { d.open = true; });
          for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight) {
            scrollTo({ top: y, behavior: "instant" });
            await Promise.race([ // a slow machine draws it too, if it draws at all
              new Promise(requestAnimationFrame),
              new Promise((done) => setTimeout(done, 1000)),
            ]);
          }
        }"""
    )
    page.wait_for_function(
        """() => document.fonts.status === "loaded"
          && !document.querySelector(".gb-explorable:not(.gb-live)")
          && [...document.images].filter((i) => i.getClientRects().length)
            .every((i) => i.complete)""",
        polling=50,  # milliseconds, and not when it draws
    )


@pytest.fixture(scope="session")
def axe_source() -> str:
    """The script of axe-core, as the package axe-playwright-python brings it."""
    package = pytest.importorskip("axe_playwright_python")
    return (Path(package.__file__).parent / "axe.min.js").read_text("utf-8")


@pytest.fixture(scope="session")
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
