"""Text as numbers: which words there are, and passages of their numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from genbook._validate import check_count, check_labels
from genbook.data._markup import UNK
from genbook.data.prose import load_docstrings

__all__ = ["UNK", "TokenisedText", "detokenise", "tokenise_prose"]


class TokenisedText(NamedTuple):
    """Prose as numbers.

    Attributes:
        vocabulary: The words; the first stands for all words that are not among them.
        x: Passages to train on, ``(n, context_length)``, the numbers of their words.
        held_out: Passages of other texts, ``(m, context_length)``.
    """

    vocabulary: list[str]
    x: Tensor
    held_out: Tensor


def tokenise_prose(vocab_size: int = 600, context_length: int = 16) -> TokenisedText:
    """Return the documentation of the installed packages as numbered words.

    Punctuation counts as words, capital letters are dropped, and each passage is the
    beginning of a sentence, after a full stop. Only passages with at most two gaps are
    kept.

    Args:
        vocab_size: How many different words are kept; a gap stands for the others.
        context_length: The words of a passage.
    """
    check_count(vocab_size, "vocab_size", minimum=2)
    check_count(context_length, "context_length", minimum=2)
    parts = [
        [[".", *_split(text)] for text in part.texts]
        for part in load_docstrings().split(0.1)
    ]
    counts = Counter(word for text in parts[0] for word in text if word != UNK)
    most = sorted(counts, key=lambda w: (-counts[w], w))[: vocab_size - 1]
    number = {word: i for i, word in enumerate([UNK, *most])}
    tokens = []
    for part in parts:
        rows = []
        for text in part:
            t = [number.get(word, 0) for word in text]
            last = len(t) - context_length
            starts = [i for i in range(last + 1) if text[i] == "."]
            rows += [t[i : i + context_length] for i in starts]
        tokens.append(torch.tensor([row for row in rows if row.count(0) <= 2]))
    return TokenisedText([UNK, *most], *tokens)


def _split(text: str) -> list[str]:
    return re.findall(rf"[a-z]+(?:['’-][a-z]+)*|[.,;:!?()]|{UNK}", text.lower())


def detokenise(tokens: Tensor, vocabulary: Sequence[str]) -> str:
    """Return numbered words as text.

    Args:
        tokens: The numbers of the words, ``(length,)``.
        vocabulary: The words.

    Raises:
        TypeError: If ``tokens`` are not integers, or ``vocabulary`` not words.
        ValueError: If ``tokens`` have another shape, or there is no such word.

    Example:
        >>> detokenise(torch.tensor([1, 2, 0]), [".", "so", "it", "goes"])
        'so it.'
    """
    if isinstance(vocabulary, str) or not isinstance(vocabulary, Sequence):
        raise TypeError(
            f"vocabulary must be a list of words, got {type(vocabulary).__name__}"
        )
    if wrong := [word for word in vocabulary if not isinstance(word, str)]:
        raise TypeError(f"vocabulary must hold words only, got {wrong[0]!r}")
    tokens = check_labels(tokens, "tokens", len(vocabulary))
    text = " ".join(vocabulary[i] for i in tokens.tolist())
    return re.sub(r"(?<=\() | (?=[.,;:!?)])", "", text)
