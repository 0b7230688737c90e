"""What chapters showed, kept on disk."""

from __future__ import annotations

import ast
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nbformat import NotebookNode, from_dict

from genbook._files import replacing
from genbook.course import tables
from genbook.course.claims import GLUE_PREFIX, MIME

OURS = "application/vnd.genbook."  # what our own outputs are marked with
_GLUED = f"{GLUE_PREFIX}text/plain"
KEPT = 20  # executions kept for each chapter: enough to undo a morning's edits


@dataclass
class Execution:
    """What a chapter's code cells showed, and what that took.

    Attributes:
        outputs: The outputs of each code cell, as nbformat has them.
        counts: The execution count of each code cell; None for a skipped one.
        cell_seconds: Wall time of each code cell.
        cpu_seconds: Processor time of the whole kernel, its start included.
        reads: The digests of the files that it read, beside the package.
        asked: Other machines that it asked for something.
        changed: What somebody changed while it ran; such an execution is not kept.
    """

    outputs: list[list[dict[str, Any]]] = field(default_factory=list)
    counts: list[int | None] = field(default_factory=list)
    cell_seconds: list[float] = field(default_factory=list)
    cpu_seconds: float = 0.0
    reads: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)

    @property
    def claims(self) -> list[dict[str, Any]]:
        """The claims that the cells checked, in order."""
        shown = [output for outputs in self.outputs for output in outputs]
        bundles = [output.get("data", {}) for output in shown]
        return [dict(bundle[MIME]) for bundle in bundles if MIME in bundle]

    @property
    def numbers(self) -> dict[str, str]:
        """The numbers that the cells made for the text, as it shows them."""
        shown = [output for outputs in self.outputs for output in outputs]
        return {
            output["metadata"]["scrapbook"]["name"]: ast.literal_eval(
                output["data"][_GLUED]
            )
            for output in shown
            if _GLUED in output.get("data", {})
        }

    def fill(self, notebook: NotebookNode) -> None:
        """Put the outputs into a notebook that has the same code cells.

        Records of claims and tables stay out: they are data for the reports, and every
        such output holds a form to show beside them. For a table it is the Markdown
        one, which Sphinx numbers.
        """
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        for cell, outputs, count in zip(cells, self.outputs, self.counts, strict=True):
            cell.execution_count = count
            cell.outputs = from_dict(outputs)
            for data in (output.get("data", {}) for output in cell.outputs):
                if tables.MIME in data:
                    del data["text/html"], data["text/latex"]
                for kind in [k for k in data if k.startswith(OURS)]:
                    del data[kind]


class Store:
    """Executions on disk: ``folder/<chapter>/<key>.json``.

    One key may have several, which read different files: ``<key>-<digest>.json``.

    Args:
        folder: Where they lie; made when the first one is kept.
        fresh: Whether files still are what an execution read.
    """

    def __init__(
        self, folder: Path, fresh: Callable[[dict[str, str]], bool] = lambda reads: True
    ) -> None:
        self.folder = folder
        self.fresh = fresh

    def load(self, chapter: str, key: str) -> Execution | None:
        """Return what a chapter showed under this key, or None."""
        for path in self._newest_first(chapter, f"{key[:32]}*"):
            execution = _read(path)
            if execution is not None and self.fresh(execution.reads):
                os.utime(path)  # so that what is in use is kept longest
                return execution
        return None

    def save(self, chapter: str, key: str, execution: Execution) -> None:
        """Keep an execution, in one step; forget the oldest beyond ``KEPT``."""
        path = self._path(chapter, key, execution.reads)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as unfinished:
            unfinished.write_text(json.dumps(asdict(execution)), "utf8")
        for old in self._newest_first(chapter)[KEPT:]:
            old.unlink(missing_ok=True)

    def forget(self, chapter: str, key: str, execution: Execution) -> None:
        """Keep an execution no longer: what it showed cannot stand in the book."""
        self._path(chapter, key, execution.reads).unlink(missing_ok=True)

    def seconds(self, chapter: str) -> float:
        """Return how long the chapter took last; infinity when it never ran."""
        for path in self._newest_first(chapter):
            execution = _read(path)
            if execution is not None:
                return sum(execution.cell_seconds)
        return float("inf")

    def _path(self, chapter: str, key: str, reads: dict[str, str]) -> Path:
        text = json.dumps(sorted(reads.items()))
        which = f"-{hashlib.sha256(text.encode()).hexdigest()[:16]}" if reads else ""
        return self._folder(chapter) / f"{key[:32]}{which}.json"

    def _folder(self, chapter: str) -> Path:
        return self.folder / chapter.replace("/", "--")

    def _newest_first(self, chapter: str, stem: str = "*") -> list[Path]:
        found = self._folder(chapter).glob(f"{stem}.json")
        return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)


def _read(path: Path) -> Execution | None:
    """Read an execution; None if it is missing, or not ours."""
    try:
        return Execution(**json.loads(path.read_text("utf8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None
