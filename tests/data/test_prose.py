"""Prose: what is stripped, what is held out together, and what a folder must hold."""

from __future__ import annotations

import ast
import importlib.util
import re
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from genbook.data import _docstrings as module
from genbook.data import prose
from genbook.data._docstrings import prose_of
from genbook.data.prose import Prose, load_books, load_docstrings, load_topics
from genbook.data.tokens import detokenise

# Docstrings


def test_what_is_not_prose_goes() -> None:
    """A docstring in NumPy's style, with one of everything in it."""
    doc = r"""
        Return the mean along an axis, as :func:`numpy.mean` does.

        .. versionadded:: 1.7
           This must not be seen at all.

        Parameters
        ----------
        a, b : array_like, optional
            Values whose mean is wanted, of shape ``(n, 2)``.
        axis : int
            The axis along which the sum :math:`\sum_i x_i` runs.

        Notes
        -----
        The NumPy developers chose this, see [1]_. Compare it with::

            code = that(must, go)

        .. note:: Large values lose some precision here.

        .. math:: x = \frac{this}{must go too}

        References
        ----------
        .. [1] Nobody, "A paper that nobody should see here", 1999.

        Examples
        --------
        This sentence introduces an example and goes.

        >>> mean([1, 2])
        1.5
        """
    assert prose_of(doc) == [
        "Return the mean along an axis, as … does.",
        "Values whose mean is wanted, of shape ….",
        "The axis along which the sum … runs.",
        "The … developers chose this, see.",
        "Large values lose some precision here.",
    ]


def test_docstrings_in_googles_style() -> None:
    doc = """Apply a layer.

    Args:
        input_size (int, optional): The number of expected features in the input.
        bias: If ``False``, then the layer uses no bias weights.

    Example::

        >>> layer(3)
        All of this goes away now.

    Shape:
        - Output: of the same size as the input, always.
    """
    assert prose_of(doc) == [
        "The number of expected features in the input.",
        "If …, then the layer uses no bias weights.",
        "Output: of the same size as the input, always.",
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Give the n_components of it all.", "Give the … of it all."),
        ("Use torch.nn.Linear with Tensor here.", "Use … with Tensor here."),
        ("Made by scikit-learn and PyTorch people.", "Made by … and … people."),
        ("A GridSpec for one-dimensional data.", "A … for one-dimensional data."),
        ("The x-axis isn't [really] arr'1 here.", "The x-axis isn't [really] … here."),
        ("It's the user's own array, then.", "It's the user's own array, then."),
        ("See `the docs <http://x.org>`_ for more.", "See the docs for more."),
        (
            "Very **strong** and *slanted* words here.",
            "Very strong and slanted words here.",
        ),
        ("Sizes 3, 4 and 5 of x[0] go.", "Sizes … and … of … go."),
    ],
)
def test_markup_and_names_become_a_gap(text: str, wanted: str) -> None:
    assert prose_of(text) == [wanted]


def parsed(source: str) -> Counter:
    """Return what Python's own parser finds: top-level names with docstrings."""
    found: Counter = Counter()

    def walk(node: ast.AST, top: str) -> None:
        for child in ast.iter_child_nodes(node):
            name = top
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                name = top if child.col_offset else child.name
                doc = ast.get_docstring(child, clean=False)
                if doc is not None and name:
                    found[name, doc] += 1
            walk(child, name)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        walk(ast.parse(source), "")
    return found


def test_the_quick_reader_agrees_with_pythons_parser() -> None:
    """It finds nothing that is no docstring, and misses hardly any."""
    there = missed = 0
    for name in ("numpy.lib", "sklearn.linear_model", "scipy.optimize"):
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        for path in sorted(Path(spec.origin).parent.glob("*.py"))[:12]:
            source = path.read_text("utf8")
            wanted = parsed(source)
            found = Counter(module._docstrings(source))
            assert not found - wanted, path
            there += wanted.total()
            missed += (wanted - found).total()
    assert there > 200
    assert missed <= 0.02 * there


def test_the_quick_reader_on_traps() -> None:
    source = '''"""Module, not an object."""

TEXT = """
class of things
def no function:
"""

def outer(x: int,
          y: str = "a") -> int:  # a remark
    """Outer \\"\\"\\" quotes."""
    data = """not a docstring"""
    def inner():
        r"""Inner."""

class Thing:
    """Thing.
class trap for the reader
"""
    async def run(self):

        """Run."""

add_newdoc("pkg.core", "made", """Made elsewhere.""")
add_newdoc('pkg.core', 'made', ('T',
    """
    Its part.
    """))
'''
    assert list(module._docstrings(source)) == [
        ("outer", 'Outer """ quotes.'),
        ("outer", "Inner."),
        ("Thing", "Thing.\nclass trap for the reader\n"),
        ("Thing", "Run."),
        ("pkg.core.made", "Made elsewhere."),
        ("pkg.core.made.T", "\n    Its part.\n    "),
    ]


def test_repeats_are_kept_once_and_shared_sentences_nowhere() -> None:
    objects = {
        ("A", "f"): ["One of mine.", "In both packages."],
        ("A", "g"): ["one of mine!", "Another one."],
        ("B", "h"): ["In both packages?", "Mine alone.", "Mine alone."],
    }
    assert prose._without_repeats(objects) == {
        ("A", "f"): ["One of mine."],
        ("A", "g"): ["Another one."],
        ("B", "h"): ["Mine alone.", "Mine alone."],
    }


@pytest.fixture(scope="module")
def numpy_and_sklearn() -> Prose:
    return load_docstrings(["NumPy", "scikit-learn"])


def test_docstrings_of_installed_packages(numpy_and_sklearn: Prose) -> None:
    prose = numpy_and_sklearn
    assert set(prose.authors) == {"NumPy", "scikit-learn"}
    assert prose.by("NumPy").sum() > 600
    assert prose.by("scikit-learn").sum() > 1000
    lengths = [len(text.split()) for text in prose.texts]
    assert min(lengths) >= 60
    assert max(lengths) <= 100
    text = " ".join(prose.texts)
    assert not re.search(r">>>|`|\bnumpy\b|\bsklearn\b|\b\w+_\w+|\d", text.lower())
    assert {"numpy.random.normal", "numpy.arctan2"} <= set(prose.sources), "compiled"
    assert any("linear_model" in source for source in prose.sources)


def test_no_sentence_stands_in_two_objects(numpy_and_sklearn: Prose) -> None:
    where: dict[str, str] = {}
    prose = numpy_and_sklearn
    for text, source in zip(prose.texts, prose.sources, strict=True):
        for sentence in re.split(r"\. (?=[A-Z])", text)[1:-1]:
            if len(sentence.split()) > 8:
                assert where.setdefault(sentence, source) == source, sentence


def test_reading_again_gives_the_same(numpy_and_sklearn: Prose) -> None:
    module._objects.cache_clear()
    assert load_docstrings(["NumPy", "scikit-learn"]) == numpy_and_sklearn


def sources(prose: Prose, author: str) -> set[str]:
    pairs = zip(prose.authors, prose.sources, strict=True)
    return {source for who, source in pairs if who == author}


@pytest.mark.parametrize("seed", [0, 1])
def test_objects_are_held_out_whole(numpy_and_sklearn: Prose, seed: int) -> None:
    prose = numpy_and_sklearn
    train, test = prose.split(0.25, seed=seed)
    assert not set(train.sources) & set(test.sources)
    assert sorted(train.texts + test.texts) == sorted(prose.texts)
    for author in ("NumPy", "scikit-learn"):
        n, held = (len(sources(part, author)) for part in (prose, test))
        assert held == round(0.25 * n)
    assert prose.split(0.25, seed=seed) == (train, test)
    assert prose.split(0.25, seed=seed + 1) != (train, test)


@pytest.mark.parametrize("held_out", [0.01, 0.5, 0.99])
def test_every_author_is_on_both_sides(held_out: float) -> None:
    prose = Prose(tuple("abcdef"), tuple("AAABBB"), tuple("xyzxyz"))
    for part in prose.split(held_out):
        assert set(part.authors) == {"A", "B"}


def test_a_split_loses_nothing() -> None:
    prose = Prose(tuple("abcdefgh"), tuple("AAAABBBB"), tuple("vvwwxxyy"))
    train, test = prose.split(0.5)
    assert sorted(train.texts + test.texts) == sorted(prose.texts)
    assert not set(train.sources) & set(test.sources)


def test_bad_arguments() -> None:
    for packages in ("NumPy", [], ["pandas"]):
        with pytest.raises(ValueError, match="packages must be a list of some of"):
            load_docstrings(packages)
    with pytest.raises(ValueError, match="words must be at least 10, got 5"):
        load_docstrings(words=5)
    with pytest.raises(ValueError, match="must be as many, got"):
        Prose(("a",), ("A",), ())
    prose = Prose(("a", "b"), ("A", "A"), ("x", "x"))
    with pytest.raises(ValueError, match=r"at least two sources.*A has only 'x'"):
        prose.split()
    with pytest.raises(ValueError, match="held_out must be between 0 and 1, got 1"):
        prose.split(1)
    with pytest.raises(ValueError, match=r"author must be one of \['A'\], got 'B'"):
        prose.by("B")


def test_a_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    module._objects.cache_clear()
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="SciPy is not installed"):
        load_docstrings(["SciPy"])


def test_topics() -> None:
    text = load_topics()
    assert 30_000 < len(text.split()) < 80_000
    assert "::=" not in text
    paragraphs = text.split("\n\n")
    assert len(paragraphs) == len(set(paragraphs)) > 400


# Books


def novel(word: str, chapters: int = 4, sentences: int = 30) -> str:
    """A dull book; every chapter says its number in words."""
    parts = []
    for chapter in range(chapters):
        parts.append(f"CHAPTER {'IVXL'[chapter % 4]}. Of {word}")
        line = f"In part {chapter} there was much {word} to be seen by all of us."
        parts.append("\n".join(f"{line[:-1]} on day {i}." for i in range(sentences)))
    return "\n\n".join(parts)


GUTENBERG = """\ufeffThe Project Gutenberg eBook of A Book
This licence must not be seen.

*** START OF THE PROJECT GUTENBERG EBOOK A BOOK ***

{text}

*** END OF THE PROJECT GUTENBERG EBOOK A BOOK ***
More licence that must not be seen.
"""


def test_books_in_folders_and_in_files(tmp_path: Path) -> None:
    (tmp_path / "dickens").mkdir()
    for name, word in {"bleak": "fog", "hard": "facts"}.items():
        text = GUTENBERG.format(text=novel(word)).replace("\n", "\r\n")
        (tmp_path / "dickens" / f"{name}.txt").write_bytes(text.encode())
    (tmp_path / "austen.txt").write_text(novel("_sense_"), "utf-8")
    (tmp_path / "notes.md").write_text("no book")
    prose = load_books(tmp_path)
    assert set(zip(prose.authors, prose.sources, strict=True)) == {
        ("dickens", "bleak"),
        ("dickens", "hard"),
        *(("austen", f"austen, part {i}") for i in range(1, 5)),
    }
    text = " ".join(prose.texts)
    assert "licence" not in text
    assert "Gutenberg" not in text
    assert "much sense to be seen" in text
    lengths = [len(passage.split()) for passage in prose.texts]
    assert 60 <= min(lengths) <= max(lengths) <= 100
    for passage, source in zip(prose.texts, prose.sources, strict=True):
        if "austen" in source:  # no passage crosses from one chapter to the next
            assert set(re.findall(r"part (\d)", passage)) == {str(int(source[-1]) - 1)}


def test_a_book_without_chapters_is_cut_into_stretches(tmp_path: Path) -> None:
    for name in ("a", "b"):
        text = " ".join(f"This is sentence {i} of the book." for i in range(1000))
        (tmp_path / f"{name}.txt").write_text(text)
    prose = load_books(tmp_path)
    assert len(set(prose.sources)) == 2 * 5
    train, test = prose.split()
    assert set(train.authors) == set(test.authors) == {"a", "b"}


def test_what_is_said_of_a_bad_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="must be a folder of books, got"):
        load_books(tmp_path / "nowhere")
    with pytest.raises(TypeError, match="folder must be a path, got int"):
        load_books(3)
    with pytest.raises(ValueError, match=r"at least two authors.*found none"):
        load_books(tmp_path)
    (tmp_path / "dickens.txt").write_text(novel("fog"))
    with pytest.raises(ValueError, match="found only books of dickens"):
        load_books(tmp_path)
    (tmp_path / "austen.txt").write_bytes("caf\u00e9".encode("latin-1"))
    with pytest.raises(ValueError, match=r"austen\.txt must be text in UTF-8; byte 3"):
        load_books(tmp_path)
    (tmp_path / "austen.txt").write_text("")
    with pytest.raises(ValueError, match="austen has too little text"):
        load_books(tmp_path)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Prose("a", "b", "c"), TypeError, "texts must be a sequence of texts"),
        (lambda: Prose((1,), ("A",), ("x",)), TypeError, "texts must hold texts only"),
        (lambda: Prose(("a",), None, ("x",)), TypeError, "authors must be a sequence"),
        (lambda: FEW.take(None), TypeError, "rows must be a list of integers"),
        (lambda: FEW.take([0.5]), TypeError, "rows must be a list of integers"),
        (lambda: FEW.take([2]), ValueError, "rows must be below 2, got 2 to 2"),
        (lambda: FEW.split(seed=2**70), ValueError, "seed must be at most"),
        (lambda: FEW.split("a"), TypeError, "held_out must be a number, got str"),
        (lambda: load_docstrings(5), ValueError, "packages must be a list of some"),
        (lambda: load_docstrings([[1]]), ValueError, "packages must be a list of some"),
        (lambda: detokenise(torch.tensor([2]), ["a"]), ValueError, "labels 0 to 0"),
        (lambda: detokenise([0], ["a"]), TypeError, "tokens must be a torch.Tensor"),
        (lambda: detokenise(torch.tensor([0]), "ab"), TypeError, "vocabulary must be"),
        (lambda: detokenise(torch.tensor([0]), [1]), TypeError, "must hold words only"),
    ],
)
def test_arguments_of_another_type(
    call: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


FEW = Prose(("a", "b"), ("A", "A"), ("x", "y"))
