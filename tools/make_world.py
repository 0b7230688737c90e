"""Make ``src/genbook/data/world.npz`` from Natural Earth's land at 1:110m.

The source is ``land-110m.json`` of the npm package ``world-atlas`` 2.0.2 (TopoJSON
made from Natural Earth 4.1.0, public domain)::

    npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
    python tools/make_world.py package/land-110m.json

Three steps: decode the delta-encoded arcs into closed rings of longitude and latitude;
cut the rings that cross the antimeridian, and close Antarctica over the pole; project
to the equal-area square (longitude / 180, sin latitude).
"""

from __future__ import annotations

import argparse
import hashlib
import json
from itertools import pairwise
from pathlib import Path

import numpy as np

SOURCE_SHA256 = "ead5f68119c49a9250902e7da303bcb209341bbb8fefe7369a439b48b704658a"
TARGET = Path(__file__).parents[1] / "src" / "genbook" / "data" / "world.npz"


def decode(path: Path) -> list[np.ndarray]:
    """Return the closed rings of a TopoJSON file, each ``(n, 2)`` in degrees.

    An arc is a list of steps on an integer grid, so positions are cumulative sums.
    A ring is a list of arcs that share end points; ``~i`` means arc ``i`` backwards.
    """
    topology = json.loads(Path(path).read_text(encoding="utf-8"))
    scale = topology["transform"]["scale"]
    origin = topology["transform"]["translate"]
    arcs = [np.cumsum(arc, axis=0) for arc in topology["arcs"]]

    def ring(indices: list[int]) -> np.ndarray:
        parts = [arcs[i] if i >= 0 else arcs[~i][::-1] for i in indices]
        joined = [parts[0], *(part[1:] for part in parts[1:])]
        return np.concatenate(joined) * scale + origin

    rings = []
    for geometry in topology["objects"]["land"]["geometries"]:
        arcs_of = geometry["arcs"]
        polygons = [arcs_of] if geometry["type"] == "Polygon" else arcs_of
        rings += [ring(indices) for polygon in polygons for indices in polygon]
    return rings


def cut(ring: np.ndarray) -> list[np.ndarray]:
    """Return a ring of the sphere as closed rings of the plane, without seams.

    Where the source crosses the antimeridian it has a vertex on it. Between two such
    vertices a piece lies on one side, and closes along the meridian. Antarctica goes
    once around: its piece ends on the other side, and closes over the pole.
    """
    longitude = np.unwrap(ring[:, 0], period=360)
    seams = np.flatnonzero(np.isclose(np.mod(longitude, 360), 180, rtol=0, atol=1e-9))
    if len(seams) == 0:
        return [ring]
    if seams[0] != 0 or seams[-1] != len(ring) - 1:
        raise ValueError("a ring that touches the antimeridian must start on it")
    pieces = []
    for start, stop in pairwise(seams):
        piece = np.stack([longitude[start : stop + 1], ring[start : stop + 1, 1]], 1)
        if stop - start == 1:
            continue  # an edge along the seam bounds nothing
        middle = (piece[:, 0].min() + piece[:, 0].max()) / 2
        piece[:, 0] -= 360 * np.round(middle / 360)
        if abs(piece[-1, 0] - piece[0, 0]) > 180:
            corners = [[piece[-1, 0], -90], [piece[0, 0], -90]]
            piece = np.concatenate([piece, corners])
        pieces.append(np.concatenate([piece, piece[:1]]))
    return pieces


def project(ring: np.ndarray) -> np.ndarray:
    """Return degrees as map coordinates, float32: exact in float64 as well."""
    square = np.stack([ring[:, 0] / 180, np.sin(np.radians(ring[:, 1]))], axis=1)
    return square.astype(np.float32)


def make(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of ``world.npz``: all vertices, and where each ring starts."""
    rings = [project(piece) for ring in decode(path) for piece in cut(ring)]
    starts = np.cumsum([0, *map(len, rings)], dtype=np.int32)
    return {"vertices": np.concatenate(rings), "starts": starts}


def main() -> None:
    """Read the source named on the command line, write the archive, print its sum."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="land-110m.json of world-atlas 2.0.2")
    parser.add_argument("--out", type=Path, default=TARGET)
    arguments = parser.parse_args()
    digest = hashlib.sha256(arguments.source.read_bytes()).hexdigest()
    if digest != SOURCE_SHA256:
        parser.error(f"{arguments.source} has sha256 {digest}, not {SOURCE_SHA256}")
    arrays = make(arguments.source)
    np.savez_compressed(arguments.out, **arrays)
    size, rings = arguments.out.stat().st_size, len(arrays["starts"]) - 1
    print(f"{arguments.out}: {rings} rings, {size} bytes")
    print(f"SHA256 = {hashlib.sha256(arguments.out.read_bytes()).hexdigest()!r}")


if __name__ == "__main__":
    main()
