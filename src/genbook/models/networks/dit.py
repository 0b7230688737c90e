"""A transformer over the tokens of a code that reads a caption: a small DiT.

Its tokens are the places of a picture. They look at one another (self-attention) and
at the words of a caption (cross-attention); the time, and what the whole caption says,
stretch and shift every layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from genbook._validate import (
    check_count,
    check_flag,
    check_integers,
    check_sizes,
    check_tensor,
)
from genbook.models.networks.words import MOST_WIDTH, WordEncoder, split_heads

BEGIN = 1  #: The token that every caption begins with, alone where nothing is asked.
_WAVES = 8


class DiT(nn.Module):
    """A diffusion transformer that reads captions.

    The condition ``y`` is a caption, ``(n, length)`` tokens, padded with 0; the empty
    caption, a lone beginning, stands for none. The last layer starts at zero.

    Args:
        event_shape: The shape of a code, ``(tokens, features)``.
        words: Reads the captions.
        width: The length of a token's vector, a multiple of ``heads``.
        depth: How many blocks, at most 100.
        heads: How many heads each attention has.
        cross: Whether tokens look at words. Otherwise they only hear what the whole
            caption says, the mean of its words' vectors.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a size is out of range, or ``heads`` does not divide ``width``.

    Reference:
        W. Peebles and S. Xie, "Scalable diffusion models with transformers", 2023,
        arXiv:2212.09748; R. Rombach et al., "High-resolution image synthesis with
        latent diffusion models", 2022, arXiv:2112.10752.

    Example:
        >>> net = DiT((3, 4), WordEncoder(9, 6, width=8), width=16, depth=1)
        >>> y = torch.tensor([[1, 4, 2, 0, 0, 0]]).expand(2, 6)
        >>> net(torch.zeros(2, 3, 4), torch.zeros(2), y).shape
        torch.Size([2, 3, 4])
    """

    null_condition: Tensor

    def __init__(
        self,
        event_shape: Sequence[int],
        words: WordEncoder,
        *,
        width: int = 96,
        depth: int = 3,
        heads: int = 4,
        cross: bool = True,
    ) -> None:
        super().__init__()
        self.event_shape = check_sizes(event_shape, "event_shape")
        if len(self.event_shape) != 2:
            raise ValueError(
                f"event_shape must be (tokens, features), got {self.event_shape}"
            )
        tokens, features = self.event_shape
        width = check_count(width, "width", 1, MOST_WIDTH)
        depth = check_count(depth, "depth", 1, 100)
        heads = check_count(heads, "heads", 1, MOST_WIDTH)
        if width % heads:
            raise ValueError(f"heads must divide width {width}, got {heads}")
        if not isinstance(words, WordEncoder):
            raise TypeError(f"words must be a WordEncoder, got {type(words).__name__}")
        self.words, self.cross = words, check_flag(cross, "cross")
        known = words.norm.normalized_shape[0]
        self.config = {
            "event_shape": list(self.event_shape),
            "words": words.config,
            "width": width,
            "depth": depth,
            "heads": heads,
            "cross": self.cross,
        }
        null = torch.zeros(words.config["length"], dtype=torch.long)
        null[0] = BEGIN
        self.register_buffer("null_condition", null)
        self.input = nn.Linear(features, width)
        self.place = nn.Parameter(0.3 * torch.randn(tokens, width))
        self.known = nn.Sequential(
            nn.Linear(known + 2 * _WAVES + 1, width), nn.GELU(), nn.Linear(width, width)
        )
        self.blocks = nn.ModuleList(
            _Block(width, heads, known if cross else 0) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.output = nn.Linear(width, features)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        """Return a tensor of the shape of ``x``.

        Args:
            x: Codes, ``(n, tokens, features)``; NaN and infinity give NaN.
            t: Times from 0 to 1, ``(n,)``, or one for all, ``(1,)``; what lies beyond,
                infinity too, counts as the nearer end, and NaN gives NaN.
            y: Captions, ``(n, length)``, or ``(m, length)`` where ``m`` divides ``n``:
                the rows of ``x`` then belong to them in turn.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If a shape is another, or a token out of range.
        """
        self._check(x, t, y)
        if len(t) not in (1, len(x)):
            raise ValueError(f"t must be ({len(x)},) or (1,), got ({len(t)},)")
        if len(x) and (not len(y) or len(x) % len(y)):
            raise ValueError(
                f"y must hold captions whose number divides {len(x)}, got {len(y)}"
            )
        if not len(x):
            return x.clone()
        return self._answer(x, t, y)

    @torch.no_grad()
    def looks(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        """Return how much each token looks at each word, a mean over blocks and heads.

        Args:
            x: Codes, ``(n, tokens, features)``.
            t: Times, ``(n,)``, or one for all, ``(1,)``.
            y: Captions, ``(n, length)``, one for each code.

        Returns:
            Shares that sum to 1 over the words, ``(n, tokens, T)``, with ``T`` the
            length of the longest caption.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If a shape is another, a value NaN or infinite, a token out of
                range, or the network looks at no words.
        """
        if not self.cross:
            raise ValueError("looks wants a network with cross=True, got one without")
        self._check(x, t, y, finite=True)
        if len(y) != len(x) or len(t) not in (1, len(x)):
            raise ValueError(
                f"y must be {len(x)} captions and t {len(x)} times or 1, got {len(y)} "
                f"and {len(t)}"
            )
        seen: list[Tensor] = []
        self._answer(x, t, y, seen)
        return torch.stack(seen).mean(0)

    def _check(self, x: Tensor, t: Tensor, y: Tensor, *, finite: bool = False) -> None:
        """Refuse other types and shapes, and NaN and infinity where asked to."""
        rules: dict[str, Any] = {"finite": finite, "allow_empty": not finite}
        shape: list[int | str] = ["n", *self.event_shape]
        check_tensor(x, "x", shape, dtype=self.output.weight.dtype, **rules)
        check_tensor(t, "t", ("n",), dtype=x.dtype, **rules)
        check_integers(y, "y", "tokens")
        most = self.words.config["length"]
        if y.ndim != 2 or not 1 <= y.shape[1] <= most:
            raise ValueError(f"y must be (n, 1 to {most}), got {tuple(y.shape)}")

    def _answer(
        self, x: Tensor, t: Tensor, y: Tensor, seen: list[Tensor] | None = None
    ) -> Tensor:
        """Answer, and write down where each block looked if there is a list for it."""
        if not y.stride(0):  # one caption for all: it is read once
            y = y[:1]
        if not y.is_cuda:  # a GPU would have to be asked how long they are
            self.words.check_captions(y)  # what is cut off as well
            y = y[:, : max(int((y > 0).any(0).sum()), 1)]
        words, there = self.words(y)  # (m, T, known), (m, T)
        share = there / there.sum(1, keepdim=True)
        pooled = (words * share[..., None]).sum(1)  # (m, known)
        pooled = pooled.repeat(len(x) // len(pooled), 1)  # (n, known)
        times = _time_features(t).expand(len(x), -1)
        known = gelu(self.known(torch.cat([pooled, times], 1)))[:, None]  # (n, 1, w)
        h = self.input(x) + self.place  # (n, tokens, width)
        for block in self.blocks:
            h = block(h, known, words, there, seen)
        return self.output(self.norm(h))


class _Block(nn.Module):
    """Tokens look at one another, then at the words, then think, each by itself."""

    def __init__(self, width: int, heads: int, words: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = nn.Linear(width, 4 * width)
        with torch.no_grad():
            self.modulation.weight *= 0.3
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        with torch.no_grad():
            self.out.weight *= 0.5
            self.down.weight *= 0.5
        self.look = _Look(width, heads, words) if words else None

    def forward(
        self,
        h: Tensor,
        known: Tensor,
        words: Tensor,
        there: Tensor,
        record: list[Tensor] | None = None,
    ) -> Tensor:
        scale1, shift1, scale2, shift2 = self.modulation(known).chunk(4, 2)
        g = self.norm(h) * (1 + scale1) + shift1
        q, k, v = (split_heads(part, self.heads) for part in self.qkv(g).chunk(3, 2))
        seen = scaled_dot_product_attention(q, k, v)
        h = h + self.out(seen.transpose(1, 2).flatten(2))
        if self.look is not None:
            if record is not None:
                record.append(self.look.shares(g, words, there))
            h = h + self.look(g, words, there)
        g = self.norm(h) * (1 + scale2) + shift2
        h = h + self.down(gelu(self.up(g)))
        return h


class _Look(nn.Module):
    """Cross-attention: tokens ask, words answer."""

    def __init__(self, width: int, heads: int, words: int) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.kv = nn.Linear(width, width), nn.Linear(words, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, g: Tensor, words: Tensor, there: Tensor) -> Tensor:
        n, captions = len(g), len(words)
        q = self.q(g).unflatten(0, (n // captions, captions))
        q = split_heads(q.transpose(0, 1).flatten(1, 2), self.heads)
        k, v = (split_heads(h, self.heads) for h in self.kv(words).chunk(2, 2))
        mask = there[:, None, None]
        seen = scaled_dot_product_attention(q, k, v, attn_mask=mask)
        seen = seen.transpose(1, 2).flatten(2).unflatten(1, (n // captions, -1))
        return self.out(seen.transpose(0, 1).flatten(0, 1))

    def shares(self, g: Tensor, words: Tensor, there: Tensor) -> Tensor:
        """Return how much each token looks at each word, ``(n, tokens, T)``."""
        q = split_heads(self.q(g), self.heads)
        k = split_heads(self.kv(words).chunk(2, 2)[0], self.heads)
        score = q @ k.transpose(2, 3) / math.sqrt(q.shape[3])
        score = score.masked_fill(~there[:, None, None], -math.inf)
        return score.softmax(3).mean(1)


def _time_features(t: Tensor) -> Tensor:
    """Return waves of the logit of the time, ``(n, 17)``: both ends are stretched."""
    k = torch.arange(1, _WAVES + 1, dtype=t.dtype, device=t.device) * (math.pi / 2)
    late = torch.logit(t, 1e-3).clamp(-6, 6)[:, None] / 6
    return torch.cat([(late * k).sin(), (late * k).cos(), late], 1)
