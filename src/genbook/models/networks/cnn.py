"""A convolutional network that gives an image one number, and knows the time.

Each convolution takes every second place, so that the cells become few and see ever
larger parts of the image. Its activations are smooth: a number whose slope is learnt
needs a slope that bends.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, pixel_unshuffle, silu

from genbook._validate import check_count, check_sizes
from genbook.models.networks._doors import check_patch, check_question
from genbook.models.networks.mlp import fourier_features

__all__ = ["TimeConditionedCNN"]

MOST_WIDTH = 4_096  # channels; a convolution of them has half a gigabyte


class TimeConditionedCNN(nn.Module):
    r"""Strided convolutions from an image to one number, told the time and the label.

    The image is cut into squares of ``patch`` by ``patch`` pixels, and the pixels of
    each become channels of one cell. Each layer :math:`k` is a convolution that takes
    every second cell; the last is a fully connected one over all cells that are left,
    and a weighted sum follows. What the time and the label say, :math:`\mathbf c`,
    scales and shifts what each layer found:

    .. math:: h_k = \operatorname{SiLU}\bigl((1 + A_k\mathbf c) \odot (W_k * h_{k-1})
              + B_k\mathbf c\bigr).

    The weighted sum starts at zero: a new network says zero of every image. All is
    smooth, so the slope of its answer can be learnt, as an energy needs.

    Args:
        event_shape: The shape of an image, ``(channels, height, width)``.
        channels: How many channels each convolution gives, each at most 4,096. A side
            of ``patch`` cells is halved so often, and must have as many to halve.
        kernel_size: The side of a convolution's window, in cells, at most 64.
        width: The width of the fully connected layer, at most 65,536.
        patch: The side of the square that becomes a cell; it divides both sides.
        classes: How many labels there are, at most a million; 0 for none.

    Raises:
        TypeError: If a size is not an integer.
        ValueError: If a size is out of range, ``patch`` does not divide the sides, or
            there are more convolutions than cells to halve.

    Reference:
        E. Perez et al., "FiLM: visual reasoning with a general conditioning layer",
        2018, arXiv:1709.07871; S. Elfwing, E. Uchibe and K. Doya, "Sigmoid-weighted
        linear units", 2018, arXiv:1702.03118; Y. Du and I. Mordatch, "Implicit
        generation and modeling with energy based models", 2019, arXiv:1903.08689, for
        convolutions that end in one energy.

    Example:
        >>> net = TimeConditionedCNN((1, 14, 14), channels=(4, 8), width=16)
        >>> net(torch.zeros(3, 1, 14, 14), torch.zeros(3)).shape
        torch.Size([3])
    """

    TIMES = 3  # octaves of the time

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        channels: Sequence[int] = (16, 32),
        kernel_size: int = 4,
        width: int = 128,
        patch: int = 1,
        classes: int = 0,
    ) -> None:
        super().__init__()
        self.event_shape = check_sizes(event_shape, "event_shape")
        self.channels = check_sizes(channels, "channels", maximum=MOST_WIDTH)
        kernel_size = check_count(kernel_size, "kernel_size", 1, 64)
        width = check_count(width, "width", 1, 65_536)
        self.patch = check_patch(self.event_shape, patch)
        self.classes = check_count(classes, "classes", 0, 1_000_000)
        sides = [side // self.patch for side in self.event_shape[1:]]
        if min(sides) < 2 ** len(self.channels):
            raise ValueError(
                f"channels must be at most {min(sides).bit_length() - 1} for "
                f"{min(sides)} cells a side, got {len(self.channels)}"
            )
        self.config = {
            "event_shape": list(self.event_shape),
            "channels": list(self.channels),
            "kernel_size": kernel_size,
            "width": width,
            "patch": self.patch,
            "classes": self.classes,
        }
        pad = (kernel_size - 1) // 2
        self.convolutions = nn.ModuleList()
        seen = self.event_shape[0] * self.patch**2  # the numbers of a cell
        for found in self.channels:
            layer = nn.Conv2d(seen, found, kernel_size, stride=2, padding=pad)
            self.convolutions.append(layer)
            sides = [(side + 2 * pad - kernel_size) // 2 + 1 for side in sides]
            seen = found
        self.dense = nn.Linear(seen * prod(sides), width)
        self.output = nn.Linear(width, 1)
        for p in self.output.parameters():
            nn.init.zeros_(p)
        told = 1 + 2 * self.TIMES + self.classes
        self.modulations = nn.ModuleList(
            nn.Linear(told, 2 * n) for n in (*self.channels, width)
        )

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Return a number for each image, ``(n,)``.

        Args:
            x: Images, ``(n, *event_shape)``; NaN and infinity give NaN.
            t: Times from 0 to 1, ``(n,)``, or one for all, ``(1,)``; NaN and infinity
                give NaN, and so may what is far outside.
            y: Labels, ``(n,)``, or as many as times; ``classes`` stands for none.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If a shape is another, or a label out of range or missing.
        """
        dtype = self.output.weight.dtype
        check_question(x, t, y, self.event_shape, self.classes, dtype)
        if not len(x):
            return x.new_empty(0)  # PyTorch cannot cut what is not there
        told = self._embed(t, y)  # (n, told), or (1, told)
        h = pixel_unshuffle(x, self.patch) if self.patch > 1 else x  # (n, cell, ...)
        *along, last = (layer(told) for layer in self.modulations)
        for layer, said in zip(self.convolutions, along, strict=True):
            scale, shift = said[:, :, None, None].chunk(2, dim=1)
            h = silu(layer(h) * (1 + scale) + shift)  # (n, channels, side, side)
        scale, shift = last.chunk(2, dim=1)
        h = silu(self.dense(h.flatten(1)) * (1 + scale) + shift)  # (n, width)
        return self.output(h)[:, 0]  # (n,)

    def _embed(self, t: Tensor, y: Tensor | None) -> Tensor:
        """Return the features of time and label, ``(n, told)``, or ``(1, told)``."""
        seen = fourier_features(t[:, None], self.TIMES)
        if y is None:
            return seen
        asked = one_hot(y.long(), self.classes + 1)[:, :-1].to(t.dtype)
        return torch.cat([seen.expand(len(asked), -1), asked], 1)
