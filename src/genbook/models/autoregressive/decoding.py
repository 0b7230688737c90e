r"""From logits to text: what may come next, and drawing it token by token.

Each function of logits is pure: it gives logits back, minus infinity for what may not
come. :func:`generate` draws. Its cache keeps the keys and values of all tokens so far,
so that each step computes those of one new token and not of the whole text again.

Reference:
    A. Fan, M. Lewis and Y. Dauphin, "Hierarchical neural story generation", 2018,
    arXiv:1805.04833 (top-k); A. Holtzman et al., "The curious case of neural text
    degeneration", 2020, arXiv:1904.09751 (top-p).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from genbook._looking import may_look
from genbook._validate import (
    check_count,
    check_flag,
    check_generator,
    check_positive,
    check_tensor,
)
from genbook.models._categorical import check_temperature, inverse_cdf
from genbook.models.networks.attention import Past

__all__ = ["generate", "heat", "top_k", "top_p"]


class _Writer(Protocol):
    """What :func:`generate` asks of a model: a transformer has it."""

    context_length: int
    separator: int | None
    blocks: nn.ModuleList

    def logits(self, tokens: Tensor, past: Sequence[Past] | None = None) -> Tensor:
        """Return the logits of each next token."""

    def _check_tokens(self, x: Tensor, name: str, *, full: bool = True) -> Tensor:
        """Return tokens that are checked."""

    def _uniform(self, *shape: int, generator: torch.Generator | None) -> Tensor:
        """Draw numbers between 0 and 1."""


def heat(logits: Tensor, temperature: float) -> Tensor:
    """Divide logits by a temperature: below 1 the likely becomes likelier.

    Args:
        logits: The logits of each row, ``(n, vocab_size)``; ``-inf`` for what may not
            come.
        temperature: Positive.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If ``logits`` have another shape, NaN, infinity or a row of ``-inf``
            alone, or the temperature is not positive.

    Example:
        >>> heat(torch.tensor([[0.0, 1.0]]), 0.5)
        tensor([[0., 2.]])
    """
    _check(logits)
    return logits / check_temperature(temperature)


def top_k(logits: Tensor, k: int) -> Tensor:
    """Keep the ``k`` likeliest tokens of each row, and those as likely as the last.

    Args:
        logits: The logits of each row, ``(n, vocab_size)``; ``-inf`` for what may not
            come.
        k: How many, at least one.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If ``logits`` have another shape, NaN, infinity or a row of ``-inf``
            alone, or ``k`` is below one.

    Example:
        >>> top_k(torch.tensor([[0.0, 1.0, 2.0]]), 2)
        tensor([[-inf, 1., 2.]])
    """
    _check(logits)
    k = min(check_count(k, "k", 1), logits.shape[1])
    last = logits.topk(k, dim=1).values[:, -1:]  # (n, 1)
    return logits.masked_fill(logits < last, -torch.inf)


def top_p(logits: Tensor, p: float) -> Tensor:
    """Keep the fewest likeliest tokens of each row that hold a share of its mass.

    Args:
        logits: The logits of each row, ``(n, vocab_size)``; ``-inf`` for what may not
            come.
        p: The share, above 0 and at most 1.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If ``logits`` have another shape, NaN, infinity or a row of ``-inf``
            alone, or ``p`` is out of range.

    Example:
        >>> top_p(torch.tensor([[0.6, 0.3, 0.1]]).log(), 0.7).exp()
        tensor([[0.6000, 0.3000, 0.0000]])
    """
    _check(logits)
    p = check_positive(p, "p", maximum=1.0)
    ordered, order = logits.sort(dim=1, descending=True)
    mass = ordered.softmax(1)
    before = mass.cumsum(1) - mass  # what the likelier ones hold
    ordered = ordered.masked_fill(before >= p, -torch.inf)
    return torch.empty_like(logits).scatter_(1, order, ordered)


@torch.no_grad()
def generate(
    model: _Writer,
    n: int,
    prompt: Tensor,
    *,
    temperature: float = 1.0,
    k: int | None = None,
    p: float = 1.0,
    cached: bool = True,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw ``n`` continuations of a prompt, ``(n, context_length)``.

    Where the model has a separator, a text that has reached it is over: separators
    fill the rest of its row.

    Args:
        model: A :class:`~genbook.models.autoregressive.transformer.Transformer`.
        n: How many.
        prompt: Tokens, ``(1, T)`` for all, or ``(n, T)``; at least one.
        temperature: See :func:`heat` and equation :eq:`eq-ar-temperature`.
        k: See :func:`top_k`; all tokens when ``None``.
        p: See :func:`top_p`, which comes after the others.
        cached: Whether the keys and values of the tokens so far are kept.
        generator: The source of randomness; the global one when ``None``.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If an argument is out of range, or the prompt has another shape.

    Example:
        >>> from genbook.models.autoregressive.transformer import Transformer
        >>> model = Transformer(10, context_length=8, width=16, depth=1, heads=2)
        >>> prompt = torch.tensor([[3, 4]])
        >>> a, b = (generate(model, 2, prompt, cached=cached,
        ...                  generator=torch.Generator().manual_seed(0))
        ...         for cached in (True, False))
        >>> torch.equal(a, b), a[:, :2].tolist()
        (True, [[3, 4], [3, 4]])
    """
    if not all(hasattr(model, part) for part in ("logits", "context_length")):
        raise TypeError(f"model must be a Transformer, got {type(model).__name__}")
    n, temperature = check_count(n, "n"), check_temperature(temperature)
    k = k if k is None else check_count(k, "k", 1)
    p = check_positive(p, "p", maximum=1.0)
    cached = check_flag(cached, "cached")
    x = model._check_tokens(prompt, "prompt", full=False)
    length, end = model.context_length, model.separator
    if not x.shape[1] or len(x) not in (1, n):
        raise ValueError(
            f"prompt must be ({n} or 1, 1 to {length}), got {tuple(x.shape)}"
        )
    x = x.expand(n, -1)
    u = model._uniform(n, length, 1, generator=check_generator(generator))
    past = [Past() for _ in model.blocks] if cached else None
    new, over = x, torch.zeros(n, dtype=torch.bool, device=x.device)
    while x.shape[1] < length and not over.all():
        last = model.logits(new if cached else x, past)[:, -1]
        out = last / temperature  # (12.3)
        out = out if k is None else top_k(out, k)
        out = out if p == 1 else top_p(out, p)
        new = inverse_cdf(out.softmax(1), u[:, x.shape[1]])  # (n, 1)
        if end is not None:
            new = new.masked_fill(over[:, None], end)
            over = over | (new[:, 0] == end)
        x = torch.cat([x, new], 1)  # (n, t + 1)
    rest = x.new_full((n, length - x.shape[1]), 0 if end is None else end)
    return torch.cat([x, rest], 1)


def _check(logits: Tensor) -> None:
    """Check logits: numbers, or minus infinity for what may not come."""
    check_tensor(logits, "logits", ("n", "vocab_size"), finite=False)
    if not may_look() or logits.amax(1).isfinite().all():  # NaN is an amax, too
        return
    bad, rows = int((~(logits < torch.inf)).sum()), len(logits)
    if bad:
        raise ValueError(
            f"logits must be numbers or -inf, got {bad} NaN or inf of "
            f"{logits.numel()} values"
        )
    closed = int((logits == -torch.inf).all(1).sum())
    raise ValueError(
        f"logits must have a number in each row, got {closed} of {rows} rows of -inf "
        f"alone"
    )
