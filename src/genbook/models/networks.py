"""Parts that several families build networks from, and one that knows the time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, one_hot

from genbook._validate import check_count, check_sizes


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


def waves(
    x: Tensor, octaves: int, rate: float = math.pi / 2, noise: Tensor | None = None
) -> Tensor:
    """Return ``x`` beside sines and cosines of it, for borders that are sharp.

    Args:
        x: Vectors, ``(n, dim)``.
        octaves: How many frequencies, each twice the one before; 0 gives ``x`` alone.
        rate: The first frequency, in radians.
        noise: The standard deviation of the noise in each vector, ``(n,)``: a wave
            becomes as small as its mean over such noise.

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
    octave = rate * 2.0 ** torch.arange(octaves, dtype=x.dtype, device=x.device)
    angle = (x[..., None] * octave).flatten(1)
    parts = [angle.sin(), angle.cos()]
    if noise is not None:
        left = (-0.5 * (noise[:, None] * octave).square()).clamp(min=-40).exp()
        left = left.repeat(1, x.shape[1])
        parts = [left * part for part in parts]
    return torch.cat([x, *parts], 1)


class TimeNetwork(nn.Module):
    """A residual network of fully connected layers that knows the time and the label.

    Each layer's outputs are modulated, which is to say stretched and shifted, by what
    the time and the label say.
    Of the time it sees the logarithm too, since near the data little time is much
    change. The waves of the coordinates fade as noise of the size of the time would
    wash them out.

    Args:
        event_shape: The shape of what it sees, and of what it says.
        width: The width of its layers.
        depth: How many residual blocks.
        octaves: How many frequencies of sines and cosines of each coordinate it sees,
            for densities with sharp borders.
        classes: How many labels there are; one more stands for "no label".

    Raises:
        TypeError: If a size is not an integer.
        ValueError: If a size is too small.

    Reference:
        E. Perez et al., "FiLM: visual reasoning with a general conditioning layer",
        2018, arXiv:1709.07871; J. Barron et al., "Mip-NeRF", 2021, arXiv:2103.13415.

    Example:
        >>> net = TimeNetwork((2,), width=16, depth=1)
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
        octaves: int = 0,
        classes: int = 0,
    ) -> None:
        super().__init__()
        self.event_shape = check_sizes(event_shape, "event_shape")
        self.classes = check_count(classes, "classes")
        self.octaves = check_count(octaves, "octaves")
        check_count(width, "width", minimum=1)
        check_count(depth, "depth")
        features = prod(self.event_shape)
        self.input = nn.Linear(features * (1 + 2 * octaves), width)
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
            x: Points, ``(n, *event_shape)``.
            t: Times, ``(n,)``, or one for all, ``(1,)``.
            y: Labels, ``(n,)``, or as many as times; ``classes`` stands for none.
        """
        flat = x.flatten(1)  # (n, features)
        (scale, shift), *others = self._modulate(self._embed(t, y))  # (n, width) each
        h = self.input(waves(flat, self.octaves, noise=t))  # (n, width)
        h = torch.relu(h * scale + shift)
        for block, (scale, shift) in zip(self.blocks, others, strict=True):
            h = h + torch.relu(block(h) * scale + shift)
        return self.output(h).unflatten(1, self.event_shape)  # (n, *event_shape)

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
        asked = one_hot(y, self.classes + 1).to(t.dtype)
        return torch.cat([seen.expand(len(y), -1), asked], 1)
