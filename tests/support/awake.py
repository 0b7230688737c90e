"""A network of images with weights that all count, and what it is asked."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seeding import seeded


def awake(net: nn.Module, seed: int = 0) -> nn.Module:
    """Return a network in float64 whose silent layers speak."""
    g = seeded(seed)
    for p in net.parameters():
        with torch.no_grad():
            p.copy_(0.3 * torch.randn(p.shape, generator=g))
    return net.double()


def question(shape: tuple[int, ...], n: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """Return images, times and labels of three kinds."""
    x = torch.randn(n, *shape, generator=seeded(9), dtype=torch.float64)
    return x, torch.linspace(0.1, 0.9, n).double(), torch.arange(n) % 3
