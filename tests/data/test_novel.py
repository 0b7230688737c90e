"""The novel: whole chapters, each in one part, and how the script reads R's file."""

from __future__ import annotations

import importlib.util
import struct
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from genbook.data.novel import PARTS, load_novel

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = ROOT / "tools" / "make_novel.py"
    spec = importlib.util.spec_from_file_location("make_novel", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_parts_are_whole_chapters_and_share_none() -> None:
    parts = [load_novel(split) for split in PARTS]
    assert [len(part) for part in parts] == [17, 2, 2]
    chapters = [chapter for part in parts for chapter in part]
    assert len(set(chapters)) == 21
    assert chapters[0].startswith("Sir Walter Elliot, of Kellynch Hall, in Somersetsh")
    assert all(chapter.endswith((".", '"', "!")) for chapter in chapters)
    paragraphs = [line for chapter in chapters for line in chapter.split("\n")]
    assert len(set(paragraphs)) > 0.98 * len(paragraphs)
    assert not any("Chapter" in line or "  " in line for line in paragraphs)


def test_it_is_small() -> None:
    assert sum(len(c) for split in PARTS for c in load_novel(split)) < 400_000
    assert (ROOT / "src/genbook/data/novel.npz").stat().st_size < 200_000


@pytest.mark.parametrize("split", ["all", 1, None])
def test_an_unknown_part_is_refused(split: Any) -> None:
    with pytest.raises(ValueError, match="split must be train, validation or test"):
        load_novel(split)


def packed(lines: list[str]) -> bytes:
    """Return a vector of strings as R packs it in version 3 of its format."""
    head = b"X\n" + struct.pack(">4i", 3, 0x040201, 0x030500, 5) + b"UTF-8"
    body = struct.pack(">2i", 16, len(lines))
    for line in lines:
        body += struct.pack(">2i", 0x00040009, len(line)) + line.encode()
    data = head + body
    return struct.pack(">i", len(data)) + zlib.compress(data)


def test_the_script_reads_vectors_of_strings(script: ModuleType) -> None:
    books = [["Emma", "", "by"], ["Persuasion", ""]]
    assert list(script.novels(b"".join(map(packed, books)))) == books


def test_the_script_joins_lines_and_drops_headings(script: ModuleType) -> None:
    lines = ["Persuasion", "", "Chapter 1", "", "Sir  Walter", "Elliot,", "", "was."]
    lines += ["", "(End of volume one.)", "", "Chapter 2", "", "Mr Shepherd."]
    assert script.chapters(lines) == ["Sir Walter Elliot,\nwas.", "Mr Shepherd."]
