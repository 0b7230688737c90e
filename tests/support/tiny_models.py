"""Two tiny models, points and a run, for the tests of the training loop."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from genbook.models.base import GenerativeModel, TractableModel

RUN = {"steps": 40, "batch_size": 16, "lr": 0.02, "seed": 3, "checkpoint_every": 7}


class Noisy(GenerativeModel):
    """A model whose loss draws noise and whose network drops units."""

    def __init__(self, width: int = 8, stop_at: int | None = None) -> None:
        super().__init__()
        self.config = {"width": width}
        self.event_shape = (2,)
        self.stop_at, self.calls = stop_at, 0
        weights = torch.Generator().manual_seed(1)
        self.net = nn.Sequential(
            nn.Linear(2, width), nn.ReLU(), nn.Dropout(0.2), nn.Linear(width, 2)
        )
        with torch.no_grad():
            for p in self.parameters():
                p.copy_(torch.randn(p.shape, generator=weights) / 3)

    def stop(self) -> None:
        raise KeyboardInterrupt

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        if self.training:
            if self.calls == self.stop_at:
                self.stop()
            self.calls += 1
        noise = torch.randn(
            x.shape, generator=generator, dtype=x.dtype, device=x.device
        )
        target = x if y is None else x * y[:, None]
        return ((self.net(x + 0.1 * noise) - target) ** 2).sum(1).mean()

    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        return torch.zeros(n, 2)


class Line(TractableModel):
    """A Gaussian of unit variance whose mean is learned: the optimum is the average."""

    def __init__(self) -> None:
        super().__init__()
        self.event_shape = (2,)
        self.mu = nn.Parameter(torch.zeros(2))

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return -0.5 * ((x - self.mu) ** 2).sum(1) - math.log(2 * math.pi)

    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        return self.mu.detach() + torch.randn(n, 2, generator=generator)


def points(n: int = 100, dtype: torch.dtype = torch.float32) -> Tensor:
    g = torch.Generator().manual_seed(7)
    return torch.randn(n, 2, generator=g, dtype=dtype)


def weights(model: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])
