"""A book of a few lines and a package of its own, built in process by Sphinx alone."""

from __future__ import annotations

import importlib
import io
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

CHAPTER = """\
---
jupytext: {{text_representation: {{extension: .md, format_name: myst}}}}
kernelspec: {{display_name: Python 3, language: python, name: python3}}
{front}
---

# {title}

Some prose.

```{{code-cell}} python
---
mystnb:
  image: {{alt: "A number."}}
---
{code}
```
"""
PACKAGE = {
    "__init__.py": "",
    "sums.py": "from tiny import numbers\n\n\ndef total():\n"
    "    return sum(numbers.load())\n",
    "numbers.py": "from pathlib import Path\n\n\ndef load():\n"
    "    text = Path(__file__).with_name('numbers.txt').read_text()\n"
    "    return [int(n) for n in text.split()]\n",
    "numbers.txt": "1 2 3\n",
    "words.py": "def word():\n    return 'word'\n",
    "unused.py": "",
}


@dataclass
class Built:
    """What one build said and did."""

    status: str
    warnings: str
    failed: bool
    ran: list[str]
    error: str = ""
    pages: dict[str, str] = field(default_factory=dict)


@dataclass
class TinyBook:
    """Chapters and a package in a folder, and a way to build them."""

    root: Path

    @property
    def source(self) -> Path:
        return self.root / "book"

    @property
    def package(self) -> Path:
        return self.root / "package" / "tiny"

    def chapter(self, name: str, code: str, title: str = "", front: str = "") -> None:
        """Write a chapter of one code cell, and the index that lists all chapters."""
        text = CHAPTER.format(title=title or name, code=code, front=front)
        self.write(f"{name}.md", text)

    def write(self, name: str, text: str) -> None:
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf8")
        pages = sorted(p.stem for p in self.source.glob("*.md") if p.stem != "index")
        index = "# Tiny\n\n```{toctree}\n" + "\n".join(pages) + "\n```\n"
        (self.source / "index.md").write_text(index, "utf8")

    def edit(self, path: Path, old: str, new: str) -> None:
        text = path.read_text("utf8")
        assert old in text
        path.write_text(text.replace(old, new), "utf8")

    def build(self, builder: str = "html", **config: Any) -> Built:
        """Build with warnings as errors, as the Makefile does."""
        status, warning = io.StringIO(), io.StringIO()
        out = self.root / "_build" / builder
        settings = {
            "extensions": [
                "genbook.publishing.content.reports",
                "genbook.publishing.content.chapter_header",
            ],
            "genbook_package": "tiny",
            "html_theme": "basic",
            "nb_execution_mode": "cache",
            "nb_execution_timeout": 60,
            "suppress_warnings": ["config.cache"],
            "epub_show_urls": "no",
            "epub_copyright": "nobody",
            "version": "1",
            **config,
        }
        settings["extensions"] = ["myst_nb", *settings["extensions"]]
        failed, error = False, ""
        with patch_docutils(), docutils_namespace():
            try:
                app = Sphinx(
                    self.source,
                    None,
                    out,
                    self.root / "_build" / ".doctrees",
                    builder,
                    confoverrides=settings,
                    status=status,
                    warning=warning,
                    warningiserror=True,
                    keep_going=True,
                )
                app.build()
                failed = bool(app.statuscode)
            except SystemExit:
                failed = True
            except Exception as exception:
                failed, error = True, f"{type(exception).__name__}: {exception}"
        ran = re.findall(r"  (\S+): ran in", status.getvalue())
        pages = {p.stem: p.read_text("utf8") for p in out.glob("*.html")}
        text = re.sub(r"\x1b\[[0-9;]*m", "", warning.getvalue())
        return Built(status.getvalue(), text, failed, sorted(ran), error, pages)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TinyBook]:
    """A book of two chapters, ``sums`` and ``words``, and the package ``tiny``."""
    book = TinyBook(tmp_path)
    book.package.mkdir(parents=True)
    for name, text in PACKAGE.items():
        (book.package / name).write_text(text, "utf8")
    monkeypatch.syspath_prepend(str(book.package.parent))
    monkeypatch.setenv("PYTHONPATH", str(book.package.parent), prepend=os.pathsep)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    importlib.invalidate_caches()
    book.chapter("sums", "from tiny.sums import total\n\ntotal()")
    book.chapter("words", "from tiny.words import word\n\nword()")
    yield book
    for name in [m for m in sys.modules if m.partition(".")[0] == "tiny"]:
        del sys.modules[name]
