"""A small book with one of everything, built as the real one is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
EXTENSIONS = (
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_exercise",
    "sphinx_proof",
    "genbook.publishing.running.execution",
    "genbook.publishing.website.katex",
    "genbook.publishing.content.citations",
    "genbook.publishing.print.latex",
    "genbook.publishing.print.epub",
    "genbook.publishing.notebooks.notebooks",
)


class SmallBook:
    """The sources in a folder of their own, and what was built from them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(HERE / "book", root, dirs_exist_ok=True)
        shutil.copy(ROOT / "book" / "latex" / "genbook.sty", root)
        config = yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))
        config["title"] = "A Small Book"
        config["exclude_patterns"] = []
        config["bibtex_bibfiles"] = ["references.bib"]
        config["sphinx"]["extra_extensions"] = list(EXTENSIONS)
        settings = config["sphinx"]["config"]
        for key in ("html_theme", "html_static_path", "html_favicon"):
            settings.pop(key, None)
        settings["latex_additional_files"] = ["genbook.sty"]
        settings["genbook_subtitle"] = "With one of everything"
        (root / "_config.yml").write_text(yaml.safe_dump(config), "utf8")
        self._built: set[str] = set()

    def build(self, builder: str) -> Path:
        """Build once, with warnings as errors, and return the folder."""
        stock = builder in ("latex", "html")
        kind = [builder] if stock else ["custom", "--custom-builder", builder]
        if builder not in self._built:
            command = "from jupyter_book.cli.main import main; main()"
            options = ["build", str(self.root), "-W", "-n", "--keep-going"]
            run = subprocess.run(
                [sys.executable, "-c", command, *options, "--builder", *kind],
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                capture_output=True,
                text=True,
                check=False,
            )
            assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
            self._built.add(builder)
        return self.root / "_build" / builder


@pytest.fixture(scope="session")
def small_book(tmp_path_factory: pytest.TempPathFactory) -> SmallBook:
    """The small book, built on demand."""
    return SmallBook(tmp_path_factory.mktemp("small") / "book")


@pytest.fixture(scope="session")
def tex(needs: Callable) -> str:
    """The path of XeLaTeX."""
    found = shutil.which("latexmk") and shutil.which("xelatex")
    return needs("tex", found, "see the message of `make pdf`")
