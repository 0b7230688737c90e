"""A folder of texts of one's own, for a language model to learn from and to be asked.

Texts are never downloaded: the reader names a folder. What is held out is held out in
long pieces, and no paragraph stands on both sides.
"""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from genbook._files import check_path
from genbook._validate import check_count, check_each, check_seed, check_share
from genbook.data._books import _read_book

__all__ = ["SplitText", "load_texts", "split_texts"]

SUFFIXES = (".txt", ".md")
LEAST, MOST = 20_000, 20_000_000  # characters of all texts, bytes of all files
PIECES = 40  # of about equal length, of which some are held out
LONGEST = 2000  # characters; a longer paragraph is cut


class SplitText(NamedTuple):
    """A text to learn from, and another that is held out.

    Attributes:
        kept: What is learned from.
        unseen: What is held out; a character that ``kept`` lacks is written as a space,
            because no token stands for it.
        foreign: The share of such characters.
    """

    kept: str
    unseen: str
    foreign: float


def load_texts(folder: str | os.PathLike[str], *, most: int = MOST) -> tuple[str, ...]:
    """Return the texts of a folder and those below it, in pieces to be split.

    Files end in ``.txt`` or ``.md``; hidden ones are left out, and so is the licence
    around a text of Project Gutenberg. The lines of a paragraph are joined, and a
    paragraph that came before, in whichever file, is dropped. There are some forty
    pieces of about equal length: several short files, or a stretch of a long one. A
    file that would fill less than two pieces is never divided.

    Args:
        folder: Where the texts are, in UTF-8.
        most: The bytes that all files may have together, at most 1,000,000,000.

    Returns:
        The pieces, for :func:`split_texts`; paragraphs are lines.

    Raises:
        FileNotFoundError: If there is no such folder.
        NotADirectoryError: If it is a file.
        TypeError: If ``folder`` is no path.
        ValueError: If it holds no texts, too few or too many, or a file that is not
            text in UTF-8.

    Example:
        >>> load_texts("no-such-folder")
        Traceback (most recent call last):
        ...
        FileNotFoundError: folder must be one of texts, got no-such-folder
    """
    folder = check_path(folder, "folder")
    most = check_count(most, "most", 1, 1_000_000_000)
    if folder.is_file():
        raise NotADirectoryError(f"folder must be one of texts, {folder} is a file")
    if not folder.is_dir():
        raise FileNotFoundError(f"folder must be one of texts, got {folder}")
    seen: set[str] = set()
    texts = []
    for path in _files(folder, most):
        new = [p for p in _paragraphs(_read_book(path)) if p not in seen]
        new = list(dict.fromkeys(new))
        seen.update(new)
        texts.append(new)
    total = sum(map(len, seen))
    if total < LEAST:
        raise ValueError(
            f"{folder} must hold at least {LEAST:,} characters of text, part to learn "
            f"from and part to be asked about; its {len(texts)} files hold {total:,}"
        )
    return tuple(_pieces(texts, total / PIECES))


def split_texts(
    texts: Sequence[str], held_out: float = 0.1, *, seed: int = 0
) -> SplitText:
    """Split texts into what is learned from and what is held out, each text whole.

    Args:
        texts: Two different ones at least; a repeated one counts once.
        held_out: The share of the texts that is held out, at least one of them.
        seed: Decides which, and their order.

    Returns:
        Both sides, whose texts are joined by line ends.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If there are too few texts, or ``held_out`` is not between 0 and 1.

    Example:
        >>> split_texts(["abba", "abab", "baba"], 0.4)
        SplitText(kept='abba\\nabab', unseen='baba', foreign=0.0)
    """
    parts = list(dict.fromkeys(check_each(texts, "texts", str)))
    held_out = check_share(held_out, "held_out")
    if len(parts) < 2:
        raise ValueError(f"texts must hold two different ones, got {len(parts)}")
    generator = torch.Generator().manual_seed(check_seed(seed))
    order = torch.randperm(len(parts), generator=generator).tolist()
    cut = min(max(int(held_out * len(parts)), 1), len(parts) - 1)
    kept = "\n".join(parts[i] for i in order[cut:])
    unseen = "\n".join(parts[i] for i in order[:cut])
    letters = set(kept)
    foreign = sum(c not in letters for c in unseen) / max(len(unseen), 1)
    known = "".join(c if c in letters else " " for c in unseen)
    return SplitText(kept, known, foreign)


def _files(folder: Path, most: int) -> list[Path]:
    """Return the texts of a folder, none of which is hidden; refuse too much."""
    below = [
        path
        for path in sorted(folder.rglob("*"))
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    ]
    paths = [path for path in below if path.suffix.lower() in SUFFIXES]
    if not paths:
        others = sorted({path.suffix or path.name for path in below})
        found = f"only {', '.join(others[:5])}" if others else "no files"
        raise ValueError(
            f"{folder} must hold texts ({' or '.join(SUFFIXES)}), found {found}"
        )
    size = sum(path.stat().st_size for path in paths)
    if size > most:
        raise ValueError(
            f"{folder} must hold at most {most:,} bytes of text (see `most`), its "
            f"{len(paths)} files hold {size:,}"
        )
    return paths


def _paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a text, each on one line."""
    whole = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text)]
    return [
        line
        for part in whole
        for line in (
            [part]
            if len(part) <= LONGEST
            else textwrap.wrap(part, LONGEST, break_on_hyphens=False)
        )
        if line
    ]


def _pieces(texts: Sequence[Sequence[str]], size: float) -> list[str]:
    """Join paragraphs to pieces of about a size; short texts are not divided."""
    pieces: list[str] = []
    part: list[str] = []
    for paragraphs in texts:
        long = sum(map(len, paragraphs)) >= 2 * size
        for i, paragraph in enumerate(paragraphs, start=1):
            part.append(paragraph)
            done = long or i == len(paragraphs)
            if done and sum(map(len, part)) >= size:
                pieces.append("\n".join(part))
                part = []
    return pieces + (["\n".join(part)] if part else [])
