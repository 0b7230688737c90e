r"""One energy for every level of noise: the way from noise to images.

Denoising at one level teaches slopes near the data only, and chains that start
elsewhere are lost. With many levels, a chain follows slopes of ever less noisy data.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

from genbook._validate import (
    check_count,
    check_generator,
    check_positive,
    check_sizes,
    check_tensor,
)
from genbook.models.base import EnergyModel
from genbook.models.networks import layers, waves

__all__ = ["NoiseEnergy"]


class NoiseEnergy(EnergyModel):
    r"""A network that gives each observation an energy at each level of noise.

    Were the data Gaussian, the answer would be known. So the energy is that of a
    Gaussian with the data's mean and variances :math:`\lambda_i` along their principal
    axes, and a correction by a network :math:`N_\theta`. With :math:`z_i` the position
    along axis :math:`i` and :math:`s^2` the mean of the variances:

    .. math:: E_\theta(\mathbf x, \sigma)
              = \sum_i \frac{z_i^2}{2(\sigma^2+\lambda_i)}
              - \frac{s}{\sigma}\,\mathbf v^\top N_\theta(\mathbf v, \sigma),
              \qquad v_i = \frac{z_i}{s}\sqrt{\frac{\lambda_i}{\sigma^2+\lambda_i}}.

    Training is denoising score matching at levels drawn anew for each observation; a
    sample is a Langevin chain that starts at the highest level and ends at the lowest.

    Args:
        event_shape: The shape of one observation.
        x: Observations that mean and variances are taken from, ``(n, *event_shape)``;
            mean 0 and variances 1 when ``None``.
        width: The width of the network.
        depth: How many hidden layers it has.
        levels: How many levels a chain visits.
        lowest: The standard deviation of the least noise, in the unit of the data.
        highest: That of the most.

    Raises:
        TypeError: If a size is not an integer.
        ValueError: If a size or a level is out of range.

    Reference:
        Y. Song and S. Ermon, "Generative modeling by estimating gradients of the data
        distribution", 2019, arXiv:1907.05600; T. Salimans and J. Ho, "Should EBMs model
        the energy or the score?", ICLR workshop on energy-based models, 2021.

    Example:
        >>> x = torch.rand(9, 1, 4, 4, generator=torch.Generator().manual_seed(0))
        >>> NoiseEnergy((1, 4, 4), x, width=16, depth=1).energy(x).shape
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
        width: int = 256,
        depth: int = 2,
        levels: int = 16,
        lowest: float = 0.05,
        highest: float = 1.5,
    ) -> None:
        super().__init__()
        self.event_shape = check_sizes(event_shape, "event_shape")
        dim = prod(self.event_shape)
        check_count(width, "width", minimum=1)
        check_count(depth, "depth", minimum=1)
        check_count(levels, "levels", minimum=2)
        check_positive(lowest, "lowest")
        if check_positive(highest, "highest") <= lowest:
            raise ValueError(f"highest must be above lowest {lowest}, got {highest}")
        self.config = {
            "event_shape": self.event_shape,
            "width": width,
            "depth": depth,
            "levels": levels,
            "lowest": lowest,
            "highest": highest,
        }
        seen = dim + 1 + 2 * self.TIMES
        # Slopes are learnt, so the network itself must be smooth.
        sizes = (seen, *[width] * depth, dim)
        self.network = nn.Sequential(*layers(sizes, nn.SiLU))
        for p in self.network[-1].parameters():
            nn.init.zeros_(p)
        ends = math.log(highest), math.log(lowest)
        self.register_buffer("sigmas", torch.linspace(*ends, levels).exp())
        mean, axes, variances = torch.zeros(dim), torch.eye(dim), torch.ones(dim)
        if x is not None:
            flat = check_tensor(x, "x", ("n", *self.event_shape)).flatten(1)
            mean = flat.mean(0)
            exact = (flat - mean).double()
            variances, axes = torch.linalg.eigh(exact.T @ exact / len(flat))
            variances = variances.clamp(min=0).to(flat.dtype)
        self.register_buffer("mean", mean)
        self.register_buffer("axes", axes.to(mean.dtype))
        self.register_buffer("variances", variances)

    def energy(self, x: Tensor, sigma: Tensor | None = None) -> Tensor:
        """Return the energy of each observation, ``(n,)``, up to a constant.

        Args:
            x: Observations, ``(n, *event_shape)``.
            sigma: The level of each, ``(n,)``; the lowest when ``None``.
        """
        x = self._check_x(x)
        if sigma is None:
            sigma = self.sigmas[-1].expand(len(x))
        return self._energy(self._turn(x), sigma)

    def _turn(self, x: Tensor) -> Tensor:
        """Return positions along the axes, ``(n, dim)``."""
        return (x.flatten(1) - self.mean) @ self.axes

    def _energy(self, z: Tensor, sigma: Tensor) -> Tensor:
        total = sigma[:, None] ** 2 + self.variances  # (n, dim)
        s = self.variances.mean().sqrt()
        v = z / s * (self.variances / total).sqrt()
        top, bottom = self.sigmas[0].log(), self.sigmas[-1].log()
        t = (sigma.log() - bottom) / (top - bottom)
        when = waves(t[:, None], self.TIMES)
        answer = self.network(torch.cat([v, when], 1))
        correction = s / sigma * (v * answer).sum(1)
        return (z.square() / total).sum(1) / 2 - correction

    def _slope(self, z: Tensor, sigma: Tensor, *, learn: bool = False) -> Tensor:
        with torch.enable_grad():
            z = z if z.requires_grad else z.detach().requires_grad_()
            e = self._energy(z, sigma).sum()
            (g,) = torch.autograd.grad(e, z, create_graph=learn)
        return g

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        r"""Return the error of the slope against the noise, at levels drawn at random.

        Each level counts by how well it can be answered at all: the weight makes the
        error of a Gaussian of the data's spread the same at every level.

        Args:
            x: Observations, ``(n, *event_shape)``.
            y: Must be ``None``.
            generator: The source of levels and noise.
        """
        self._refuse_condition(y)
        z = self._turn(self._check_x(x, allow_empty=False))
        top, bottom = self.sigmas[0].log(), self.sigmas[-1].log()
        t = self._uniform(len(z), generator=generator)
        sigma = (bottom + t * (top - bottom)).exp()
        eps = self._normal(*z.shape, generator=generator)
        wide = sigma[:, None]
        g = self._slope(z + wide * eps, sigma, learn=True)
        weight = 1 + wide**2 / self.variances.mean()
        return (weight * (wide * g - eps).square()).mean()

    @torch.no_grad()
    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        moves: int = 8,
        step_size: float = 0.8,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw by Langevin chains that go down the levels.

        Args:
            n: How many.
            y: Must be ``None``.
            moves: Langevin moves at each level.
            step_size: Their size, as a multiple of the level.
            generator: The source of randomness; the global one when ``None``.
        """
        self._refuse_condition(y)
        check_count(n, "n")
        check_generator(generator)
        dim = len(self.mean)
        z = self._normal(n, dim, generator=generator)
        z = z * (self.sigmas[0] ** 2 + self.variances).sqrt()
        for sigma in self.sigmas:
            each, h = sigma.expand(n), step_size * sigma
            for _ in range(moves):
                eps = self._normal(n, dim, generator=generator)
                z = z - h**2 / 2 * self._slope(z, each) + h * eps
        z = z - sigma**2 * self._slope(z, each)  # what lies behind the last noise
        return (self.mean + z @ self.axes.T).unflatten(1, self.event_shape)
