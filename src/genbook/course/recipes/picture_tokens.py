"""Recipes for pictures as tokens: a code of symbols, and a writer of it."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genbook._validate import check_count, check_integers, check_seed
from genbook.course.cached_fit import cached_fit, seeded_init
from genbook.data.still_life.pictures import LENGTH, caption_words
from genbook.models.autoregressive.pictures import PictureWriter
from genbook.models.representation.places import PlaceAutoencoder
from genbook.models.representation.tokens import TokenAutoencoder
from genbook.training import History

__all__ = ["TokenUse", "token_code", "token_use", "write_pictures"]

_MOST = 1_000_000


class TokenUse(NamedTuple):
    """How a code of tokens is used.

    Attributes:
        used: The share of tokens that occur at all, a mean over the parts of a place.
        bits: The entropy of a picture's tokens, each by itself, in bits.
        most: The bits of a picture if all tokens were equally frequent.
    """

    used: float
    bits: float
    most: float


def token_code(
    x: Tensor, code: PlaceAutoencoder, *, steps: int = 500, seed: int = 0
) -> tuple[TokenAutoencoder, History]:
    """Train an autoencoder of pictures whose code of a place is a few tokens.

    Args:
        x: Pictures, ``(n, 3, 24, 48)``.
        code: A trained code of sixteen numbers a place, to begin with.
        steps: How many updates, at most a million.
        seed: Decides the first weights and the batches.

    Returns:
        The autoencoder and the history of its training.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If one is out of range.

    Example:
        >>> import torch
        >>> begin = PlaceAutoencoder()
        >>> code, _ = token_code(torch.rand(60, 3, 24, 48), begin, steps=2)
        >>> code.tokens(torch.rand(1, 3, 24, 48)).shape
        torch.Size([1, 12])
    """
    steps = check_count(steps, "steps", 1, _MOST)
    with seeded_init(check_seed(seed)):
        tokens = TokenAutoencoder()
    tokens.begin_from(code)
    options: dict[str, Any] = {"lr": 4e-3, "betas": (0.9, 0.99), "weight_decay": 0.01}
    history = cached_fit(tokens, x, steps=steps, batch_size=64, seed=seed, **options)
    return tokens, history


def token_use(tokens: Tensor, vocab_size: int, period: int) -> TokenUse:
    """Measure how often which token occurs.

    Args:
        tokens: The tokens of pictures, ``(n, length)``.
        vocab_size: How many tokens there are, at most a million.
        period: After how many tokens their meaning repeats; tokens of one meaning are
            counted together.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If there are no tokens, or an argument is out of range.

    Example:
        >>> token_use(torch.tensor([[0, 1], [0, 3]]), 4, 2)
        TokenUse(used=0.375, bits=1.0, most=4.0)
    """
    tokens = check_integers(tokens, "tokens", "tokens")
    size = check_count(vocab_size, "vocab_size", 2, _MOST)
    if tokens.ndim != 2 or not tokens.numel():
        raise ValueError(f"tokens must be (n, length), got {tuple(tokens.shape)}")
    length = tokens.shape[1]
    period = check_count(period, "period", 1, length)
    if length % period:
        raise ValueError(f"period must divide the length {length}, got {period}")
    if tokens.min() < 0 or tokens.max() >= size:
        raise ValueError(
            f"tokens must be from 0 to {size - 1}, got {int(tokens.min())} to "
            f"{int(tokens.max())}"
        )
    parts = tokens.view(-1, period).T
    p = torch.stack([part.bincount(minlength=size) for part in parts])
    p = p / p.sum(1, keepdim=True).double()
    entropy = -torch.special.xlogy(p, p).sum().item() / math.log(2)
    used = (p > 0).double().mean().item()
    return TokenUse(used, entropy * length / period, length * math.log2(size))


def write_pictures(
    tokens: Tensor,
    y: Tensor,
    code: TokenAutoencoder,
    *,
    steps: int = 700,
    seed: int = 0,
) -> tuple[PictureWriter, History]:
    """Train a transformer that goes on with a picture's tokens after its caption.

    Args:
        tokens: The tokens of pictures, ``(n, length)``.
        y: Their captions, ``(n, 40)``.
        code: The autoencoder whose tokens they are.
        steps: How many updates, at most a million.
        seed: Decides the first weights and the batches.

    Returns:
        The model and the history of its training.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If one is out of range.

    Example:
        >>> from genbook.data.still_life.pictures import caption_tokens
        >>> y = caption_tokens(["a cup stands on the table ."] * 4)
        >>> tokens = torch.zeros(4, 12, dtype=torch.long)
        >>> write_pictures(tokens, y, TokenAutoencoder(), steps=1)[1].steps
        1
    """
    if not isinstance(code, TokenAutoencoder):
        raise TypeError(f"code must be a TokenAutoencoder, got {type(code).__name__}")
    steps = check_count(steps, "steps", 1, _MOST)
    length = code.token_shape[0]
    with seeded_init(check_seed(seed)):
        writer = PictureWriter(
            code.quantiser.levels,
            length,
            words=len(caption_words()),
            caption=LENGTH,
            period=length // code.places,
        )
    options: dict[str, Any] = {
        "batch_size": 24,
        "lr": 6e-3,
        "betas": (0.9, 0.98),
        "weight_decay": 0.05,
        "grad_clip": 1.0,
    }
    return writer, cached_fit(writer, tokens, y, steps=steps, seed=seed, **options)
