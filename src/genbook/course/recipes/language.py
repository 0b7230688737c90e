"""Recipes for language models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genbook._validate import (
    check_count,
    check_each,
    check_integers,
    check_kind,
    check_seed,
)
from genbook.course.cached_fit import cached_fit, seeded_init
from genbook.data.still_life.captions import StillLife, still_life
from genbook.data.tokenisers import Tokeniser, Words, pack
from genbook.models.autoregressive.transformer import Transformer
from genbook.models.diffusion.masked import MaskedDiffusion
from genbook.training import History

__all__ = [
    "Judgement",
    "caption_batch",
    "caption_rows",
    "caption_scores",
    "judge_captions",
    "prose_language",
    "still_life_language",
    "still_life_masked",
    "still_life_words",
]

#: The tokens of a row: captions have at most 30 with the ends, so several fit.
ROW = 64

#: What keeps all of these trainings steady.
REGULAR: dict[str, Any] = {
    "betas": (0.9, 0.98),
    "weight_decay": 0.05,
    "grad_clip": 1.0,
}


def still_life_words() -> Words:
    """Return the tokeniser of the captions' words.

    Example:
        >>> len(still_life_words())
        88
    """
    return Words(still_life().vocabulary)


def caption_rows(
    n: int, *, seed: int, tokeniser: Tokeniser | None = None, length: int = ROW
) -> Tensor:
    """Return captions as packed rows of tokens.

    Args:
        n: How many captions.
        seed: Decides which.
        tokeniser: Makes the tokens; of words when ``None``.
        length: The tokens of a row.

    Returns:
        The rows, ``(rows, length)``; see :func:`~genbook.data.tokenisers.pack`.

    Example:
        >>> caption_rows(10, seed=0).shape[1]
        64
    """
    generator = torch.Generator().manual_seed(check_seed(seed))
    check_count(length, "length", 3)
    texts = still_life().captions(n, generator=generator).texts
    words = still_life_words() if tokeniser is None else tokeniser
    check_kind(words, "tokeniser", Tokeniser)
    return pack([words.encode(text) for text in texts], length)


def still_life_language(
    x: Tensor,
    *,
    vocab_size: int,
    width: int = 64,
    steps: int = 2400,
    batch_size: int = 16,
    lr: float = 1e-2,
    seed: int = 0,
) -> tuple[Transformer, History]:
    """Train a transformer of one block on captions of still lifes.

    Args:
        x: Packed rows of tokens, ``(n, context_length)``.
        vocab_size: How many different tokens there are.
        width: The length of each token's vector, a multiple of 4.
        steps: How many steps.
        batch_size: The rows of a step.
        lr: The largest learning rate; a short training bears twice as much.
        seed: Decides the first weights and the batches.

    Returns:
        The model and the history of its training.
    """
    x = _check_rows(x)
    with seeded_init(seed):
        model = Transformer(vocab_size, x.shape[1], width=width, depth=1, separator=0)
    options: dict[str, Any] = {
        "steps": steps,
        "batch_size": batch_size,
        "seed": seed,
        "lr": lr,
    }
    return model, cached_fit(model, x, **options | REGULAR)


def prose_language(
    x: Tensor, *, vocab_size: int, steps: int = 750, seed: int = 0
) -> tuple[Transformer, History]:
    """Train a transformer of one block on passages of real prose.

    Args:
        x: Passages of tokens, ``(n, context_length)``.
        vocab_size: How many different tokens there are.
        steps: How many steps.
        seed: Decides the first weights and the batches.

    Returns:
        The model and the history of its training.
    """
    x = _check_rows(x)
    with seeded_init(seed):
        model = Transformer(vocab_size, x.shape[1], width=64, depth=1)
    options: dict[str, Any] = {
        "steps": steps,
        "batch_size": 16,
        "seed": seed,
        "lr": 1e-2,
    }
    return model, cached_fit(model, x, **options | REGULAR)


def still_life_masked(
    x: Tensor,
    *,
    vocab_size: int,
    width: int = 64,
    steps: int = 450,
    seed: int = 0,
) -> tuple[MaskedDiffusion, History]:
    """Train a masked diffusion of one block on captions of still lifes.

    Args:
        x: Rows of tokens, one caption a row, ``(n, context_length)``.
        vocab_size: How many different tokens there are.
        width: The length of each token's vector, a multiple of 4.
        steps: How many steps.
        seed: Decides the first weights, the batches and what is hidden.

    Returns:
        The model and the history of its training.
    """
    x = _check_rows(x)
    with seeded_init(seed):
        model = MaskedDiffusion(vocab_size, x.shape[1], width=width, depth=1)
    options: dict[str, Any] = {
        "steps": steps,
        "batch_size": 32,
        "seed": seed,
        "lr": 1e-2,
    }
    return model, cached_fit(model, x, **options | REGULAR)


class Judgement(NamedTuple):
    """How good captions are, by the grammar that knows the truth.

    Attributes:
        grammatical: The share that the grammar can say.
        new: The share of these that no training caption says.
        varied: The share of different captions.
    """

    grammatical: float
    new: float
    varied: float


def judge_captions(
    texts: Sequence[str], known: Sequence[str] = (), *, grammar: StillLife | None = None
) -> Judgement:
    """Judge written captions.

    Args:
        texts: The captions.
        known: The captions that the writer has learned from.
        grammar: What is grammatical; the training grammar when ``None``.

    Returns:
        Three shares.

    Raises:
        ValueError: If there are no captions.

    Example:
        >>> judge_captions(["a cup stands on the table .", "a cup a cup ."])
        Judgement(grammatical=0.5, new=1.0, varied=1.0)
    """
    if isinstance(texts, str) or not len(texts):
        raise ValueError(f"texts must hold captions, got {texts!r}")
    grammar = still_life() if grammar is None else grammar
    seen = set(known)
    right = [t for t in texts if math.isfinite(grammar.log_prob(t.split()))]
    new = sum(t not in seen for t in right) / max(len(right), 1)
    return Judgement(len(right) / len(texts), new, len(set(texts)) / len(texts))


@torch.no_grad()
def caption_scores(
    model: Any, tokeniser: Tokeniser, n: int, *, seed: int = 2, region: str = "seen"
) -> Tensor:
    """Return the nats that new captions cost a model above what they cost the truth.

    Args:
        model: A model with ``log_prob`` of rows of ``context_length`` tokens.
        tokeniser: The tokeniser of its tokens.
        n: How many captions.
        seed: Decides which.
        region: Which grammar draws and scores them.

    Returns:
        One number a caption, ``(n,)``; their mean estimates a KL divergence.
    """
    grammar, length = still_life(region), model.context_length
    generator = torch.Generator().manual_seed(check_seed(seed))
    texts = grammar.captions(n, generator=generator).texts
    truth = torch.tensor([grammar.log_prob(text.split()) for text in texts])
    rows = caption_batch(texts, tokeniser, length)
    own = torch.cat([model.log_prob(part) for part in rows.split(500)])
    return truth - own


def caption_batch(texts: Sequence[str], tokeniser: Tokeniser, length: int) -> Tensor:
    """Return texts as rows of tokens, one a row.

    Args:
        texts: The texts.
        tokeniser: Makes the tokens.
        length: The tokens of a row.

    Returns:
        The rows, ``(n, length)``, filled with token 0.

    Example:
        >>> caption_batch(["a cup ."], still_life_words(), 6)
        tensor([[ 0,  3, 23,  2,  0,  0]])
    """
    check_kind(tokeniser, "tokeniser", Tokeniser)
    tokens = [tokeniser.encode(text) for text in check_each(texts, "texts", str)]
    length = check_count(length, "length", 2, 100_000)
    most = max(map(len, tokens), default=0)
    if most > length - 2:
        raise ValueError(f"length must be at least {most + 2}, got {length}")
    rows = [[0, *row] + [0] * (length - 1 - len(row)) for row in tokens]
    return torch.tensor(rows, dtype=torch.long).view(-1, length)


def _check_rows(x: Tensor) -> Tensor:
    """Check passages of tokens."""
    x = check_integers(x, "x", "tokens")
    if x.ndim != 2:
        raise ValueError(f"x must be (n, context_length), got {tuple(x.shape)}")
    return x
