"""Coupling layers: one half of a vector says what is done to the other.

The Jacobian of a coupling is triangular, so its determinant is a product, whatever the
network says; and the network is never inverted, since it sees only the half that stays.

Couplings look at the shape and type of what they get, and not at its values: they are
called at every step of a training. NaN goes in and comes out again.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from genbook._validate import check_count, check_flag, check_positive
from genbook.models.flows._checks import (
    MAX_BINS,
    MAX_DIM,
    check_bins,
    check_numbers,
    check_pairs,
)
from genbook.models.flows.conditioner import Conditioner
from genbook.models.flows.splines import RQSpline, invert
from genbook.models.flows.transforms import Transform
from genbook.models.networks._doors import check_vectors


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
        frequencies: See :class:`~genbook.models.flows.conditioner.Conditioner`.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a size is out of range.
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
        self.dim = check_count(dim, "dim", 2, MAX_DIM)
        check_flag(swap, "swap")
        check_count(params_per_dim, "params_per_dim", 1, 3 * MAX_BINS)
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
        """Transform single numbers.

        Args:
            x: Numbers, ``(n, m)``.
            theta: Their parameters, ``(n, m, p)``.

        Returns:
            Their images and the logs of the derivatives, both ``(n, m)``.

        Raises:
            TypeError: If an argument is not a floating-point tensor.
            ValueError: If a shape is wrong.
        """

    @abstractmethod
    def univariate_inverse(self, z: Tensor, theta: Tensor) -> Tensor:
        """Undo :meth:`univariate`."""

    def _join(self, kept: Tensor, changed: Tensor) -> Tensor:
        return torch.cat([changed, kept] if self.swap else [kept, changed], dim=1)

    def forward(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Keep one part, transform the other; the Jacobian is triangular.

        Args:
            x: Vectors, ``(n, dim)``; NaN and infinity come out again, as NaN.
            h: Features of the conditions, ``(n, context_features)``; NaN and infinity
                come out again, as NaN.
        """
        check_vectors(x, "x", self.dim, self.conditioner.dtype)
        kept, part = x[:, self.kept], x[:, self.cut]  # (n, dim - m), (n, m)
        theta = self.conditioner(kept, h)  # (n, m * p)
        theta = theta.unflatten(1, (-1, self.params_per_dim))  # (n, m, p)
        z, log_slope = self.univariate(part, theta)  # (13.3)
        return self._join(kept, z), log_slope.sum(1)  # (13.4)

    def inverse(self, z: Tensor, h: Tensor | None = None) -> Tensor:
        """The kept part says again what was done to the other: undo it.

        Args:
            z: Images, ``(n, dim)``; NaN and infinity come out again, as NaN.
            h: Features of the conditions, ``(n, context_features)``; NaN and infinity
                come out again, as NaN.
        """
        check_vectors(z, "z", self.dim, self.conditioner.dtype)
        kept, part = z[:, self.kept], z[:, self.cut]  # (n, dim - m), (n, m)
        theta = self.conditioner(kept, h)  # (n, m * p)
        theta = theta.unflatten(1, (-1, self.params_per_dim))  # (n, m, p)
        return self._join(kept, self.univariate_inverse(part, theta))


class AffineCoupling(Coupling):
    r"""Scale and shift one half: :math:`z = e^{s} x + t` (RealNVP).

    The log-scale is kept within ±2 by a soft bound, without which training can blow
    up.

    Args:
        dim: The length of a vector, at least 2.
        swap: Whether the first half is transformed in place of the second.
        hidden: The widths of the conditioner's hidden layers.
        context_features: How many features of a condition it sees.
        frequencies: See :class:`~genbook.models.flows.conditioner.Conditioner`.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a size is out of range.

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
        """Return ``exp(s) x + t`` and ``s``.

        Args:
            x: Numbers, ``(n, m)``; NaN and infinity go through.
            theta: Their parameters, ``(n, m, p)``; NaN and infinity go through.
        """
        check_pairs(x, "x", theta)
        s, t = self._scale_and_shift(theta)
        return s.exp() * x + t, s

    def univariate_inverse(self, z: Tensor, theta: Tensor) -> Tensor:
        """Return ``(z - t) exp(-s)``.

        Args:
            z: Images, ``(n, m)``; NaN and infinity go through.
            theta: Their parameters, ``(n, m, p)``; NaN and infinity go through.
        """
        check_pairs(z, "z", theta)
        s, t = self._scale_and_shift(theta)
        return (z - t) * (-s).exp()


class SplineCoupling(Coupling):
    """Bend one half by monotone rational-quadratic splines.

    Args:
        dim: The length of a vector, at least 2.
        swap: Whether the first half is transformed in place of the second.
        bins: The pieces of each spline, 2 to 999.
        bound: The splines act on ``[-bound, bound]``; outside lies the identity.
        linear_tails: Whether the slopes at both ends are 1, to meet the identity
            outside; when false the ends are free, for data that never leave the
            interval.
        hidden: The widths of the conditioner's hidden layers.
        context_features: How many features of a condition it sees.
        frequencies: See :class:`~genbook.models.flows.conditioner.Conditioner`.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a size or ``bound`` is out of range.

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
        check_bins(bins, 2)
        check_flag(linear_tails, "linear_tails")
        p = 3 * bins + (-1 if linear_tails else 1)
        super().__init__(dim, swap, p, hidden, context_features, frequencies)
        self.bins, self.linear_tails = bins, linear_tails
        self.bound = check_positive(bound, "bound")

    def univariate(self, x: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Return the spline's value and the log of its slope.

        Args:
            x: Numbers, ``(n, m)``; NaN and infinity go through.
            theta: Their parameters, ``(n, m, p)``; NaN and infinity go through.
        """
        check_numbers(x, "x", theta, self.bins, self.linear_tails, values=False)
        v = x.clamp(-self.bound, self.bound)
        u = (v / self.bound + 1) / 2  # from 0 to 1
        image, log_slope = RQSpline.apply(u, theta, self.bins, self.linear_tails)
        z = (2 * image - 1) * self.bound
        if not self.linear_tails:
            return z, log_slope
        inside = x == v
        return torch.where(inside, z, x), torch.where(inside, log_slope, 0.0)

    def univariate_inverse(self, z: Tensor, theta: Tensor) -> Tensor:
        """Return the numbers that the spline sends to ``z``.

        Args:
            z: Images, ``(n, m)``; NaN and infinity go through.
            theta: Their parameters, ``(n, m, p)``; NaN and infinity go through.
        """
        check_numbers(z, "z", theta, self.bins, self.linear_tails, values=False)
        v = z.clamp(-self.bound, self.bound)
        u = invert((v / self.bound + 1) / 2, theta, self.bins, self.linear_tails)
        x = (2 * u - 1) * self.bound
        return torch.where(z == v, x, z) if self.linear_tails else x
