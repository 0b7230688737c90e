"""Make ``src/genbook/data/wind.npz`` from two TMY3 files of the pvlib wheel.

The sources are ``pvlib/data/723170TYA.CSV`` (Greensboro, North Carolina) and
``pvlib/data/703165TY.csv`` (Sand Point, Alaska) in the wheel of pvlib 0.16.1::

    pip download --no-deps pvlib==0.16.1 && unzip pvlib-0.16.1-*.whl
    python tools/make_wind.py pvlib/data

Of each hour we keep the wind's direction (whole degrees), its speed (tenths of a metre
a second), and whether both were measured (TMY3 source flag A) rather than filled in.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from pathlib import Path

import numpy as np

SOURCES = {  # site: (file, sha256)
    "greensboro": (
        "723170TYA.CSV",
        "1e96f84638ce98e6b29002bc45a27aa69bb29b0ed0368d3b52b7b1f81610c6c9",
    ),
    "sand-point": (
        "703165TY.csv",
        "f0333a68a116f5ae92f1285a2ab8784d8e00e52a367445658ac88d72d93d8ca4",
    ),
}
TARGET = Path(__file__).parents[1] / "src" / "genbook" / "data" / "wind.npz"


def extract(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return direction (degrees), speed (tenths of m/s) and measured, each ``(n,)``."""
    with Path(path).open(newline="", encoding="ascii") as file:
        next(file)  # the station; the second line names the columns
        rows = list(csv.DictReader(file))
    direction = np.array([int(row["Wdir (degrees)"]) for row in rows], np.int16)
    tenths = [round(10 * float(row["Wspd (m/s)"])) for row in rows]
    measured = [row["Wdir source"] == row["Wspd source"] == "A" for row in rows]
    return direction, np.array(tenths, np.int16), np.array(measured)


def main() -> None:
    """Read the folder named on the command line, write the archive, print its sum."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="pvlib/data of pvlib 0.16.1")
    parser.add_argument("--out", type=Path, default=TARGET)
    arguments = parser.parse_args()
    arrays = {}
    for site, (file, sha256) in SOURCES.items():
        path = arguments.folder / file
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest != sha256:
            parser.error(f"{path} has sha256 {digest}, not {sha256}")
        direction, tenths, measured = extract(path)
        arrays[f"{site}/direction"] = direction
        arrays[f"{site}/speed"] = tenths
        arrays[f"{site}/measured"] = measured
    np.savez_compressed(arguments.out, **arrays)
    print(f"{arguments.out}: {arguments.out.stat().st_size} B")
    print(f"SHA256 = {hashlib.sha256(arguments.out.read_bytes()).hexdigest()!r}")


if __name__ == "__main__":
    main()
