"""Run one chapter's cells in a kernel of their own.

Nothing here knows Sphinx. A chapter that fails leaves nothing behind.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import psutil
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.provisioning import LocalProvisioner
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from genbook.publishing.running import watch
from genbook.publishing.running.environment import environment, own_folder
from genbook.publishing.running.reads import Reader
from genbook.publishing.running.store import Execution

_KERNELS: dict[int, psutil.Process] = {}  # those running now
_ADDRESS = re.compile(r"<[^<>]* at 0x[0-9a-f]+>")
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class ChapterFailed(Exception):
    """A cell failed. The message names the chapter, the cell and the reason."""


def run(
    notebook: NotebookNode,
    *,
    name: str,
    folder: Path,
    timeout: int,
    reader: Reader | None = None,
    before: Mapping[str, str] = MappingProxyType({}),
    variables: Iterable[str] = (),
) -> Execution:
    """Execute the code cells in a fresh kernel, one thread, one after the other.

    Args:
        notebook: The chapter; its ``source_map`` metadata gives the lines.
        name: What to call the chapter in messages.
        folder: Where the cells run.
        timeout: Seconds that one cell may take.
        reader: Who tells from the kernel's notes what the cells read.
        before: The digests of what they read in an earlier run.
        variables: Environment variables that the cells may read.

    Returns:
        The outputs, the times, and what was read.

    Raises:
        ChapterFailed: If a cell raises, writes to standard error, shows an address in
            memory, takes longer than the timeout, or kills its kernel.
        NoFolder: If there is no folder whose name is short enough for sockets.

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
        private = stack.enter_context(own_folder())
        notes, since = private / "notes", time.time()
        _talk_through_files(client, private, notes)
        around = environment(private, variables)
        stack.enter_context(client.setup_kernel(env=around, cwd=str(folder)))
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
        if reader is not None and not complaints:
            cells = [c.source for c in notebook.cells if c.cell_type == "code"]
            reads = reader.after(notes, folder, cells, since, before)
            execution.reads, execution.asked = reads.digests, reads.asked
            execution.changed = reads.changed
    if complaints:
        raise ChapterFailed("\n\n".join(complaints))
    return execution


class _OwnKernel(KernelSpecManager):
    """Names one kernel: the Python that builds the book, whatever is installed."""

    def __init__(self, notes: Path) -> None:
        super().__init__()
        self.notes = notes

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return how to start it."""
        script = [str(watch.__file__), str(self.notes)]
        argv = [sys.executable, *script, "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")


def _talk_through_files(client: NotebookClient, folder: Path, notes: Path) -> None:
    """Give the kernel sockets in a folder: ports are open to others, and collide."""
    manager = client.create_kernel_manager()
    manager.kernel_spec_manager = _OwnKernel(notes)
    manager.connection_file = str(folder / "connection.json")
    if os.name != "nt":
        manager.transport = "ipc"
        manager.ip = str(folder / "kernel")  # short: such names have a limit


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
