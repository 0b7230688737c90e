r"""Masked diffusion: text by hiding tokens and guessing them, in any order.

Noise hides tokens. Of a text of :math:`L` tokens a number :math:`k` of them, as likely
any from one to all, is hidden at places drawn at random, and a network that sees the
rest guesses them all at once. Averaged over all orders in which a text could be
uncovered token by token, the chain rule gives a bound,

.. math::

    \log p_\theta(\mathbf w) \ge \mathbb E_{k, H} \Bigl[ \frac{L}{k}
    \sum_{i \in H} \log p_\theta(w_i \mid \mathbf w_{-H}) \Bigr],

where :math:`H` are the :math:`k` hidden places. The same bound comes of a diffusion in
continuous time that hides each token on its own at time :math:`t`, weighed by
:math:`1/t`: the number hidden is then as likely any.

Reference:
    J. Austin et al., "Structured denoising diffusion models in discrete state-spaces",
    2021, arXiv:2107.03006; E. Hoogeboom et al., "Autoregressive diffusion models",
    2022, arXiv:2110.02037; S. Sahoo et al., "Simple and effective masked diffusion
    language models", 2024, arXiv:2406.07524.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genbook._validate import check_count, check_generator, check_integers
from genbook.models._categorical import check_temperature, inverse_cdf
from genbook.models.base import VariationalModel
from genbook.models.networks._doors import check_vocabulary
from genbook.models.networks.attention import Block

__all__ = ["MaskedDiffusion"]


class MaskedDiffusion(VariationalModel):
    """A transformer that sees both ways and guesses the tokens that are hidden.

    Args:
        vocab_size: How many different tokens.
        context_length: The tokens of one observation.
        width: The length of each token's vector.
        depth: How many blocks.
        heads: How many heads of attention; they divide ``width``.

    Raises:
        TypeError: If an argument is not an integer.
        ValueError: If a size is too small, or ``heads`` does not divide ``width``.

    Reference:
        S. Sahoo et al., "Simple and effective masked diffusion language models", 2024,
        arXiv:2406.07524.

    Example:
        >>> model = MaskedDiffusion(10, context_length=8, width=16, depth=1, heads=2)
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
    ) -> None:
        super().__init__()
        self.vocab_size = check_count(vocab_size, "vocab_size", 2)
        self.context_length = check_count(context_length, "context_length", 1)
        self.config = {
            "vocab_size": self.vocab_size,
            "context_length": self.context_length,
            "width": check_count(width, "width", 1),
            "depth": check_count(depth, "depth", 1),
            "heads": check_count(heads, "heads", 1),
        }
        self.event_shape = (self.context_length,)
        self.hidden = self.vocab_size  # the token that stands for a hidden one
        self.token_embedding = nn.Embedding(self.vocab_size + 1, width)
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        positions = 0.02 * torch.randn(self.context_length, width)
        self.position_embedding = nn.Parameter(positions)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.final_norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, self.vocab_size)

    def logits(self, tokens: Tensor) -> Tensor:
        """Return the logits of each token, ``(n, context_length, vocab_size)``.

        Args:
            tokens: Integers, ``(n, context_length)``; ``vocab_size`` where hidden.
        """
        tokens = self._check_tokens(tokens, "tokens", self.vocab_size)
        seen = torch.ones(1, 1, 1, 1, dtype=torch.bool, device=tokens.device)
        h = self.token_embedding(tokens) + self.position_embedding  # (n, L, width)
        for block in self.blocks:
            h = block(h, seen=seen.expand(1, 1, *[self.context_length] * 2))
        return self.head(self.final_norm(h))  # (n, L, vocab_size)

    def elbo(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return an unbiased estimate of the bound in nats, ``(n,)``, from one draw.

        Args:
            x: Tokens, integers, ``(n, context_length)``.
            y: Must be ``None``.
            generator: The source of randomness; the global one when ``None``.
        """
        self._refuse_condition(y)
        x = self._check_tokens(x, "x", self.vocab_size - 1)
        n, length = x.shape
        u = self._uniform(n, length + 1, generator=generator)
        k = (u[:, :1] * length).long().clamp(max=length - 1) + 1  # (n, 1): 1 … L
        hide = u[:, 1:].argsort(1).argsort(1) < k  # (n, L): k places at random
        out = self.logits(x.masked_fill(hide, self.hidden)).log_softmax(2)
        right = out.gather(2, x[..., None]).squeeze(2)  # (n, L)
        return (right * hide).sum(1) * (length / k[:, 0])

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return minus the bound a token, in nats, the mean over the batch.

        Args:
            x: Tokens, integers, ``(n, context_length)``.
            y: Must be ``None``.
            generator: The source of randomness; the global one when ``None``.
        """
        self._refuse_condition(y)
        if not len(self._check_tokens(x, "x", self.vocab_size - 1)):
            raise ValueError("x must hold at least one observation, got none")
        return -self.elbo(x, generator=generator).mean() / self.context_length

    @torch.no_grad()
    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        steps: int | None = None,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw ``n`` texts from nothing but hidden tokens.

        Args:
            n: How many.
            y: Must be ``None``.
            steps: In how many steps all are uncovered, at places drawn at random. One
                token a step when ``None``, which follows the bound; in fewer steps
                several are drawn as if they did not depend on each other.
            temperature: Below 1 the likely tokens become likelier.
            generator: The source of randomness; the global one when ``None``.
        """
        self._refuse_condition(y)
        n, length = check_count(n, "n"), self.context_length
        steps = length if steps is None else check_count(steps, "steps", 1)
        temperature = check_temperature(temperature)
        order = self._uniform(n, length, generator=check_generator(generator))
        order = order.argsort(1).argsort(1)  # (n, L): when each place is uncovered
        x = torch.full((n, length), self.hidden, device=self.device)
        for step in range(min(steps, length)):
            begin, end = (length * s // min(steps, length) for s in (step, step + 1))
            p = (self.logits(x) / temperature).softmax(2)  # (n, L, vocab_size)
            u = self._uniform(n * length, 1, generator=generator)
            drawn = inverse_cdf(p.flatten(0, 1), u).view(n, length)
            x = torch.where((order >= begin) & (order < end), drawn, x)
        return x

    def _check_tokens(self, x: Tensor, name: str, most: int) -> Tensor:
        """Return tokens ``(n, context_length)`` as ``int64``."""
        x = check_integers(x, name, "tokens")
        if x.ndim != 2 or x.shape[1] != self.context_length:
            raise ValueError(
                f"{name} must be (n, {self.context_length}), got {tuple(x.shape)}"
            )
        return check_vocabulary(x, name, most + 1)
