"""Recipes for autoregressive models."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

import torch
from torch import Tensor

from genbook._validate import check_count
from genbook.data.prose import GAP, load_docstrings
from genbook.models.autoregressive import MADE
from genbook.models.language import Transformer
from genbook.models.pixels import PixelCNN
from genbook.runs import first_weights, fit_once
from genbook.training import History

__all__ = [
    "Words",
    "made_world",
    "pixelcnn_digits",
    "spell",
    "transformer_prose",
    "words_of_prose",
]


def made_world(
    x: Tensor,
    *,
    steps: int = 1000,
    seed: int = 0,
) -> tuple[MADE, History]:
    """Train masked networks of both orders on points of the map.

    Args:
        x: Points, ``(n, 2)``.
        steps: How many steps.
        seed: Decides the first weights and the batches.

    Returns:
        The model and the history of its training.
    """
    low, high = [-1.0, -1.0], [1.0, 1.0]
    orders = [(0, 1), (1, 0)]
    with first_weights(seed):
        model = MADE(low, high, bins=128, octaves=6, orders=orders)
    history = fit_once(model, x, steps=steps, lr=2e-2, seed=seed)
    return model, history


def pixelcnn_digits(
    x: Tensor, y: Tensor, *, steps: int = 500, seed: int = 0
) -> tuple[PixelCNN, History]:
    """Train a PixelCNN on digits, given which digit each is.

    Args:
        x: Images in [0, 1], ``(n, 1, height, width)``; made black and white.
        y: The digits, ``(n,)``.
        steps: How many steps.
        seed: Decides the first weights and the batches.

    Returns:
        The model and the history of its training.
    """
    with first_weights(seed):
        model = PixelCNN(x.shape[1:], 2, channels=16, depth=5, classes=10)
    x = model.quantise(x)
    options = {"steps": steps, "batch_size": 16, "lr": 2e-2, "seed": seed}
    history = fit_once(model, x, y, **options)
    return model, history


class Words(NamedTuple):
    """Prose as numbers.

    Attributes:
        vocabulary: The words; the first stands for all words that are not among them.
        x: Passages to train on, ``(n, context_length)``, the numbers of their words.
        held_out: Passages of other texts, ``(m, context_length)``.
    """

    vocabulary: list[str]
    x: Tensor
    held_out: Tensor


def words_of_prose(vocab_size: int = 600, context_length: int = 16) -> Words:
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
    counts = Counter(word for text in parts[0] for word in text if word != GAP)
    most = sorted(counts, key=lambda w: (-counts[w], w))[: vocab_size - 1]
    number = {word: i for i, word in enumerate([GAP, *most])}
    tokens = []
    for part in parts:
        rows = []
        for text in part:
            t = [number.get(word, 0) for word in text]
            last = len(t) - context_length
            starts = [i for i in range(last + 1) if text[i] == "."]
            rows += [t[i : i + context_length] for i in starts]
        tokens.append(torch.tensor([row for row in rows if row.count(0) <= 2]))
    return Words([GAP, *most], *tokens)


def _split(text: str) -> list[str]:
    return re.findall(rf"[a-z]+(?:['’-][a-z]+)*|[.,;:!?()]|{GAP}", text.lower())


def spell(tokens: Tensor, vocabulary: list[str]) -> str:
    """Return numbered words as text.

    Args:
        tokens: The numbers of the words, ``(length,)``.
        vocabulary: The words.

    Example:
        >>> spell(torch.tensor([1, 2, 0]), [".", "so", "it", "goes"])
        'so it.'
    """
    text = " ".join(vocabulary[i] for i in tokens.tolist())
    return re.sub(r"(?<=\() | (?=[.,;:!?)])", "", text)


def transformer_prose(
    x: Tensor, *, vocab_size: int, steps: int = 430, seed: int = 0
) -> tuple[Transformer, History]:
    """Train a small transformer on passages.

    Args:
        x: The numbers of the words, ``(n, context_length)``.
        vocab_size: How many different words there are.
        steps: How many steps.
        seed: Decides the first weights and the batches.

    Returns:
        The model and the history of its training.
    """
    with first_weights(seed):
        model = Transformer(vocab_size, x.shape[1], width=64, depth=2, heads=4)
    history = fit_once(model, x, steps=steps, batch_size=64, lr=1e-2, seed=seed)
    return model, history
