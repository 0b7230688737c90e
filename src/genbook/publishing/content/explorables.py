"""The runtime of the explorables, on the pages that have one and nowhere else.

A cell shows an explorable whole, its data and its pixels within. On the website both
go into files of their own: a page is read long before anybody moves a point, and a host
may forbid what stands within a page.
"""

from __future__ import annotations

import base64
import re
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

STATIC = Path(__file__).parents[2] / "explorables" / "static"
FOLDER = "explorables"  # within the site's static files

_WHOLE = re.compile(r'<div class="gb-explorable".*?</div>', re.DOTALL)
_DATA = re.compile(
    r'>\s*<script type="application/json">(.*?)</script>', re.DOTALL
)  # and the end of the tag before it
_PIXELS = re.compile(r'href="data:image/png;base64,([^"]+)"')


def take_out(body: str, name: str, path: str) -> tuple[str, dict[str, bytes]]:
    """Return a page whose explorables have their data and pixels in files.

    Args:
        body: the page's HTML.
        name: what the names of the files begin with.
        path: where the files lie, as the page says it.

    Returns:
        The HTML, and what each file holds. The data are a script, because a page on a
        disk may load scripts from its neighbours and nothing else.

    Example:
        >>> page = ('<div class="gb-explorable">'
        ...         '<script type="application/json">{"n": 1}</script></div>')
        >>> html, files = take_out(page, "p", "_static")
        >>> print(html)
        <div class="gb-explorable" data-from="_static/p-1.js?v=b4f544cc"></div>
        >>> files
        {'p-1.js': b'document.currentScript.holds = {"n": 1};\\n'}
    """
    files: dict[str, bytes] = {}

    def keep(content: bytes, kind: str) -> str:
        file = f"{name}-{len(files) + 1}.{kind}"
        files[file] = content
        return f"{path}/{file}?v={sha256(content).hexdigest()[:8]}"

    def data(match: re.Match[str]) -> str:
        script = f"document.currentScript.holds = {match[1].strip()};\n"
        return f' data-from="{keep(script.encode(), "js")}">'

    def pixels(match: re.Match[str]) -> str:
        return f'href="{keep(base64.b64decode(match[1]), "png")}"'

    def whole(match: re.Match[str]) -> str:
        return _PIXELS.sub(pixels, _DATA.sub(data, match[0]))

    return _WHOLE.sub(whole, body), files


def copy_runtime(app: Sphinx) -> None:
    """Put the script and its style sheet where the pages ask for them."""
    if app.builder.name == "html":
        folder = Path(app.outdir, "_static", FOLDER)
        folder.mkdir(parents=True, exist_ok=True)
        for file in sorted(STATIC.iterdir()):
            shutil.copyfile(file, folder / file.name)


def add_runtime(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Ask for them on a page that has an explorable, and take its data out."""
    body = context.get("body") or ""
    if app.builder.name != "html" or 'class="gb-explorable"' not in body:
        return
    app.add_js_file(f"{FOLDER}/explorables.js", loading_method="defer")
    app.add_css_file(f"{FOLDER}/explorables.css")
    path = "../" * pagename.count("/") + f"_static/{FOLDER}"
    context["body"], files = take_out(body, pagename.replace("/", "-"), path)
    for name, content in files.items():
        Path(app.outdir, "_static", FOLDER, name).write_bytes(content)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the runtime."""
    app.connect("builder-inited", copy_runtime)
    app.connect("html-page-context", add_runtime)
    return {"version": "0.1", "parallel_read_safe": True, "parallel_write_safe": True}
