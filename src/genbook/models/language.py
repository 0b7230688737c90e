r"""A causal transformer: prose token by token, each given those before.

The chain rule once more, now over a sequence of any length up to a limit. Attention
looks back at every earlier token at once; a mask forbids it to look ahead.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention

from genbook._validate import check_count, check_positive
from genbook.models.base import ExplicitModel


class Attention(nn.Module):
    r"""Masked self-attention with several heads.

    .. math:: \operatorname{softmax}\Bigl(\frac{Q K^\top}{\sqrt{d}} + M\Bigr) V,

    where the mask :math:`M` is minus infinity above the diagonal.

    Args:
        width: The length of each token's vector, a multiple of ``heads``.
        heads: How many heads.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of ``x``, ``(n, length, width)``."""
        q, k, v = (
            t.unflatten(2, (self.heads, -1)).transpose(1, 2)  # (n, heads, length, d)
            for t in self.qkv(x).chunk(3, dim=2)
        )
        seen = scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(seen.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention, then a small network for each token, each added to what came in."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.before, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.between = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of ``x``, ``(n, length, width)``."""
        x = x + self.attention(self.before(x))
        return x + self.mlp(self.between(x))


class Transformer(ExplicitModel):
    r"""A small decoder-only transformer over tokens.

    .. math:: p_\theta(w_1 \dots w_T) = \prod_t p_\theta(w_t \mid w_1 \dots w_{t-1}).

    The first token of an observation is given, not predicted: it is the context that
    everything else follows.

    Args:
        vocabulary: How many different tokens.
        length: The tokens of one observation, at least 2.
        width: The length of each token's vector.
        depth: How many blocks.
        heads: How many heads of attention; they divide ``width``.

    Raises:
        TypeError: If an argument is not an integer.
        ValueError: If a size is too small, or ``heads`` does not divide ``width``.

    Reference:
        A. Vaswani et al., "Attention is all you need", 2017, arXiv:1706.03762;
        A. Radford et al., "Language models are unsupervised multitask learners", 2019.

    Example:
        >>> model = Transformer(vocabulary=10, length=8, width=16, depth=1, heads=2)
        >>> model.sample(2, generator=torch.Generator().manual_seed(0)).shape
        torch.Size([2, 8])
    """

    def __init__(
        self,
        vocabulary: int,
        length: int,
        *,
        width: int = 64,
        depth: int = 2,
        heads: int = 4,
    ) -> None:
        super().__init__()
        self.vocabulary = check_count(vocabulary, "vocabulary", minimum=2)
        self.length = check_count(length, "length", minimum=2)
        check_count(width, "width", minimum=1)
        check_count(depth, "depth", minimum=1)
        if width % check_count(heads, "heads", minimum=1):
            raise ValueError(f"heads must divide width {width}, got {heads}")
        self.config = {
            "vocabulary": vocabulary,
            "length": length,
            "width": width,
            "depth": depth,
            "heads": heads,
        }
        self.event_shape = (length,)
        self.token = nn.Embedding(vocabulary, width)
        self.place = nn.Parameter(0.02 * torch.randn(length, width))
        nn.init.normal_(self.token.weight, std=0.02)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.last = nn.LayerNorm(width)

    def logits(self, tokens: Tensor) -> Tensor:
        """Return the log-odds of each next token, ``(n, length, vocabulary)``.

        Args:
            tokens: Integers, ``(n, up to length)``; the row of token ``t`` depends on
                tokens ``0 … t`` alone.
        """
        h = self.token(tokens) + self.place[: tokens.shape[1]]
        for block in self.blocks:
            h = block(h)
        return self.last(h) @ self.token.weight.T

    def log_prob_of_tokens(self, tokens: Tensor) -> Tensor:
        """Return the log-probability of each token after the first, in nats.

        Args:
            tokens: Integers, ``(n, length)``.

        Returns:
            A tensor ``(n, length - 1)``.
        """
        self._check_tokens(tokens)
        out = self.logits(tokens[:, :-1])
        target = tokens[:, 1:]
        nats = cross_entropy(out.flatten(0, 1), target.flatten(), reduction="none")
        return -nats.view_as(target)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the log-probability of each text given its first token, ``(n,)``.

        Args:
            x: Tokens, integers, ``(n, length)``.
            y: Must be ``None``.
        """
        self._refuse_condition(y)
        return self.log_prob_of_tokens(x).sum(1)

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the mean negative log-probability of a token, in nats.

        Args:
            x: Tokens, integers, ``(n, length)``.
            y: Must be ``None``.
            generator: Unused.
        """
        self._refuse_condition(y)
        if isinstance(x, Tensor) and not len(x):
            raise ValueError("x must hold at least one observation, got none")
        return -self.log_prob_of_tokens(x).mean()

    @torch.no_grad()
    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        prompt: Sequence[int] = (0,),
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw ``n`` continuations of a prompt, ``(n, length)``.

        Args:
            n: How many.
            y: Must be ``None``.
            prompt: The tokens that each begins with.
            temperature: Below 1 the likely tokens become likelier.
            generator: The source of randomness; the global one when ``None``.
        """
        self._refuse_condition(y)
        check_positive(temperature, "temperature")
        if not 1 <= len(prompt) <= self.length:
            raise ValueError(
                f"prompt must hold 1 to {self.length} tokens, got {len(prompt)}"
            )
        start = torch.tensor(list(prompt), device=self.device)
        x = start.expand(check_count(n, "n"), -1)
        self._check_tokens(x, full=False)
        u = self._uniform(n, self.length, 1, generator=generator)
        while x.shape[1] < self.length:
            p = (self.logits(x)[:, -1] / temperature).softmax(1)
            k = (p.cumsum(1) <= u[:, x.shape[1]]).sum(1, keepdim=True)
            x = torch.cat([x, k.clamp(max=self.vocabulary - 1)], 1)
        return x

    def _check_tokens(self, x: Tensor, *, full: bool = True) -> None:
        if not isinstance(x, Tensor):
            raise TypeError(f"x must be a torch.Tensor, got {type(x).__name__}")
        if x.is_floating_point():
            raise TypeError(f"x must hold integer tokens, got {x.dtype}")
        if x.ndim != 2 or (full and x.shape[1] != self.length):
            raise ValueError(f"x must be (n, {self.length}), got {tuple(x.shape)}")
        if x.numel() and (x.min() < 0 or x.max() >= self.vocabulary):
            raise ValueError(
                f"x must hold tokens 0 to {self.vocabulary - 1}, got "
                f"{int(x.min())} to {int(x.max())}"
            )
