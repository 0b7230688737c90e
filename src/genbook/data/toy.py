"""Toy densities in the plane: p_data with an exact density and a known entropy.

The entropy is the floor of a model's loss, so nats above it measure the model alone.
Densities are computed in float64 and returned in the type of ``x``; they are
differentiable, so their scores can be had from autograd.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from genbook._validate import check_count, check_flag, check_positive
from genbook.data._toy import CHUNK, MOST, REACH, _direction, _entropy, _Toy


class TwoMoons(_Toy):
    r"""Two interleaved half circles, blurred by Gaussian noise, standardised.

    The point :math:`\mathbf c_k(t)` runs evenly along arc k, and noise is added:

    .. math::
        p(\mathbf x) = \frac{1}{2\pi} \sum_{k=1}^{2} \int_0^\pi
        \mathcal N(\mathbf x;\, \mathbf c_k(t), \sigma^2 \mathbf I)\, dt,
        \quad \mathbf c_1 = (\cos t, \sin t),
        \quad \mathbf c_2 = (1 - \cos t, \tfrac12 - \sin t)

    This is the law of scikit-learn's ``make_moons(noise=sigma)``, moved and scaled to
    mean 0 and variance 1 in each coordinate with the exact moments. The integral is
    Gauss–Legendre quadrature with nodes closer than the noise is wide: relative error
    below 1e-10 within three times the box; the entropy is good to 1e-9 nats.

    Args:
        noise: The standard deviation of the noise, before standardising.
        standardise: Whether to move and scale the moons.

    Raises:
        TypeError: If ``noise`` is not a number.
        ValueError: If ``noise`` is below 0.005, or above a million.

    Reference:
        Pedregosa et al., "Scikit-learn: machine learning in Python", JMLR 12, 2011.

    Example:
        >>> moons = TwoMoons(noise=0.05)
        >>> round(moons.entropy, 4)
        1.1312
        >>> moons.sample(4).shape
        torch.Size([4, 2])
    """

    name = "two moons"

    def __init__(self, noise: float = 0.05, *, standardise: bool = True) -> None:
        self.noise = noise = check_positive(noise, "noise", maximum=MOST)
        check_flag(standardise, "standardise")
        if noise < 0.005:
            raise ValueError(f"noise must be at least 0.005, got {noise}")
        nodes, weights = np.polynomial.legendre.leggauss(max(64, math.ceil(20 / noise)))
        t = torch.from_numpy((nodes + 1) * math.pi / 2)
        self._centres = torch.cat([_moon(t, 0), _moon(t, 1)])
        self._log_weights = torch.from_numpy(np.log(weights / 4)).repeat(2)
        self._shift = torch.zeros(2, dtype=torch.float64)
        self._scale = torch.ones(2, dtype=torch.float64)
        if standardise:
            moments = [0.75 + noise**2, 0.5625 - 1 / math.pi + noise**2]
            self._shift = torch.tensor([0.5, 0.25], dtype=torch.float64)
            self._scale = torch.tensor(moments, dtype=torch.float64).sqrt()
        corners = torch.tensor([[-1, -0.5], [2, 1]], dtype=torch.float64)
        reach = REACH * noise * torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
        box = (corners + reach - self._shift) / self._scale
        self.low, self.high = box.float()

    @cached_property
    def entropy(self) -> float:
        """The entropy in nats, by quadrature over the plane."""
        return _entropy(self, self.noise / float(self._scale.max()))

    def _points(self, n: int, generator: torch.Generator | None) -> Tensor:
        arc = torch.randint(2, (n, 1), generator=generator)
        t = math.pi * torch.rand(n, generator=generator, dtype=torch.float64)
        eps = torch.randn(n, 2, generator=generator, dtype=torch.float64)
        x = torch.where(arc == 0, _moon(t, 0), _moon(t, 1)) + self.noise * eps
        return (x - self._shift) / self._scale

    def _log_prob(self, x: Tensor) -> Tensor:
        raw = x * self._scale.to(x) + self._shift.to(x)
        centres, log_weights = self._centres.to(x), self._log_weights.to(x)
        precision = self.noise**-2
        log_weights = log_weights - precision / 2 * centres.square().sum(dim=1)
        parts = []
        for part in raw.split(max(1, CHUNK // len(centres))):
            # minus half the squared distance to each node, multiplied out
            exponent = torch.addmm(log_weights, part, precision * centres.T)
            # far below the largest a node adds nothing, but its exp would be slow
            floor = exponent.detach().amax(1, keepdim=True) - 80
            exponent = torch.maximum(exponent, floor)
            own = precision / 2 * part.square().sum(dim=1)
            parts.append(torch.logsumexp(exponent, dim=1) - own)
        volume = math.log(2 * math.pi * self.noise**2) - float(self._scale.log().sum())
        return torch.cat(parts) - volume


class Rings(_Toy):
    r"""Circles around the origin, blurred by Gaussian noise, each equally likely.

    .. math::
        p(\mathbf x) = \frac1K \sum_{k=1}^{K} \frac{1}{2\pi\sigma^2}
        \exp\!\left(-\frac{r^2 + R_k^2}{2\sigma^2}\right)
        I_0\!\left(\frac{r R_k}{\sigma^2}\right), \qquad r = \|\mathbf x\|

    with :math:`I_0` the modified Bessel function: the angle is integrated in closed
    form. The entropy is one integral over the radius, good to 1e-10 nats.

    Args:
        radii: The radii :math:`R_k`.
        noise: The standard deviation of the noise, :math:`\sigma`.

    Raises:
        TypeError: If an argument is not a number.
        ValueError: If there are no radii, or a number is not positive, or above a
            million.

    Reference:
        Rice, "Mathematical analysis of random noise", Bell System Technical Journal
        24, 1945 (the law of the radius).

    Example:
        >>> rings = Rings(radii=(1.0, 2.0), noise=0.1)
        >>> rings.log_prob(rings.sample(4)).shape
        torch.Size([4])
    """

    name = "rings"

    def __init__(
        self, radii: tuple[float, ...] = (1.0, 2.0), noise: float = 0.1
    ) -> None:
        if not isinstance(radii, (tuple, list)):
            raise TypeError(f"radii must be a tuple, got {type(radii).__name__}")
        if len(radii) == 0:
            raise ValueError("radii must hold at least one radius, got none")
        self.radii = tuple(check_positive(r, "radii", maximum=MOST) for r in radii)
        self.noise = noise = check_positive(noise, "noise", maximum=MOST)
        self._radii = torch.tensor(self.radii, dtype=torch.float64)
        self.high = torch.full(
            (2,), max(self.radii) + REACH * noise, dtype=torch.float32
        )
        self.low = -self.high

    @cached_property
    def entropy(self) -> float:
        """The entropy in nats, by quadrature over the radius."""
        outer = float(self.high[0]) + self.noise
        nodes, weights = np.polynomial.legendre.leggauss(
            math.ceil(64 + 12 * outer / self.noise)
        )
        r = torch.from_numpy((nodes + 1) * outer / 2)
        log_p = self._log_prob(torch.stack([r, torch.zeros_like(r)], dim=1))
        density = 2 * math.pi * r * log_p.exp()  # of the radius
        return float(-(torch.from_numpy(weights) * outer / 2 * density * log_p).sum())

    def _points(self, n: int, generator: torch.Generator | None) -> Tensor:
        ring = torch.randint(len(self.radii), (n,), generator=generator)
        angle = 2 * math.pi * torch.rand(n, generator=generator, dtype=torch.float64)
        eps = torch.randn(n, 2, generator=generator, dtype=torch.float64)
        return self._radii[ring, None] * _direction(angle) + self.noise * eps

    def _log_prob(self, x: Tensor) -> Tensor:
        r = torch.linalg.vector_norm(x, dim=1, keepdim=True)
        radii = self._radii.to(x)  # (K,)
        # i0e(z) = exp(-z) I0(z): the exponents join into a square and never overflow
        bessel = torch.special.i0e(r * radii / self.noise**2).log()
        exponent = -(r - radii).square() / (2 * self.noise**2) + bessel
        volume = math.log(2 * math.pi * self.noise**2 * len(self.radii))
        return torch.logsumexp(exponent, dim=1) - volume


class Checkerboard(_Toy):
    r"""Uniform on the dark squares of a board, and zero on the light ones.

    .. math::
        p(\mathbf x) = \frac{\mathbb 1[\lfloor x_1 \rfloor + \lfloor x_2 \rfloor
        \text{ even, on the board}]}{K^2 / 2},
        \qquad H = \log \frac{K^2}{2}

    Squares have side 1 and the board is centred on the origin; a square holds its left
    and lower edges.

    Args:
        cells: Squares along a side, :math:`K`, an even number.

    Raises:
        TypeError: If ``cells`` is not an integer.
        ValueError: If it is odd or below 2.

    Reference:
        Grathwohl et al., "FFJORD: free-form continuous dynamics for scalable
        reversible generative models", 2019, arXiv:1810.01367 (one of its toys).

    Example:
        >>> board = Checkerboard(cells=4)
        >>> board.entropy == math.log(8)
        True
        >>> board.log_prob(torch.tensor([[0.5, 0.5], [0.5, 1.5]])).exp()
        tensor([0.1250, 0.0000])
    """

    name = "checkerboard"

    def __init__(self, cells: int = 4) -> None:
        self.cells = cells = check_count(cells, "cells", 2)
        if cells % 2:
            raise ValueError(f"cells must be even, got {cells}")
        self.high = torch.full((2,), cells / 2, dtype=torch.float32)
        self.low = -self.high

    @property
    def entropy(self) -> float:
        """The entropy in nats: the logarithm of the dark area, exactly."""
        return math.log(self.cells**2 / 2)

    def _draw(
        self, n: int, generator: torch.Generator | None, dtype: torch.dtype
    ) -> Tensor:
        x = self._points(n, generator)
        edge = (x.floor() + 1).to(dtype)  # the next square: rounding must not reach it
        return torch.minimum(
            x.to(dtype), torch.nextafter(edge, torch.full_like(edge, -torch.inf))
        )

    def _points(self, n: int, generator: torch.Generator | None) -> Tensor:
        row = torch.randint(self.cells, (n,), generator=generator)
        half = torch.randint(self.cells // 2, (n,), generator=generator)
        corner = torch.stack([2 * half + row % 2, row], dim=1) - self.cells // 2
        u = torch.rand(n, 2, generator=generator, dtype=torch.float64)
        return corner + u.clamp(max=1 - 2**-40)  # nor here

    def _log_prob(self, x: Tensor) -> Tensor:
        cell = x.floor()
        half = self.cells // 2
        dark = (cell.sum(dim=1) % 2 == 0) & ((cell >= -half) & (cell < half)).all(dim=1)
        return torch.full_like(x[:, 0], -self.entropy).masked_fill(~dark, -torch.inf)


def _moon(t: Tensor, arc: int) -> Tensor:
    """Return the points of an arc at angles ``t``, ``(n, 2)``."""
    x = _direction(t)
    return x if arc == 0 else x.new_tensor([1.0, 0.5]) - x
