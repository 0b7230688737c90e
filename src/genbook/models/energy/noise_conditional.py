r"""One energy for every level of noise: the way from noise to images.

Denoising at one level teaches slopes near the data only, and chains that start
elsewhere are lost. With many levels, a chain follows slopes of ever less noisy data.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from genbook._validate import (
    check_count,
    check_generator,
    check_labels,
    check_positive,
    check_sizes,
    check_tensor,
)
from genbook.models.base import EnergyModel
from genbook.models.energy._axes import principal_axes
from genbook.models.energy._slopes import slope_at
from genbook.models.networks._doors import check_network, describe
from genbook.models.networks.mlp import fourier_features, mlp

__all__ = ["NoiseConditionalEnergy"]


class NoiseConditionalEnergy(EnergyModel):
    r"""A network that gives each observation an energy at each level of noise.

    Were the data Gaussian, the answer would be known. So the energy is that of a
    Gaussian with the data's mean and variances :math:`\lambda_i` along their principal
    axes, and a correction by a network :math:`N_\theta`. With :math:`z_i` the position
    along axis :math:`i` and :math:`s^2` the mean of the variances:

    .. math:: E_\theta(\mathbf x, \sigma)
              = \sum_i \frac{z_i^2}{2(\sigma^2+\lambda_i)}
              - \frac{s}{\sigma}\,\mathbf v^\top N_\theta(\mathbf v, \sigma),
              \qquad v_i = \frac{z_i}{s}\sqrt{\frac{\lambda_i}{\sigma^2+\lambda_i}}.

    A ``network`` that is given sees :math:`\mathbf v` turned back to the place of its
    pixels, so that convolutions have neighbours to look at; it may say a number instead
    of a vector, and that number stands for the inner product.

    Training is denoising score matching at levels drawn anew for each observation; a
    sample is a Langevin chain that starts at the highest level and ends at the lowest.

    Args:
        event_shape: The shape of one observation, of up to 16,384 numbers.
        x: Observations that mean and variances are taken from, ``(n, *event_shape)``;
            mean 0 and variances 1 when ``None``.
        network: Sees observations ``(n, *event_shape)`` in the unit of their deviation,
            levels as times ``(n,)`` from 0, the lowest, to 1, and where its ``classes``
            are not 0 labels ``(n,)``; returns ``(n, *event_shape)`` or ``(n,)``. Its
            slope is learnt, so it must be smooth. When ``None``, fully connected layers
            that see positions along the axes are built:
        width: Their width.
        depth: How many there are before the last, up to 1,000.
        num_scales: How many levels a chain visits, from 2 to 10,000.
        sigma_min: The standard deviation of the least noise, in the unit of the data.
        sigma_max: That of the most.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a size or a level is out of range, or ``x`` has the wrong shape,
            a value that is not finite, or no variance that its type can hold.

    Reference:
        Y. Song and S. Ermon, "Generative modeling by estimating gradients of the data
        distribution", 2019, arXiv:1907.05600; T. Salimans and J. Ho, "Should EBMs model
        the energy or the score?", ICLR workshop on energy-based models, 2021.

    Example:
        >>> x = torch.rand(9, 1, 4, 4, generator=torch.Generator().manual_seed(0))
        >>> NoiseConditionalEnergy((1, 4, 4), x, width=16, depth=1).energy(x).shape
        torch.Size([9])
    """

    TIMES = 3  # octaves of the level

    mean: Tensor
    axes: Tensor
    variances: Tensor
    sigmas: Tensor

    def __init__(
        self,
        event_shape: Sequence[int],
        x: Tensor | None = None,
        *,
        network: nn.Module | None = None,
        width: int = 256,
        depth: int = 2,
        num_scales: int = 16,
        sigma_min: float = 0.05,
        sigma_max: float = 1.5,
    ) -> None:
        super().__init__()
        self.event_shape = check_sizes(event_shape, "event_shape")
        dim = check_count(prod(self.event_shape), "event_shape", 1, 16_384)
        width = check_count(width, "width", 1)
        depth = check_count(depth, "depth", 1, 1000)
        num_scales = check_count(num_scales, "num_scales", 2, 10_000)
        sigma_min = check_positive(sigma_min, "sigma_min")
        sigma_max = check_positive(sigma_max, "sigma_max")
        if sigma_max <= sigma_min:
            raise ValueError(
                f"sigma_max must be above sigma_min {sigma_min}, got {sigma_max}"
            )
        self.given = network is not None
        kind: dict[str, Any] = {"width": width, "depth": depth}
        if network is None:
            network = self._connected(dim, width, depth)
        else:
            kind = {"network": describe(check_network(network))}
            self.classes = check_count(getattr(network, "classes", 0), "classes")
        self.network = network
        self.config: dict[str, Any] = {
            "event_shape": self.event_shape,
            **kind,
            "num_scales": num_scales,
            "sigma_min": sigma_min,
            "sigma_max": sigma_max,
        }
        ends = math.log(sigma_max), math.log(sigma_min)
        self.register_buffer("sigmas", torch.linspace(*ends, num_scales).exp())
        mean, axes, variances = torch.zeros(dim), torch.eye(dim), torch.ones(dim)
        if x is not None:
            flat = check_tensor(x, "x", ("n", *self.event_shape)).flatten(1)
            mean, axes, variances = principal_axes(flat)
        self.register_buffer("mean", mean)
        self.register_buffer("axes", axes)
        self.register_buffer("variances", variances)
        self.to(mean)  # its type and device

    def _connected(self, dim: int, width: int, depth: int) -> nn.Sequential:
        """Return layers that see positions and features of the level, and say zero."""
        seen = dim + 1 + 2 * self.TIMES
        # Slopes are learnt, so the network itself must be smooth.
        network = nn.Sequential(*mlp((seen, *[width] * depth, dim), nn.SiLU))
        for p in network[-1].parameters():
            nn.init.zeros_(p)
        return network

    def energy(
        self, x: Tensor, sigma: Tensor | None = None, y: Tensor | None = None
    ) -> Tensor:
        """Return the energy of each observation, ``(n,)``, up to a constant.

        Args:
            x: Observations, ``(n, *event_shape)``.
            sigma: The level of each, ``(n,)``, from the lowest to the highest; the
                lowest when ``None``.
            y: Labels, ``(n,)``, for a network that takes them.

        Raises:
            TypeError: If an argument is not a tensor of the model's type.
            ValueError: If a shape is wrong, a value not finite, or a level one that the
                model has not learnt.
        """
        x = self._check_x(x)
        y = self._check_y(y, len(x))
        if sigma is None:
            sigma = self.sigmas[-1].expand(len(x))
        check_tensor(sigma, "sigma", (len(x),), dtype=self.dtype, allow_empty=True)
        top, bottom = self.sigmas[0].item(), self.sigmas[-1].item()
        if ((sigma < 0.999 * bottom) | (sigma > 1.001 * top)).any():
            raise ValueError(
                f"sigma must be from {bottom:.4g} to {top:.4g}, got "
                f"{sigma.min():.4g} to {sigma.max():.4g}"
            )
        return self._energy(self._turn(x), sigma, y)

    def _check_y(self, y: Tensor | None, n: int) -> Tensor | None:
        if not self.classes:
            self._refuse_condition(y)
            return None
        if y is None:
            raise ValueError(f"y must hold {n} labels, got None")
        return check_labels(y, "y", self.classes, n)

    def _turn(self, x: Tensor) -> Tensor:
        """Return positions along the axes, ``(n, dim)``."""
        return (x.flatten(1) - self.mean) @ self.axes

    def _energy(self, z: Tensor, sigma: Tensor, y: Tensor | None = None) -> Tensor:
        total = sigma[:, None] ** 2 + self.variances  # (n, dim)
        s = self.variances.mean().sqrt()
        v = z / s * (self.variances / total).sqrt()  # (n, dim)
        top, bottom = self.sigmas[0].log(), self.sigmas[-1].log()
        t = (sigma.log() - bottom) / (top - bottom)
        correction = s / sigma * self._answer(v, t, y)
        return (z.square() / total).sum(1) / 2 - correction

    def _answer(self, v: Tensor, t: Tensor, y: Tensor | None) -> Tensor:
        """Return the inner product of ``v`` and the network's answer, ``(n,)``."""
        if not self.given:
            level = fourier_features(t[:, None], self.TIMES)  # (n, 1 + 2 * TIMES)
            return (v * self.network(torch.cat([v, level], 1))).sum(1)
        x = (v @ self.axes.T).unflatten(1, self.event_shape)
        answer = self.network(x, t) if y is None else self.network(x, t, y)
        if answer.shape == (len(x),):
            return answer
        if answer.shape != x.shape:
            raise ValueError(
                f"network must return ({len(x)},) or {tuple(x.shape)}, got "
                f"{tuple(answer.shape)}"
            )
        return (x * answer).flatten(1).sum(1)

    def _grad(
        self, z: Tensor, sigma: Tensor, y: Tensor | None, *, learn: bool = False
    ) -> Tensor:
        """Return the gradient of the energy along the axes, ``(n, dim)``."""
        return slope_at(lambda z: self._energy(z, sigma, y), z, learn=learn)[1]

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        r"""Return the error of the slope against the noise, at levels drawn at random.

        Equation :eq:`eq-energy-dsm` with a weight: each level counts by how well it can
        be answered at all, so that the error of a Gaussian of the data's spread is the
        same at every level.

        Args:
            x: Observations, ``(n, *event_shape)``.
            y: Labels, ``(n,)``, for a network that takes them.
            generator: The source of levels and noise.

        Raises:
            TypeError: If an argument has the wrong type.
            ValueError: If ``x`` is empty, not finite or of the wrong shape.
        """
        z = self._turn(self._check_x(x, allow_empty=False))
        y = self._check_y(y, len(z))
        top, bottom = self.sigmas[0].log(), self.sigmas[-1].log()
        t = self._uniform(len(z), generator=generator)
        sigma = (bottom + t * (top - bottom)).exp()  # (n,)
        eps = self._normal(*z.shape, generator=generator)  # (n, dim)
        wide = sigma[:, None]
        g = self._grad(z + wide * eps, sigma, y, learn=True)  # (n, dim)
        weight = 1 + wide**2 / self.variances.mean()  # (n, 1)
        return (weight * (wide * g - eps).square()).mean()  # (15.10)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        langevin_steps: int = 8,
        step_size: float = 0.8,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw by Langevin chains that go down the levels.

        Moves by equation :eq:`eq-energy-langevin`, untested; the last step takes away
        what noise is left, by :eq:`eq-energy-tweedie`. It takes the slopes it needs
        under ``torch.inference_mode`` too.

        Args:
            n: How many, up to ten million in one call.
            y: Labels, ``(n,)``, for a network that takes them.
            langevin_steps: Langevin moves at each level.
            step_size: Their size, as a multiple of the level: below 2, from where on
                untested chains run away.
            generator: The source of randomness; the global one when ``None``.

        Raises:
            TypeError: If an argument has the wrong type.
            ValueError: If a count or the step is out of range.
        """
        n = check_count(n, "n", 0, 10_000_000)
        y = self._check_y(y, n)
        check_count(langevin_steps, "langevin_steps", 0, 1_000_000)
        if check_positive(step_size, "step_size") >= 2:
            raise ValueError(f"step_size must be below 2, got {step_size}")
        check_generator(generator)
        dim = len(self.mean)
        z = self._normal(n, dim, generator=generator)  # (n, dim)
        z = z * (self.sigmas[0] ** 2 + self.variances).sqrt()
        for sigma in self.sigmas:
            each, h = sigma.expand(n), step_size * sigma
            for _ in range(langevin_steps):
                eps = self._normal(n, dim, generator=generator)
                z = z - h**2 / 2 * self._grad(z, each, y) + h * eps  # (15.3)
        z = z - sigma**2 * self._grad(z, each, y)  # (15.9)
        return (self.mean + z @ self.axes.T).unflatten(1, self.event_shape)
