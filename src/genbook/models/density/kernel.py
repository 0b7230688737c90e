"""The kernel density estimate: a small Gaussian on every observation.

The sum over all pairs is where the time goes; ``_kernel_sums.py`` does it quickly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from genbook._validate import (
    check_count,
    check_fitted,
    check_generator,
    check_positive,
    check_tensor,
)
from genbook.models.base import TractableModel
from genbook.models.density._kernel_gradient import differentiable_logsumexp
from genbook.models.density._kernel_sums import gaussian_kernel_logsumexp
from genbook.models.density._rows import power_of_two, row_order
from genbook.models.gaussians import LOG_2PI


class KernelDensity(TractableModel):
    r"""A Gaussian of width ``h`` on each of the ``m`` observations.

    .. math::

        p(\mathbf x) = \frac1m \sum_{i=1}^m
        \mathcal N(\mathbf x \mid \mathbf x_i, h^2 I)

    The kernel knows no borders: where the data stop at a line, half of the kernel of a
    point on that line lies beyond it, and that half is what a sharper model can win.

    The kernel is as wide along one column as along another: bring columns of different
    units to a common scale first.

    Args:
        dim: The dimension of an observation.
        bandwidth: The width ``h`` in the data's units; ``"scott"`` for Scott's rule; or
            ``None`` to choose the width that predicts each observation best from all
            the others (:func:`select_bandwidth`).

    Attributes:
        points: The observations, ``(m, dim)``; none until the model is fitted.
        h: The bandwidth, ``()``; NaN until it is known.

    Raises:
        TypeError: If ``dim`` is not an integer, or ``bandwidth`` of another type.
        ValueError: If ``dim`` is below one, or ``bandwidth`` not positive or unknown.

    Reference:
        M. Rosenblatt, *Remarks on some nonparametric estimates of a density function*,
        Annals of Mathematical Statistics 27, 1956, doi:10.1214/aoms/1177728190;
        E. Parzen, *On estimation of a probability density function and mode*, ibid. 33,
        1962, doi:10.1214/aoms/1177704472.

    Example:
        >>> x = torch.tensor([[0.0], [4.0]])
        >>> model = KernelDensity(dim=1, bandwidth=1.0).fit(x)
        >>> model.log_prob(torch.tensor([[0.0], [2.0], [400.0]]))
        tensor([-1.6118e+00, -2.9189e+00, -7.8410e+04])
    """

    points: Tensor
    h: Tensor

    def __init__(self, dim: int = 2, bandwidth: float | str | None = None) -> None:
        super().__init__()
        dim = check_count(dim, "dim", minimum=1)
        if isinstance(bandwidth, str):
            if bandwidth != "scott":
                raise ValueError(
                    f'bandwidth must be a number, "scott" or None, got {bandwidth!r}'
                )
        elif bandwidth is not None:
            bandwidth = check_positive(bandwidth, "bandwidth")
        self.config = {"dim": dim, "bandwidth": bandwidth}
        self.event_shape = (dim,)
        self.rule = bandwidth
        given = bandwidth if isinstance(bandwidth, float) else torch.nan
        self.register_buffer("points", torch.empty(0, dim))
        self.register_buffer("h", torch.tensor(given))

    @torch.no_grad()
    def fit(self, x: Tensor) -> KernelDensity:
        """Keep the observations, and choose the bandwidth where none was given.

        Args:
            x: Observations, ``(m, dim)``.

        Returns:
            The model itself.

        Raises:
            TypeError: If ``x`` is not a tensor of the model's floating-point type.
            ValueError: If ``x`` has another shape, is empty or not finite, or does not
                determine a bandwidth.
        """
        self._check_x(x, allow_empty=False)
        if self.rule is None:
            h = select_bandwidth(x)
        elif isinstance(self.rule, str):
            h = scott(x)
        else:
            h = self.rule
        self.points = x.detach().clone()
        self.h = x.new_tensor(h)
        return self

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the exact log density of each observation in nats, ``(n,)``.

        It can be differentiated by ``x`` as often as wanted; no derivative keeps all
        pairs in memory.
        """
        self._check_ready(y)
        self._check_x(x)
        m, d = self.points.shape
        wanted = x.requires_grad and torch.is_grad_enabled()
        sums = differentiable_logsumexp if wanted else gaussian_kernel_logsumexp
        log_sum = sums(x, self.points, self.h.item())
        return log_sum - math.log(m) - d * (self.h.log() + 0.5 * LOG_2PI)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw ``n`` of the observations and move each a little, ``(n, dim)``."""
        self._check_ready(y)
        n, m = check_count(n, "n"), len(self.points)
        check_generator(generator)
        i = torch.randint(m, (n,), generator=generator, device=self.device)
        eps = self._normal(n, *self.event_shape, generator=generator)
        return self.points[i] + self.h * eps

    def _check_ready(self, y: Tensor | None) -> None:
        self._refuse_condition(y)
        check_fitted(len(self.points) > 0, "KernelDensity")

    def _load_from_state_dict(
        self, state_dict: Mapping[str, Any], prefix: str, *args: Any
    ) -> None:
        """Make room for as many points as the state holds, then load as usual."""
        stored = state_dict.get(prefix + "points")
        if stored is not None and stored.shape[1:] == self.points.shape[1:]:
            self.points = self.points.new_empty(stored.shape)
        super()._load_from_state_dict(state_dict, prefix, *args)


def scott(x: Tensor) -> float:
    r"""Return Scott's bandwidth, right for Gaussian data and too wide for most other.

    .. math::

        h = \sigma\, m^{-1/(d+4)}

    with :math:`\sigma^2` the mean of the variances of the columns.

    Args:
        x: Observations, ``(m, d)``.

    Returns:
        The bandwidth in the data's units.

    Raises:
        TypeError: If ``x`` is not a floating-point tensor.
        ValueError: If ``x`` is not ``(m, d)``, or holds only one point over and over.

    Reference:
        D. W. Scott, *Multivariate Density Estimation*, Wiley, 1992,
        doi:10.1002/9780470316849.

    Example:
        >>> round(scott(torch.tensor([[-1.0], [1.0]])), 3)
        0.871
    """
    check_tensor(x, "x", ("m", "d"))
    m, d = x.shape
    if (x == x[0]).all():
        raise ValueError(f"x must not be constant, got {m} times one point")
    unit = power_of_two(x.reshape(-1, 1))  # squares stay within the type
    sigma = (x / unit).var(dim=0, correction=0).mean().sqrt().item()
    return unit.item() * sigma * m ** (-1 / (d + 4))


@torch.no_grad()
def select_bandwidth(x: Tensor, *, queries: int = 2000) -> float:
    r"""Return the bandwidth that predicts each observation best from all the others.

    It maximises the leave-one-out log-likelihood over :math:`h`, by Brent's method on
    :math:`\log h` between a fiftieth of Scott's bandwidth and twice it:

    .. math::

        \sum_i \log \frac{1}{m - 1} \sum_{j \ne i}
        \mathcal N(\mathbf x_i \mid \mathbf x_j, h^2 I)

    Args:
        x: Observations, ``(m, d)``.
        queries: How many of them to predict, evenly spaced among the sorted rows; each
            is predicted from all the others.

    Returns:
        The bandwidth in the data's units, to about two per cent.

    Raises:
        TypeError: If ``x`` is not a floating-point tensor.
        ValueError: If ``x`` is not ``(m, d)``, holds fewer than two different points,
            or more than one in ten that equal another.

    Reference:
        R. P. W. Duin, *On the choice of smoothing parameters for Parzen estimators of
        probability density functions*, IEEE Transactions on Computers C-25, 1976,
        doi:10.1109/TC.1976.1674577.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> x = torch.randn(1000, 1, generator=g)
        >>> 0.1 < select_bandwidth(x) < 0.4
        True
    """
    from scipy.optimize import minimize_scalar  # slow to import

    queries = check_count(queries, "queries", minimum=1)
    wide = scott(x)
    repeated = 1 - len(x.unique(dim=0)) / len(x)
    if repeated > 0.1:
        raise ValueError(
            f"x must hold few equal points for a bandwidth to be chosen, got "
            f"{repeated:.0%} that repeat another: each predicts its twin best with no "
            f"width at all; undo the rounding, or give a bandwidth"
        )
    n = min(queries, len(x))
    own = (2 * torch.arange(n, device=x.device) + 1) * len(x) // (2 * n)
    if n < len(x):  # whose order must not matter
        own = row_order(x)[own]

    def loss(log_h: float) -> float:
        log_sum = gaussian_kernel_logsumexp(x[own], x, math.exp(log_h), own)
        return x.shape[1] * log_h - log_sum.mean().item()

    bounds, close = (math.log(wide / 50), math.log(wide * 2)), {"xatol": 0.02}
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options=close)
    return math.exp(found.x)
