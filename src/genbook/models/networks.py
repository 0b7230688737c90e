"""The network that diffusion and flow matching share: it sees a point and a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot


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
        flat = x.flatten(1)
        if self.octaves:
            octave = 2.0 ** torch.arange(self.octaves, dtype=x.dtype, device=x.device)
            angle = (flat[..., None] * math.pi / 2 * octave).flatten(1)
            flat = torch.cat([flat, angle.sin(), angle.cos()], 1)
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
