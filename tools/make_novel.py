"""Make ``src/genbook/data/novel.npz`` from a package with Jane Austen's novels.

The source is ``janeaustenr/data/Rdata.rdb`` in Debian's package r-cran-janeaustenr
1.0.0-1::

    apt-get download r-cran-janeaustenr && dpkg-deb -x r-cran-janeaustenr_*.deb novels
    python tools/make_novel.py novels/usr/lib/R/site-library/janeaustenr/data/Rdata.rdb

Of *Persuasion* we keep the first chapters. The lines of a paragraph are joined, so that
a paragraph is a line; chapters stand between form feeds, without their headings.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

SHA256 = "8fb5198960d0da724b1562f96e4221e5c1b41ff455000280b02c55980c3d8f21"
CHAPTERS = 21  # of 24: below 400 kB of text
TARGET = Path(__file__).parents[1] / "src" / "genbook" / "data" / "novel.npz"


def novels(content: bytes) -> Iterator[list[str]]:
    """Yield the lines of each novel: R's vectors of strings, packed one by one."""
    while content:
        stream = zlib.decompressobj()
        data = stream.decompress(content[4:])  # after the length of what is packed
        content = stream.unused_data
        version, *_, name = struct.unpack(">4i", data[2:18])
        i = 18 + name if version == 3 else 14  # version 3 names its encoding
        _, n = struct.unpack(">2i", data[i : i + 8])
        i, lines = i + 8, []
        for _ in range(n):
            _, length = struct.unpack(">2i", data[i : i + 8])
            lines.append(data[i + 8 : i + 8 + length].decode("utf8"))
            i += 8 + length
        yield lines


def chapters(lines: list[str]) -> list[str]:
    """Return the chapters of a novel, each paragraph on one line."""
    text = "\n".join(line for line in lines if not line.startswith("(End of volume"))
    parts = re.split(r"^Chapter \d+$", text, flags=re.MULTILINE)[1:]
    paragraphs = [re.split(r"\n\s*\n", part.strip()) for part in parts]
    return ["\n".join(" ".join(p.split()) for p in part) for part in paragraphs]


def main() -> None:
    """Read the file named on the command line, write the archive, print its sum."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="janeaustenr/data/Rdata.rdb")
    parser.add_argument("--out", type=Path, default=TARGET)
    arguments = parser.parse_args()
    content = arguments.file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != SHA256:
        parser.error(f"{arguments.file} has sha256 {digest}, not {SHA256}")
    [novel] = [book for book in novels(content) if book[0] == "Persuasion"]
    text = "\f".join(chapters(novel)[:CHAPTERS])
    np.savez_compressed(arguments.out, text=np.frombuffer(text.encode("ascii"), "u1"))
    print(
        f"{arguments.out}: {arguments.out.stat().st_size} B of {len(text)} characters"
    )
    print(f"SHA256 = {hashlib.sha256(arguments.out.read_bytes()).hexdigest()!r}")


if __name__ == "__main__":
    main()
