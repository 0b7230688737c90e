"""Toy densities in the plane made of Gaussians, one of them twisted."""

from __future__ import annotations

import math
from functools import cached_property

import torch
from torch import Tensor

from genbook._validate import check_count, check_positive, check_tensor
from genbook.data._toy import MOST, REACH, _direction, _entropy, _Toy, _turn


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

    def _points(self, n: int, generator: torch.Generator | None) -> Tensor:
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
        ValueError: If ``arms`` is below 1, or a number is not positive, or above a
            million.

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
        self.arms = arms = check_count(arms, "arms", 1)
        self.radial_std = radial_std = check_positive(
            radial_std, "radial_std", maximum=MOST
        )
        self.tangential_std = tangential_std = check_positive(
            tangential_std, "tangential_std", maximum=MOST
        )
        self.rate = check_positive(rate, "rate", zero=True)
        means = _direction(torch.arange(arms, dtype=torch.float64) * 2 * math.pi / arms)
        across = torch.stack([-means[:, 1], means[:, 0]], dim=1)
        frames = torch.stack([means, across], dim=2)
        stds = torch.tensor([radial_std, tangential_std], dtype=torch.float64)
        self._arms = GaussianMixture2D(
            means=means, covariances=frames @ stds.square().diag() @ frames.mT
        )
        reach = 1 + REACH * max(radial_std, tangential_std)
        self.high = torch.full((2,), reach, dtype=torch.float32)
        self.low = -self.high

    @property
    def entropy(self) -> float:
        """The entropy in nats: that of the arms before the twist."""
        return self._arms.entropy

    def _points(self, n: int, generator: torch.Generator | None) -> Tensor:
        return self._twist(self._arms._points(n, generator), self.rate)

    def _log_prob(self, x: Tensor) -> Tensor:
        return self._arms._log_prob(self._twist(x, -self.rate))

    @staticmethod
    def _twist(f: Tensor, rate: float) -> Tensor:
        """Turn each point by ``rate`` times its radius."""
        return _turn(f, rate * torch.linalg.vector_norm(f, dim=1))
