"""Lighthouse on representative pages: accessibility, best practices and SEO at 100."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

from .conftest import FLAGS, ROOT

pytestmark = [pytest.mark.site, pytest.mark.slow, pytest.mark.xdist_group("lighthouse")]

CATEGORIES = ("accessibility", "best-practices", "seo")


def pages(site):
    """Return the first page and the heaviest chapter."""
    chapters = sorted(site.glob("book/*/*.html"), key=lambda p: p.stat().st_size)
    return ["book/index.html", *(str(p.relative_to(site)) for p in chapters[-1:])]


def test_lighthouse(site, address, chromium, needs, tmp_path):
    local = ROOT / "node_modules" / ".bin" / "lighthouse"
    program = str(local) if local.is_file() else shutil.which("lighthouse")
    needs("lighthouse", program, "npm install --no-save lighthouse")
    flags = [f for f in FLAGS if "resolver" not in f]
    for name in pages(site):
        report = tmp_path / "report.json"
        subprocess.run(
            [
                program,
                address + name,
                "--preset=desktop",
                f"--only-categories={','.join(CATEGORIES)}",
                "--chrome-flags=" + " ".join(["--headless=new", *flags]),
                "--output=json",
                f"--output-path={report}",
                "--quiet",
            ],
            check=True,
            capture_output=True,
            timeout=240,
            env={**os.environ, "CHROME_PATH": chromium},
        )
        found = json.loads(report.read_text("utf-8"))
        low = {
            key: value["title"]
            for key, value in found["audits"].items()
            if value["score"] is not None
            and value["score"] < 1
            and value["scoreDisplayMode"] == "binary"
        }
        scores = {c: found["categories"][c]["score"] for c in CATEGORIES}
        assert scores == dict.fromkeys(CATEGORIES, 1), (name, low)
