"""The gated layer of a PixelCNN: whole images at once, or a row and a pixel at a time.

In training all pixels are known, and a layer answers for all of them. In drawing a
pixel that stands never changes, and no layer looks ahead, so what a layer made of the
pixels before is kept: :class:`Memory` computes each row of the stack above and each
place of the stack to the left once, and a whole image costs about one call of the
network.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad


def gate(v: Tensor) -> Tensor:
    """Return equation :eq:`eq-ar-gate`."""
    a, b = v.chunk(2, dim=1)  # (n, channels, height, width) each
    return a.tanh() * b.sigmoid()  # (12.4)


class GatedBlock(nn.Module):
    r"""One layer of both stacks, with the gate :math:`\tanh(a)\,\sigma(b)`.

    Args:
        channels: How many channels each stack has.
        kernel_size: The side of the kernel, odd.
        features: How many features of a condition it sees.
        first: Whether the pixel itself is hidden, as it must be in the first layer.
        inputs: How many channels come in.
    """

    def __init__(
        self,
        channels: int,
        kernel_size: int,
        features: int,
        *,
        first: bool,
        inputs: int,
    ) -> None:
        super().__init__()
        k = kernel_size // 2
        self.reach, self.first = k, first
        # Above: rows up to and including this one; shifted by a row before use.
        self.vertical = nn.Conv2d(inputs, 2 * channels, (k + 1, kernel_size))
        # Left: pixels up to and including this one; the first layer drops this one.
        self.horizontal = nn.Conv2d(inputs, 2 * channels, (1, k + (not first)))
        self.vertical_to_horizontal = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        self.label = nn.Linear(features, 2 * channels, bias=False) if features else None

    def forward(
        self, above: Tensor, left: Tensor, h: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return both stacks' new values, each ``(n, channels, height, width)``."""
        k = self.reach
        # Row r sees rows r - k … r.
        a = self.vertical(pad(above, (k, k, k, 0)))  # (n, 2 * channels, height, width)
        # What the left stack may know of it: rows strictly above.
        shifted = pad(a, (0, 0, 1, 0))[:, :, :-1]
        padded = pad(left, (k, 0, 0, 0))
        if self.first:
            padded = padded[..., :-1]
        b = self.horizontal(padded) + self.vertical_to_horizontal(shifted)
        if self.label is not None and h is not None:
            shift = self.label(h)[:, :, None, None]
            a, b = a + shift, b + shift
        vertical, horizontal = gate(a), self.out(gate(b))
        if self.first:
            return vertical, horizontal
        return above + vertical, left + horizontal

    def row(self, above: Tensor, shift: Tensor | float) -> tuple[Tensor, Tensor]:
        """Answer for one row of the stack above.

        Args:
            above: The row and those within reach above it, ``(n, inputs, k + 1,
                width)``.
            shift: What the label adds, ``(n, 2 * channels, 1, 1)``.

        Returns:
            The row's new value, ``(n, channels, 1, width)``, and what the stack to the
            left adds in the row *below*, ``(n, 2 * channels, width)``.
        """
        a = self.vertical(pad(above, (self.reach, self.reach, 0, 0)))
        vertical = gate(a + shift)
        if not self.first:
            vertical = above[:, :, -1:] + vertical
        return vertical, self.vertical_to_horizontal(a).squeeze(2)

    def place(self, left: Tensor, added: Tensor) -> Tensor:
        """Answer for one pixel of the stack to the left, ``(n, channels)``.

        Args:
            left: What is within reach in its row, ``(n, inputs, k)``, and the pixel's
                own value at the end in all layers but the first.
            added: What label and stack above add, ``(n, 2 * channels)``.
        """
        weight = self.horizontal.weight.flatten(1)  # (2 * channels, inputs * k)
        b = linear(left.flatten(1), weight, self.horizontal.bias) + added
        horizontal = linear(gate(b), self.out.weight.flatten(1), self.out.bias)
        return horizontal if self.first else left[..., -1] + horizontal


class Memory:
    """What the layers keep while images are drawn, pixel by pixel and row by row.

    Args:
        blocks: The layers.
        x: Images of the shape that is drawn, ``(n, 1, height, width)``.
        h: Features of their labels, ``(n, classes)``.
    """

    def __init__(self, blocks: nn.ModuleList, x: Tensor, h: Tensor | None) -> None:
        n, width = len(x), x.shape[3]
        layers = [b for b in blocks if isinstance(b, GatedBlock)]
        self.blocks = layers
        self.shifts: list[Tensor] = []  # what the label adds
        self.above: list[Tensor] = []  # the rows within reach, of each layer's input
        self.added: list[Tensor] = []  # what label and stack above add to this row
        self.left: list[Tensor] = []  # this row so far, after zeros, of each input
        for b in layers:
            shape = n, b.vertical.in_channels
            nothing = x.new_zeros(n, b.vertical.out_channels, 1, 1)
            shift = nothing
            if b.label is not None and h is not None:
                shift = b.label(h)[..., None, None]
            first = b.vertical_to_horizontal(nothing) + shift
            self.shifts.append(shift)
            self.above.append(x.new_zeros(*shape, b.reach, width))
            self.added.append(first.squeeze(3).expand(-1, -1, width))
            self.left.append(x.new_zeros(*shape, b.reach + width))

    def pixel(self, column: int, bias: Tensor) -> Tensor:
        """Return the last layer's value at the next pixel, ``(n, channels)``.

        Args:
            column: Its place in the row at hand.
            bias: What is added after the first layer, ``(n, channels)``.
        """
        value = bias
        for i, block in enumerate(self.blocks):
            if i:
                self.left[i][:, :, block.reach + column] = value
            seen = self.left[i][:, :, column : column + block.reach + (i > 0)]
            value = block.place(seen, self.added[i][:, :, column])
            if i == 0:
                value = value + bias
        return value

    def put(self, column: int, value: Tensor) -> None:
        """Keep what the pixel became, ``(n, 1)``, for those to its right."""
        self.left[0][:, :, self.blocks[0].reach + column] = value

    def end_row(self, row: Tensor) -> None:
        """Send a whole row, ``(n, 1, 1, width)``, up all layers of the stack above."""
        for i, block in enumerate(self.blocks):
            seen = torch.cat([self.above[i], row], 2)  # (n, inputs, k + 1, width)
            self.above[i] = seen[:, :, 1:]
            row, below = block.row(seen, self.shifts[i])
            self.added[i] = below + self.shifts[i].squeeze(3)
