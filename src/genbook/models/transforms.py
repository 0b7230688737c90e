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
from torch.nn.functional import pad, softplus

from genbook.models.networks import layers, waves

MIN_SHARE = 1e-3  # of the interval: no bin of a spline is narrower or lower
MIN_SLOPE = 1e-3


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

    def knots(self, theta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the knots' places, their images and the slopes there.

        Args:
            theta: Free numbers, ``(n, m, 3 bins ± 1)``.

        Returns:
            Three tensors ``(n, m, bins + 1)``; the first two climb from ``-bound`` to
            ``bound``.
        """
        K, B = self.bins, self.bound
        sizes = theta[..., : 2 * K].unflatten(-1, (2, K)).softmax(-1)
        sizes = MIN_SHARE + (1 - MIN_SHARE * K) * sizes
        inner = 2 * B * sizes.cumsum(-1)[..., :-1] - B
        at, image = pad(pad(inner, (1, 0), value=-B), (0, 1), value=B).unbind(-2)
        free = theta[..., 2 * K :] + math.log(math.expm1(1 - MIN_SLOPE))
        slope = MIN_SLOPE + softplus(free)
        return at, image, pad(slope, (1, 1), value=1.0) if self.open_ends else slope

    def _piece(self, v: Tensor, theta: Tensor, *, image: bool) -> tuple[Tensor, ...]:
        """Return left end, width, bottom, height and both slopes of ``v``'s piece."""
        knots = self.knots(theta)
        along = knots[1 if image else 0]
        k = (v[..., None] >= along[..., 1:-1]).sum(-1, keepdim=True)  # (n, m, 1)
        stacked = torch.stack(knots, -2)  # (n, m, 3, bins + 1)
        k = k[..., None, :].expand(*stacked.shape[:-1], 1)
        left = stacked.gather(-1, k).squeeze(-1)
        right = stacked.gather(-1, k + 1).squeeze(-1)
        x0, y0, d0 = left.unbind(-1)
        x1, y1, d1 = right.unbind(-1)
        return x0, x1 - x0, y0, y1 - y0, d0, d1

    def scalar(self, x: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Return the spline's value and the log of its slope."""
        inside = (x >= -self.bound) & (x <= self.bound)
        v = x.clamp(-self.bound, self.bound)
        x0, w, y0, height, d0, d1 = self._piece(v, theta, image=False)
        s = height / w
        xi = (v - x0) / w
        product = xi * (1 - xi)
        below = s + (d0 + d1 - 2 * s) * product
        z = y0 + height * (s * xi.square() + d0 * product) / below
        above = d1 * xi.square() + 2 * s * product + d0 * (1 - xi).square()
        log_slope = 2 * s.log() + above.log() - 2 * below.log()
        return self._outside(inside, z, x), torch.where(inside, log_slope, 0.0)

    def scalar_inverse(self, z: Tensor, theta: Tensor) -> Tensor:
        """Solve the quadratic equation of the piece that holds ``z``."""
        inside = (z >= -self.bound) & (z <= self.bound)
        v = z.clamp(-self.bound, self.bound)
        x0, w, y0, height, d0, d1 = self._piece(v, theta, image=True)
        s = height / w
        rise = v - y0
        bend = rise * (d0 + d1 - 2 * s)
        a, b, c = height * (s - d0) + bend, height * d0 - bend, -s * rise
        root = (b.square() - 4 * a * c).clamp(min=0).sqrt()
        x = x0 + w * 2 * c / (-b - root)
        return self._outside(inside, x, z)

    def _outside(self, inside: Tensor, value: Tensor, same: Tensor) -> Tensor:
        return torch.where(inside, value, same)
