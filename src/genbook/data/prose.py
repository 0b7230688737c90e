"""Prose that every reader has: the documentation of installed packages; or own books.

Nothing is downloaded or copied. The docstrings are read from the source files of the
packages, most of which are never imported. The same passages can be cut from a folder
of plain-text books.
"""

from __future__ import annotations

import ast
import inspect
import os
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from genbook._validate import check_count

#: Packages whose docstrings are read: who wrote them, and the import name.
PACKAGES = {
    "NumPy": "numpy",
    "SciPy": "scipy",
    "scikit-learn": "sklearn",
    "Matplotlib": "matplotlib",
    "PyTorch": "torch",
}
# Their versions belong to the key of every chapter that reaches this module.
READS_PACKAGES = ("numpy", "scipy", "scikit-learn", "matplotlib", "torch")

#: Stands in a passage where code, a formula or a name was.
GAP = "…"
# Folders with tests, with other people's code, or with no documentation for users.
_SKIP = {"tests", "test", "testing", "externals", "_lib", "_external", "f2py"}
_SKIP |= {"ao", "compiler", "distributed", "export", "fx", "jit", "onnx", "profiler"}
_SECTIONS_LEFT_OUT = re.compile(r"(references?|see also|examples?|methods|attributes)$")
_NAMES = frozenset(PACKAGES.values()) | {"scikit", "pytorch", "pyplot", "pandas"}
_NAMES |= {"np", "plt", "mpl", "sp", "cuda", "blas", "lapack", "arpack", "qhull"}


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
        """Return some of the passages, by their numbers."""
        return Prose(
            tuple(self.texts[i] for i in rows),
            tuple(self.authors[i] for i in rows),
            tuple(self.sources[i] for i in rows),
        )

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
        if not 0 < held_out < 1:
            raise ValueError(f"held_out must lie between 0 and 1, got {held_out}")
        check_count(seed, "seed")
        rng = np.random.default_rng(seed)
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
        packages: Which, of :data:`PACKAGES`.
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
    if isinstance(packages, str) or not packages or set(packages) - set(PACKAGES):
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


# Books


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


# Passages


def _sentences(text: str) -> list[str]:
    """Return the sentences of running text."""
    text = " ".join(text.split())
    return [s for s in _SENTENCE_END.split(text) if s]


_SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<!\be\.g\.)(?<!\bi\.e\.)['\"”’)]* (?=[\"“‘'(]*[A-Z…])"
)


def _length(sentences: Iterable[str]) -> int:
    return sum(len(sentence.split()) for sentence in sentences)


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


# Docstrings


@lru_cache(maxsize=len(PACKAGES))
def _objects(package: str) -> dict[str, list[str]]:
    """Return the sentences of each object of a package."""
    spec = find_spec(PACKAGES[package])
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            f"{package} is not installed; run: pip install 'genbook[data]'"
        )
    root = Path(spec.origin).parent
    docs: dict[str, list[str]] = defaultdict(list)
    for path in sorted(root.rglob("*.py")):
        folders = path.relative_to(root).parts[:-1]
        private = package == "PyTorch" and any(f.startswith("_") for f in folders)
        if private or _SKIP & set(folders):
            continue
        source = path.read_text("utf-8", errors="replace")
        module = ".".join((root.name, *folders, path.stem))
        for name, doc in _docstrings(source):
            docs[f"{module}.{name}".replace(".__init__", "")].append(doc)
    if package == "NumPy":
        for name, doc in _compiled():
            docs[name].append(doc)
    return {
        name: [s for doc in parts for s in prose_of(doc)]
        for name, parts in docs.items()
        if sum(map(len, parts)) > 300  # anything shorter makes no passage
    }


def _compiled() -> Iterator[tuple[str, str]]:
    """Yield NumPy's objects that have their documentation in compiled files."""
    for name in sorted(vars(np)):
        if isinstance(getattr(np, name), np.ufunc):
            yield f"numpy.{name}", getattr(np, name).__doc__ or ""
    for kind in (np.random.Generator, np.random.RandomState):
        for name, method in sorted(vars(kind).items()):
            if not name.startswith("_"):
                yield f"numpy.random.{name}", inspect.getdoc(method) or ""


_HEADER = re.compile(r"\n([ \t]*)(?:class|def|async def)[ \t]+(\w+)")
_NEWDOC = re.compile(r"\b(?:add_newdoc|add_docstr)\(\s*([^\n]*?),\s*[rR]?$")
_COLON = re.compile(r":[ \t]*(?:#[^\n]*)?\n")


def _docstrings(source: str) -> Iterator[tuple[str, str]]:
    """Yield the docstrings of a source file with the object that each belongs to.

    It looks for triple quotes, which is much faster than parsing the file.
    """
    headers = list(_HEADER.finditer(source))
    added = "add_newdoc" in source or "add_docstr" in source
    header, top, n, end = None, "", 0, 0
    while (start := source.find('"""', end)) >= 0:
        while n < len(headers) and headers[n].end() <= start:
            if headers[n].start() >= end - 1:  # and not in the last string
                header = headers[n]
                top = top if header[1] else header[2]
            n += 1
        close = source.find('"""', start + 3)
        while close > 0 and source[close - 1] == "\\":
            close = source.find('"""', close + 1)
        if close < 0:
            return
        before, end = end, close + 3
        line = source.rfind("\n", 0, start) + 1
        prefix = source[line:start].strip()
        if header is not None and top and prefix in {"", "r", "R"}:
            colons = list(_COLON.finditer(source, max(header.end(), before), line))
            if len(colons) == 1 and not source[colons[0].end() : line].strip():
                yield top, _value(source[start:end], prefix)
                continue
        if added and (call := _NEWDOC.search(source[max(before, start - 120) : start])):
            name = re.sub(r"[^\w.]+", ".", call[1]).strip(".")
            yield name, _value(source[start:end], "r")


def _value(literal: str, prefix: str) -> str:
    """Return the value of a string literal."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return str(ast.literal_eval(prefix + literal))
    except (SyntaxError, ValueError):
        return ""


def prose_of(doc: str) -> list[str]:
    """Return the sentences of a docstring without what is not prose.

    Doctests, code blocks, formulas, tables, references and the names and types of
    parameters go; what they are said to be stays. Inside a sentence code, formulas,
    names of packages and identifiers become an ellipsis.

    Args:
        doc: A docstring in the style of NumPy or of Google.

    Returns:
        Its sentences.

    Example:
        >>> prose_of("Return the mean of `x`.\\n\\n>>> mean([1, 2])\\n1.5")
        ['Return the mean of ….']
    """
    sentences = []
    lines = _without_sections(inspect.cleandoc(doc).splitlines())
    for paragraph in _paragraphs(_without_blocks(lines)):
        text = _without_markup(" ".join(paragraph))
        for sentence in _sentences(text):
            if sum(word[:1].isalpha() for word in sentence.split()) >= 4:
                ended = sentence[-1] in ".:!?"
                sentences.append(sentence if ended else sentence + ".")
    return sentences


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _without_sections(lines: Sequence[str]) -> Iterator[str]:
    """Drop headings, and the sections that are lists of names or code."""
    skip = False
    for i, line in enumerate(lines):
        after = lines[i + 1].strip() if i + 1 < len(lines) else ""
        title = line.strip()
        underlined = title and after[:3] in _RULES and _RULE.fullmatch(after)
        if underlined or (title[-1:] == ":" and _GOOGLE.match(title)):
            skip = bool(_SECTIONS_LEFT_OUT.match(title.rstrip(":").lower()))
            yield ""
        elif title[:2] in _RULES and _RULE.fullmatch(title):
            yield ""
        elif not skip:
            yield line


_RULES = {c * n for c in "-=~^*+|#" for n in (2, 3)} | {"+-", "| "}
_RULE = re.compile(r"[-=~^*+|# ]{3,}")
_GOOGLE = re.compile(
    r"(Args|Arguments|Returns?|Yields|Raises|Keyword args|Keyword Arguments|Notes?"
    r"|Examples?|Shape|Attributes|References?|Inputs?|Outputs?|Parameters)::?$",
    re.IGNORECASE,
)
_KEPT = re.compile(r"\.\. (note|warning|attention|seealso)::(.*)")
_NAME_AND_TYPE = re.compile(r"[*\w., \\`/-]{1,60}\s:(?:\s+(.*)|$)")
_NAME_AND_TEXT = re.compile(
    r"(?:[`*\w. ]{1,40}\([^)]*\)\s*(?::|--?)|[*a-z_]\w*:\s)\s*(.*)$"
)


def _without_blocks(lines: Iterable[str]) -> Iterator[str]:
    """Drop doctests, literal blocks, directives, and the names of parameters."""
    block: int | None = None  # lines deeper than this are left out
    doctest = False
    rows = list(lines)
    for i, line in enumerate(rows):
        text, indent = line.strip(), _indent(line)
        if not text:
            doctest = False
            yield ""
            continue
        if block is not None and indent > block:
            continue
        block = None
        doctest = doctest or text.startswith(">>>")
        if doctest:
            continue
        directive = text.startswith(".. ")
        if directive and (kept := _KEPT.match(text)):
            yield ""
            yield kept[2]
        elif directive:
            block = indent
            yield ""
        elif text.endswith("::"):
            block = indent
            yield text[:-1]
        elif ":" not in text and " -" not in text:
            yield line
        elif field := _NAME_AND_TYPE.match(text):  # NumPy's style
            deeper = i + 1 < len(rows) and _indent(rows[i + 1]) > indent
            yield ""
            yield "" if deeper else field[1] or ""
        elif field := _NAME_AND_TEXT.match(text):  # Google's style
            yield ""
            yield field[1]
        else:
            yield line


def _paragraphs(lines: Iterable[str]) -> Iterator[list[str]]:
    """Yield the runs of lines between empty ones, or before an item of a list."""
    run: list[str] = []
    for line in [*lines, ""]:
        item = re.match(r"\s*(?:[-*+•]|\d+[.)]|\(?[a-z]\))\s", line)
        if (not line.strip() or item) and run:
            yield run
            run = []
        if line.strip():
            run.append(line[item.end() :].strip() if item else line.strip())


_MARKUP = [
    (re.compile(r":math:`[^`]*`"), GAP),
    (re.compile(r"(?::[\w+-]+)+:`[^`]*`"), GAP),
    (re.compile(r"``.*?``"), GAP),
    (re.compile(r"`([^`<]*)\s*<[^>]*>`_{0,2}"), r"\1"),
    (re.compile(r"`[^`]*`_{0,2}"), GAP),
    (re.compile(r"(?<!\S)\[\d+\]_?|\[\w+\]_|\|\w+\|"), ""),
    (re.compile(r"\\\(.*?\\\)|\$[^$]*\$"), GAP),
    (re.compile(r"https?://\S+"), GAP),
    (re.compile(r"\*{1,2}(\w[^*]*?)\*{1,2}"), r"\1"),
]


def _without_markup(text: str) -> str:
    """Replace code, formulas, roles, links and names inside a paragraph."""
    if not text.isascii() or _SIGNS.search(text):
        for pattern, replacement in _MARKUP:
            text = pattern.sub(replacement, text)
    words = [_known(word) for word in text.split()]
    text = " ".join(words)
    for pattern, replacement in _TIDY:
        text = pattern.sub(replacement, text)
    return text


@lru_cache(maxsize=2**17)
def _known(word: str) -> str:
    """Return a word, or an ellipsis in place of a name or a piece of code."""
    core = word.strip(".,;:!?()'\"“”‘’[]")
    if not core:
        return word
    if (
        core.isalpha()
        and core.lower() not in _NAMES
        and (core.islower() or core.istitle() or len(core) == 1)
    ):
        return word
    plain = all(
        part.isalpha() and part.lower() not in _NAMES and part[1:] == part[1:].lower()
        for part in re.split("['’-]", core)
    )
    if plain:
        return word
    head, _, tail = word.partition(core)
    return head.strip("[") + GAP + tail.strip("]")


_SIGNS = re.compile(r"[`\\$*|\[/]")
_TIDY = (
    (re.compile(rf"{GAP}(?:[\s,.:()'-]*{GAP})+"), GAP),
    (re.compile(r"\(\s*[…,.;: ]*\)"), ""),
    (re.compile(r" (?=[.,;:!?](?: |$))"), ""),
)
