"""Several planes: a mixture of probabilistic principal components.

A curved set of images is covered by flat pieces, fitted by expectation-maximisation.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from genbook._validate import (
    check_count,
    check_generator,
    check_positive,
    check_tensor,
)
from genbook.models._categorical import inverse_cdf
from genbook.models.base import LatentVariableModel, TractableModel
from genbook.models.density._covariance import variance_floor
from genbook.models.density._low_rank_gaussian import (
    Plane,
    fit_plane,
    low_rank_gaussian_log_prob,
    plane_sizes,
    posterior_mean,
)
from genbook.models.density._rows import row_order
from genbook.models.density.kmeans import k_means

RARE = 1e-12  # responsibilities below this are left out of an M-step


class PPCAMixture(TractableModel, LatentVariableModel):
    r"""A weighted sum of planes, each a probabilistic PCA of its own.

    .. math::

        p_\theta(\mathbf x) = \sum_{j=1}^k \pi_j\, \mathcal N\bigl(\mathbf x \mid
        \boldsymbol\mu_j,\; W_j W_j^\top + \sigma_j^2 I\bigr)

    A curved set of images is covered by flat pieces, as a disco ball covers a sphere.
    The noise of a plane is as wide along one feature as along another: bring columns of
    different units to a common scale first. Which one it is changes nothing.

    Args:
        event_shape: The shape of one observation; ``D`` features in all.
        clusters: How many planes, ``k`` above.
        components: The dimension ``q`` of each plane, below ``D``; with 0 this is a
            mixture of round Gaussians.

    Attributes:
        logits: The weights' logarithms up to a constant, ``(k,)``.
        means: The planes' means, ``(k, D)``.
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
        self.event_shape, features, q = plane_sizes(event_shape, components)
        k = check_count(clusters, "clusters", minimum=1)
        self.config = {"event_shape": self.event_shape, "clusters": k, "components": q}
        self.logits = nn.Parameter(torch.zeros(k))
        self.means = nn.Parameter(torch.randn(k, features))
        self.W = nn.Parameter(1e-3 * torch.eye(features, q).repeat(k, 1, 1))
        self.log_variance = nn.Parameter(torch.zeros(k))
        self.history = []

    @property
    def weights(self) -> Tensor:
        """The weight of each plane, ``(k,)``; they sum to one. No gradient."""
        return self.logits.detach().softmax(dim=0)

    def _planes(self) -> list[Plane]:
        rows = zip(self.means, self.W, self.log_variance, strict=True)
        return [Plane(*row) for row in rows]

    def log_joint(self, x: Tensor) -> Tensor:
        """Return the log density of each observation and plane, ``(n, k)``."""
        rows = self._check_x(x).flatten(1)
        return _log_joint(rows, self._planes(), self.logits.log_softmax(dim=0))

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the exact log density of each observation in nats, ``(n,)``."""
        self._refuse_condition(y)
        return self.log_joint(x).logsumexp(dim=1)

    def responsibilities(self, x: Tensor) -> Tensor:
        """Return how likely each plane made each observation, ``(n, k)``."""
        return self.log_joint(x).softmax(dim=1)

    def encode(self, x: Tensor) -> Tensor:
        """Return which plane an observation lies on, and where.

        Args:
            x: Observations, ``(n, *event_shape)``.

        Returns:
            Codes ``(n, k + k * q)``: the responsibilities, then the mean place on each
            plane times its responsibility.
        """
        r = self.responsibilities(x)
        rows = x.flatten(1)
        each = [posterior_mean(rows - mu, W, v) for mu, W, v in self._planes()]
        z = r[:, :, None] * torch.stack(each, dim=1)  # (n, k, q)
        return torch.cat([r, z.flatten(1)], dim=1)

    def decode(self, z: Tensor) -> Tensor:
        """Return the mean observation of each code, ``(n, *event_shape)``."""
        k, features, q = self.W.shape
        check_tensor(z, "z", ("n", k + k * q), dtype=self.dtype, allow_empty=True)
        directions = self.W.mT.reshape(k * q, features)
        rows = z @ torch.cat([self.means, directions])
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
        j = inverse_cdf(self.weights, u)  # (n,)
        z = self._normal(n, q, generator=generator)
        eps = self._normal(n, features, generator=generator)
        rows = self.means[j] + (0.5 * self.log_variance[j]).exp()[:, None] * eps
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

        The likelihood never falls from one step to the next: the steps are taken in
        float64. They go over sorted rows, so the order of the rows changes nothing.

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
        k = len(self.W)
        if len(x) < k:
            raise ValueError(
                f"x must hold at least one point for each of the {k} planes, got "
                f"{len(x)}"
            )
        rows = x.flatten(1)
        floor = variance_floor(rows, min_variance)
        rows = rows[row_order(rows)].double()
        planes = [Plane(*(t.double() for t in p)) for p in self._planes()]
        clusters = k_means(rows, k, generator=generator)
        r = nn.functional.one_hot(clusters, k).double()
        planes, log_pi = _m_step(rows, r, planes, floor)
        history: list[float] = []
        for step in range(iterations + 1):
            log_joint = _log_joint(rows, planes, log_pi)
            log_p = log_joint.logsumexp(dim=1, keepdim=True)
            history.append(log_p.mean().item())
            gain = history[-1] - history[-2] if step else torch.inf
            if step == iterations or gain < tolerance:
                break
            planes, log_pi = _m_step(rows, (log_joint - log_p).exp(), planes, floor)
        for j, plane in enumerate(planes):
            self.means[j], self.W[j], self.log_variance[j] = plane
        self.logits.copy_(log_pi)
        self.history = history
        return self


def _log_joint(rows: Tensor, planes: Sequence[Plane], log_pi: Tensor) -> Tensor:
    """Return the log density of each row and plane, ``(n, k)``."""
    each = [low_rank_gaussian_log_prob(rows - p.mu, *p[1:]) for p in planes]
    return torch.stack(each, dim=1) + log_pi


def _m_step(
    rows: Tensor, r: Tensor, planes: Sequence[Plane], floor: float
) -> tuple[list[Plane], Tensor]:
    """Do the M-step: fit each plane to the points as far as they are its own."""
    n = r.sum(dim=0)
    found = []
    for j, plane in enumerate(planes):
        mine = r[:, j] > RARE
        if mine.any():  # an empty plane stays where it is
            q = plane.W.shape[1]
            plane = fit_plane(rows[mine], r[mine, j], q, floor)
        found.append(plane)
    log_pi = (n / n.sum()).clamp(min=RARE).log()
    return found, log_pi.log_softmax(dim=0)
