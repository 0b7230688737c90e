"""Two encoders that learn which caption goes with which picture."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from genbook._validate import (
    check_count,
    check_generator,
    check_positive,
    check_sizes,
    check_tensor,
)
from genbook.models.base import Model
from genbook.models.networks.mlp import mlp
from genbook.models.networks.words import WordEncoder

_MOST = 65_536


class ContrastivePair(Model):
    r"""A point for each picture and one for each caption, near if they belong together.

    In a batch of :math:`n` pairs each caption has to find its picture among all, and
    each picture its caption. With :math:`s_{ij}` the product of the points of caption
    :math:`i` and picture :math:`j`, both of length one, times a learned factor,

    .. math:: \mathcal L = -\frac{1}{2n} \sum_i \Bigl(
              \log \frac{e^{s_{ii}}}{\sum_j e^{s_{ij}}}
              + \log \frac{e^{s_{ii}}}{\sum_j e^{s_{ji}}} \Bigr).

    Args:
        words: Reads the captions; it is trained along.
        event_shape: The shape of a picture, or of its code.
        width: The width of the hidden layers, at most 65,536.
        dim: The length of the points, at most 65,536.
        noise: The standard deviation of noise that is added to pictures in training, at
            most 1,000.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a size is out of range.

    Reference:
        A. Radford et al., "Learning transferable visual models from natural language
        supervision", 2021, arXiv:2103.00020.

    Example:
        >>> pair = ContrastivePair(WordEncoder(9, 6, width=8), (3, 4), width=16, dim=8)
        >>> y = torch.tensor([[1, 4, 2, 0, 0, 0], [1, 3, 2, 0, 0, 0]])
        >>> pair.scores(torch.randn(5, 3, 4), y).shape
        torch.Size([2, 5])
    """

    def __init__(
        self,
        words: WordEncoder,
        event_shape: Sequence[int],
        *,
        width: int = 192,
        dim: int = 64,
        noise: float = 0.1,
    ) -> None:
        super().__init__()
        if not isinstance(words, WordEncoder):
            raise TypeError(f"words must be a WordEncoder, got {type(words).__name__}")
        self.event_shape = check_sizes(event_shape, "event_shape")
        width = check_count(width, "width", 1, _MOST)
        dim = check_count(dim, "dim", 1, _MOST)
        self.noise = check_positive(noise, "noise", zero=True, maximum=1000)
        self.config = {
            "words": words.config,
            "event_shape": list(self.event_shape),
            "width": width,
            "dim": dim,
            "noise": self.noise,
        }
        self.words = words
        self.said = nn.Sequential(*mlp([words.config["width"], width, dim]))
        sizes = [prod(self.event_shape), width, width, dim]
        self.seen = nn.Sequential(nn.Flatten(), *mlp(sizes))
        self.log_scale = nn.Parameter(torch.tensor(2.0))

    def captions(self, y: Tensor) -> Tensor:
        """Return the points of captions, ``(m, dim)``.

        Args:
            y: Captions, ``(m, length)``.

        Raises:
            TypeError: If it is not a tensor of whole numbers.
            ValueError: If its shape is another, or a token out of range.
        """
        y = self.words.check_captions(y)
        longest = max(int((y > 0).any(0).sum()), 1)
        words, there = self.words(y[:, :longest])
        share = there / there.sum(1, keepdim=True)
        return normalize(self.said((words * share[..., None]).sum(1)), dim=1)

    def pictures(self, x: Tensor) -> Tensor:
        """Return the points of pictures, ``(n, dim)``.

        Args:
            x: Pictures or codes, ``(n, *event_shape)``.
        """
        self._check_x(x)
        return normalize(self.seen(x), dim=1)

    @torch.no_grad()
    def scores(self, x: Tensor, y: Tensor) -> Tensor:
        """Return how well captions and pictures match, from -1 to 1, ``(m, n)``.

        Args:
            x: Pictures or codes, ``(n, *event_shape)``.
            y: Captions, ``(m, length)``.
        """
        return self.captions(y) @ self.pictures(x).T

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the mean of -log p(its partner), both ways, in nats.

        Args:
            x: Pictures or codes, ``(n, *event_shape)``.
            y: Their captions, ``(n, length)``.
            generator: The source of noise.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If a shape is another, or there is not one caption a picture.
        """
        self._check_x(x, allow_empty=False)
        check_tensor(x, "x")
        check_generator(generator)
        if y is None:
            raise ValueError("y must be captions, (n, length), got None")
        if len(self.words.check_captions(y)) != len(x):
            raise ValueError(
                f"y must be {len(x)} captions, one a picture, got {len(y)}"
            )
        x = x + self.noise * self._normal(*x.shape, generator=generator)
        s = self.log_scale.exp().clamp(max=100) * self.captions(y) @ self.pictures(x).T
        own = torch.arange(len(x), device=x.device)
        return (cross_entropy(s, own) + cross_entropy(s.T, own)) / 2
