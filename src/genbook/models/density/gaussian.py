"""The Gaussian with full covariance, fitted in closed form or by gradient.

The covariance is kept as its Cholesky factor, whose diagonal is kept as its logarithm:
whatever numbers a gradient step writes there, the covariance stays positive definite.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genbook._validate import check_count, check_tensor
from genbook.models.base import TractableModel
from genbook.models.density._covariance import cholesky
from genbook.models.density._rows import power_of_two
from genbook.models.gaussians import LOG_2PI, from_tril, to_tril


class Gaussian(TractableModel):
    r"""A Gaussian with a full covariance matrix.

    .. math::

        \log p_\theta(\mathbf x) = -\tfrac12 \lVert \mathbf z \rVert^2
        - \log\lvert\det L\rvert - \tfrac d2 \log 2\pi,
        \qquad \mathbf z = L^{-1}(\mathbf x - \boldsymbol\mu),
        \qquad \Sigma = L L^\top.

    A new model is the standard Gaussian. ``fit`` sets the parameters in closed form;
    gradient descent on ``loss`` leads to the same place.

    Args:
        dim: The dimension of an observation, ``d`` above.

    Attributes:
        mu: The mean, ``(dim,)``.
        raw_tril: The Cholesky factor as unconstrained numbers, ``(dim, dim)``: see
            :func:`~genbook.models.gaussians.to_tril`.

    Raises:
        TypeError: If ``dim`` is not an integer.
        ValueError: If ``dim`` is below one.

    Reference:
        C. F. Gauss, *Theoria motus corporum coelestium*, Perthes & Besser, 1809.

    Example:
        >>> x = torch.tensor([[-1.0, 0.0], [1.0, 0.0], [0.0, 2.0], [0.0, -2.0]])
        >>> Gaussian(dim=2).fit(x).covariance
        tensor([[0.5000, 0.0000],
                [0.0000, 2.0000]])
    """

    def __init__(self, dim: int = 2) -> None:
        super().__init__()
        dim = check_count(dim, "dim", minimum=1)
        self.config = {"dim": dim}
        self.event_shape = (dim,)
        self.mu = nn.Parameter(torch.zeros(dim))
        self.raw_tril = nn.Parameter(torch.zeros(dim, dim))

    @classmethod
    def from_moments(cls, mu: Tensor, covariance: Tensor) -> Gaussian:
        """Return the Gaussian of a given mean and covariance.

        Args:
            mu: The mean, ``(dim,)``.
            covariance: The covariance, symmetric and positive definite, ``(dim, dim)``.

        Returns:
            A model of the mean's dimension and floating-point type.

        Raises:
            TypeError: If an argument is not a floating-point tensor.
            ValueError: If a shape is wrong, or the covariance is not symmetric and
                positive definite.

        Example:
            >>> Gaussian.from_moments(torch.zeros(1), torch.tensor([[4.0]])).tril
            tensor([[2.]], grad_fn=<AddBackward0>)
        """
        check_tensor(mu, "mu", ("dim",))
        dim = len(mu)
        check_tensor(covariance, "covariance", (dim, dim), dtype=mu.dtype)
        tril = cholesky(covariance, "covariance")
        model = cls(dim).to(device=mu.device, dtype=mu.dtype)
        with torch.no_grad():
            model.mu.copy_(mu)
            model.raw_tril.copy_(from_tril(tril))
        return model

    @property
    def tril(self) -> Tensor:
        """The Cholesky factor ``L`` of the covariance, ``(dim, dim)``."""
        return to_tril(self.raw_tril)

    @property
    def covariance(self) -> Tensor:
        """The covariance matrix, ``(dim, dim)``, without gradient.

        Infinite where a variance exceeds the model's floating-point type.
        """
        tril = self.tril.detach()
        return tril @ tril.mT

    @torch.no_grad()
    def fit(self, x: Tensor) -> Gaussian:
        """Set mean and covariance to their maximum-likelihood estimate.

        That is the mean of the data and the mean of the squared deviations (divided by
        ``n``, not by ``n - 1``).

        Args:
            x: Observations, ``(n, dim)``; they must not lie in a plane.

        Returns:
            The model itself.

        Raises:
            TypeError: If ``x`` is not a tensor of the model's floating-point type.
            ValueError: If ``x`` has another shape, is empty or not finite, or spans
                fewer than ``dim`` dimensions.
        """
        self._check_x(x, allow_empty=False)
        unit = power_of_two(x)
        x = x / unit
        mu = x.mean(dim=0)
        covariance = (x - mu).mT @ (x - mu) / len(x)
        tril = cholesky(covariance, "the covariance of x")
        self.mu.copy_(unit * mu)
        self.raw_tril.copy_(from_tril(unit[:, None] * tril))
        return self

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the exact log density of each observation in nats, ``(n,)``."""
        self._refuse_condition(y)
        self._check_x(x)
        tril, centred = self.tril, (x - self.mu).mT  # (d, d), (d, n)
        z = torch.linalg.solve_triangular(tril, centred, upper=False)
        log_det = tril.diagonal().log().sum()
        return -0.5 * z.square().sum(dim=0) - log_det - 0.5 * len(z) * LOG_2PI

    @torch.no_grad()
    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw ``n`` points as ``mu + L z`` with standard Gaussian ``z``."""
        self._refuse_condition(y)
        z = self._normal(check_count(n, "n"), *self.event_shape, generator=generator)
        return self.mu + z @ self.tril.mT
