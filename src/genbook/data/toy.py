"""Toy densities in the plane: p_data with an exact density and a known entropy.

The entropy is the floor of a model's loss, so nats above it measure the model alone.
Densities are computed in float64 and returned in the type of ``x``; they are
differentiable, so their scores can be had from autograd.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from genbook._validate import check_count, check_generator, check_positive, check_tensor
from genbook.data._files import check_dtype
from genbook.data.base import KnownDensity

REACH = 7.0  # standard deviations from the centre to the box: beyond it less than 1e-11
CHUNK = 1 << 18  # numbers in a temporary: 2 MB of float64 stay in the cache


class _Toy(KnownDensity):
    """What the toys share: checks at the door, float64 inside, any dtype outside."""

    event_shape = (2,)

    @abstractmethod
    def _draw(self, n: int, generator: torch.Generator | None) -> Tensor:
        """Draw ``(n, 2)`` in float64."""

    @abstractmethod
    def _log_prob(self, x: Tensor) -> Tensor:
        """Return the log density ``(n,)`` of float64 ``x``."""

    def sample(
        self,
        n: int,
        *,
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Draw ``n`` independent points.

        Args:
            n: How many points.
            generator: Where the randomness comes from.
            dtype: ``torch.float32`` or ``torch.float64``; the same points, to rounding.

        Returns:
            The points, ``(n, 2)``.

        Raises:
            TypeError: If an argument has the wrong type.
            ValueError: If ``n`` is negative.

        Example:
            >>> Rings().sample(3, dtype=torch.float64).shape
            torch.Size([3, 2])
        """
        check_count(n, "n")
        check_generator(generator)
        check_dtype(dtype)
        return self._draw(n, generator).to(dtype)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the exact log density.

        Args:
            x: Points, ``(n, 2)``.

        Returns:
            Nats, ``(n,)``, of the type of ``x``.

        Raises:
            TypeError: If ``x`` is not a floating-point tensor.
            ValueError: If it has another shape, is empty, or is not finite.

        Example:
            >>> Checkerboard(cells=2).log_prob(torch.tensor([[0.5, 0.5]])).exp()
            tensor([0.5000])
        """
        check_tensor(x, "x", ("n", 2))
        return self._log_prob(x.double()).to(x.dtype)


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
        ValueError: If ``noise`` is not positive, or below 0.005.

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
        self.noise = check_positive(noise, "noise")
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

    def _draw(self, n: int, generator: torch.Generator | None) -> Tensor:
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
        ValueError: If there are no radii, or a number is not positive.

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
        self.radii = tuple(check_positive(radius, "radii") for radius in radii)
        self.noise = check_positive(noise, "noise")
        self._radii = torch.tensor(self.radii, dtype=torch.float64)
        self.high = torch.full((2,), max(self.radii) + REACH * noise)
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

    def _draw(self, n: int, generator: torch.Generator | None) -> Tensor:
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
        self.cells = check_count(cells, "cells", 2)
        if cells % 2:
            raise ValueError(f"cells must be even, got {cells}")
        self.high = torch.full((2,), cells / 2)
        self.low = -self.high

    @property
    def entropy(self) -> float:
        """The entropy in nats: the logarithm of the dark area, exactly."""
        return math.log(self.cells**2 / 2)

    def sample(
        self,
        n: int,
        *,
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Draw ``n`` independent points of the dark squares, ``(n, 2)``."""
        check_dtype(dtype)
        x = super().sample(n, generator=generator, dtype=torch.float64)
        edge = (x.floor() + 1).to(dtype)  # the next square: rounding must not reach it
        return torch.minimum(
            x.to(dtype), torch.nextafter(edge, torch.full_like(edge, -torch.inf))
        )

    def _draw(self, n: int, generator: torch.Generator | None) -> Tensor:
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


class GaussianMixture2D(_Toy):
    r"""A mixture of Gaussians in the plane, by default eight on a circle.

    .. math::
        p(\mathbf x) = \sum_{k=1}^{K} \pi_k\,
        \mathcal N(\mathbf x;\, \boldsymbol\mu_k, \boldsymbol\Sigma_k)

    The default is the classic test for forgotten modes: eight round Gaussians of
    standard deviation 0.2 on a circle of radius 2. The entropy has no closed form and
    is computed by quadrature, good to 1e-9 nats.

    Args:
        weights: The shares :math:`\pi_k`, ``(K,)``, summing to 1; equal if ``None``.
        means: The centres, ``(K, 2)``; eight on a circle if ``None``.
        covariances: The covariances, ``(K, 2, 2)``; 0.04 times the identity if
            ``None``.

    Raises:
        TypeError: If an argument is not a floating-point tensor.
        ValueError: If shapes disagree, shares are not positive or do not sum to 1, or
            a covariance is not symmetric positive definite.

    Reference:
        Metz et al., "Unrolled generative adversarial networks", 2017,
        arXiv:1611.02163 (the ring of eight).

    Example:
        >>> mixture = GaussianMixture2D()
        >>> round(mixture.entropy, 4)
        1.6981
    """

    name = "Gaussian mixture"

    def __init__(
        self,
        weights: Tensor | None = None,
        means: Tensor | None = None,
        covariances: Tensor | None = None,
    ) -> None:
        if means is None:
            means = 2 * _direction(torch.arange(8, dtype=torch.float64) * math.pi / 4)
        k = len(check_tensor(means, "means", ("K", 2)))
        if weights is None:
            weights = torch.full((k,), 1 / k, dtype=torch.float64)
        if covariances is None:
            covariances = 0.04 * torch.eye(2, dtype=torch.float64).expand(k, 2, 2)
        check_tensor(weights, "weights", (k,))
        check_tensor(covariances, "covariances", (k, 2, 2))
        if (weights <= 0).any() or abs(float(weights.double().sum()) - 1) > 1e-5:
            raise ValueError(
                f"weights must be positive and sum to 1, got {weights.tolist()}"
            )
        self.means = means.double()
        self.covariances = covariances.double()
        self.weights = weights.double() / weights.double().sum()
        if not torch.allclose(self.covariances, self.covariances.mT):
            raise ValueError("covariances must be symmetric, got one that is not")
        self._factors, failed = torch.linalg.cholesky_ex(self.covariances)
        if failed.any():
            worst = self.covariances[failed > 0][0].tolist()
            raise ValueError(f"covariances must be positive definite, got {worst}")
        reach = REACH * self.covariances.diagonal(dim1=1, dim2=2).sqrt()
        self.low = (self.means - reach).amin(dim=0).float()
        self.high = (self.means + reach).amax(dim=0).float()

    @cached_property
    def entropy(self) -> float:
        """The entropy in nats, by quadrature over the plane."""
        narrowest = torch.linalg.eigvalsh(self.covariances).min().sqrt()
        return _entropy(self, float(narrowest))

    def _draw(self, n: int, generator: torch.Generator | None) -> Tensor:
        u = torch.rand(n, generator=generator, dtype=torch.float64)
        last = len(self.weights) - 1
        k = torch.searchsorted(self.weights.cumsum(0), u).clamp(max=last)
        eps = torch.randn(n, 2, generator=generator, dtype=torch.float64)
        return self.means[k] + (self._factors[k] @ eps[:, :, None]).squeeze(2)

    def _log_prob(self, x: Tensor) -> Tensor:
        factors = self._factors.to(x)  # (K, 2, 2)
        apart = (x - self.means.to(x)[:, None]).mT  # (K, 2, n)
        z = torch.linalg.solve_triangular(factors, apart, upper=False)
        log_det = factors.diagonal(dim1=1, dim2=2).log().sum(1)
        shares = self.weights.to(x).log() - log_det - math.log(2 * math.pi)
        return torch.logsumexp(shares[:, None] - z.square().sum(1) / 2, dim=0)


class Pinwheel(_Toy):
    r"""Gaussian arms around the origin, twisted more the further out.

    Each arm is a Gaussian :math:`\mathbf f` stretched along a ray, and the twist turns
    it by an angle that grows with its radius:

    .. math::
        \mathbf x = \mathbf R(\omega \|\mathbf f\|)\, \mathbf f, \qquad
        p(\mathbf x) = p_f\big(\mathbf R(-\omega \|\mathbf x\|)\, \mathbf x\big)

    A rotation keeps the radius, so the twist can be undone; it slides circles along
    themselves, so it keeps area and the log-determinant is zero. The entropy is that
    of the untwisted arms, by quadrature, good to 1e-9 nats.

    Args:
        arms: How many arms.
        radial_std: The standard deviation along an arm, whose centre has radius 1.
        tangential_std: The standard deviation across it.
        rate: The twist :math:`\omega` in radians a unit of radius.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``arms`` is below 1, or a number is not positive.

    Reference:
        After Johnson et al., "Composing graphical models with neural networks for
        structured representations and fast inference", 2016, arXiv:1603.06277; there
        the angle is an exponential of the first coordinate in place of the radius.

    Example:
        >>> pinwheel = Pinwheel(arms=5)
        >>> pinwheel.sample(4).shape
        torch.Size([4, 2])
    """

    name = "pinwheel"

    def __init__(
        self,
        arms: int = 5,
        radial_std: float = 0.3,
        tangential_std: float = 0.1,
        rate: float = 1.0,
    ) -> None:
        self.arms = check_count(arms, "arms", 1)
        self.radial_std = check_positive(radial_std, "radial_std")
        self.tangential_std = check_positive(tangential_std, "tangential_std")
        self.rate = check_positive(rate, "rate", zero=True)
        means = _direction(torch.arange(arms, dtype=torch.float64) * 2 * math.pi / arms)
        across = torch.stack([-means[:, 1], means[:, 0]], dim=1)
        frames = torch.stack([means, across], dim=2)
        stds = torch.tensor([radial_std, tangential_std], dtype=torch.float64)
        self._arms = GaussianMixture2D(
            means=means, covariances=frames @ stds.square().diag() @ frames.mT
        )
        self.high = torch.full((2,), 1 + REACH * max(radial_std, tangential_std))
        self.low = -self.high

    @property
    def entropy(self) -> float:
        """The entropy in nats: that of the arms before the twist."""
        return self._arms.entropy

    def _draw(self, n: int, generator: torch.Generator | None) -> Tensor:
        return self._twist(self._arms._draw(n, generator), self.rate)

    def _log_prob(self, x: Tensor) -> Tensor:
        return self._arms._log_prob(self._twist(x, -self.rate))

    @staticmethod
    def _twist(f: Tensor, rate: float) -> Tensor:
        """Turn each point by ``rate`` times its radius."""
        return _turn(f, rate * torch.linalg.vector_norm(f, dim=1))


def _moon(t: Tensor, arc: int) -> Tensor:
    """Return the points of an arc at angles ``t``, ``(n, 2)``."""
    x = _direction(t)
    return x if arc == 0 else x.new_tensor([1.0, 0.5]) - x


def _direction(angle: Tensor) -> Tensor:
    """Return unit vectors at angles from the first axis, ``(n, 2)``."""
    return torch.stack([angle.cos(), angle.sin()], dim=1)


def _turn(x: Tensor, angle: Tensor) -> Tensor:
    """Return points turned counterclockwise around the origin, ``(n, 2)``."""
    cos, sin = angle.cos(), angle.sin()
    return torch.stack(
        [cos * x[:, 0] - sin * x[:, 1], sin * x[:, 0] + cos * x[:, 1]], dim=1
    )


def _entropy(density: _Toy, width: float) -> float:
    """Return minus the integral of ``p log p`` over the box, by the trapezoid rule.

    On a smooth function that vanishes at the border the rule converges faster than any
    power of the step; a quarter of the narrowest standard deviation gives ten digits.
    """
    low, high = density.low.double(), density.high.double()
    counts = torch.ceil((high - low) / (width / 4)).long() + 1
    if counts.prod() > 50_000_000:
        raise ValueError(
            f"{density.name} is too narrow to integrate: its narrowest standard "
            f"deviation is {width:.3g} in a box of {(high - low).tolist()}"
        )
    x, y = (
        torch.linspace(float(a), float(b), int(count), dtype=torch.float64)
        for a, b, count in zip(low, high, counts, strict=True)
    )
    total = 0.0
    for rows in x.split(max(1, CHUNK // len(y))):
        log_p = density._log_prob(torch.cartesian_prod(rows, y))
        total -= float((log_p.exp() * log_p).sum())
    return total * float((x[1] - x[0]) * (y[1] - y[0]))
