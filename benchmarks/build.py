"""How long the book takes to build, against the time that its cells take.

Builds a copy of the book from nothing, then again after an edit of one sentence::

    python benchmarks/build.py

The ratio is wall time over the sum of cell times divided by the number of cores: 1
would mean that reading, typesetting and starting kernels cost nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARTS = ("_config.yml", "_toc.yml", "book", "examples", "src")


def build(source: Path, cores: int) -> tuple[float, float]:
    """Build the site; return wall and processor seconds, kernels included."""
    jupyter_book = Path(sys.executable).with_name("jupyter-book")
    command = [str(jupyter_book), "build", str(source), "-q"]
    environment = {**os.environ, "GENBOOK_JOBS": str(cores)}
    before, start = _processor(), time.perf_counter()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start, _processor() - before


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cell_seconds(source: Path) -> dict[str, float]:
    """Return the wall time of all cells of each page that was executed."""
    found = source.glob("_build/.jupyter_cache/*/*.json")
    return {
        path.parent.name: sum(json.loads(path.read_text("utf8"))["cell_seconds"])
        for path in found
    }


def edit_a_sentence(source: Path) -> None:
    """Add a sentence to the longest page."""
    page = max(source.glob("book/**/*.md"), key=lambda path: path.stat().st_size)
    page.write_text(page.read_text("utf8") + "\nOne more sentence.\n", "utf8")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cores", type=int, default=2, help="default: 2")
    cores = parser.parse_args().cores
    with tempfile.TemporaryDirectory(prefix="genbook-") as folder:
        source = Path(folder, "copy")
        for part in PARTS:
            path = ROOT / part
            copy = shutil.copytree if path.is_dir() else shutil.copyfile
            source.mkdir(exist_ok=True)
            copy(path, source / part)
        clean, processor = build(source, cores)
        cells = cell_seconds(source)
        edit_a_sentence(source)
        edit, _ = build(source, cores)
    for name, seconds in sorted(cells.items(), key=lambda item: -item[1]):
        print(f"{seconds:8.1f} s  {name.replace('--', '/')}")
    total = sum(cells.values())
    print(f"{total:8.1f} s  all cells; {total / cores:.1f} s over {cores} cores")
    print(f"{clean:8.1f} s  clean build (aim 90), {processor:.0f} s of processor time")
    print(f"{edit:8.1f} s  build after an edited sentence (aim 10)")
    ratio = clean / (total / cores)
    print(f"{ratio:8.2f}    clean build / cells over cores (aim 1.3)")


if __name__ == "__main__":
    main()
