"""What a page of the site may load: its neighbours, and nothing else.

A host that sends this header keeps every page to the site's own files, whatever a page
should ever come to hold. Netlify and Cloudflare Pages read it from the file
``_headers`` of the site; to other hosts a publisher says it (CONTRIBUTING.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

# Styles within a page are allowed because KaTeX writes the heights of its boxes there.
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'"
)


def write_headers(app: Sphinx, exception: Exception | None) -> None:
    """Write the file ``_headers`` beside the first page."""
    if exception or app.builder.name != "html":
        return
    text = (
        "# Hosts that know this file send it: what the pages may load.\n"
        f"/*\n  Content-Security-Policy: {POLICY}\n"
    )
    Path(app.outdir, "_headers").write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the policy."""
    app.connect("build-finished", write_headers)
    return {"version": "0.1", "parallel_read_safe": True, "parallel_write_safe": True}
