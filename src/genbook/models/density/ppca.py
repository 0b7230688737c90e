"""Probabilistic principal components: a plane, and noise around it.

An image has many pixels and few ways to vary. Here it is a point of a plane, drawn from
a Gaussian, plus noise on every pixel. The density over all pixels is exact, and costs
no matrix larger than the number of components.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from genbook._validate import check_count, check_tensor
from genbook.models.base import LatentVariableModel, TractableModel
from genbook.models.density._covariance import variance_floor
from genbook.models.density._low_rank_gaussian import (
    fit_plane,
    low_rank_gaussian_log_prob,
    plane_sizes,
    posterior_mean,
)


class ProbabilisticPCA(TractableModel, LatentVariableModel):
    r"""A Gaussian on a plane, and the same noise on every feature.

    .. math::

        \mathbf x = W\mathbf z + \boldsymbol\mu + \sigma\boldsymbol\varepsilon,
        \qquad \mathbf z, \boldsymbol\varepsilon \sim \mathcal N(0, I),
        \qquad \mathbf x \sim
        \mathcal N\bigl(\boldsymbol\mu,\; W W^\top + \sigma^2 I\bigr)

    A new model is the standard Gaussian, with a plane too thin to matter. ``fit`` sets
    the parameters in closed form; gradient descent on ``loss`` leads to the same
    likelihood.

    The noise is as wide along one feature as along another: bring columns of different
    units to a common scale first. Which one it is changes nothing.

    Args:
        event_shape: The shape of one observation; ``D`` features in all.
        components: The dimension ``q`` of the plane, below ``D``; with 0 there is only
            the noise, around one point.

    Attributes:
        mu: The mean, ``(D,)``.
        W: The directions, each as long as the standard deviation it adds, ``(D, q)``.
        log_variance: The logarithm of the noise's variance, ``()``.

    Raises:
        TypeError: If a size is not an integer.
        ValueError: If a size is out of range: there must be fewer components than
            features.

    Reference:
        M. E. Tipping and C. M. Bishop, *Probabilistic principal component analysis*,
        Journal of the Royal Statistical Society B 61, 1999,
        doi:10.1111/1467-9868.00196.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> z = torch.randn(5000, 1, generator=g)
        >>> noise = 0.5 * torch.randn(5000, 3, generator=g)
        >>> x = z @ torch.tensor([[3.0, 0.0, 4.0]]) + noise
        >>> model = ProbabilisticPCA((3,), components=1).fit(x)
        >>> round(model.sigma, 1), model.encode(x).shape
        (0.5, torch.Size([5000, 1]))
    """

    def __init__(self, event_shape: Sequence[int], components: int) -> None:
        super().__init__()
        self.event_shape, features, q = plane_sizes(event_shape, components)
        self.config = {"event_shape": self.event_shape, "components": q}
        self.mu = nn.Parameter(torch.zeros(features))
        self.W = nn.Parameter(1e-3 * torch.eye(features, q))
        self.log_variance = nn.Parameter(torch.zeros(()))

    @property
    def sigma(self) -> float:
        """The standard deviation of the noise on each feature."""
        return math.exp(self.log_variance.item() / 2)

    @torch.no_grad()
    def fit(self, x: Tensor, *, min_variance: float = 1e-6) -> ProbabilisticPCA:
        """Set the parameters to their maximum-likelihood estimate.

        Args:
            x: Observations, ``(n, *event_shape)``, two different ones at least.
            min_variance: The smallest variance of the noise, as a share of the data's
                mean variance. Without a bound, data on a plane would have an infinite
                density there.

        Returns:
            The model itself.

        Raises:
            TypeError: If ``x`` is not a tensor of the model's floating-point type.
            ValueError: If ``x`` has another shape, is empty, not finite or constant.
        """
        self._check_x(x, allow_empty=False)
        rows = x.flatten(1)
        floor = variance_floor(rows, min_variance)
        plane = fit_plane(rows, rows.new_ones(len(rows)), self.W.shape[1], floor)
        self.mu.copy_(plane.mu)
        self.W.copy_(plane.W)
        self.log_variance.copy_(plane.log_variance)
        return self

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the exact log density of each observation in nats, ``(n,)``."""
        self._refuse_condition(y)
        rows = self._check_x(x).flatten(1)
        return low_rank_gaussian_log_prob(rows - self.mu, self.W, self.log_variance)

    def encode(self, x: Tensor) -> Tensor:
        """Return the mean of ``z`` given each observation, ``(n, q)``."""
        rows = self._check_x(x).flatten(1)
        return posterior_mean(rows - self.mu, self.W, self.log_variance)

    def decode(self, z: Tensor) -> Tensor:
        """Return the point of the plane at each ``z``, ``(n, *event_shape)``."""
        check_tensor(z, "z", ("n", self.W.shape[1]), dtype=self.dtype, allow_empty=True)
        return (z @ self.W.mT + self.mu).unflatten(1, self.event_shape)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw ``n`` points of the plane and add the noise, ``(n, *event_shape)``."""
        self._refuse_condition(y)
        features, q = self.W.shape
        z = self._normal(check_count(n, "n"), q, generator=generator)
        eps = self._normal(n, features, generator=generator)
        noise = (0.5 * self.log_variance).exp() * eps
        return self.decode(z) + noise.unflatten(1, self.event_shape)
