"""Invertible functions with a tractable Jacobian: the pieces of a normalizing flow.

Each transform maps observations ``x`` to ``z`` and says by how much it stretches the
space around each of them; ``inverse`` goes the other way. A condition ``h``, where a
transform takes one, is a plain tensor of features beside each observation.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from genbook.models.networks import layers, waves
from genbook.models.splines import Bend, unbend


class Transform(nn.Module, ABC):
    """An invertible function of a vector."""

    @abstractmethod
    def forward(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        r"""Return ``z`` and :math:`\log\lvert\det\partial z/\partial x\rvert`.

        Args:
            x: Vectors, ``(n, dim)``.
            h: Features of the conditions, ``(n, features)``.

        Returns:
            The image of each vector, ``(n, dim)``, and its log-determinant, ``(n,)``.
        """

    @abstractmethod
    def inverse(self, z: Tensor, h: Tensor | None = None) -> Tensor:
        """Return the vectors whose images are ``z``, ``(n, dim)``."""


class Affine(Transform):
    """A fixed or learned shift and scale of each coordinate.

    Args:
        dim: The length of a vector.

    Example:
        >>> z, log_det = Affine(2)(torch.ones(1, 2))
        >>> log_det
        tensor([0.], grad_fn=<ExpandBackward0>)
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(dim))
        self.log_scale = nn.Parameter(torch.zeros(dim))

    @torch.no_grad()
    def standardise(self, x: Tensor) -> None:
        """Make the image of ``x`` have mean zero and unit variance (actnorm)."""
        self.shift.copy_(x.mean(0))
        self.log_scale.copy_(-x.std(0, unbiased=False).clamp(min=1e-6).log())

    def forward(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the shifted and scaled vectors and the log of the scales' product."""
        z = (x - self.shift) * self.log_scale.exp()
        return z, self.log_scale.sum().expand(len(x))

    def inverse(self, z: Tensor, h: Tensor | None = None) -> Tensor:
        """Undo scale, then shift."""
        return z * (-self.log_scale).exp() + self.shift


class Linear(Transform):
    r"""An invertible matrix, kept as :math:`P L U` with a learned ``L`` and ``U``.

    The determinant of a triangular matrix is the product of its diagonal, so the
    log-determinant costs a sum.

    Args:
        dim: The length of a vector.
        seed: Decides the rotation it starts from.

    Reference:
        D. P. Kingma and P. Dhariwal, "Glow", 2018, arXiv:1807.03039.

    Example:
        >>> t = Linear(3)
        >>> x = torch.ones(1, 3)
        >>> torch.allclose(t.inverse(t(x)[0]), x, atol=1e-5)
        True
    """

    P: Tensor
    sign: Tensor

    def __init__(self, dim: int, seed: int = 0) -> None:
        super().__init__()
        g = torch.Generator().manual_seed(seed)
        q, _ = torch.linalg.qr(torch.randn(dim, dim, generator=g, dtype=torch.float64))
        P, L, U = (t.to(torch.get_default_dtype()) for t in torch.linalg.lu(q))
        self.register_buffer("P", P)
        self.register_buffer("sign", U.diagonal().sign())
        self.L = nn.Parameter(L.tril(-1))
        self.U = nn.Parameter(U.triu(1))
        self.log_diagonal = nn.Parameter(U.diagonal().abs().log())

    def _factors(self) -> tuple[Tensor, Tensor]:
        eye = torch.eye(len(self.P), dtype=self.P.dtype, device=self.P.device)
        lower = self.L.tril(-1) + eye
        upper = self.U.triu(1) + (self.sign * self.log_diagonal.exp()).diag()
        return lower, upper

    def forward(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Multiply each vector by the matrix."""
        lower, upper = self._factors()
        z = x @ (self.P @ lower @ upper).T
        return z, self.log_diagonal.sum().expand(len(x))

    def inverse(self, z: Tensor, h: Tensor | None = None) -> Tensor:
        """Solve two triangular systems."""
        lower, upper = self._factors()
        rest = torch.linalg.solve_triangular(lower, self.P.T @ z.T, upper=False)
        return torch.linalg.solve_triangular(upper, rest, upper=True).T


class Conditioner(nn.Module):
    """The network of a coupling: it sees one part and says what to do to the other.

    Its last layer starts at zero, so that every coupling starts as the identity.

    Args:
        inputs: How many coordinates it sees.
        outputs: How many numbers it says.
        hidden: The widths of its hidden layers.
        features: How many features of a condition it sees as well.
        octaves: How many sines and cosines of each coordinate it sees, each of twice
            the frequency of the one before: for densities with sharp borders.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        hidden: Sequence[int],
        features: int = 0,
        octaves: int = 0,
    ) -> None:
        super().__init__()
        self.octaves = octaves
        seen = inputs * (1 + 2 * octaves) + features
        self.net = nn.Sequential(*layers((seen, *hidden, outputs)))
        for p in self.net[-1].parameters():
            nn.init.zeros_(p)

    def forward(self, x: Tensor, h: Tensor | None = None) -> Tensor:
        """Return the numbers for each row, ``(n, outputs)``."""
        seen = waves(x, self.octaves, math.pi)
        return self.net(seen if h is None else torch.cat([seen, h], 1))


class Coupling(Transform):
    """Transform one half of a vector, coordinate by coordinate, as the other half says.

    Args:
        dim: The length of a vector, at least 2.
        swap: Whether the first half is transformed in place of the second.
        per_coordinate: How many numbers the conditioner says about each coordinate.
        hidden: The widths of the conditioner's hidden layers.
        features: How many features of a condition it sees.
        octaves: See :class:`Conditioner`.
    """

    def __init__(
        self,
        dim: int,
        swap: bool,
        per_coordinate: int,
        hidden: Sequence[int] = (64, 64),
        features: int = 0,
        octaves: int = 0,
    ) -> None:
        super().__init__()
        first = dim // 2
        self.cut = slice(0, first) if swap else slice(dim - first, dim)
        self.kept = slice(first, dim) if swap else slice(0, dim - first)
        self.swap = swap
        self.per_coordinate = per_coordinate
        self.conditioner = Conditioner(
            dim - first, first * per_coordinate, hidden, features, octaves
        )

    @abstractmethod
    def scalar(self, x: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Transform single numbers ``(n, m)`` with parameters ``(n, m, p)``.

        Returns:
            Their images and the logs of the derivatives, both ``(n, m)``.
        """

    @abstractmethod
    def scalar_inverse(self, z: Tensor, theta: Tensor) -> Tensor:
        """Undo :meth:`scalar`."""

    def _join(self, kept: Tensor, changed: Tensor) -> Tensor:
        return torch.cat([changed, kept] if self.swap else [kept, changed], dim=1)

    def forward(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Keep one part, transform the other; the Jacobian is triangular."""
        kept, part = x[:, self.kept], x[:, self.cut]
        theta = self.conditioner(kept, h).unflatten(1, (-1, self.per_coordinate))
        z, log_slope = self.scalar(part, theta)
        return self._join(kept, z), log_slope.sum(1)

    def inverse(self, z: Tensor, h: Tensor | None = None) -> Tensor:
        """The kept part says again what was done to the other: undo it."""
        kept, part = z[:, self.kept], z[:, self.cut]
        theta = self.conditioner(kept, h).unflatten(1, (-1, self.per_coordinate))
        return self._join(kept, self.scalar_inverse(part, theta))


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
        features: int = 0,
        octaves: int = 0,
    ) -> None:
        super().__init__(dim, swap, 2, hidden, features, octaves)

    def _scale_and_shift(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        s, t = theta.unbind(-1)
        return self.LIMIT * torch.tanh(s / self.LIMIT), t

    def scalar(self, x: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``exp(s) x + t`` and ``s``."""
        s, t = self._scale_and_shift(theta)
        return s.exp() * x + t, s

    def scalar_inverse(self, z: Tensor, theta: Tensor) -> Tensor:
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
        open_ends: Whether the slopes at both ends are 1, to meet the identity outside;
            when false the ends are free, for data that never leave the interval.
        hidden: The widths of the conditioner's hidden layers.
        features: How many features of a condition it sees.
        octaves: See :class:`Conditioner`.

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
        open_ends: bool = True,
        hidden: Sequence[int] = (64, 64),
        features: int = 0,
        octaves: int = 0,
    ) -> None:
        self.bins, self.bound, self.open_ends = bins, bound, open_ends
        slopes = bins - 1 if open_ends else bins + 1
        super().__init__(dim, swap, 2 * bins + slopes, hidden, features, octaves)

    def scalar(self, x: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Return the spline's value and the log of its slope."""
        v = x.clamp(-self.bound, self.bound)
        u = (v / self.bound + 1) / 2  # from 0 to 1
        image, log_slope = Bend.apply(u, theta, self.bins, self.open_ends)
        z = (2 * image - 1) * self.bound
        if not self.open_ends:
            return z, log_slope
        inside = x == v
        return torch.where(inside, z, x), torch.where(inside, log_slope, 0.0)

    def scalar_inverse(self, z: Tensor, theta: Tensor) -> Tensor:
        """Return the numbers that the spline sends to ``z``."""
        v = z.clamp(-self.bound, self.bound)
        u = unbend((v / self.bound + 1) / 2, theta, self.bins, self.open_ends)
        x = (2 * u - 1) * self.bound
        return torch.where(z == v, x, z) if self.open_ends else x
