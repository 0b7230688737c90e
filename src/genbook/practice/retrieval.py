r"""Finding the passage that answers a question: by words, by meaning, and by both.

:class:`WordIndex` is BM25, out of the SQLite that Python brings: for each word of the
question, how often it stands in the passage, with diminishing returns, and how rare it
is,

.. math:: \sum_w \log\frac{N - n_w + \frac12}{n_w + \frac12}\;
          \frac{f_w\,(k + 1)}{f_w + k\,(1 - b + b\,\ell/\bar\ell)},

with :math:`k = 1.2` and :math:`b = 0.75`, for :math:`N` passages of which :math:`n_w`
have the word, :math:`f_w` times in this one, which is :math:`\ell` words long.
:class:`EmbeddingIndex` compares vectors. :func:`fuse` joins lists by their ranks.

Reference:
    S. Robertson and H. Zaragoza, "The probabilistic relevance framework: BM25 and
    beyond", 2009, doi:10.1561/1500000019; S. Deerwester et al., "Indexing by latent
    semantic analysis", 1990; G. Cormack, C. Clarke and S. Büttcher, "Reciprocal rank
    fusion outperforms Condorcet and individual rank learning methods", 2009,
    doi:10.1145/1571941.1572114.
"""

from __future__ import annotations

import random
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds

from genbook._numbers import (
    check_count,
    check_each,
    check_positive,
    check_seed,
    check_text,
)
from genbook.practice.entries import Entry

__all__ = [
    "EmbeddingIndex",
    "WordIndex",
    "document_of",
    "fuse",
    "misspelt",
    "names_of",
    "words_of",
]

#: No question may ask for more passages.
MOST_FOUND = 2**16

_QUESTION = "what is the default of in a an and to for how which when does do are it i"
_STOP = frozenset(_QUESTION.split())


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, without the commonest.

    Names are taken apart and kept whole: ``BatchNorm2d`` is also *batch* and *norm2d*.

    Example:
        >>> words_of("What is the default of momentum in SGD?")
        ['momentum', 'sgd']
    """
    text = check_text(text, "text")
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[._]", " ", text)
    parts = re.findall(r"\w+", apart)
    whole = [w for w in re.findall(r"\w+", text) if w not in parts]
    return [w for w in (w.lower() for w in parts + whole) if w not in _STOP]


def misspelt(text: str, *, seed: int = 0) -> str:
    """Return a text with two letters swapped in each long word but the commonest.

    Example:
        >>> misspelt("What is the default of lr in Optimizer?")
        'What is the default of lr in Opitmizer?'
    """
    rng = random.Random(f"{check_seed(seed)} {check_text(text, 'text')}")

    def swap(match: re.Match[str]) -> str:
        if len(word := match[0]) < 5 or word.lower() in _STOP:
            return word
        i = rng.randrange(1, len(word) - 2)
        return f"{word[:i]}{word[i + 1]}{word[i]}{word[i + 2 :]}"

    return re.sub(r"[A-Za-z0-9]+", swap, text)


def names_of(entry: Entry) -> str:
    """Return what an entry is about: the function and the parameter.

    Example:
        >>> names_of(Entry("PyTorch", "SGD", "lr", "float", "The rate.", "1"))
        'SGD lr'
    """
    if not isinstance(entry, Entry):
        raise TypeError(f"entry must be an Entry, got {type(entry).__name__}")
    return f"{entry.function} {entry.parameter}"


def document_of(entry: Entry) -> str:
    """Return what is indexed of an entry: its names, thrice, and what is written of it.

    The text may be long and the names are short, though they say what it is about.

    Example:
        >>> document_of(Entry("PyTorch", "SGD", "lr", "float", "The rate.", "1"))
        'SGD lr. SGD lr. SGD lr : float. The rate.'
    """
    names = names_of(entry)
    text = " ".join(f"{entry.kind}. {entry.text}".split())
    return f"{names}. {names}. {names} : {text[:300]}"


class WordIndex:
    """Passages found by the words that they share with the question.

    Args:
        documents: The passages.

    Raises:
        TypeError: If they are no texts.
        ValueError: If there are none.

    Example:
        >>> index = WordIndex(["SGD momentum : float", "SGD lr : float"])
        >>> index.search("momentum of SGD", 1)
        [0]
    """

    def __init__(self, documents: Sequence[str]) -> None:
        rows = [" ".join(words_of(text)) for text in _texts(documents)]
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._database.execute(
            "CREATE VIRTUAL TABLE passages"
            " USING fts5(text, tokenize = \"unicode61 tokenchars '_'\")"
        )
        self._database.executemany(
            "INSERT INTO passages(rowid, text) VALUES (?, ?)", enumerate(rows)
        )

    def search(self, question: str, count: int = 20) -> list[int]:
        """Return the numbers of the best passages, the best first.

        Args:
            question: The question.
            count: How many at most, up to 65,536.
        """
        return [number for number, _ in self.scores(question, count)]

    def scores(self, question: str, count: int = 20) -> list[tuple[int, float]]:
        """Return the numbers of the best passages with their BM25.

        Args:
            question: The question.
            count: How many at most, up to 65,536.
        """
        count = check_count(count, "count", 1, MOST_FOUND)
        words = dict.fromkeys(words_of(check_text(question, "question")))
        if not words:
            return []
        found = self._database.execute(
            "SELECT rowid, -bm25(passages) FROM passages WHERE passages MATCH ?"
            " ORDER BY rank, rowid LIMIT ?",
            (" OR ".join(f'"{word}"' for word in words), count),
        )
        return [(int(number), float(score)) for number, score in found]


class EmbeddingIndex:
    """Passages found by vectors: words and parts of words, reduced to few numbers.

    Each text is a long vector of the logarithms of how often its words and their
    groups of four letters occur, each divided by how common it is; a singular value
    decomposition of all passages gives the directions in which they differ most (latent
    semantic analysis). A vector there is the text's embedding, of length one.

    Args:
        documents: The passages, more than ``dim``.
        dim: The length of an embedding, at most 1,024.

    Raises:
        TypeError: If the passages are no texts, or ``dim`` is no integer.
        ValueError: If there are too few passages or directions.

    Example:
        >>> index = EmbeddingIndex(["learning rate", "momentum", "a rate"], dim=2)
        >>> index.search("rate of learning", 1)
        [0]
    """

    def __init__(self, documents: Sequence[str], dim: int = 128) -> None:
        texts = _texts(documents)
        dim = check_count(dim, "dim", 1, 1024)
        bags = [_features(text) for text in texts]
        counts = Counter(f for bag in bags for f in bag)
        self._column = {f: i for i, f in enumerate(counts)}
        share = np.array(list(counts.values())) / len(texts)
        self._weight = 1 - np.log(share)
        matrix = self._matrix(bags)
        if dim >= min(matrix.shape):
            raise ValueError(
                f"dim must be below both {matrix.shape[0]} passages and "
                f"{matrix.shape[1]} features, got {dim}"
            )
        start = np.ones(min(matrix.shape)) / np.sqrt(min(matrix.shape))
        _, _, directions = svds(matrix, dim, v0=start)
        self._directions = directions.T  # (features, dim)
        self.vectors = _of_length_one(matrix @ self._directions)  # (n, dim)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return the embeddings of texts, ``(n, dim)``, each of length one.

        A text without a known part has the embedding zero.

        Args:
            texts: The texts.
        """
        bags = [_features(text) for text in _texts(texts, "texts")]
        return _of_length_one(self._matrix(bags) @ self._directions)

    def search(self, question: str, count: int = 20) -> list[int]:
        """Return the numbers of the nearest passages, the nearest first.

        Args:
            question: The question.
            count: How many at most, up to 65,536.
        """
        count = check_count(count, "count", 1, MOST_FOUND)
        cosine = self.vectors @ self.embed([check_text(question, "question")])[0]
        return np.argsort(-cosine, kind="stable")[:count].tolist()

    def _matrix(self, bags: Sequence[Counter[str]]) -> csr_matrix:
        """Return the weighted counts of texts, ``(n, features)``, rows of length 1."""
        rows, columns, values = [], [], []
        for row, bag in enumerate(bags):
            known = [(self._column[f], n) for f, n in bag.items() if f in self._column]
            weighted = np.array([(1 + np.log(n)) * self._weight[i] for i, n in known])
            rows += [row] * len(known)
            columns += [i for i, _ in known]
            values += (weighted / max(np.linalg.norm(weighted), 1e-12)).tolist()
        shape = (len(bags), len(self._column))
        return csr_matrix((values, (rows, columns)), shape=shape, dtype=float)


def _features(text: str) -> Counter[str]:
    """Return the words of a text, and the groups of four letters inside them."""
    words = words_of(text)
    groups = (w[i : i + 4] for w in words for i in range(len(w) - 3) if len(w) > 4)
    return Counter([f"{w} " for w in words] + list(groups))


def _of_length_one(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def fuse(rankings: Iterable[Sequence[int]], *, k: float = 10.0) -> list[int]:
    r"""Return one list out of several by reciprocal rank.

    .. math:: \sum_j \frac{1}{k + \text{rank}_j}

    Scores of different methods cannot be added; ranks can.

    Args:
        rankings: Lists of passages, each the best first.
        k: How little the first places differ.

    Raises:
        TypeError: If a list is none.
        ValueError: If ``k`` is not positive.

    Example:
        >>> fuse([[7, 3], [3, 5]])
        [3, 7, 5]
    """
    k = check_positive(k, "k")
    if isinstance(rankings, str) or not isinstance(rankings, Iterable):
        raise TypeError(f"rankings must be lists, got {type(rankings).__name__}")
    total: dict[int, float] = {}
    for ranking in rankings:
        if isinstance(ranking, str) or not isinstance(ranking, Sequence):
            raise TypeError(
                f"rankings must hold lists of numbers, got {type(ranking).__name__}"
            )
        for rank, number in enumerate(ranking, 1):
            number = check_count(number, "each number of rankings")
            total[number] = total.get(number, 0.0) + 1 / (k + rank)
    return sorted(total, key=lambda number: -total[number])


def _texts(documents: Sequence[str], name: str = "documents") -> Sequence[str]:
    """Return texts, at least one."""
    if not check_each(documents, name, str):
        raise ValueError(f"{name} must hold at least one text, got none")
    return documents
