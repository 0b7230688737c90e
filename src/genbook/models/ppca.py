"""Probabilistic principal components, one plane of them or several.

An image has many pixels and few ways to vary. Here it is a point of a plane, drawn from
a Gaussian, plus noise on every pixel; a mixture has several planes. The density over
all pixels is exact, and costs no matrix larger than the number of components.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from genbook._validate import (
    check_count,
    check_generator,
    check_positive,
    check_tensor,
)
from genbook.models.base import ExplicitModel, LatentVariableModel
from genbook.models.planes import k_means, log_normal, maximise, posterior_mean

RARE = 1e-12  # responsibilities below this are left out of an M-step


class ProbabilisticPCA(ExplicitModel, LatentVariableModel):
    r"""A Gaussian on a plane, and the same noise on every feature.

    .. math::

        \mathbf x = W\mathbf z + \boldsymbol\mu + \sigma\boldsymbol\varepsilon,
        \qquad \mathbf z, \boldsymbol\varepsilon \sim \mathcal N(0, I),
        \qquad \mathbf x \sim
        \mathcal N\bigl(\boldsymbol\mu,\; W W^\top + \sigma^2 I\bigr)

    A new model is the standard Gaussian, with a plane too thin to matter. ``fit`` sets
    the parameters in closed form; gradient descent on ``loss`` leads to the same
    likelihood.

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
        self.event_shape, features, q = _sizes(event_shape, components)
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
        floor = _floor(rows, min_variance)
        plane = maximise(rows, rows.new_ones(len(rows)), self.W.shape[1], floor)
        self.mu.copy_(plane.mu)
        self.W.copy_(plane.W)
        self.log_variance.copy_(plane.log_variance)
        return self

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the exact log density of each observation in nats, ``(n,)``."""
        self._refuse_condition(y)
        rows = self._check_x(x).flatten(1)
        return log_normal(rows - self.mu, self.W, self.log_variance)

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


class PPCAMixture(ExplicitModel, LatentVariableModel):
    r"""A weighted sum of planes, each a probabilistic PCA of its own.

    .. math::

        p_\theta(\mathbf x) = \sum_{j=1}^k \pi_j\, \mathcal N\bigl(\mathbf x \mid
        \boldsymbol\mu_j,\; W_j W_j^\top + \sigma_j^2 I\bigr)

    A curved set of images is covered by flat pieces, as a disco ball covers a sphere.

    Args:
        event_shape: The shape of one observation; ``D`` features in all.
        clusters: How many planes, ``k`` above.
        components: The dimension ``q`` of each plane, below ``D``; with 0 this is a
            mixture of round Gaussians.

    Attributes:
        logits: The weights' logarithms up to a constant, ``(k,)``.
        mu: The means, ``(k, D)``.
        W: The directions of each plane, ``(k, D, q)``.
        log_variance: The logarithm of each noise's variance, ``(k,)``.
        history: The mean log-likelihood in nats before each step of the last ``fit``,
            and after the last step.

    Raises:
        TypeError: If a size is not an integer.
        ValueError: If a size is out of range: there must be fewer components than
            features.

    Reference:
        M. E. Tipping and C. M. Bishop, *Mixtures of probabilistic principal component
        analyzers*, Neural Computation 11, 1999, doi:10.1162/089976699300016728;
        E. Richardson and Y. Weiss, *On GANs and GMMs*, 2018, arXiv:1805.12462.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> x = torch.randn(400, 3, generator=g) * torch.tensor([5.0, 0.1, 0.1])
        >>> x[:100, 1] += 100
        >>> model = PPCAMixture((3,), clusters=2, components=1).fit(x, generator=g)
        >>> model.weights.sort().values
        tensor([0.2500, 0.7500])
    """

    history: list[float]

    def __init__(
        self, event_shape: Sequence[int], clusters: int, components: int
    ) -> None:
        super().__init__()
        self.event_shape, features, q = _sizes(event_shape, components)
        k = check_count(clusters, "clusters", minimum=1)
        self.config = {"event_shape": self.event_shape, "clusters": k, "components": q}
        self.logits = nn.Parameter(torch.zeros(k))
        self.mu = nn.Parameter(torch.randn(k, features))
        self.W = nn.Parameter(1e-3 * torch.eye(features, q).repeat(k, 1, 1))
        self.log_variance = nn.Parameter(torch.zeros(k))
        self.history = []

    @property
    def weights(self) -> Tensor:
        """The weight of each plane, ``(k,)``; they sum to one. No gradient."""
        return self.logits.detach().softmax(dim=0)

    def _planes(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        return zip(self.mu, self.W, self.log_variance, strict=True)

    def log_joint(self, x: Tensor) -> Tensor:
        """Return the log density of each observation and plane, ``(n, k)``."""
        rows, planes = (
            x.flatten(1),
            zip(self.mu, self.W, self.log_variance, strict=True),
        )
        each = [log_normal(rows - mu, W, v) for mu, W, v in planes]
        return torch.stack(each, dim=1) + self.logits.log_softmax(dim=0)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the exact log density of each observation in nats, ``(n,)``."""
        self._refuse_condition(y)
        return self.log_joint(self._check_x(x)).logsumexp(dim=1)

    def responsibilities(self, x: Tensor) -> Tensor:
        """Return how likely each plane made each observation, ``(n, k)``."""
        return self.log_joint(self._check_x(x)).softmax(dim=1)

    def encode(self, x: Tensor) -> Tensor:
        """Return which plane an observation lies on, and where.

        Args:
            x: Observations, ``(n, *event_shape)``.

        Returns:
            Codes ``(n, k + k * q)``: the responsibilities, then the mean place on each
            plane times its responsibility.
        """
        r = self.responsibilities(x)
        rows, planes = (
            x.flatten(1),
            zip(self.mu, self.W, self.log_variance, strict=True),
        )
        each = [posterior_mean(rows - mu, W, v) for mu, W, v in planes]
        z = r[:, :, None] * torch.stack(each, dim=1)  # (n, k, q)
        return torch.cat([r, z.flatten(1)], dim=1)

    def decode(self, z: Tensor) -> Tensor:
        """Return the mean observation of each code, ``(n, *event_shape)``."""
        k, features, q = self.W.shape
        check_tensor(z, "z", ("n", k + k * q), dtype=self.dtype, allow_empty=True)
        directions = self.W.mT.reshape(k * q, features)
        rows = z @ torch.cat([self.mu, directions])
        return rows.unflatten(1, self.event_shape)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw a plane for each of ``n`` points, then the point and its noise."""
        self._refuse_condition(y)
        k, features, q = self.W.shape
        u = self._uniform(check_count(n, "n"), generator=generator)
        j = torch.searchsorted(self.weights.cumsum(dim=0), u, right=True)
        j = j.clamp(max=k - 1)
        z = self._normal(n, q, generator=generator)
        eps = self._normal(n, features, generator=generator)
        rows = self.mu[j] + (0.5 * self.log_variance[j]).exp()[:, None] * eps
        for i in range(k):  # a plane at a time: W[j] would be a large copy
            rows[j == i] += z[j == i] @ self.W[i].mT
        return rows.unflatten(1, self.event_shape)

    @torch.no_grad()
    def fit(
        self,
        x: Tensor,
        *,
        iterations: int = 30,
        tolerance: float = 1e-3,
        min_variance: float = 1e-6,
        generator: torch.Generator | None = None,
    ) -> PPCAMixture:
        """Set the parameters by expectation-maximisation, starting from k-means.

        The likelihood never falls from one step to the next.

        Args:
            x: Observations, ``(n, *event_shape)``, at least as many as planes.
            iterations: The largest number of steps.
            tolerance: Stop when a step gains less than this, in nats an observation.
            min_variance: The smallest variance of the noise, as a share of the data's
                mean variance; without a bound, a plane could shrink onto a few points.
            generator: The source of the random start; the global one when ``None``.

        Returns:
            The model itself.

        Raises:
            TypeError: If ``x`` is not a tensor of the model's floating-point type, or
                an option has the wrong type.
            ValueError: If ``x`` has another shape, is not finite, is constant or holds
                fewer points than planes, or an option is out of range.
        """
        self._check_x(x, allow_empty=False)
        check_count(iterations, "iterations")
        check_positive(tolerance, "tolerance", zero=True)
        check_generator(generator)
        k, _, q = self.W.shape
        if len(x) < k:
            raise ValueError(
                f"x must hold at least one point for each of the {k} planes, got "
                f"{len(x)}"
            )
        rows = x.flatten(1)
        floor = _floor(rows, min_variance)
        clusters = k_means(rows, k, generator=generator)
        self._maximise(rows, nn.functional.one_hot(clusters, k).to(x.dtype), q, floor)
        self.history = []
        for step in range(iterations + 1):
            log_joint = self.log_joint(x)
            log_p = log_joint.logsumexp(dim=1, keepdim=True)
            self.history.append(log_p.double().mean().item())
            gain = self.history[-1] - self.history[-2] if step else torch.inf
            if step == iterations or gain < tolerance:
                break
            self._maximise(rows, (log_joint - log_p).exp(), q, floor)
        return self

    def _maximise(self, rows: Tensor, r: Tensor, q: int, floor: float) -> None:
        """Do the M-step: fit each plane to the points as far as they are its own."""
        n = r.sum(dim=0)
        for j in range(len(n)):
            mine = r[:, j] > RARE
            if mine.any():  # an empty plane stays where it is
                plane = maximise(rows[mine], r[mine, j], q, floor)
                self.mu[j], self.W[j], self.log_variance[j] = plane
        self.logits.copy_((n / n.sum()).clamp(min=RARE).log())


def _sizes(
    event_shape: Sequence[int], components: int
) -> tuple[tuple[int, ...], int, int]:
    """Check the sizes; return the shape, the number of features, and ``q``."""
    if isinstance(event_shape, str) or not isinstance(event_shape, Sequence):
        raise TypeError(f"event_shape must be a sequence of sizes, got {event_shape!r}")
    shape = tuple(check_count(s, "event_shape", minimum=1) for s in event_shape)
    features = math.prod(shape)
    q = check_count(components, "components")
    if q >= features:
        raise ValueError(
            f"components must be below the {features} features of event_shape "
            f"{shape}, got {q}"
        )
    return shape, features, q


def _floor(rows: Tensor, min_variance: float) -> float:
    """Return the smallest variance of the noise, in the data's units squared."""
    check_positive(min_variance, "min_variance")
    if (rows == rows[0]).all():
        raise ValueError(f"x must not be constant, got {len(rows)} times one point")
    mean_variance = (rows - rows.mean(dim=0)).square().mean().item()
    return min_variance * mean_variance
