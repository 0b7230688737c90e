"""Books in plain text: the licence off, the chapters apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from genbook.data._docstrings import _length, _sentences


def _pieces(
    author: str, paths: Sequence[Path], words: int
) -> dict[tuple[str, str], list[str]]:
    """Return the sentences of an author's books, chapters or stretches."""
    texts = {path.stem: _read_book(path) for path in paths}
    if len(texts) > 1:
        return {(author, book): _sentences(text) for book, text in texts.items()}
    [(book, text)] = texts.items()
    chapters = [_sentences(part) for part in _CHAPTER.split(text)]
    chapters = [part for part in chapters if _length(part) >= words]
    if len(chapters) < 2:
        whole, chapters, size = _sentences(text), [[]], 0
        for sentence in whole:
            chapters[-1].append(sentence)
            size += len(sentence.split())
            if size >= 20 * words:
                chapters.append([])
                size = 0
    return {
        (author, f"{book}, part {i}"): part for i, part in enumerate(chapters, start=1)
    }


_CHAPTER = re.compile(
    r"^[ \t]*(?:chapter|stave|letter|canto|act)[ \t]+"
    r"(?:[ivxlcdm]+|\d+|[a-z]+(?:-[a-z]+)?)\b[^\n]{0,60}$",
    re.IGNORECASE | re.MULTILINE,
)

_START = re.compile(r"^\*\*\* ?START OF TH[^\n]*\*\*\*[ \t]*$", re.MULTILINE)

_END = re.compile(
    r"^(\*\*\* ?END OF TH|End of (the )?Project Gutenberg)",
    re.MULTILINE | re.IGNORECASE,
)


def _read_book(path: Path) -> str:
    """Return the text of a book without the licence of Project Gutenberg."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} must be text in UTF-8; byte {error.start} is not. Convert it "
            f"first, for instance: iconv -f LATIN1 -t UTF-8"
        ) from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if start := _START.search(text):
        text = text[start.end() :]
    if end := _END.search(text):
        text = text[: end.start()]
    text = re.sub(r"\[Illustration[^\]]*\]", " ", text)
    return re.sub(r"\b_|_\b", "", text)
