r"""A transformer that reads a caption and goes on with the tokens of its picture.

It is one sequence, words first, and one rule: each token given all before it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    cross_entropy,
    embedding,
    gelu,
    scaled_dot_product_attention,
)

from genbook._looking import may_look
from genbook._validate import (
    check_count,
    check_generator,
    check_integers,
    check_positive,
)
from genbook.models._categorical import check_temperature, inverse_cdf
from genbook.models.autoregressive.decoding import top_p
from genbook.models.base import TractableModel
from genbook.models.networks._doors import check_vocabulary
from genbook.models.networks.attention import Past
from genbook.models.networks.quantiser import FiniteScalarQuantiser
from genbook.models.networks.words import WordEncoder, split_heads

_MOST = 65_536


class PictureWriter(TractableModel):
    r"""The tokens of a picture, one after the other, given the words of its caption.

    .. math:: p_\theta(k_1 \dots k_N \mid y)
              = \prod_i p_\theta(k_i \mid k_1 \dots k_{i-1}, y).

    Args:
        levels: How many values each digit of a token may take, the lowest first; a
            token's vectors are sums of those of its digits, and of one of its own.
        length: The tokens of one picture, at most 65,536.
        words: How many different tokens captions have; token 0 is no word and fills
            them up at their ends.
        caption: The most tokens of a caption.
        period: After how many tokens their meaning repeats, a divisor of ``length``:
            tokens of the same part of a place share their vectors.
        width: The length of each token's and each word's vector.
        depth: How many blocks.
        heads: How many heads of attention; they divide ``width``.

    Raises:
        TypeError: If an argument is not an integer.
        ValueError: If a size is out of range, ``heads`` does not divide ``width`` or
            ``period`` does not divide ``length``.

    Reference:
        A. Ramesh et al., "Zero-shot text-to-image generation", 2021, arXiv:2102.12092.

    Example:
        >>> model = PictureWriter([4, 4], 6, words=9, caption=5, width=8)
        >>> y = torch.tensor([[1, 4, 2, 0, 0], [1, 7, 3, 5, 0]])
        >>> x = model.sample(2, y, generator=torch.Generator().manual_seed(0))
        >>> x.shape, model.log_prob(x, y).shape
        (torch.Size([2, 6]), torch.Size([2]))
    """

    digits: Tensor

    def __init__(
        self,
        levels: Sequence[int],
        length: int,
        *,
        words: int,
        caption: int,
        period: int | None = None,
        width: int = 96,
        depth: int = 2,
        heads: int = 4,
    ) -> None:
        super().__init__()
        quantiser = FiniteScalarQuantiser(levels)
        self.vocab_size = quantiser.vocab_size
        self.length = check_count(length, "length", 1, _MOST)
        self.words = check_count(words, "words", 2, 1_000_000)
        self.caption = check_count(caption, "caption", 1, _MOST)
        period = self.length if period is None else check_count(period, "period", 1)
        if self.length % period:
            raise ValueError(f"period must divide length {self.length}, got {period}")
        width = check_count(width, "width", 1, 16_384)
        depth = check_count(depth, "depth", 1, 100)
        self.period = period
        self.config = {
            "levels": list(quantiser.levels),
            "length": self.length,
            "words": self.words,
            "caption": self.caption,
            "period": period,
            "width": width,
            "depth": depth,
            "heads": heads,
        }
        self.event_shape = (self.length,)
        self.reader = WordEncoder(words, caption, width=width, heads=heads)
        self.whole = nn.Linear(width, width)
        digits = quantiser.digits()  # (vocab_size, sum of levels)
        self.register_buffer("digits", digits, persistent=False)
        self.token_digits = nn.Parameter(
            0.3 * torch.randn(period, digits.shape[1], width)
        )
        self.part_position = nn.Parameter(0.3 * torch.randn(period, width))
        self.place_position = nn.Parameter(
            0.3 * torch.randn(self.length // period, width)
        )
        self.blocks = nn.ModuleList(_Block(width, heads) for _ in range(depth))
        self.final_norm = nn.LayerNorm(width)
        self.output_digits = nn.Parameter(torch.zeros(period, digits.shape[1], width))
        self.output = nn.Parameter(torch.zeros(period, self.vocab_size, width))
        self.frequency = nn.Parameter(torch.zeros(period, self.vocab_size))

    def _read(self, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return a vector for each word, which are there, and what all say."""
        words, there = self.reader(y)  # (n, T, width), (n, T)
        share = there / there.sum(1, keepdim=True).clamp(min=1)
        return words, there, self.whole((words * share[..., None]).sum(1, keepdim=True))

    def _written(self, x: Tensor, start: int = 0) -> Tensor:
        """Return the vectors of slots: each knows its place and the token before."""
        i = torch.arange(start, start + x.shape[1], device=x.device)
        part, place = i % self.period, i // self.period
        table = self.digits @ self.token_digits  # (period, vocab_size, width)
        row = (part - 1) % self.period * self.vocab_size + x
        before = embedding(row, table.flatten(0, 1))  # (n, T, width)
        known = (i > 0).to(before.dtype)[:, None]  # nothing stands before the first
        return known * before + self.part_position[part] + self.place_position[place]

    def _scores(self, h: Tensor, start: int = 0) -> Tensor:
        """Return the logits of slots, ``(n, T, vocab_size)``."""
        table = self.digits @ self.output_digits + self.output  # (period, vocab, width)
        h = self.final_norm(h)
        if h.shape[1] == 1:  # one slot
            part = start % self.period
            return h @ table[part].T + self.frequency[part]
        h = h.unflatten(1, (-1, self.period)).permute(2, 0, 1, 3)  # the parts first
        out = h.flatten(1, 2) @ table.transpose(1, 2) + self.frequency[:, None]
        out = out.unflatten(1, (-1, self.length // self.period))
        return out.permute(1, 2, 0, 3).flatten(1, 2)

    def logits(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the logits of each token given those before, ``(n, length, vocab)``.

        Args:
            x: Tokens of pictures, ``(n, length)``.
            y: Captions, ``(n, T)``, ``T`` up to ``caption``.
        """
        x, y = self._check_tokens(x), self._check_captions(y, len(x))
        words, there, whole = self._read(y)
        h = self._written(x.roll(1, 1)) + whole
        for block in self.blocks:
            h = block(h, words, there, Past())
        return self._scores(h)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the exact log-probability of pictures' tokens, in nats, ``(n,)``.

        Args:
            x: Tokens of pictures, ``(n, length)``.
            y: Captions, ``(n, T)``, filled up with 0 at their ends.
        """
        if y is None:
            raise ValueError("y must be captions, (n, T), got None")
        x = self._check_tokens(x)
        out = self.logits(x, y).transpose(1, 2)  # (n, vocab_size, length)
        return -cross_entropy(out, x, reduction="none").sum(1)

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the mean negative log-probability of a token, in nats.

        Args:
            x: Tokens of pictures, ``(n, length)``.
            y: Captions, ``(n, T)``.
            generator: Unused.
        """
        check_generator(generator)
        if not len(self._check_tokens(x)):
            raise ValueError("x must hold at least one picture, got none")
        return -self.log_prob(x, y).mean() / self.length

    @torch.no_grad()
    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        temperature: float = 1.0,
        p: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw the tokens of a picture for each caption, ``(n, length)``.

        The keys and values of all that was read or written are kept.

        Args:
            n: How many.
            y: Captions, ``(n, T)``.
            temperature: Below 1 the likely tokens become likelier.
            p: The share of the mass that tokens are drawn from, see
                :func:`~genbook.models.autoregressive.decoding.top_p`.
            generator: The source of randomness; the global one when ``None``.
        """
        n = check_count(n, "n", 0)
        if y is None:
            raise ValueError(f"y must be {n} captions, got None")
        y, temperature = self._check_captions(y, n), check_temperature(temperature)
        p = check_positive(p, "p", maximum=1.0)
        u = self._uniform(n, self.length, generator=generator)
        words, there, whole = self._read(y)
        pasts = [Past() for _ in self.blocks]
        x = y.new_zeros(n, 0)
        token = y.new_zeros(n, 1)
        for i in range(self.length):
            h = self._written(token, i) + whole
            for block, past in zip(self.blocks, pasts, strict=True):
                h = block(h, words, there, past)
            out = self._scores(h, i)[:, 0] / temperature
            out = out if p == 1 else top_p(out, p)
            token = inverse_cdf(out.softmax(1), u[:, i : i + 1])  # (n, 1)
            x = torch.cat([x, token], 1)
        return x

    def _check_tokens(self, x: Tensor) -> Tensor:
        x = check_integers(x, "x", "tokens")
        if x.ndim != 2 or x.shape[1] != self.length:
            raise ValueError(f"x must be (n, {self.length}), got {tuple(x.shape)}")
        return check_vocabulary(x, "x", self.vocab_size)

    def _check_captions(self, y: Tensor, n: int) -> Tensor:
        """Return captions without the filling that all have at their ends."""
        y = check_integers(y, "y", "tokens")
        if y.ndim != 2 or len(y) != n or y.shape[1] > self.caption:
            raise ValueError(
                f"y must be ({n}, up to {self.caption}), got {tuple(y.shape)}"
            )
        there = check_vocabulary(y, "y", self.words) > 0
        if not may_look():
            return y
        if (there[:, 1:] & ~there[:, :-1]).any():
            raise ValueError(
                "y must be filled up with 0 at the ends, got 0 before words"
            )
        longest = max(int(there.sum(1).max()), 1) if n else 1  # the reader wants one
        return y[:, :longest]


class _Block(nn.Module):
    """Each token looks at all words and at the tokens so far, then thinks by itself."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.q, self.kv = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.kv_words = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, h: Tensor, words: Tensor, there: Tensor, past: Past) -> Tensor:
        """Return vectors of new tokens, ``(n, t, width)``; ``past`` gets theirs."""
        a, n_words, t = self.norm1(h), words.shape[1], h.shape[1]
        known = self.kv(a)
        if past.keys is None:  # the words come first, and once
            known = torch.cat([self.kv_words(words), known], 1)
        q = split_heads(self.q(a), self.heads)
        k, v = past.extend(*(split_heads(r, self.heads) for r in known.chunk(2, 2)))
        so_far = k.shape[2] - n_words
        seen = there.new_ones(t, so_far).tril(so_far - t).expand(len(h), -1, -1)
        seen = torch.cat([there[:, None].expand(-1, t, -1), seen], 2)  # (n, t, T)
        mixed = scaled_dot_product_attention(q, k, v, seen[:, None])
        h = h + self.out(mixed.transpose(1, 2).flatten(2))
        return h + self.down(gelu(self.up(self.norm2(h))))
