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

from genbook._validate import check_positive, check_tensor


class Schedule(ABC):
    """How much is left of the data, and how much noise there is, at each time.

    It is made for times from ``t_min`` to 1. Training asks it at every step, so it
    compares types and leaves the values alone: outside of these times the formulas go
    on. A new one writes down ``_alpha``, ``_sigma``, ``_d_alpha`` and ``_d_sigma``.

    Attributes:
        t_min: The first time at which the schedule is smooth; data stand there.
    """

    t_min: float = 0.0

    def alpha(self, t: Tensor) -> Tensor:
        """Return the share of the data.

        Args:
            t: Times of any shape; NaN and infinity give NaN.

        Raises:
            TypeError: If ``t`` is not a floating-point tensor.
        """
        return self._alpha(_times(t))

    def sigma(self, t: Tensor) -> Tensor:
        """Return the standard deviation of the noise.

        Args:
            t: Times of any shape; NaN and infinity give NaN.

        Raises:
            TypeError: If ``t`` is not a floating-point tensor.
        """
        return self._sigma(_times(t))

    def d_alpha(self, t: Tensor) -> Tensor:
        """Return the derivative of :meth:`alpha`.

        Args:
            t: Times of any shape; NaN and infinity give NaN.

        Raises:
            TypeError: If ``t`` is not a floating-point tensor.
        """
        return self._d_alpha(_times(t))

    def d_sigma(self, t: Tensor) -> Tensor:
        """Return the derivative of :meth:`sigma`.

        Args:
            t: Times of any shape; NaN and infinity give NaN.

        Raises:
            TypeError: If ``t`` is not a floating-point tensor.
        """
        return self._d_sigma(_times(t))

    @abstractmethod
    def _alpha(self, t: Tensor) -> Tensor:
        """Return the share of the data."""

    @abstractmethod
    def _sigma(self, t: Tensor) -> Tensor:
        """Return the standard deviation of the noise."""

    @abstractmethod
    def _d_alpha(self, t: Tensor) -> Tensor:
        """Return the derivative of the share of the data."""

    @abstractmethod
    def _d_sigma(self, t: Tensor) -> Tensor:
        """Return the derivative of the standard deviation of the noise."""


def _times(t: Tensor) -> Tensor:
    """Return ``t`` if it is a floating-point tensor."""
    return check_tensor(t, "t", finite=False, allow_empty=True)


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

    def _alpha(self, t: Tensor) -> Tensor:
        return 1 - t

    def _sigma(self, t: Tensor) -> Tensor:
        return t

    def _d_alpha(self, t: Tensor) -> Tensor:
        return -torch.ones_like(t)

    def _d_sigma(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)


@dataclass(frozen=True)
class Cosine(Schedule):
    r"""A walk along the circle: :math:`\alpha = \cos\phi,\ \sigma = \sin\phi`.

    The angle grows from 0 almost to a right one; the last bit is left out so that the
    data can always be told from the noise, if only by a ten-thousandth.

    Args:
        max_angle: The angle at time 1, in radians, above zero and at least a millionth
            below a right one.

    Raises:
        TypeError: If ``max_angle`` is not a number.
        ValueError: If it lies elsewhere.

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

    def __post_init__(self) -> None:
        if check_positive(self.max_angle, "max_angle") > math.pi / 2 - 1e-6:
            raise ValueError(
                f"max_angle must be at most pi / 2 - 1e-6, where some data are left, "
                f"got {self.max_angle}"
            )

    def _alpha(self, t: Tensor) -> Tensor:
        return (self.max_angle * t).cos()

    def _sigma(self, t: Tensor) -> Tensor:
        return (self.max_angle * t).sin()

    def _d_alpha(self, t: Tensor) -> Tensor:
        return -self.max_angle * (self.max_angle * t).sin()

    def _d_sigma(self, t: Tensor) -> Tensor:
        return self.max_angle * (self.max_angle * t).cos()


@dataclass(frozen=True)
class LinearBeta(Schedule):
    r"""The first schedule: a rate of noise that grows linearly.

    .. math:: \alpha_t = \exp\Bigl(-\tfrac12 \int_0^t \beta\Bigr),
              \qquad \beta_t = \beta_\text{min}
              + (\beta_\text{max} - \beta_\text{min})\,t.

    Its noise starts as a square root, so it is smooth only from a small time on.

    Args:
        beta_min: The rate at time 0, zero or above.
        beta_max: The rate at time 1, above zero, not below ``beta_min``, and at most
            100: more leaves nothing of the data.
        t_min: The time at which data stand, above zero and below one.

    Raises:
        TypeError: If an argument is not a number.
        ValueError: If one lies outside.

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

    def __post_init__(self) -> None:
        check_positive(self.beta_min, "beta_min", zero=True)
        if not self.beta_min <= check_positive(self.beta_max, "beta_max") <= 100:
            raise ValueError(
                f"beta_max must be from beta_min = {self.beta_min} to 100, got "
                f"{self.beta_max}"
            )
        if check_positive(self.t_min, "t_min") >= 1:
            raise ValueError(f"t_min must be below 1, got {self.t_min}")

    def _log_alpha(self, t: Tensor) -> Tensor:
        return -0.25 * t**2 * (self.beta_max - self.beta_min) - 0.5 * t * self.beta_min

    def _beta(self, t: Tensor) -> Tensor:
        return self.beta_min + (self.beta_max - self.beta_min) * t

    def _alpha(self, t: Tensor) -> Tensor:
        return self._log_alpha(t).exp()

    def _sigma(self, t: Tensor) -> Tensor:
        """Return what makes the squares sum to one."""
        return (-torch.expm1(2 * self._log_alpha(t))).sqrt()

    def _d_alpha(self, t: Tensor) -> Tensor:
        return -0.5 * self._beta(t) * self.alpha(t)

    def _d_sigma(self, t: Tensor) -> Tensor:
        return 0.5 * self._beta(t) * self.alpha(t).square() / self.sigma(t)


SCHEDULES: dict[str, type[Schedule]] = {
    "straight": Straight,
    "cosine": Cosine,
    "linear-beta": LinearBeta,
}
