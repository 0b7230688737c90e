r"""A causal transformer: prose token by token, each given those before.

The chain rule once more, now over a sequence of any length up to a limit. Attention
looks back at every earlier token at once; a mask forbids it to look ahead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, embedding

from genbook._validate import (
    check_count,
    check_each,
    check_generator,
    check_integers,
)
from genbook.models.autoregressive.decoding import generate
from genbook.models.base import TractableModel
from genbook.models.networks._doors import check_vocabulary
from genbook.models.networks.attention import Block, Past


class Transformer(TractableModel):
    r"""A small decoder-only transformer over tokens.

    .. math:: p_\theta(w_1 \dots w_T) = \prod_t p_\theta(w_t \mid w_1 \dots w_{t-1}).

    The first token of an observation is given, not predicted: it is the context that
    everything else follows.

    Args:
        vocab_size: How many different tokens.
        context_length: The tokens of one observation, at least 2.
        width: The length of each token's vector.
        depth: How many blocks.
        heads: How many heads of attention; they divide ``width``.
        separator: The token before and after each text, where an observation holds
            whole texts. Each then sees itself alone, as if it stood at the beginning,
            and its end is predicted too. A separator after another one fills the row
            and costs nothing.

    Raises:
        TypeError: If an argument is not an integer.
        ValueError: If a size is too small, ``heads`` does not divide ``width``, or
            ``separator`` is no token.

    Reference:
        A. Vaswani et al., "Attention is all you need", 2017, arXiv:1706.03762;
        A. Radford et al., "Language models are unsupervised multitask learners", 2019.

    Example:
        >>> model = Transformer(10, context_length=8, width=16, depth=1, heads=2)
        >>> model.sample(2, generator=torch.Generator().manual_seed(0)).shape
        torch.Size([2, 8])
    """

    def __init__(
        self,
        vocab_size: int,
        context_length: int,
        *,
        width: int = 64,
        depth: int = 2,
        heads: int = 4,
        separator: int | None = None,
    ) -> None:
        super().__init__()
        self.vocab_size = check_count(vocab_size, "vocab_size", minimum=2)
        self.context_length = check_count(context_length, "context_length", minimum=2)
        width = check_count(width, "width", minimum=1)
        depth = check_count(depth, "depth", minimum=1)
        heads = check_count(heads, "heads", minimum=1)
        if width % heads:
            raise ValueError(f"heads must divide width {width}, got {heads}")
        vocab_size, context_length = self.vocab_size, self.context_length
        self.config = {
            "vocab_size": vocab_size,
            "context_length": context_length,
            "width": width,
            "depth": depth,
            "heads": heads,
        }
        if separator is not None:  # files without one are read as ever
            separator = check_count(separator, "separator", 0, vocab_size - 1)
            self.config["separator"] = separator
        self.separator = separator
        self.event_shape = (context_length,)
        self.token_embedding = nn.Embedding(vocab_size, width)
        positions = 0.02 * torch.randn(context_length, width)
        self.position_embedding = nn.Parameter(positions)
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.final_norm = nn.LayerNorm(width)

    def logits(self, tokens: Tensor, past: Sequence[Past] | None = None) -> Tensor:
        """Return the logits of each next token, ``(n, T, vocab_size)``.

        Args:
            tokens: Integers, ``(n, T)`` with ``T`` up to ``context_length``; the row of
                token ``t`` depends on tokens ``0 … t`` alone.
            past: One for each block, of the tokens before these; these are added.
        """
        tokens = self._check_tokens(tokens, "tokens", full=False)
        places, seen = self._places(tokens, past)  # (T,) or (n, T)
        h = self.token_embedding(tokens)  # (n, T, width)
        h = h + embedding(places, self.position_embedding)
        pasts = past if past is not None else [None] * len(self.blocks)
        for block, before in zip(self.blocks, pasts, strict=True):
            h = block(h, before, seen)  # (n, T, width)
        return self.final_norm(h) @ self.token_embedding.weight.T  # (n, T, vocab_size)

    def _places(
        self, tokens: Tensor, past: Sequence[Past] | None
    ) -> tuple[Tensor, Tensor | None]:
        """Return where each token stands in its text, and what is added to scores.

        The latter is minus infinity for tokens that it does not see, or ``None`` where
        it sees all up to itself.
        """
        t = torch.arange(tokens.shape[1], device=tokens.device, dtype=torch.int32)
        if past is not None:
            check_each(past, "past", Past)
            if len(past) != len(self.blocks):
                raise ValueError(
                    f"past must hold {len(self.blocks)}, one a block, got {len(past)}"
                )
            end = len(past[0]) + len(t)
            if end > self.context_length:
                raise ValueError(
                    f"past and tokens must hold at most {self.context_length}, got "
                    f"{end}"
                )
            return t + len(past[0]), None
        if self.separator is None:
            return t, None
        begins = tokens == self.separator  # (n, T)
        start = (t * begins).cummax(1).values  # where the text of each token began
        same = start[:, :, None] == start[:, None, :]  # (n, T, T)
        seen = (same & (t[:, None] >= t)).unsqueeze(1)
        never = self.position_embedding.new_full((), -torch.inf)
        return t - start, torch.where(seen, 0.0, never)  # once for all blocks

    def token_log_probs(self, tokens: Tensor) -> Tensor:
        """Return the log-probability of each token after the first, in nats.

        Args:
            tokens: Integers, ``(n, context_length)``.

        Returns:
            A tensor ``(n, context_length - 1)``; 0 for what fills a row.
        """
        tokens = self._check_tokens(tokens, "tokens")
        out = self.logits(tokens[:, :-1])  # (n, context_length - 1, vocab_size)
        target = tokens[:, 1:]  # (n, context_length - 1)
        nats = cross_entropy(out.flatten(0, 1), target.flatten(), reduction="none")
        nats = nats.view_as(target)
        return -nats if self.separator is None else -nats * self._counts(tokens)

    def _counts(self, tokens: Tensor) -> Tensor:
        """Return which tokens after the first are predicted, ``(n, T - 1)``."""
        separator = -1 if self.separator is None else self.separator
        return (tokens[:, :-1] != separator) | (tokens[:, 1:] != separator)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the log-probability of each text given its first token, ``(n,)``.

        It is minus equation :eq:`eq-ar-loss`, from the second token on.

        Args:
            x: Tokens, integers, ``(n, context_length)``.
            y: Must be ``None``.
        """
        self._refuse_condition(y)
        return self.token_log_probs(self._check_tokens(x, "x")).sum(1)  # (12.1)

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the mean negative log-probability of a token, in nats.

        Args:
            x: Tokens, integers, ``(n, context_length)``.
            y: Must be ``None``.
            generator: Unused.
        """
        self._refuse_condition(y)
        check_generator(generator)
        x = self._check_tokens(x, "x")
        if not len(x):
            raise ValueError("x must hold at least one observation, got none")
        out, target = self.logits(x[:, :-1]), x[:, 1:]
        count: Tensor | int = target.numel()
        if self.separator is not None:
            counts = self._counts(x)
            target, count = target.masked_fill(~counts, -100), counts.sum().clamp(min=1)
        nats = cross_entropy(out.flatten(0, 1), target.flatten(), reduction="sum")
        return nats / count

    @torch.no_grad()
    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        prompt: Sequence[int] = (0,),
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
        **choice: Any,
    ) -> Tensor:
        """Draw ``n`` continuations of a prompt, ``(n, context_length)``.

        Args:
            n: How many.
            y: Must be ``None``.
            prompt: The tokens that each begins with; token 0 by default.
            temperature: Below 1 the likely tokens become likelier.
            generator: The source of randomness; the global one when ``None``.
            choice: Further arguments of :func:`.generate`.
        """
        self._refuse_condition(y)
        row = self._tokens_of(prompt)
        return generate(
            self, n, row, temperature=temperature, generator=generator, **choice
        )

    def _tokens_of(self, prompt: Sequence[int] | Tensor) -> Tensor:
        """Return a prompt as one row of tokens, ``(1, 1 … context_length)``."""
        if isinstance(prompt, Tensor) and prompt.ndim == 1:
            prompt = prompt.tolist()
        if isinstance(prompt, str) or not isinstance(prompt, Sequence):
            raise TypeError(
                f"prompt must be a sequence of tokens, got "
                f"{type(prompt).__name__} {prompt!r}"
            )
        if not 1 <= len(prompt) <= self.context_length:
            raise ValueError(
                f"prompt must hold 1 to {self.context_length} tokens, got {len(prompt)}"
            )
        row = [check_count(t, "each token of prompt") for t in prompt]
        return self._check_tokens(
            torch.tensor([row], device=self.device), "prompt", full=False
        )

    def _check_tokens(self, x: Tensor, name: str, *, full: bool = True) -> Tensor:
        """Return tokens ``(n, context_length)``, or up to so many, as ``int64``."""
        x, length = check_integers(x, name, "tokens"), self.context_length
        if x.ndim != 2 or x.shape[1] > length or (full and x.shape[1] != length):
            wanted = f"{length}" if full else f"1 to {length}"
            raise ValueError(f"{name} must be (n, {wanted}), got {tuple(x.shape)}")
        return check_vocabulary(x, name, self.vocab_size)
