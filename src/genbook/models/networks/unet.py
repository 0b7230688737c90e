"""A U-Net: an image goes down to few, wide cells and comes back, detail by its side.

On the way down convolutions see ever larger parts of an image, in ever
fewer cells; on the way up it must say something of each pixel again. What a cell knew
on the way down is handed across to the cell of the same place on the way up.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    interpolate,
    pixel_shuffle,
    pixel_unshuffle,
    scaled_dot_product_attention,
    silu,
)

from genbook._validate import check_count, check_flag, check_sizes
from genbook.models.networks._doors import (
    check_cells,
    check_patch,
    check_question,
    check_rows,
)

MOST_WIDTH = 4_096  # channels; a convolution of them has half a gigabyte
GROUP = 4  # channels that are normalised together


class UNet(nn.Module):
    r"""A U-Net that knows the time and the label.

    The image is cut into squares of ``patch`` by ``patch`` pixels, and each becomes one
    cell, its pixels channels of it: a quarter of the cells, and of the cost, for 2.
    Each level has blocks of two convolutions; a convolution that takes every second
    cell leads to the next, which has twice the channels. On the way up a coarse cell
    gives its channels to the cells that it came from, added to what stood there on the
    way down. The last layer starts at zero: a new network says zero everywhere.

    Any sides will do that ``patch`` divides: half of an odd one is rounded up.

    Args:
        event_shape: The shape of an image, ``(channels, height, width)``.
        width: The channels of the first level, a multiple of 4, at most 4,096.
        levels: How many levels, at most 8.
        blocks: How many residual blocks a level has on each way, at most 100.
        bottom: How many blocks the lowest level has, at most 100.
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
        bottom: int = 3,
        patch: int = 2,
        attention: bool = False,
        classes: int = 0,
    ) -> None:
        super().__init__()
        self.event_shape = check_sizes(event_shape, "event_shape")
        groups = _groups(width, "width")
        levels = check_count(levels, "levels", 1, 8)
        widths = [int(width) * 2**k for k in range(levels)]
        _groups(widths[-1], "the width of the lowest level")
        blocks = check_count(blocks, "blocks", 1, 100)
        bottom = check_count(bottom, "bottom", 1, 100)
        attention = check_flag(attention, "attention")
        self.classes = check_count(classes, "classes", 0, 1_000_000)
        self.patch = check_patch(self.event_shape, patch)
        _check_levels(self.event_shape, self.patch, levels)
        self.config = {
            "event_shape": list(self.event_shape),
            "width": widths[0],
            "levels": levels,
            "blocks": blocks,
            "bottom": bottom,
            "patch": self.patch,
            "attention": attention,
            "classes": self.classes,
        }
        cell = self.event_shape[0] * self.patch**2  # the numbers of a cell
        known = min(8 * width, 65_536)  # features of time and label
        self.embed = _Embedding(known, self.classes)

        def stack(n: int, channels: int) -> _Blocks:
            return _Blocks(Block(channels, known) for _ in range(n))

        self.input = nn.Conv2d(cell, width, 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        self.halve, self.narrow = nn.ModuleList(), nn.ModuleList()
        for fine, coarse in pairwise(widths):
            self.down.append(stack(blocks, fine))
            self.halve.append(nn.Conv2d(fine, coarse, 3, stride=2, padding=1))
            self.narrow.insert(0, nn.Conv2d(coarse, fine, 1))
            self.up.insert(0, stack(blocks, fine))
        self.bottom = stack(bottom, widths[-1])
        self.attention = SelfAttention(widths[-1]) if attention else nn.Identity()
        self.norm = nn.GroupNorm(groups, width)
        self.output = _silent(nn.Conv2d(width, cell, 3, padding=1))

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Return a tensor of the shape of ``x``.

        Args:
            x: Images, ``(n, *event_shape)``; NaN and infinity give NaN.
            t: Times from 0 to 1, ``(n,)``, or one for all, ``(1,)``; NaN and infinity
                give NaN, and so may what is far outside.
            y: Labels, ``(n,)``, or as many as times; ``classes`` stands for none.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If a shape is another, or a label out of range or missing.
        """
        check_question(x, t, y, self.event_shape, self.classes, self.input.weight.dtype)
        if not len(x):
            return x.clone()  # PyTorch cannot cut what is not there
        known = self.embed(t, y)  # (n, features), or (1, features)
        h = pixel_unshuffle(x, self.patch)  # (n, cell, height / patch, ...)
        h = self.input(h.contiguous(memory_format=torch.channels_last))
        kept = []
        for blocks, halve in zip(self.down, self.halve, strict=True):
            h = blocks(h, known)
            kept.append(h)
            h = halve(h)
        h = self.attention(self.bottom(h, known))
        for blocks, narrow in zip(self.up, self.narrow, strict=True):
            skip = kept.pop()
            h = interpolate(narrow(h), size=skip.shape[2:]) + skip
            h = blocks(h, known)
        h = self.output(silu(self.norm(h)))
        return pixel_shuffle(h, self.patch)  # (n, *event_shape)


class Block(nn.Module):
    """Two convolutions, stretched and shifted in between, added to what came in.

    Args:
        channels: The channels of a cell, a multiple of 4, at most 4,096.
        known: How many features say the time and the label, at most 65,536.

    Raises:
        TypeError: If a size is not an integer.
        ValueError: If a size is out of range, or ``channels`` no multiple of 4.

    Example:
        >>> block = Block(8, known=5)
        >>> block(torch.zeros(2, 8, 3, 3), torch.zeros(2, 5)).shape
        torch.Size([2, 8, 3, 3])
    """

    def __init__(self, channels: int, known: int) -> None:
        super().__init__()
        groups = _groups(channels, "channels")
        self.norm1 = nn.GroupNorm(groups, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        known = check_count(known, "known", 1, 65_536)
        self.modulation = nn.Linear(known, 2 * channels)
        self.norm2 = nn.GroupNorm(groups, channels)
        self.conv2 = _silent(nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, x: Tensor, known: Tensor) -> Tensor:
        """Return a tensor of the shape of ``x``.

        Args:
            x: Cells, ``(n, channels, height, width)``; NaN and infinity give NaN.
            known: Features of time and label, ``(n, known)``, or one for all,
                ``(1, known)``; NaN and infinity give NaN.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If it has another shape.
        """
        check_cells(x, self.conv1.weight)
        check_rows(known, self.modulation.weight, name="known")
        if len(known) not in (1, len(x)):
            raise ValueError(f"known must have {len(x)} rows or 1, got {len(known)}")
        scale, shift = self.modulation(known)[:, :, None, None].chunk(2, dim=1)
        h = self.conv1(silu(self.norm1(x)))
        h = self.norm2(h) * (1 + scale) + shift
        return x + self.conv2(silu(h))


class _Blocks(nn.ModuleList):
    """Blocks one after the other."""

    def forward(self, h: Tensor, known: Tensor) -> Tensor:
        for block in self:
            h = block(h, known)
        return h


class SelfAttention(nn.Module):
    """Self-attention among the cells of an image: each sees all, however far.

    Args:
        channels: The channels of a cell, a multiple of 4, at most 4,096.

    Raises:
        TypeError: If ``channels`` is not an integer.
        ValueError: If it is out of range, or no multiple of 4.

    Example:
        >>> SelfAttention(8)(torch.zeros(2, 8, 3, 3)).shape
        torch.Size([2, 8, 3, 3])
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(_groups(channels, "channels"), channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = _silent(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of ``x``.

        Args:
            x: Cells, ``(n, channels, height, width)``; NaN and infinity give NaN.

        Raises:
            TypeError: If ``x`` is not of the layer's type.
            ValueError: If it has another shape.
        """
        check_cells(x, self.out.weight)
        cells = self.qkv(self.norm(x)).flatten(2).transpose(1, 2)  # (n, cells, 3 c)
        seen = scaled_dot_product_attention(*cells.chunk(3, dim=2))  # (n, cells, c)
        return x + self.out(seen.transpose(1, 2).unflatten(2, x.shape[2:]))


class _Embedding(nn.Module):
    """Features of the time, in waves from slow to fast, and of the label."""

    WAVES = 16

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        first = nn.Linear(2 * self.WAVES, features)
        self.time = nn.Sequential(first, nn.SiLU(), nn.Linear(features, features))
        self.label = nn.Embedding(classes + 1, features) if classes else None

    def forward(self, t: Tensor, y: Tensor | None) -> Tensor:
        rate = torch.logspace(0, 3, self.WAVES, dtype=t.dtype, device=t.device)
        angle = t[:, None] * rate
        known = self.time(torch.cat([angle.sin(), angle.cos()], 1))
        if self.label is not None and y is not None:
            known = known + self.label(y.long())
        return silu(known)


def _silent(layer: nn.Conv2d) -> nn.Conv2d:
    """Return a layer that says zero until it has learned."""
    for p in layer.parameters():
        nn.init.zeros_(p)
    return layer


def _groups(channels: int, name: str) -> int:
    """Return how many groups of channels are normalised."""
    channels = check_count(channels, name, GROUP, MOST_WIDTH)
    if channels % GROUP:
        raise ValueError(f"{name} must be a multiple of {GROUP}, got {channels}")
    return channels // GROUP


def _check_levels(shape: tuple[int, ...], patch: int, levels: int) -> None:
    """Refuse images whose cells cannot be halved so often."""
    cells = min(shape[1:]) // patch
    if cells < 2 ** (levels - 1):
        raise ValueError(
            f"levels must be at most {cells.bit_length()} for {cells} cells a side, "
            f"got {levels}"
        )
