"""A mixture of Gaussians, fitted by expectation-maximisation.

Each observation comes from one of ``k`` Gaussians; which one is the latent variable.
The two steps of the algorithm stand in ``_em.py``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genbook._validate import (
    check_count,
    check_flag,
    check_generator,
    check_positive,
    check_tensor,
)
from genbook.models._categorical import inverse_cdf
from genbook.models.base import LatentVariableModel, TractableModel
from genbook.models.density._covariance import cholesky
from genbook.models.density._em import Theta, climb, initialise
from genbook.models.density._rows import Units, column_units, row_order
from genbook.models.gaussians import LOG_2PI, from_tril, to_tril

SMALLEST = 1e-12  # share of a column's variance that sums in float64 can still tell


class GaussianMixture(TractableModel, LatentVariableModel):
    r"""A weighted sum of Gaussians with full covariances.

    .. math::

        p_\theta(\mathbf x) = \sum_{j=1}^k \pi_j\,
        \mathcal N(\mathbf x \mid \boldsymbol\mu_j, L_j L_j^\top)

    A new model has equal weights, unit covariances and random means. ``fit`` does not
    depend on the columns' units, nor on the order of the rows.

    Args:
        dim: The dimension of an observation.
        components: How many Gaussians, ``k`` above.

    Attributes:
        logits: The weights' logarithms up to a constant, ``(k,)``.
        means: The components' means, ``(k, dim)``.
        raw_tril: The Cholesky factors as unconstrained numbers, ``(k, dim, dim)``: see
            :func:`~genbook.models.gaussians.to_tril`.
        history: The mean log-likelihood in nats before each step of the last ``fit``,
            and after the last step.

    Raises:
        TypeError: If ``dim`` or ``components`` is not an integer.
        ValueError: If ``dim`` or ``components`` is below one.

    Reference:
        A. P. Dempster, N. M. Laird and D. B. Rubin, *Maximum likelihood from incomplete
        data via the EM algorithm*, Journal of the Royal Statistical Society B 39, 1977,
        doi:10.1111/j.2517-6161.1977.tb01600.x.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> x = torch.randn(1000, 1, generator=g)
        >>> x[:500] += 10
        >>> GaussianMixture(dim=1, components=2).fit(x, generator=g).weights
        tensor([0.5000, 0.5000])
    """

    history: list[float]

    def __init__(self, dim: int = 2, components: int = 8) -> None:
        super().__init__()
        dim = check_count(dim, "dim", minimum=1)
        k = check_count(components, "components", minimum=1)
        self.config = {"dim": dim, "components": k}
        self.event_shape = (dim,)
        self.logits = nn.Parameter(torch.zeros(k))
        self.means = nn.Parameter(torch.randn(k, dim))
        self.raw_tril = nn.Parameter(torch.zeros(k, dim, dim))
        self.history = []

    @classmethod
    def from_parameters(
        cls, weights: Tensor, means: Tensor, covariances: Tensor
    ) -> GaussianMixture:
        """Return the mixture of given weights, means and covariances.

        Args:
            weights: Positive numbers that sum to one, ``(k,)``.
            means: The components' means, ``(k, dim)``.
            covariances: Symmetric and positive definite, ``(k, dim, dim)``.

        Returns:
            A model of the means' floating-point type.

        Raises:
            TypeError: If an argument is not a floating-point tensor, or of another type
                than the means.
            ValueError: If a shape is wrong, the weights are not a distribution, or a
                covariance is not symmetric and positive definite.

        Example:
            >>> means, covariances = torch.zeros(2, 1), torch.ones(2, 1, 1)
            >>> model = GaussianMixture.from_parameters(
            ...     torch.tensor([0.25, 0.75]), means, covariances
            ... )
            >>> model.weights
            tensor([0.2500, 0.7500])
        """
        check_tensor(means, "means", ("k", "dim"))
        k, dim = means.shape
        check_tensor(weights, "weights", (k,), dtype=means.dtype)
        check_tensor(covariances, "covariances", (k, dim, dim), dtype=means.dtype)
        if not (weights > 0).all() or abs(weights.sum().item() - 1) > 1e-4:
            raise ValueError(
                f"weights must be positive and sum to 1, got the smallest "
                f"{weights.min():g} and the sum {weights.sum():g}"
            )
        model = cls(dim, k).to(device=means.device, dtype=means.dtype)
        model._set(Theta(weights, means, cholesky(covariances, "covariances")))
        return model

    @property
    def weights(self) -> Tensor:
        """The weight of each component, ``(k,)``; they sum to one. No gradient."""
        return self.logits.detach().softmax(dim=0)

    @property
    def covariances(self) -> Tensor:
        """The covariance of each component, ``(k, dim, dim)``. No gradient.

        Infinite where a variance exceeds the model's floating-point type.
        """
        tril = to_tril(self.raw_tril.detach())
        return tril @ tril.mT

    def log_joint(self, x: Tensor) -> Tensor:
        """Return the log density of each observation and component, ``(n, k)``."""
        self._check_x(x)
        tril = to_tril(self.raw_tril)  # (k, d, d)
        z = torch.linalg.solve_triangular(  # (k, d, n)
            tril, x.mT - self.means[..., None], upper=False
        )
        log_det = tril.diagonal(dim1=-2, dim2=-1).log().sum(dim=1)  # (k,)
        constant = self.logits.log_softmax(dim=0) - log_det - 0.5 * z.shape[1] * LOG_2PI
        return (constant[:, None] - 0.5 * z.square().sum(dim=1)).mT

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the exact log density of each observation in nats, ``(n,)``."""
        self._refuse_condition(y)
        return self.log_joint(x).logsumexp(dim=1)

    def responsibilities(self, x: Tensor) -> Tensor:
        """Return how likely each component made each observation.

        Args:
            x: Observations, ``(n, dim)``.

        Returns:
            Probabilities ``(n, k)``; each row sums to one.
        """
        return self.log_joint(x).softmax(dim=1)

    def encode(self, x: Tensor) -> Tensor:
        """Return the :meth:`responsibilities`, ``(n, k)``."""
        return self.responsibilities(x)

    def decode(self, z: Tensor) -> Tensor:
        """Return the mean observation of each mixture of components.

        Args:
            z: Responsibilities, ``(n, k)``; a one-hot row gives that component's mean.

        Returns:
            Points ``(n, dim)``.
        """
        check_tensor(z, "z", ("n", len(self.means)), dtype=self.dtype, allow_empty=True)
        return z @ self.means

    @torch.no_grad()
    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw a component for each of ``n`` points, then the point, ``(n, dim)``."""
        self._refuse_condition(y)
        u = self._uniform(check_count(n, "n"), generator=generator)
        j = inverse_cdf(self.weights, u)  # (n,)
        eps = self._normal(n, *self.event_shape, generator=generator)
        return self.means[j] + (to_tril(self.raw_tril)[j] @ eps[..., None]).squeeze(-1)

    @torch.no_grad()
    def fit(
        self,
        x: Tensor,
        *,
        iterations: int = 200,
        tolerance: float = 1e-4,
        restarts: int = 1,
        min_variance: float = 1e-6,
        warm_start: bool = False,
        generator: torch.Generator | None = None,
    ) -> GaussianMixture:
        """Set the parameters by expectation-maximisation, in float64.

        The likelihood never falls from one step to the next. Without a bound it could
        also rise for ever, as a component shrinks onto a single point: so we maximise
        over the mixtures that have at least a given variance in every direction.

        The steps are taken in units in which each column has variance 1, and over
        sorted rows: neither the columns' units nor the order of the rows changes the
        fit.

        Args:
            x: Observations, ``(n, dim)``, at least as many as components.
            iterations: The largest number of steps.
            tolerance: Stop when a step gains less than this, in nats an observation.
            restarts: How many starts to try; the likeliest result stays.
            min_variance: The bound, as a share of the variance of each column.
            warm_start: Start from the present parameters, not from the data.
            generator: The source of the random start; the global one when ``None``.

        Returns:
            The model itself.

        Raises:
            TypeError: If ``x`` is not a tensor of the model's floating-point type, or
                an option has the wrong type.
            ValueError: If ``x`` has another shape, is not finite, holds fewer points
                than components or a column of one value, or an option is out of range.
        """
        self._check_x(x, allow_empty=False)
        check_count(iterations, "iterations")
        check_positive(tolerance, "tolerance", zero=True)
        check_count(restarts, "restarts", minimum=1)
        if check_positive(min_variance, "min_variance") < SMALLEST:
            raise ValueError(
                f"min_variance must be at least {SMALLEST:g}, got {min_variance:g}: "
                f"less than that is lost in rounding"
            )
        warm_start = check_flag(warm_start, "warm_start")
        check_generator(generator)
        k = len(self.means)
        if len(x) < k:
            raise ValueError(
                f"x must hold at least one point for each of the {k} components, got "
                f"{len(x)}"
            )
        units = column_units(x := x[row_order(x)])
        x = (x.double() - units.centre) / units.scale

        best: tuple[list[float], Theta] | None = None
        for _ in range(1 if warm_start else restarts):
            theta = (
                self._theta(units)
                if warm_start
                else initialise(x, k, min_variance, generator)
            )
            found = climb(x, theta, min_variance, iterations, tolerance)
            if best is None or found[0][-1] > best[0][-1]:
                best = found
        assert best is not None
        history, theta = best
        log_unit = units.scale.log().sum().item()
        self.history = [h - log_unit for h in history]
        means = theta.means * units.scale + units.centre
        self._set(Theta(theta.pi, means, units.scale[:, None] * theta.tril))
        return self

    def _theta(self, units: Units) -> Theta:
        """Return the present parameters in such units."""
        means = (self.means.double() - units.centre) / units.scale
        tril = to_tril(self.raw_tril.double()) / units.scale[:, None]
        return Theta(self.weights.double(), means, tril)

    @torch.no_grad()
    def _set(self, theta: Theta) -> None:
        self.logits.copy_(theta.pi.log())
        self.means.copy_(theta.means)
        self.raw_tril.copy_(from_tril(theta.tril))
