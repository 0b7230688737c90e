"""A U-Net: an image goes down to few, wide cells and comes back, detail by its side.

On the way down a network of convolutions sees ever larger parts of an image, in ever
fewer cells; on the way up it must say something of each pixel again. What a cell knew
on the way down is handed across to the cell of the same place on the way up, so that
the bottom only carries what is seen from afar.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    interpolate,
    pixel_shuffle,
    pixel_unshuffle,
    scaled_dot_product_attention,
    silu,
)

from genbook._validate import (
    check_count,
    check_flag,
    check_labels,
    check_sizes,
    check_tensor,
)
from genbook.models.networks._doors import check_rows

MOST_WIDTH = 4_096  # channels at the top; a convolution of them has half a gigabyte
GROUP = 4  # channels that are normalised together


class UNet(nn.Module):
    r"""A U-Net that knows the time and the label.

    The image is cut into squares of ``patch`` by ``patch`` pixels, and each becomes one
    cell, its pixels channels of it: a quarter of the cells, and of the cost, for 2.
    Each level has blocks of two convolutions; a convolution that takes every second
    cell leads to the next, which has twice the channels. On the way up a coarse cell
    gives its channels to the cells that it came from, and they look at these beside
    what stood there on the way down. The last layer starts at zero: a new network says
    zero everywhere.

    Sides that are odd are rounded up on the way down and cut again on the way up, so
    any will do that ``patch`` divides.

    Args:
        event_shape: The shape of an image, ``(channels, height, width)``.
        width: The channels of the first level, a multiple of 4, at most 4,096.
        levels: How many levels, at most 8.
        blocks: How many residual blocks a level has on each way, at most 100.
        patch: The side of the square that becomes a cell; it divides both sides.
        attention: Whether the cells of the lowest level look at one another.
        classes: How many labels there are, at most a million; one more stands for "no
            label".

    Raises:
        TypeError: If a size is not an integer, or ``attention`` not true or false.
        ValueError: If a size is too small or too large, ``patch`` does not divide the
            sides, or there are more levels than cells to halve.

    Reference:
        O. Ronneberger, P. Fischer and T. Brox, "U-Net", 2015, arXiv:1505.04597;
        J. Ho, A. Jain and P. Abbeel, "Denoising diffusion probabilistic models", 2020,
        arXiv:2006.11239; P. Dhariwal and A. Nichol, "Diffusion models beat GANs on
        image synthesis", 2021, arXiv:2105.05233.

    Example:
        >>> net = UNet((1, 14, 14), width=8, classes=10)
        >>> net(torch.zeros(3, 1, 14, 14), torch.zeros(3), torch.arange(3)).shape
        torch.Size([3, 1, 14, 14])
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        width: int = 16,
        levels: int = 2,
        blocks: int = 1,
        patch: int = 2,
        attention: bool = False,
        classes: int = 0,
    ) -> None:
        super().__init__()
        self.event_shape = check_sizes(event_shape, "event_shape")
        width = check_count(width, "width", GROUP, MOST_WIDTH)
        levels = check_count(levels, "levels", 1, 8)
        blocks = check_count(blocks, "blocks", 1, 100)
        self.patch = check_count(patch, "patch", 1, 64)
        attention = check_flag(attention, "attention")
        self.classes = check_count(classes, "classes", 0, 1_000_000)
        _check_fits(self.event_shape, width, levels, self.patch)
        self.config = {
            "event_shape": list(self.event_shape),
            "width": width,
            "levels": levels,
            "blocks": blocks,
            "patch": self.patch,
            "attention": attention,
            "classes": self.classes,
        }
        cell = self.event_shape[0] * self.patch**2  # the numbers of a cell
        widths = [width * 2**k for k in range(levels)]
        self.embed = Embedding(4 * width, self.classes)

        def stack(n: int, *channels: int) -> nn.ModuleList:
            return nn.ModuleList(Block(*channels, 4 * width) for _ in range(n))

        self.input = nn.Conv2d(cell, width, 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        self.halve, self.narrow = nn.ModuleList(), nn.ModuleList()
        for fine, coarse in zip(widths, widths[1:], strict=False):
            self.down.append(stack(blocks, fine, fine))
            self.halve.append(nn.Conv2d(fine, coarse, 3, stride=2, padding=1))
            self.narrow.insert(0, nn.Conv2d(coarse, fine, 1))
            self.up.insert(0, stack(blocks, 2 * fine, fine))
        self.bottom = stack(2 * blocks, widths[-1], widths[-1])
        self.attention = Attention(widths[-1]) if attention else nn.Identity()
        self.norm = nn.GroupNorm(width // GROUP, width)
        self.output = _silent(nn.Conv2d(width, cell, 3, padding=1))

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Return a tensor of the shape of ``x``.

        Args:
            x: Images, ``(n, *event_shape)``; NaN and infinity give NaN.
            t: Times, ``(n,)``, or one for all, ``(1,)``; NaN and infinity give NaN.
            y: Labels, ``(n,)``, or as many as times; ``classes`` stands for none.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If a shape is another, or a label out of range or missing.
        """
        check_question(x, t, y, self.event_shape, self.classes, self.dtype)
        known = self.embed(t, y)  # (n, features), or (1, features)
        h = pixel_unshuffle(x, self.patch)  # (n, cell, height / patch, ...)
        h = self.input(h.contiguous(memory_format=torch.channels_last))
        kept = []
        for blocks, halve in zip(self.down, self.halve, strict=True):
            for block in blocks:
                h = block(h, known)
            kept.append(h)
            h = halve(h)
        for block in self.bottom:
            h = block(h, known)
        h = self.attention(h)
        for blocks, narrow in zip(self.up, self.narrow, strict=True):
            skip = kept.pop()
            h = interpolate(narrow(h), size=skip.shape[2:])
            h = torch.cat([h, skip], 1)
            for block in blocks:
                h = block(h, known)
        h = self.output(silu(self.norm(h)))
        return pixel_shuffle(h, self.patch)  # (n, *event_shape)


class Block(nn.Module):
    """Two convolutions, stretched and shifted in between, added to what came in."""

    def __init__(self, inputs: int, outputs: int, known: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(inputs // GROUP, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.modulation = nn.Linear(known, 2 * outputs)
        self.norm2 = nn.GroupNorm(outputs // GROUP, outputs)
        self.conv2 = _silent(nn.Conv2d(outputs, outputs, 3, padding=1))
        same = inputs == outputs
        self.past = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, known: Tensor) -> Tensor:
        scale, shift = self.modulation(known)[:, :, None, None].chunk(2, dim=1)
        h = self.conv1(silu(self.norm1(x)))
        h = self.norm2(h) * (1 + scale) + shift
        return self.past(x) + self.conv2(silu(h))
