r"""Autoregressive models of vectors: one coordinate at a time, each given those before.

The chain rule makes any joint density a product of one-dimensional ones. A single
network gives all of them at once; masks see to it that no coordinate's distribution
depends on itself or on what comes later.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from genbook._validate import (
    check_corners,
    check_count,
    check_flag,
    check_generator,
    check_labels,
    check_sizes,
)
from genbook.models._categorical import check_temperature, inverse_cdf
from genbook.models.autoregressive._orders import check_orders
from genbook.models.base import TractableModel
from genbook.models.networks._doors import check_rows
from genbook.models.networks.mlp import fourier_features


class MaskedLinear(nn.Linear):
    """A linear layer some of whose weights are zero for ever.

    Args:
        inputs: The degree of each input, ``(i,)``.
        outputs: The degree of each output, ``(o,)``.
        strict: Whether an output sees only inputs of a lower degree, or of its own
            degree as well.

    Raises:
        TypeError: If the degrees are not integer tensors.
        ValueError: If there are none, or they are not ``(i,)`` and ``(o,)``.

    Example:
        >>> MaskedLinear(torch.tensor([0, 1]), torch.tensor([0, 1])).mask
        tensor([[1., 0.],
                [1., 1.]])
    """

    mask: Tensor

    def __init__(self, inputs: Tensor, outputs: Tensor, *, strict: bool = False):
        inputs = check_labels(inputs, "inputs")
        outputs = check_labels(outputs, "outputs")
        if not len(inputs) or not len(outputs):
            raise ValueError("inputs and outputs must hold a degree at least, got none")
        strict = check_flag(strict, "strict")
        super().__init__(len(inputs), len(outputs))
        seen = outputs[:, None] > inputs if strict else outputs[:, None] >= inputs
        dtype = self.weight.dtype
        self.register_buffer("mask", seen.to(dtype), persistent=False)
        # A unit that sees k inputs is started as a dense layer of k inputs would be.
        with torch.no_grad():
            self.weight *= (len(inputs) / self.mask.sum(1).clamp(min=1)).sqrt()[:, None]

    def forward(self, x: Tensor) -> Tensor:
        """Apply the weights that the mask lets through."""
        check_rows(x, self.weight)
        return linear(x, self.weight * self.mask, self.bias)


class MADE(TractableModel):
    r"""A masked network for vectors in a box, one softmax over bins a coordinate.

    .. math::

        p_\theta(\mathbf x) = \prod_{i=1}^{d}
        p_\theta(x_i \mid x_1, \dots, x_{i-1}),

    where each factor is constant within each of ``bins`` equal bins: a histogram whose
    heights a network chooses, from the exact values of the coordinates before. With
    several orders the density is the mean of theirs, a mixture: each has a network of
    its own, and a draw first picks one of them by chance.

    Args:
        low: The lower corner of the box, ``(dim,)``.
        high: Its upper corner.
        bins: How many bins along each coordinate.
        hidden: The widths of the hidden layers.
        frequencies: How many frequencies of sines and cosines of each coordinate the
            network sees.
        orders: The orders in which coordinates are generated, each a permutation of
            ``0 … dim - 1``; one order, as they stand, when ``None``.
        classes: How many labels ``y`` may take; 0 for a model without conditions.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the corners do not enclose a volume, a size is too small, or
            an order is not a permutation.

    Reference:
        M. Germain, K. Gregor, I. Murray and H. Larochelle, "MADE: masked autoencoder
        for distribution estimation", 2015, arXiv:1502.03509.

    Example:
        >>> model = MADE([0.0, 0.0], [1.0, 1.0], bins=4)
        >>> model.sample(3, generator=torch.Generator().manual_seed(0)).shape
        torch.Size([3, 2])
    """

    low: Tensor
    high: Tensor

    def __init__(
        self,
        low: Tensor | Sequence[float],
        high: Tensor | Sequence[float],
        bins: int = 64,
        *,
        hidden: Sequence[int] = (128, 128),
        frequencies: int = 5,
        orders: Sequence[Sequence[int]] | None = None,
        classes: int = 0,
    ) -> None:
        super().__init__()
        low, high = check_corners(low, high)
        dim = len(low)
        self.register_buffer("low", low)
        self.register_buffer("high", high)
        self.event_shape = (dim,)
        self.bins = check_count(bins, "bins", minimum=2)
        self.classes = check_count(classes, "classes")
        self.frequencies = check_count(frequencies, "frequencies")
        self.orders = check_orders(orders, dim)
        hidden = check_sizes(hidden, "hidden")
        self.config = {
            "low": low.tolist(),
            "high": high.tolist(),
            "bins": self.bins,
            "hidden": list(hidden),
            "frequencies": self.frequencies,
            "orders": [list(order) for order in self.orders],
            "classes": self.classes,
        }
        self.nets = nn.ModuleList(
            self._network(order, hidden, dim) for order in self.orders
        )

    def _network(
        self, order: Sequence[int], hidden: Sequence[int], dim: int
    ) -> nn.Sequential:
        """Return the masked network of one order."""
        # The degree of a coordinate: its place in the order, from 1. Labels have 0.
        degree = torch.empty(dim, dtype=torch.long)
        degree[list(order)] = torch.arange(1, dim + 1)
        seen = degree.repeat_interleave(1 + 2 * self.frequencies)
        degrees = [torch.cat([seen, degree.new_zeros(self.classes)])]
        first = 0 if self.classes else 1  # a unit of degree 0 sees labels alone
        for width in hidden:
            degrees.append(first + torch.arange(width) % max(dim - first, 1))
        hidden_layers: list[nn.Module] = []
        for a, b in pairwise(degrees):
            hidden_layers += [MaskedLinear(a, b), nn.ReLU()]
        out = degree.repeat_interleave(self.bins)
        last = MaskedLinear(degrees[-1], out, strict=True)
        return nn.Sequential(*hidden_layers, last)

    def log_mass(self, x: Tensor, y: Tensor | None = None, *, net: int = 0) -> Tensor:
        """Return the log-probability of each coordinate's bins, given those before.

        Args:
            x: Observations, ``(n, dim)``.
            y: Labels, ``(n,)``, for a conditional model.
            net: The number of the order.

        Returns:
            A tensor ``(n, dim, bins)``; entry ``i`` does not depend on the coordinates
            that come with or after ``i`` in the order.

        Raises:
            ValueError: If there is no order of that number.
        """
        self._check_x(x)
        if check_count(net, "net") >= len(self.nets):
            raise ValueError(f"net must be below {len(self.nets)}, got {net}")
        unit = ((x - self.low) / (self.high - self.low)).reshape(-1, 1)  # (n * dim, 1)
        waves = fourier_features(unit, self.frequencies, math.pi)[:, 1:]  # (n * dim, …)
        seen = torch.cat([unit * 2 - 1, waves], 1).unflatten(0, x.shape).flatten(1)
        if (h := self._label_features(y, len(x))) is not None:
            seen = torch.cat([seen, h], 1)
        return self.nets[net](seen).unflatten(1, (-1, self.bins)).log_softmax(-1)

    def log_prob_by_order(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the log density under each order alone in nats, ``(n, orders)``.

        Each is minus equation :eq:`eq-ar-loss`, in its own order.
        """
        self._check_x(x)
        inside = ((x >= self.low) & (x <= self.high)).all(1)
        x = torch.minimum(torch.maximum(x, self.low), self.high)
        width, k = self._width(), self._bin(x)  # (dim,), (n, dim)
        log_p = []
        for net in range(len(self.nets)):
            mass = self.log_mass(x, y, net=net).gather(2, k[..., None]).squeeze(2)
            total = (mass - width.log()).sum(1)  # (12.1)
            log_p.append(torch.where(inside, total, -torch.inf))
        return torch.stack(log_p, 1)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the exact log density of each observation in nats, ``(n,)``.

        It is the logarithm of equation :eq:`eq-ar-mixture`.
        """
        log_p = self.log_prob_by_order(x, y)  # (n, orders)
        return log_p.logsumexp(1) - math.log(log_p.shape[1])  # (12.2)

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the mean negative log-likelihood, each order taken for itself.

        With one order this is that of the model. With more it is never below it,
        because the logarithm is concave.

        Args:
            x: Observations, ``(n, dim)``.
            y: Labels, ``(n,)``, for a conditional model.
            generator: Unused: the likelihood is not random.
        """
        check_generator(generator)
        self._check_x(x, allow_empty=False)
        return -self.log_prob_by_order(x, y).mean()

    @torch.no_grad()
    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw ``n`` observations, one coordinate after the other.

        Args:
            n: How many.
            y: Labels, ``(n,)``, for a conditional model.
            temperature: Below 1 the likely bins become likelier, above 1 less so.
            generator: The source of randomness; the global one when ``None``.

        Returns:
            A tensor ``(n, dim)``.
        """
        temperature = check_temperature(temperature)
        shape = (self._asked(n, y), *self.event_shape)
        u = self._uniform(*shape, generator=generator)
        which = self._uniform(n, generator=generator) * len(self.nets)
        x = self.low.expand(shape).clone()
        for net in range(len(self.nets)):
            rows = which.long() == net
            labels = None if y is None else y[rows]
            x[rows] = self._draw(net, u[rows], labels, temperature)
        return x

    def _width(self) -> Tensor:
        """Return the width of a bin of each coordinate, ``(dim,)``."""
        return (self.high - self.low) / self.bins

    def _bin(self, x: Tensor) -> Tensor:
        """Return the bin that holds each coordinate of points in the box, integers."""
        return ((x - self.low) / self._width()).long().clamp(max=self.bins - 1)

    def _draw(
        self, net: int, u: Tensor, y: Tensor | None, temperature: float
    ) -> Tensor:
        """Turn uniform numbers ``(n, dim)`` into observations, in one order.

        The temperature acts as in equation :eq:`eq-ar-temperature`.
        """
        x, width = self.low.expand(u.shape).clone(), self._width()
        for i in self.orders[net]:
            log_p = self.log_mass(x, y, net=net)[:, i]  # (n, bins)
            p = (log_p / temperature).softmax(-1)  # (12.3)
            k = inverse_cdf(p, u[:, i : i + 1])  # (n, 1)
            before = (p.cumsum(-1) - p).gather(1, k)  # the probability to the left
            # What is left of u, within the bin: uniform again.
            rest = ((u[:, i : i + 1] - before) / p.gather(1, k)).clamp(0, 1)
            x[:, i] = self.low[i] + width[i] * (k + rest).squeeze(1)
            # Rounding may lead over the border, to a bin without probability.
            strayed = (self._bin(x)[:, i] != k[:, 0]) | (x[:, i] > self.high[i])
            middle = self.low[i] + width[i] * (k + 0.5).squeeze(1)
            x[:, i] = torch.where(strayed, middle, x[:, i])
        return x
