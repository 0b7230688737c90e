r"""Noise schedules: how a diffusion walks from the data to noise.

At time :math:`t` an observation :math:`\mathbf x_0` has become
:math:`\mathbf x_t = \alpha_t\,\mathbf x_0 + \sigma_t\,\boldsymbol\varepsilon` with
standard Gaussian noise, Equation :eq:`eq-diffusion-blend`: the data at :math:`t = 0`,
noise at :math:`t = 1`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor


class Schedule(ABC):
    """How much is left of the data, and how much noise there is, at each time.

    Attributes:
        t_min: The first time at which the schedule is smooth; data stand there.
    """

    t_min: float = 0.0

    @abstractmethod
    def alpha(self, t: Tensor) -> Tensor:
        """Return the share of the data at times ``t`` in [0, 1]."""

    @abstractmethod
    def sigma(self, t: Tensor) -> Tensor:
        """Return the standard deviation of the noise at times ``t``."""

    @abstractmethod
    def d_alpha(self, t: Tensor) -> Tensor:
        """Return the derivative of :meth:`alpha`."""

    @abstractmethod
    def d_sigma(self, t: Tensor) -> Tensor:
        """Return the derivative of :meth:`sigma`."""


@dataclass(frozen=True)
class Straight(Schedule):
    r"""The straight path of flow matching: :math:`\alpha = 1 - t, \sigma = t`.

    Reference:
        Y. Lipman et al., "Flow matching for generative modeling", 2023,
        arXiv:2210.02747; X. Liu, C. Gong and Q. Liu, "Flow straight and fast", 2023,
        arXiv:2209.03003.

    Example:
        >>> Straight().alpha(torch.tensor([0.0, 0.25]))
        tensor([1.0000, 0.7500])
    """

    def alpha(self, t: Tensor) -> Tensor:
        """Return ``1 - t``."""
        return 1 - t

    def sigma(self, t: Tensor) -> Tensor:
        """Return ``t``."""
        return t

    def d_alpha(self, t: Tensor) -> Tensor:
        """Return minus one."""
        return -torch.ones_like(t)

    def d_sigma(self, t: Tensor) -> Tensor:
        """Return one."""
        return torch.ones_like(t)


@dataclass(frozen=True)
class Cosine(Schedule):
    r"""A walk along the circle: :math:`\alpha = \cos\phi,\ \sigma = \sin\phi`.

    The angle grows from 0 almost to a right one; the last bit is left out so that the
    data can always be told from the noise, if only by a ten-thousandth.

    Reference:
        A. Nichol and P. Dhariwal, "Improved denoising diffusion probabilistic models",
        2021, arXiv:2102.09672; T. Salimans and J. Ho, "Progressive distillation", 2022,
        arXiv:2202.00512.

    Example:
        >>> t = torch.tensor([0.3])
        >>> s = Cosine()
        >>> s.alpha(t) ** 2 + s.sigma(t) ** 2
        tensor([1.])
    """

    max_angle: float = math.pi / 2 - 1e-4

    def alpha(self, t: Tensor) -> Tensor:
        """Return the cosine of the angle."""
        return (self.max_angle * t).cos()

    def sigma(self, t: Tensor) -> Tensor:
        """Return the sine of the angle."""
        return (self.max_angle * t).sin()

    def d_alpha(self, t: Tensor) -> Tensor:
        """Return minus the sine, times the speed."""
        return -self.max_angle * (self.max_angle * t).sin()

    def d_sigma(self, t: Tensor) -> Tensor:
        """Return the cosine, times the speed."""
        return self.max_angle * (self.max_angle * t).cos()


@dataclass(frozen=True)
class LinearBeta(Schedule):
    r"""The first schedule: a rate of noise that grows linearly.

    .. math:: \alpha_t = \exp\Bigl(-\tfrac12 \int_0^t \beta\Bigr),
              \qquad \beta_t = \beta_\text{min}
              + (\beta_\text{max} - \beta_\text{min})\,t.

    Its noise starts as a square root, so it is smooth only from a small time on.

    Reference:
        J. Ho, A. Jain and P. Abbeel, "Denoising diffusion probabilistic models", 2020,
        arXiv:2006.11239; Y. Song et al., "Score-based generative modeling through
        stochastic differential equations", 2021, arXiv:2011.13456.

    Example:
        >>> s = LinearBeta()
        >>> s.alpha(torch.tensor([0.0, 1.0]))
        tensor([1.0000, 0.0066])
    """

    beta_min: float = 0.1
    beta_max: float = 20.0
    t_min: float = 1e-3

    def _log_alpha(self, t: Tensor) -> Tensor:
        return -0.25 * t**2 * (self.beta_max - self.beta_min) - 0.5 * t * self.beta_min

    def _beta(self, t: Tensor) -> Tensor:
        return self.beta_min + (self.beta_max - self.beta_min) * t

    def alpha(self, t: Tensor) -> Tensor:
        """Return the exponential of minus half the noise so far."""
        return self._log_alpha(t).exp()

    def sigma(self, t: Tensor) -> Tensor:
        """Return what makes the squares sum to one."""
        return (-torch.expm1(2 * self._log_alpha(t))).sqrt()

    def d_alpha(self, t: Tensor) -> Tensor:
        """Return the derivative of :meth:`alpha`."""
        return -0.5 * self._beta(t) * self.alpha(t)

    def d_sigma(self, t: Tensor) -> Tensor:
        """Return the derivative of :meth:`sigma`."""
        return 0.5 * self._beta(t) * self.alpha(t).square() / self.sigma(t)


SCHEDULES: dict[str, type[Schedule]] = {
    "straight": Straight,
    "cosine": Cosine,
    "linear-beta": LinearBeta,
}
