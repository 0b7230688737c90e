r"""Autoregressive models of images: pixel by pixel, each given those above and before.

A masked convolution sees only pixels that were generated earlier. Two stacks share the
work, one for the rows above and one for the pixels to the left, so that no part of what
came before is out of sight.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from genbook._looking import may_look
from genbook._validate import (
    check_count,
    check_sizes,
    check_tensor,
    check_unit_interval,
)
from genbook.models._categorical import check_temperature, inverse_cdf
from genbook.models.autoregressive._gated import GatedBlock, Memory
from genbook.models.base import TractableModel


class PixelCNN(TractableModel):
    r"""A gated PixelCNN for grey images of a few levels.

    .. math:: p_\theta(\mathbf x) = \prod_i p_\theta(x_i \mid x_1, \dots, x_{i-1}),

    pixels in reading order, each factor a softmax over the levels. Its observations are
    discrete: ``log_prob`` is the log of a probability.

    Args:
        event_shape: ``(1, height, width)``.
        levels: How many grey levels; observations hold the values
            ``0, 1 / (levels - 1), …, 1``.
        channels: The channels of each stack.
        depth: How many gated layers.
        kernel_size: The side of the first layer's kernels, odd; the others are 3 by 3.
        classes: How many labels ``y`` may take; 0 for a model without conditions.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a size is too small or even.

    Reference:
        A. van den Oord et al., "Conditional image generation with PixelCNN decoders",
        2016, arXiv:1606.05328.

    Example:
        >>> model = PixelCNN((1, 6, 6), levels=2, channels=4, depth=2)
        >>> model.sample(2, generator=torch.Generator().manual_seed(0)).shape
        torch.Size([2, 1, 6, 6])
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        levels: int = 2,
        *,
        channels: int = 32,
        depth: int = 5,
        kernel_size: int = 7,
        classes: int = 0,
    ) -> None:
        super().__init__()
        shape = check_sizes(event_shape, "event_shape")
        if len(shape) != 3 or shape[0] != 1:
            raise ValueError(f"event_shape must be (1, height, width), got {shape}")
        kernel_size = check_count(kernel_size, "kernel_size", minimum=3)
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, got {kernel_size}")
        self.event_shape = shape
        self.levels = check_count(levels, "levels", minimum=2)
        self.classes = check_count(classes, "classes")
        channels = check_count(channels, "channels", minimum=1)
        depth, classes = check_count(depth, "depth", minimum=1), self.classes
        self.config = {
            "event_shape": list(shape),
            "levels": self.levels,
            "channels": channels,
            "depth": depth,
            "kernel_size": kernel_size,
            "classes": classes,
        }
        self.blocks = nn.ModuleList(
            GatedBlock(channels, 3, classes, first=False, inputs=channels)
            if i
            else GatedBlock(channels, kernel_size, classes, first=True, inputs=1)
            for i in range(depth)
        )
        # What each label adds at each place, whatever was drawn before.
        bias = torch.zeros(max(classes, 1), channels, *shape[1:])
        self.position_bias = nn.Parameter(bias)
        self.head = nn.Sequential(
            nn.Conv2d(channels, channels, 1),
            nn.ReLU(),
            nn.Conv2d(channels, self.levels, 1),
        )
        # A tenth faster on a processor.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def quantise(self, x: Tensor) -> Tensor:
        """Return the nearest level of each pixel as a value in [0, 1].

        Args:
            x: Ink of any shape; what is below 0 or above 1 counts as that.
        """
        check_tensor(x, "x", allow_empty=True)
        return (x.clamp(0, 1) * (self.levels - 1)).round() / (self.levels - 1)

    def logits(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the logits of each level, ``(n, levels, height, width)``.

        Those of a pixel do not depend on the pixel itself, nor on any after it.

        Args:
            x: Images, ``(n, 1, height, width)``, or the upper rows of some.
            y: Labels, ``(n,)``, for a conditional model.
        """
        self._check_rows(x, "x")
        h = self._label_features(y, len(x))  # (n, classes)
        above = left = 2 * x - 1
        bias = self._bias(h, x.shape[2])  # the rows that there are
        for i, block in enumerate(self.blocks):
            above, left = block(above, left, h)
            if i == 0:
                left = left + bias
        return self.head(left)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the exact log-probability of each image in nats, ``(n,)``.

        It is minus equation :eq:`eq-ar-loss`.

        Raises:
            ValueError: If a pixel is not one of the levels: see :meth:`quantise`.
        """
        self._check_x(x)
        level = x * (self.levels - 1)
        k = level.round()
        if may_look() and (
            ((level - k).abs() > 1e-3).any()
            or (k < 0).any()
            or (k >= self.levels).any()
        ):
            raise ValueError(
                f"x must hold {self.levels} levels between 0 and 1, got other values; "
                f"pass quantise(x)"
            )
        mass = self.logits(x, y).log_softmax(1)  # (n, levels, height, width)
        return mass.gather(1, k.long()).flatten(1).sum(1)  # (12.1)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        temperature: float = 1.0,
        prefix: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw ``n`` images pixel by pixel; nothing is computed twice.

        Args:
            n: How many.
            y: Labels, ``(n,)``, for a conditional model.
            temperature: Below 1 the likely levels become likelier, equation
                :eq:`eq-ar-temperature`.
            prefix: Images ``(n, 1, rows, width)`` whose rows are kept as the upper
                part; pixels become the nearest levels.
            generator: The source of randomness; the global one when ``None``.

        Raises:
            TypeError: If an argument has the wrong type.
            ValueError: If ``prefix`` does not hold the upper rows of ``n`` images in
                [0, 1], or another argument is out of range.
        """
        temperature = check_temperature(temperature)
        _, height, width = self.event_shape
        h = self._label_features(y, check_count(n, "n"))  # (n, classes)
        upper = self.position_bias.new_zeros(n, 1, 0, width)
        if prefix is not None:
            check_unit_interval(self._check_rows(prefix, "prefix", n), "prefix")
            upper = self.quantise(prefix)
        u = self._uniform(n, 1, height, width, generator=generator)
        x, start = torch.zeros_like(u), upper.shape[2]
        x[:, :, :start] = upper
        bias = self._bias(h, height).expand(n, -1, -1, -1)
        memory = Memory(self.blocks, x, h)
        for r in range(height):
            for c in range(width) if r >= start else ():
                features = memory.pixel(c, bias[:, :, r, c])  # (n, channels)
                logits = self.head(features[..., None, None]).flatten(1)  # (n, levels)
                p = (logits / temperature).softmax(1)  # (12.3)
                k = inverse_cdf(p, u[:, :, r, c])  # (n, 1)
                x[:, :, r, c] = k.to(x.dtype) / (self.levels - 1)
                memory.put(c, 2 * x[:, :, r, c] - 1)
            memory.end_row(2 * x[:, :, r : r + 1] - 1)
        return x

    def _bias(self, h: Tensor | None, rows: int) -> Tensor:
        """Return what each place adds, ``(n or 1, channels, rows, width)``."""
        bias = self.position_bias[:, :, :rows]
        return bias if h is None else torch.einsum("nk,kchw->nchw", h, bias)

    def _check_rows(self, x: Tensor, name: str, n: int | str = "n") -> Tensor:
        """Check images, or the upper rows of some."""
        _, height, width = self.event_shape
        shape = n, 1, "rows", width
        check_tensor(x, name, shape, dtype=self.dtype, allow_empty=True)
        if x.shape[2] > height:
            raise ValueError(
                f"{name} must have at most {height} rows, got {x.shape[2]}"
            )
        return x
