"""Parts that several families build networks from, and one that knows the time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot


def layers(
    sizes: Sequence[int], between: Callable[[], nn.Module] = nn.ReLU
) -> list[nn.Module]:
    """Return linear layers of the given sizes with a nonlinearity between them.

    Example:
        >>> len(layers([2, 16, 16, 1]))
        5
    """
    found: list[nn.Module] = []
    for a, b in pairwise(sizes):
        found += [nn.Linear(a, b), between()]
    return found[:-1]


def waves(x: Tensor, octaves: int, rate: float = math.pi / 2) -> Tensor:
    """Return ``x`` beside sines and cosines of it, for borders that are sharp.

    Args:
        x: Vectors, ``(n, dim)``.
        octaves: How many frequencies, each twice the one before; 0 gives ``x`` alone.
        rate: The first frequency, in radians.

    Returns:
        A tensor ``(n, dim * (1 + 2 * octaves))``.

    Reference:
        M. Tancik et al., "Fourier features let networks learn high frequency functions
        in low dimensional domains", 2020, arXiv:2006.10739.

    Example:
        >>> waves(torch.ones(4, 2), octaves=3).shape
        torch.Size([4, 14])
    """
    if not octaves:
        return x
    octave = 2.0 ** torch.arange(octaves, dtype=x.dtype, device=x.device)
    angle = (x[..., None] * (rate * octave)).flatten(1)
    return torch.cat([x, angle.sin(), angle.cos()], 1)


class TimeNetwork(nn.Module):
    """A residual network of fully connected layers that knows the time and the label.

    Args:
        event_shape: The shape of what it sees, and of what it says.
        width: The width of its layers.
        depth: How many residual blocks.
        octaves: How many frequencies of sines and cosines of each coordinate it sees,
            for densities with sharp borders.
        classes: How many labels there are; one more stands for "no label".

    Example:
        >>> net = TimeNetwork((2,), width=16, depth=1)
        >>> net(torch.zeros(3, 2), torch.zeros(3)).shape
        torch.Size([3, 2])
    """

    TIMES = 16  # frequencies of the time

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        width: int = 128,
        depth: int = 3,
        octaves: int = 0,
        classes: int = 0,
    ) -> None:
        super().__init__()
        features = prod(event_shape)
        self.classes, self.octaves = classes, octaves
        self.event_shape = tuple(event_shape)
        inputs = features * (1 + 2 * octaves)
        self.first = nn.Linear(inputs, width)
        labels = classes + 1 if classes else 0
        self.when = nn.Linear(2 * self.TIMES + labels, width * (depth + 1))
        self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.last = nn.Linear(width, features)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Return a tensor of the shape of ``x``.

        Args:
            x: Points, ``(n, *event_shape)``.
            t: Times, ``(n,)``.
            y: Labels, ``(n,)``; the label ``classes`` stands for none.
        """
        flat = waves(x.flatten(1), self.octaves)
        rate = torch.arange(self.TIMES, dtype=x.dtype, device=x.device)
        angle = t[:, None] * math.pi * (rate + 1) / 2
        seen = [angle.sin(), angle.cos()]
        if y is not None:
            seen.append(one_hot(y, self.classes + 1).to(x.dtype))
        shifts = self.when(torch.cat(seen, 1)).chunk(len(self.blocks) + 1, dim=1)
        h = torch.relu(self.first(flat) + shifts[0])
        for block, shift in zip(self.blocks, shifts[1:], strict=True):
            h = h + torch.relu(block(h) + shift)
        return self.last(h).unflatten(1, self.event_shape)
