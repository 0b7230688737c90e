"""Coupling layers: one half of a vector says what is done to the other.

The Jacobian of a coupling is triangular, so its determinant is a product, whatever the
network says; and the network is never inverted, since it sees only the half that stays.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from genbook.models.flows.splines import RQSpline, rqs_inverse
from genbook.models.flows.transforms import Transform
from genbook.models.networks.mlp import fourier_features, mlp


class Conditioner(nn.Module):
    """The network of a coupling: it sees one part and says what to do to the other.

    Its last layer starts at zero, so that every coupling starts as the identity.

    Args:
        inputs: How many coordinates it sees.
        outputs: How many numbers it says.
        hidden: The widths of its hidden layers.
        context_features: How many features of a condition it sees as well.
        frequencies: How many sines and cosines of each coordinate it sees, each of
            twice the frequency of the one before: for densities with sharp borders.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        hidden: Sequence[int],
        context_features: int = 0,
        frequencies: int = 0,
    ) -> None:
        super().__init__()
        self.frequencies = frequencies
        seen = inputs * (1 + 2 * frequencies) + context_features
        self.net = nn.Sequential(*mlp((seen, *hidden, outputs)))
        for p in self.net[-1].parameters():
            nn.init.zeros_(p)

    def forward(self, x: Tensor, h: Tensor | None = None) -> Tensor:
        """Return the numbers for each row, ``(n, outputs)``."""
        seen = fourier_features(x, self.frequencies, math.pi)  # (n, seen)
        return self.net(seen if h is None else torch.cat([seen, h], 1))


class Coupling(Transform):
    """Transform one half of a vector, coordinate by coordinate, as the other half says.

    Equation :eq:`eq-flow-coupling`, with the log-determinant of
    :eq:`eq-flow-triangular`.

    Args:
        dim: The length of a vector, at least 2.
        swap: Whether the first half is transformed in place of the second.
        params_per_dim: How many numbers the conditioner says about each coordinate.
        hidden: The widths of the conditioner's hidden layers.
        context_features: How many features of a condition it sees.
        frequencies: See :class:`Conditioner`.
    """

    def __init__(
        self,
        dim: int,
        swap: bool,
        params_per_dim: int,
        hidden: Sequence[int] = (64, 64),
        context_features: int = 0,
        frequencies: int = 0,
    ) -> None:
        super().__init__()
        first = dim // 2
        self.cut = slice(0, first) if swap else slice(dim - first, dim)
        self.kept = slice(first, dim) if swap else slice(0, dim - first)
        self.swap = swap
        self.params_per_dim = params_per_dim
        self.conditioner = Conditioner(
            dim - first, first * params_per_dim, hidden, context_features, frequencies
        )

    @abstractmethod
    def univariate(self, x: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Transform single numbers ``(n, m)`` with parameters ``(n, m, p)``.

        Returns:
            Their images and the logs of the derivatives, both ``(n, m)``.
        """

    @abstractmethod
    def univariate_inverse(self, z: Tensor, theta: Tensor) -> Tensor:
        """Undo :meth:`univariate`."""

    def _join(self, kept: Tensor, changed: Tensor) -> Tensor:
        return torch.cat([changed, kept] if self.swap else [kept, changed], dim=1)

    def forward(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Keep one part, transform the other; the Jacobian is triangular."""
        kept, part = x[:, self.kept], x[:, self.cut]  # (n, dim - m), (n, m)
        theta = self.conditioner(kept, h)  # (n, m * p)
        theta = theta.unflatten(1, (-1, self.params_per_dim))  # (n, m, p)
        z, log_slope = self.univariate(part, theta)  # (11.3)
        return self._join(kept, z), log_slope.sum(1)  # (11.4)

    def inverse(self, z: Tensor, h: Tensor | None = None) -> Tensor:
        """The kept part says again what was done to the other: undo it."""
        kept, part = z[:, self.kept], z[:, self.cut]  # (n, dim - m), (n, m)
        theta = self.conditioner(kept, h)  # (n, m * p)
        theta = theta.unflatten(1, (-1, self.params_per_dim))  # (n, m, p)
        return self._join(kept, self.univariate_inverse(part, theta))


class AffineCoupling(Coupling):
    r"""Scale and shift one half: :math:`z = e^{s} x + t` (RealNVP).

    The log-scale is kept within ±2 by a soft bound, without which training can blow
    up.

    Reference:
        L. Dinh, J. Sohl-Dickstein and S. Bengio, "Density estimation using Real NVP",
        2017, arXiv:1605.08803.

    Example:
        >>> AffineCoupling(2, swap=False)(torch.ones(1, 2))[0].shape
        torch.Size([1, 2])
    """

    LIMIT = 2.0

    def __init__(
        self,
        dim: int,
        swap: bool,
        *,
        hidden: Sequence[int] = (64, 64),
        context_features: int = 0,
        frequencies: int = 0,
    ) -> None:
        super().__init__(dim, swap, 2, hidden, context_features, frequencies)

    def _scale_and_shift(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        s, t = theta.unbind(-1)  # both (n, m)
        return self.LIMIT * torch.tanh(s / self.LIMIT), t

    def univariate(self, x: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``exp(s) x + t`` and ``s``."""
        s, t = self._scale_and_shift(theta)
        return s.exp() * x + t, s

    def univariate_inverse(self, z: Tensor, theta: Tensor) -> Tensor:
        """Return ``(z - t) exp(-s)``."""
        s, t = self._scale_and_shift(theta)
        return (z - t) * (-s).exp()


class SplineCoupling(Coupling):
    """Bend one half by monotone rational-quadratic splines.

    Args:
        dim: The length of a vector, at least 2.
        swap: Whether the first half is transformed in place of the second.
        bins: The pieces of each spline.
        bound: The splines act on ``[-bound, bound]``; outside lies the identity.
        linear_tails: Whether the slopes at both ends are 1, to meet the identity
            outside; when false the ends are free, for data that never leave the
            interval.
        hidden: The widths of the conditioner's hidden layers.
        context_features: How many features of a condition it sees.
        frequencies: See :class:`Conditioner`.

    Reference:
        C. Durkan, A. Bekasov, I. Murray and G. Papamakarios, "Neural Spline Flows",
        2019, arXiv:1906.04032.

    Example:
        >>> x = torch.rand(5, 2)
        >>> t = SplineCoupling(2, swap=True)
        >>> torch.allclose(t.inverse(t(x)[0]), x, atol=1e-5)
        True
    """

    def __init__(
        self,
        dim: int,
        swap: bool,
        *,
        bins: int = 8,
        bound: float = 4.0,
        linear_tails: bool = True,
        hidden: Sequence[int] = (64, 64),
        context_features: int = 0,
        frequencies: int = 0,
    ) -> None:
        self.bins, self.bound, self.linear_tails = bins, bound, linear_tails
        slopes = bins - 1 if linear_tails else bins + 1
        p = 2 * bins + slopes
        super().__init__(dim, swap, p, hidden, context_features, frequencies)

    def univariate(self, x: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Return the spline's value and the log of its slope."""
        v = x.clamp(-self.bound, self.bound)
        u = (v / self.bound + 1) / 2  # from 0 to 1
        image, log_slope = RQSpline.apply(u, theta, self.bins, self.linear_tails)
        z = (2 * image - 1) * self.bound
        if not self.linear_tails:
            return z, log_slope
        inside = x == v
        return torch.where(inside, z, x), torch.where(inside, log_slope, 0.0)

    def univariate_inverse(self, z: Tensor, theta: Tensor) -> Tensor:
        """Return the numbers that the spline sends to ``z``."""
        v = z.clamp(-self.bound, self.bound)
        u = rqs_inverse((v / self.bound + 1) / 2, theta, self.bins, self.linear_tails)
        x = (2 * u - 1) * self.bound
        return torch.where(z == v, x, z) if self.linear_tails else x
