r"""A watermark in text: green lists, and a p-value for whoever holds the key.

A secret key and the token before decide for each token whether it is *green*, with
probability :math:`\gamma`. Whoever writes adds :math:`\delta` to the logits of the
green tokens. A reader without the key sees a text of which each word is a little less
or a little more likely than it was. A reader with the key counts green tokens. In a
text that was written without it, whatever the text, the count over :math:`m` different
pairs of neighbours is binomial, if the key is random, so that

.. math:: z = \frac{g - \gamma m}{\sqrt{\gamma(1-\gamma)\,m}},
          \qquad p = P(\operatorname{Bin}(m, \gamma) \ge g).

Each pair counts once: a text that repeats itself is no stronger evidence for that.

Reference:
    J. Kirchenbauer, J. Geiping, Y. Wen, J. Katz, I. Miers and T. Goldstein, "A
    Watermark for Large Language Models", 2023, arXiv:2301.10226; P. Fernandez,
    A. Chaffin, K. Tit, V. Chappelier and T. Furon, "Three Bricks to Consolidate
    Watermarks for Large Language Models", 2023, arXiv:2308.00113, on distinct pairs
    and the exact p-value.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from scipy import stats
from torch import Tensor

from genbook._validate import (
    check_count,
    check_generator,
    check_integers,
    check_kind,
    check_positive,
    check_seed,
    check_share,
    check_sizes,
)
from genbook.models.autoregressive.transformer import Transformer

__all__ = ["Detection", "GreenLists", "Written", "detect", "replace_tokens", "write"]


class GreenLists:
    """Which tokens are green after which, for whoever holds the key.

    Args:
        key: The secret, an integer that is zero or positive.
        vocab_size: How many tokens there are, up to a million.
        gamma: The probability with which a token is green, between 0 and 1.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If one is out of range.

    Example:
        >>> lists = GreenLists(key=7, vocab_size=1000, gamma=0.25)
        >>> lists.after(3).float().mean()
        tensor(0.2590)
    """

    def __init__(self, key: int, vocab_size: int, *, gamma: float = 0.25) -> None:
        self.key = check_seed(key, "key")
        self.vocab_size = check_count(vocab_size, "vocab_size", 2, 1_000_000)
        self.gamma = check_share(gamma, "gamma")
        self._known: dict[int, Tensor] = {}

    def after(self, token: int) -> Tensor:
        """Return which tokens are green after a token, booleans ``(vocab_size,)``."""
        token = check_count(token, "token", 0, self.vocab_size - 1)
        if token not in self._known:
            digest = hashlib.blake2b(f"{self.key} {token}".encode(), digest_size=7)
            g = torch.Generator().manual_seed(int.from_bytes(digest.digest()))
            u = torch.rand(self.vocab_size, generator=g, dtype=torch.float64)
            self._known[token] = u < self.gamma
        return self._known[token]


class Written(NamedTuple):
    """Text with a watermark, or without.

    Attributes:
        tokens: The texts, ``(n, length)``, without the prompt.
        nats: The mean surprise of a token under the model as it is, in nats, ``(n,)``.
    """

    tokens: Tensor
    nats: Tensor


class Detection(NamedTuple):
    """What a reader with the key finds in texts.

    Attributes:
        green: How many of the pairs are green, ``(n,)``.
        pairs: How many different pairs of neighbours there are, ``(n,)``.
        z: How many standard deviations there are too many green ones, ``(n,)``.
        p_value: The chance of so many in a text without the watermark, ``(n,)``.
    """

    green: Tensor
    pairs: Tensor
    z: Tensor
    p_value: Tensor


@torch.no_grad()
def write(
    model: Transformer,
    n: int,
    length: int,
    *,
    lists: GreenLists | None = None,
    delta: float = 2.0,
    prompt: Sequence[int] = (0,),
    generator: torch.Generator | None = None,
) -> Written:
    """Let a language model write texts of any length, with a watermark or without.

    The model sees as many of the last tokens as it was trained on.

    Args:
        model: A language model.
        n: How many texts, up to a million.
        length: The tokens of each, up to a million.
        lists: The green lists; no watermark when ``None``.
        delta: What is added to the logits of green tokens, up to 100.
        prompt: The tokens that each text follows.
        generator: The source of randomness; the global one when ``None``.

    Returns:
        A :class:`Written`.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If one is out of range, or the lists are for another vocabulary.

    Example:
        >>> model = Transformer(50, context_length=8, width=8, depth=1, heads=2)
        >>> write(model, 3, 20, lists=GreenLists(7, 50)).tokens.shape
        torch.Size([3, 20])
    """
    check_kind(model, "model", Transformer)
    n = check_count(n, "n", 1, 1_000_000)
    length = check_count(length, "length", 1, 1_000_000)
    delta = check_positive(delta, "delta", zero=True, maximum=100)
    g = check_generator(generator)
    start = check_sizes(prompt, "prompt", 0, model.vocab_size - 1)
    if lists is not None:
        check_kind(lists, "lists", GreenLists)
        if lists.vocab_size != model.vocab_size:
            raise ValueError(
                f"lists must be for {model.vocab_size} tokens, got {lists.vocab_size}"
            )
    x = torch.tensor([start], device=model.device).expand(n, -1)
    nats = torch.zeros(n, device=model.device)
    for _ in range(length):
        logits = model.logits(x[:, -model.context_length :])[:, -1]  # (n, vocab_size)
        honest = logits.log_softmax(1)
        if lists is not None:
            green = torch.stack([lists.after(t) for t in x[:, -1].tolist()])
            logits = logits + delta * green.to(logits)
        token = torch.multinomial(logits.softmax(1), 1, generator=g)  # (n, 1)
        nats -= honest.gather(1, token)[:, 0]
        x = torch.cat([x, token], 1)
    return Written(x[:, len(start) :], nats / length)


def detect(tokens: Tensor, lists: GreenLists) -> Detection:
    """Look for a watermark in texts.

    Args:
        tokens: The texts, integers, ``(n, length)`` with two tokens or more.
        lists: The green lists of the key.

    Returns:
        A :class:`Detection`.

    Raises:
        TypeError: If ``tokens`` are no integers, or ``lists`` no green lists.
        ValueError: If ``tokens`` have another shape, or a token is unknown.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> text = torch.randint(50, (1, 40), generator=g)
        >>> found = detect(text, GreenLists(7, 50))
        >>> int(found.pairs), float(found.p_value) > 0.01
        (39, True)
    """
    check_kind(lists, "lists", GreenLists)
    tokens = check_integers(tokens, "tokens", "tokens")
    if tokens.ndim != 2 or tokens.shape[1] < 2:
        raise ValueError(f"tokens must be (n, 2 or more), got {tuple(tokens.shape)}")
    if tokens.numel() and not 0 <= int(tokens.min()) <= tokens.max() < lists.vocab_size:
        raise ValueError(
            f"tokens must be 0 to {lists.vocab_size - 1}, got "
            f"{int(tokens.min())} to {int(tokens.max())}"
        )
    rows = []
    for row in tokens.tolist():
        pairs = set(pairwise(row))  # each once
        rows.append((sum(bool(lists.after(a)[b]) for a, b in pairs), len(pairs)))
    green, m = torch.tensor(rows, dtype=torch.float64).view(-1, 2).T
    gamma = lists.gamma
    z = (green - gamma * m) / (gamma * (1 - gamma) * m).sqrt()
    p = stats.binom.sf(green.numpy() - 1, m.numpy(), gamma)
    return Detection(green.long(), m.long(), z, torch.as_tensor(p))


def replace_tokens(
    tokens: Tensor,
    share: float,
    vocab_size: int,
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return texts in which a share of the tokens was replaced at random.

    Args:
        tokens: The texts, integers, ``(n, length)``.
        share: How many are replaced, from 0 to 1: of each text so many, rounded.
        vocab_size: The replacements are drawn evenly from so many tokens.
        generator: The source of randomness; the global one when ``None``.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If one is out of range.

    Example:
        >>> text = torch.zeros(1, 10, dtype=torch.long)
        >>> g = torch.Generator().manual_seed(0)
        >>> int((replace_tokens(text, 0.3, 1000, generator=g) > 0).sum())
        3
    """
    tokens = check_integers(tokens, "tokens", "tokens")
    if tokens.ndim != 2:
        raise ValueError(f"tokens must be (n, length), got {tuple(tokens.shape)}")
    if math.isnan(check_positive(share, "share", zero=True)) or share > 1:
        raise ValueError(f"share must be at most 1, got {share}")
    vocab_size = check_count(vocab_size, "vocab_size", 1)
    g = check_generator(generator)
    device = "cpu" if g is None else g.device
    order = torch.rand(tokens.shape, generator=g, device=device).argsort(1).argsort(1)
    hit = (order < round(share * tokens.shape[1])).to(tokens.device)
    new = torch.randint(vocab_size, tokens.shape, generator=g, device=device)
    return torch.where(hit, new.to(tokens), tokens)
