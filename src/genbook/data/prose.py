"""Prose that every reader has: the documentation of installed packages; or own books.

Nothing is downloaded or copied. The docstrings are read from the source files of the
packages, most of which are never imported. The same passages can be cut from a folder
of plain-text books.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genbook._validate import check_count, check_seed, check_share
from genbook.data._books import _pieces
from genbook.data._docstrings import PACKAGES, _objects, _paragraphs, _without_blocks


@dataclass(frozen=True)
class Prose:
    """Passages of prose, each with its author and the whole that it was cut from.

    Attributes:
        texts: The passages.
        authors: Who wrote each: a package, or the name of a folder of books.
        sources: What each was cut from: an object of a package, a book or a chapter.
    """

    texts: tuple[str, ...]
    authors: tuple[str, ...]
    sources: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in ("texts", "authors", "sources"):
            part = getattr(self, name)
            if isinstance(part, str) or not isinstance(part, Sequence):
                raise TypeError(f"{name} must be a sequence of texts, got {part!r}")
            if wrong := [text for text in part if not isinstance(text, str)]:
                raise TypeError(f"{name} must hold texts only, got {wrong[0]!r}")
        lengths = [len(self.texts), len(self.authors), len(self.sources)]
        if len(set(lengths)) != 1:
            raise ValueError(
                f"texts, authors and sources must be as many, got {lengths}"
            )

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def words(self) -> int:
        """The number of words in all passages."""
        return sum(len(text.split()) for text in self.texts)

    def by(self, author: str) -> np.ndarray:
        """Return which passages are by an author, booleans ``(n,)``.

        Raises:
            ValueError: If nobody of that name wrote any of them.
        """
        known = sorted(set(self.authors))
        if author not in known:
            raise ValueError(f"author must be one of {known}, got {author!r}")
        return np.array([a == author for a in self.authors])

    def take(self, rows: Sequence[int] | np.ndarray) -> Prose:
        """Return some of the passages, by their numbers; negative ones from the end.

        Raises:
            TypeError: If ``rows`` are not integers.
            ValueError: If there is no such passage.
        """
        chosen = np.asarray(rows)
        if chosen.ndim != 1 or (len(chosen) and chosen.dtype.kind not in "iu"):
            raise TypeError(f"rows must be a list of integers, got {rows!r}")
        if len(chosen) and not -len(self) <= chosen.min() <= chosen.max() < len(self):
            raise ValueError(
                f"rows must be below {len(self)}, got {chosen.min()} to {chosen.max()}"
            )
        parts = (self.texts, self.authors, self.sources)
        return Prose(*(tuple(part[i] for i in chosen.tolist()) for part in parts))

    def split(self, held_out: float = 0.25, *, seed: int = 0) -> tuple[Prose, Prose]:
        """Split into passages to learn from and passages held out, by whole sources.

        No source has passages on both sides. Of every author the given share of the
        sources is held out, at least one and never all.

        Args:
            held_out: The share of sources that is held out, between 0 and 1.
            seed: Decides which.

        Returns:
            The passages to learn from, and those held out.

        Raises:
            ValueError: If ``held_out`` is not between 0 and 1, or an author has only
                one source.

        Example:
            >>> prose = Prose(("a", "b", "c"), ("A", "A", "A"), ("x", "x", "y"))
            >>> [len(part) for part in prose.split(0.5)] in ([2, 1], [1, 2])
            True
        """
        held_out = check_share(held_out, "held_out")
        rng = np.random.default_rng(check_seed(seed))
        wholes: dict[str, set[str]] = defaultdict(set)
        for author, source in zip(self.authors, self.sources, strict=True):
            wholes[author].add(source)
        away = set()
        for author in sorted(wholes):
            sources = sorted(wholes[author])
            if len(sources) < 2:
                raise ValueError(
                    f"every author must have at least two sources, one to learn from "
                    f"and one held out; {author} has only {sources[0]!r}"
                )
            n = min(max(round(held_out * len(sources)), 1), len(sources) - 1)
            chosen = rng.permutation(len(sources))[:n]
            away |= {(author, sources[i]) for i in chosen}
        pairs = list(zip(self.authors, self.sources, strict=True))
        test = [i for i, pair in enumerate(pairs) if pair in away]
        train = [i for i, pair in enumerate(pairs) if pair not in away]
        return self.take(train), self.take(test)


def load_docstrings(
    packages: Sequence[str] = tuple(PACKAGES), *, words: int = 80
) -> Prose:
    """Return the prose of the docstrings of installed packages, cut into passages.

    An object is a function or a class with its methods. Code, formulas, markup, the
    names of parameters and the names of packages are replaced by an ellipsis. A
    sentence that several objects share is kept in the first of them only, and one that
    several packages share in none.

    Args:
        packages: Which, of ``PACKAGES``.
        words: About how long a passage is: it ends with the sentence that reaches
            three quarters of this. A sentence that goes on for long is cut.

    Returns:
        Passages whose authors are the packages and whose sources are the objects.

    Raises:
        ModuleNotFoundError: If one of the packages is not installed.
        ValueError: If a package is unknown, or none is given.

    Example:
        >>> prose = load_docstrings(["NumPy"])
        >>> sorted(set(prose.authors)), "histogram" in " ".join(prose.texts)
        (['NumPy'], True)
    """
    check_count(words, "words", minimum=10)
    known = isinstance(packages, list | tuple) and all(
        isinstance(package, str) and package in PACKAGES for package in packages
    )
    if not known or not packages:
        raise ValueError(
            f"packages must be a list of some of {list(PACKAGES)}, got {packages!r}"
        )
    objects = {
        (package, name): sentences
        for package in dict.fromkeys(packages)
        for name, sentences in _objects(package).items()
    }
    return _cut(_without_repeats(objects), words)


def load_topics() -> str:
    """Return the prose of Python's own language reference, as ``help()`` shows it.

    It is read from ``pydoc_data.topics``; code and tables are left out, and
    paragraphs are separated by an empty line.

    Returns:
        The text, some 50,000 words.

    Example:
        >>> "assignment" in load_topics()
        True
    """
    from pydoc_data.topics import topics

    kept, seen = [], set[str]()
    for name in sorted(topics):
        for lines in _paragraphs(_without_blocks(topics[name].splitlines())):
            text = " ".join(" ".join(lines).split())
            letters = sum(c.isalpha() or c.isspace() for c in text)
            prose = text[-1:] in ".:;!?)" and letters >= 0.8 * len(text)
            if prose and "::=" not in text and text not in seen:
                seen.add(text)
                kept.append(text)
    return "\n\n".join(kept)


def load_books(folder: str | os.PathLike[str], *, words: int = 80) -> Prose:
    """Return the passages of a folder of plain-text books, to ask who wrote them.

    Each sub-folder is an author and each ``.txt`` file in it a book; a file beside the
    sub-folders is an author with one book. What is held out together is the book where
    an author has several, else the chapter (a line such as ``CHAPTER IV``), else a
    stretch of twenty passages. The licence around a Project Gutenberg text is left out.

    Args:
        folder: Where the books are, in UTF-8.
        words: The length of a passage.

    Returns:
        Passages whose authors are the sub-folders and whose sources are the books or
        chapters.

    Raises:
        FileNotFoundError: If there is no such folder.
        TypeError: If ``folder`` is no path.
        ValueError: If it holds no books, those of one author only, a file that is not
            text in UTF-8, or an author with too little text.

    Example:
        >>> load_books("no-such-folder")
        Traceback (most recent call last):
        ...
        FileNotFoundError: folder must be a folder of books, got no-such-folder
    """
    if not isinstance(folder, (str, os.PathLike)):
        raise TypeError(f"folder must be a path, got {type(folder).__name__}")
    check_count(words, "words", minimum=10)
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"folder must be a folder of books, got {folder}")
    books: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.glob("*.txt")) + sorted(folder.glob("*/*.txt")):
        books[path.stem if path.parent == folder else path.parent.name].append(path)
    if len(books) < 2:
        found = f"only books of {next(iter(books))}" if books else "none"
        raise ValueError(
            f"{folder} must hold books (.txt) of at least two authors, one in each "
            f"sub-folder, or one file an author; found {found}"
        )
    pieces: dict[tuple[str, str], list[str]] = {}
    for author, paths in books.items():
        pieces |= _pieces(author, paths, words)
    prose = _cut(pieces, words)
    for author in books:
        pairs = zip(prose.authors, prose.sources, strict=True)
        count = len({source for who, source in pairs if who == author})
        if count < 2:
            raise ValueError(
                f"{author} has too little text: {folder} must hold two books or "
                f"chapters of at least {words} words by each author"
            )
    return prose


def _cut(pieces: dict[tuple[str, str], list[str]], words: int) -> Prose:
    """Return passages of about so many words; what is left over is dropped."""
    least, most = int(0.75 * words), int(1.25 * words)
    rows = []
    for (author, source), sentences in pieces.items():
        part: list[str] = []
        for sentence in sentences:
            part += sentence.split()
            while len(part) > most:  # a very long sentence is cut
                rows.append((" ".join(part[:words]), author, source))
                part = part[words:]
            if len(part) >= least:
                rows.append((" ".join(part), author, source))
                part = []
    texts, authors, sources = zip(*rows, strict=True) if rows else ((), (), ())
    return Prose(texts, authors, sources)


def _without_repeats(
    objects: dict[tuple[str, str], list[str]],
) -> dict[tuple[str, str], list[str]]:
    """Keep a sentence in the first object that has it, and not if packages share it."""
    first: dict[str, tuple[str, str]] = {}
    shared = set()
    plain = {key: [_plain(s) for s in parts] for key, parts in objects.items()}
    for key, sentences in plain.items():
        for sentence in sentences:
            if first.setdefault(sentence, key)[0] != key[0]:
                shared.add(sentence)
    kept = {}
    for key, sentences in objects.items():
        own = zip(sentences, plain[key], strict=True)
        kept[key] = [s for s, p in own if first[p] == key and p not in shared]
    return kept


def _plain(sentence: str) -> str:
    """Return the letters of a sentence, so that copies with other names agree."""
    return " ".join(_LETTERS.findall(sentence.lower()))


_LETTERS = re.compile(r"[a-z]+")
