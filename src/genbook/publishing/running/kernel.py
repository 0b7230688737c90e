"""Run one chapter's cells in a kernel of their own, and keep what they showed.

Nothing here knows Sphinx. A chapter that fails leaves nothing behind; one that ran is
kept under its key, one JSON file each, written in one step.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import json
import os
import re
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil
from jupyter_client.provisioning import LocalProvisioner
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode, from_dict

from genbook._files import replacing
from genbook.course import tables
from genbook.course.claims import MIME

OURS = "application/vnd.genbook."  # what our own outputs are marked with
KEPT = 20  # executions kept for each chapter: enough to undo a morning's edits

# One thread: chapters run side by side, and sums come out the same everywhere.
# The date goes into the figures of the chapters, so it is set in the kernel only.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "SOURCE_DATE_EPOCH": "1767225600",  # 1 January 2026
    "TZ": "UTC",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # else a debugger's advice on the terminal
}
_KERNELS: dict[int, psutil.Process] = {}  # those running now
_ADDRESS = re.compile(r"<[^<>]* at 0x[0-9a-f]+>")
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class ChapterFailed(Exception):
    """A cell failed. The message names the chapter, the cell and the reason."""


@dataclass
class Execution:
    """What a chapter's code cells showed, and what that took.

    Attributes:
        outputs: The outputs of each code cell, as nbformat has them.
        counts: The execution count of each code cell; None for a skipped one.
        cell_seconds: Wall time of each code cell.
        cpu_seconds: Processor time of the whole kernel, its start included.
    """

    outputs: list[list[dict[str, Any]]] = field(default_factory=list)
    counts: list[int | None] = field(default_factory=list)
    cell_seconds: list[float] = field(default_factory=list)
    cpu_seconds: float = 0.0

    @property
    def claims(self) -> list[dict[str, Any]]:
        """The claims that the cells checked, in order."""
        shown = [output for outputs in self.outputs for output in outputs]
        bundles = [output.get("data", {}) for output in shown]
        return [dict(bundle[MIME]) for bundle in bundles if MIME in bundle]

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

    Args:
        folder: Where they lie; made when the first one is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, chapter: str, key: str) -> Execution | None:
        """Return what a chapter showed under this key, or None."""
        path = self._path(chapter, key)
        try:
            execution = Execution(**json.loads(path.read_text("utf8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None  # missing, or not ours: run the chapter again
        os.utime(path)  # so that what is in use is kept longest
        return execution

    def save(self, chapter: str, key: str, execution: Execution) -> None:
        """Keep an execution, in one step; forget the oldest beyond ``KEPT``."""
        path = self._path(chapter, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as unfinished:
            unfinished.write_text(json.dumps(asdict(execution)), "utf8")
        for old in self._newest_first(chapter)[KEPT:]:
            old.unlink(missing_ok=True)

    def seconds(self, chapter: str) -> float:
        """Return how long the chapter took last; infinity when it never ran."""
        for path in self._newest_first(chapter):
            execution = self.load(chapter, path.stem)
            if execution is not None:
                return sum(execution.cell_seconds)
        return float("inf")

    def _path(self, chapter: str, key: str) -> Path:
        return self.folder / chapter.replace("/", "--") / f"{key[:32]}.json"

    def _newest_first(self, chapter: str) -> list[Path]:
        found = self._path(chapter, "").parent.glob("*.json")
        return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)


def run(notebook: NotebookNode, *, name: str, folder: Path, timeout: int) -> Execution:
    """Execute the code cells in a fresh kernel, one thread, one after the other.

    Args:
        notebook: The chapter; its ``source_map`` metadata gives the lines.
        name: What to call the chapter in messages.
        folder: Where the cells run.
        timeout: Seconds that one cell may take.

    Returns:
        The outputs and the times.

    Raises:
        ChapterFailed: If a cell raises, writes to standard error, shows an address in
            memory, takes longer than the timeout, or kills its kernel.

    Example:
        >>> from nbformat.v4 import new_code_cell, new_notebook
        >>> notebook = new_notebook(cells=[new_code_cell("1 + 1")])
        >>> execution = run(notebook, name="sum", folder=Path("."), timeout=60)
        >>> execution.outputs[0][0]["data"]
        {'text/plain': '2'}
    """
    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        coalesce_streams=True,  # how prints are cut up is a matter of timing
        shutdown_kernel="immediate",
    )
    execution, complaints = Execution(), []
    with contextlib.ExitStack() as stack:
        own = tempfile.TemporaryDirectory(prefix="genbook-", ignore_cleanup_errors=True)
        private = stack.enter_context(own)
        _talk_through_files(client, Path(private))
        environment = {**os.environ, **ENVIRONMENT, **_settings(private)}
        stack.enter_context(client.setup_kernel(env=environment, cwd=str(folder)))
        kernel = psutil.Process(_process_id(client))
        _KERNELS[kernel.pid] = kernel
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                continue
            started = time.perf_counter()
            failure = _execute(client, cell, index, timeout)
            execution.cell_seconds.append(time.perf_counter() - started)
            execution.outputs.append(cell.outputs)
            execution.counts.append(cell.execution_count)
            reason = failure or _objection(cell)
            if reason:
                where = _where(notebook, index, len(execution.outputs))
                complaints.append(f"{name}, {where}\n{reason}")
            if failure:
                break
        with contextlib.suppress(psutil.NoSuchProcess):
            times = kernel.cpu_times()
            execution.cpu_seconds = times.user + times.system
        del _KERNELS[kernel.pid]
    if complaints:
        raise ChapterFailed("\n\n".join(complaints))
    return execution


def _talk_through_files(client: NotebookClient, folder: Path) -> None:
    """Give the kernel sockets in a folder: ports are open to others, and collide."""
    manager = client.create_kernel_manager()
    if os.name != "nt":
        manager.transport = "ipc"
        manager.ip = str(folder / "kernel")  # short: such names have a limit


def _settings(folder: str) -> dict[str, str]:
    """Keep a reader's own settings of IPython and Matplotlib out of the book."""
    found = importlib.util.find_spec("matplotlib")
    assert found is not None
    assert found.origin is not None
    style = Path(found.origin).with_name("mpl-data") / "matplotlibrc"
    return {"IPYTHONDIR": folder, "MATPLOTLIBRC": str(style)}


def _process_id(client: NotebookClient) -> int:
    provisioner = client.km.provisioner if client.km else None
    assert isinstance(provisioner, LocalProvisioner)
    assert provisioner.pid is not None
    return provisioner.pid


@atexit.register
def _stop_all() -> None:
    """Kill the kernels that still run when the build is interrupted."""
    for kernel in list(_KERNELS.values()):
        with contextlib.suppress(psutil.NoSuchProcess):
            kernel.kill()


def _execute(
    client: NotebookClient, cell: NotebookNode, index: int, timeout: int
) -> str:
    """Execute one cell; return why it did not run to its end, or nothing."""
    try:
        client.execute_cell(cell, index)
    except CellExecutionError as error:
        tracebacks = [o.traceback for o in cell.outputs if o.output_type == "error"]
        lines = [line for traceback in tracebacks for line in traceback]
        return _COLOUR.sub("", "\n".join([f"{error.ename}: {error.evalue}", *lines]))
    except CellTimeoutError:
        return f"The cell was still running after {timeout} s."
    except DeadKernelError:
        return "The kernel died; was there enough memory?"
    return ""


def _objection(cell: NotebookNode) -> str:
    """Return why what a cell shows cannot stand in the book, or nothing."""
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stderr":
            return f"The cell wrote to standard error:\n{output.text}"
        text = output.get("text", "") + output.get("data", {}).get("text/plain", "")
        address = _ADDRESS.search(text)
        if address and "image/svg+xml" not in output.get("data", {}):
            return (
                f"The cell shows {address[0]}, which is another one in every build; "
                "end its last line with a semicolon."
            )
    return ""


def _where(notebook: NotebookNode, index: int, number: int) -> str:
    """Say which cell it is: number, line of the chapter, first line of the code."""
    lines = notebook.metadata.get("source_map")
    line = f" (line {lines[index]})" if lines else ""
    source = notebook.cells[index].source.strip()
    return f"cell {number}{line}: {source.splitlines()[0] if source else ''}"
