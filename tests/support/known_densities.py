"""Densities in the plane that SciPy and arithmetic know, and a Gaussian to compare."""

from __future__ import annotations

import math

import scipy.stats
import torch
from torch import Tensor

from genbook.data.base import KnownDensity
from genbook.models.density.gaussian import Gaussian


class Normal(KnownDensity):
    """The standard normal in the plane, by SciPy."""

    name = "normal"
    event_shape = (2,)
    low, high = torch.full((2,), -7.0), torch.full((2,), 7.0)
    entropy = 1 + math.log(2 * math.pi)

    def _draw(
        self, n: int, generator: torch.Generator | None, dtype: torch.dtype
    ) -> Tensor:
        return torch.randn(n, 2, generator=generator, dtype=dtype)

    def log_prob(self, x: Tensor) -> Tensor:
        log_p = scipy.stats.norm.logpdf(x.double().numpy()).sum(1)
        return torch.from_numpy(log_p).to(x.dtype)


class Halves(KnownDensity):
    """Uniform on the right half of the square [-1, 1]²."""

    name = "halves"
    event_shape = (2,)
    low, high = torch.tensor([0.0, -1.0]), torch.ones(2)
    entropy = math.log(2)

    def _draw(
        self, n: int, generator: torch.Generator | None, dtype: torch.dtype
    ) -> Tensor:
        u = torch.rand(n, 2, generator=generator, dtype=dtype)
        return torch.stack([u[:, 0], 2 * u[:, 1] - 1], 1)

    def log_prob(self, x: Tensor) -> Tensor:
        inside = (x[:, 0] >= 0) & (x[:, 0] <= 1) & (x[:, 1].abs() <= 1)
        return torch.where(inside, -self.entropy, -torch.inf)


def gaussian(mu: list[float], scale: float = 1.0) -> Gaussian:
    return Gaussian.from_moments(torch.tensor(mu), scale**2 * torch.eye(2))
