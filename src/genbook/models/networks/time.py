"""A fully connected network that knows the time, and what it is asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear, one_hot

from genbook._validate import check_count, check_sizes
from genbook.models.networks._doors import check_question
from genbook.models.networks.mlp import fourier_features


class TimeConditionedMLP(nn.Module):
    """A residual network of fully connected layers that knows the time and the label.

    Each layer's outputs are modulated, which is to say stretched and shifted, by what
    the time and the label say.
    Of the time it sees the logarithm too, since near the data little time is much
    change. The waves of the coordinates fade as noise of the size of the time would
    wash them out. Its layers bend smoothly (GELU), so that the divergence of what it
    says is continuous, and the gradient of a likelihood made of it is right.

    Args:
        event_shape: The shape of what it sees, and of what it says.
        width: The width of its layers, at most 65,536.
        depth: How many residual blocks, at most 1,000.
        frequencies: How many sines and cosines of each coordinate it sees, for
            densities with sharp borders; at most 30.
        classes: How many labels there are, at most a million; one more stands for "no
            label".

    Raises:
        TypeError: If a size is not an integer.
        ValueError: If a size is too small or too large.

    Reference:
        D. Hendrycks and K. Gimpel, "Gaussian error linear units", 2016,
        arXiv:1606.08415; E. Perez et al., "FiLM: visual reasoning with a general
        conditioning layer", 2018, arXiv:1709.07871; J. Barron et al., "Mip-NeRF", 2021,
        arXiv:2103.13415.

    Example:
        >>> net = TimeConditionedMLP((2,), width=16, depth=1)
        >>> net(torch.zeros(3, 2), torch.zeros(3)).shape
        torch.Size([3, 2])
    """

    TIMES = 8  # frequencies of the logarithm of the time
    FIRST = 0.003  # the time that the logarithm starts at

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        width: int = 128,
        depth: int = 3,
        frequencies: int = 0,
        classes: int = 0,
    ) -> None:
        super().__init__()
        self.event_shape = check_sizes(event_shape, "event_shape")
        self.classes = check_count(classes, "classes", 0, 1_000_000)
        self.frequencies = check_count(frequencies, "frequencies", 0, 30)
        width = check_count(width, "width", 1, 65_536)
        depth = check_count(depth, "depth", 0, 1_000)
        features = prod(self.event_shape)
        self.input = nn.Linear(features * (1 + 2 * frequencies), width)
        seen = 2 * self.TIMES + 1 + (classes + 1 if classes else 0)
        self.modulation = nn.Linear(seen, 2 * width * (depth + 1))
        self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.output = nn.Linear(width, features)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)
        with torch.no_grad():
            self.modulation.weight[: width * (depth + 1)] *= (
                0.1  # stretch little at first
            )

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Return a tensor of the shape of ``x``.

        Args:
            x: Points, ``(n, *event_shape)``; NaN and infinity give NaN.
            t: Times from 0 to 1, ``(n,)``, or one for all, ``(1,)``; NaN, infinity
                and negative ones give NaN, and so may what is far above.
            y: Labels, ``(n,)``, or as many as times; ``classes`` stands for none.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If a shape is another, or a label out of range or missing.
        """
        self._check(x, t, y)
        flat = x.flatten(1)  # (n, features)
        (scale, shift), *others = self._modulate(self._embed(t, y))  # (n, width) each
        h = self.input(fourier_features(flat, self.frequencies, noise=t))  # (n, width)
        h = gelu(h * scale + shift)
        for block, (scale, shift) in zip(self.blocks, others, strict=True):
            h = h + gelu(block(h) * scale + shift)
        return self.output(h).unflatten(1, self.event_shape)  # (n, *event_shape)

    def _check(self, x: Tensor, t: Tensor, y: Tensor | None) -> None:
        """Check the types and shapes of what it is shown, and its labels."""
        dtype = self.input.weight.dtype
        check_question(x, t, y, self.event_shape, self.classes, dtype)

    def _modulate(self, seen: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return the scale and the shift of each layer's outputs.

        Each comes from its own rows of one matrix: to cut the outputs apart instead
        costs a copy of them on the way back.
        """
        parts = 2 * (len(self.blocks) + 1)
        weights = self.modulation.weight.chunk(parts)  # (width, seen) each
        biases = self.modulation.bias.chunk(parts)
        found = [linear(seen, w, b) for w, b in zip(weights, biases, strict=True)]
        scales, shifts = found[: parts // 2], found[parts // 2 :]
        return [(1 + a, b) for a, b in zip(scales, shifts, strict=True)]

    def _embed(self, t: Tensor, y: Tensor | None) -> Tensor:
        """Return the features of time and label, ``(n, seen)``, or ``(1, seen)``."""
        k = torch.arange(1, self.TIMES + 1, dtype=t.dtype, device=t.device)
        late = 1 - (t + self.FIRST).log() / math.log(self.FIRST)  # 0 at first, then 1
        angle = late[:, None] * k * (math.pi / 2)  # (n, TIMES)
        seen = torch.cat([angle.sin(), angle.cos(), t[:, None]], 1)
        if y is None:
            return seen
        asked = one_hot(y.long(), self.classes + 1).to(t.dtype)
        return torch.cat([seen.expand(len(y), -1), asked], 1)
