"""Biscuit tins: images with exactly two hidden factors, height and width.

A tin is a cylinder on a fixed floor under a fixed camera: an elliptical lid, a shaded
wall, smooth edges. Nothing else varies, so two numbers explain every image, yet no
pixel says either of them. A rectangle of sizes is held out, to ask whether a model has
understood tins or only remembered them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from genbook._validate import (
    check_choice,
    check_count,
    check_dtype,
    check_generator,
    check_tensor,
)

#: Smallest and largest height; the image spans [-1, 1] both ways.
HEIGHT = (0.3, 1.1)
#: Smallest and largest width: the radius of the lid.
WIDTH = (0.25, 0.8)
#: The sizes that training never sees: heights, then widths.
HELD_OUT = ((0.60, 0.85), (0.45, 0.62))

FLOOR = -0.55  # where the axis of the tin meets the floor
TILT = 0.25  # the lid's short axis over its long one
_FINE = 4  # samples of each pixel along each axis


@dataclass(frozen=True)
class Tins:
    """Images of tins and the sizes that explain them.

    Attributes:
        x: Images, ``(n, 1, size, size)``, 0 for paper, 1 for ink.
        factors: Height and width of each tin, ``(n, 2)``.
    """

    x: Tensor
    factors: Tensor

    def __len__(self) -> int:
        return len(self.x)


def sample_tins(
    n: int,
    *,
    region: str = "seen",
    size: int = 32,
    generator: torch.Generator | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tins:
    """Draw tins whose height and width are independent and uniform.

    Args:
        n: How many tins.
        region: ``"seen"`` leaves out the rectangle :data:`HELD_OUT`, ``"held-out"``
            draws from it alone, ``"all"`` ignores it.
        size: Pixels along each side.
        generator: The source of randomness; the global one when ``None``.
        dtype: ``torch.float32`` or ``torch.float64``.

    Returns:
        The images and their factors.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``region`` is unknown, or ``n`` or ``size`` too small.

    Example:
        >>> tins = sample_tins(5, generator=torch.Generator().manual_seed(0))
        >>> tins.x.shape, tins.factors.shape
        (torch.Size([5, 1, 32, 32]), torch.Size([5, 2]))
    """
    n = check_count(n, "n")
    check_count(size, "size", minimum=8)
    check_choice(region, "region", ("seen", "held-out", "all"))
    check_generator(generator)
    check_dtype(dtype)
    kept = torch.empty(0, 2, dtype=torch.float64)
    while len(kept) < n:
        u = torch.rand(2 * n, 2, generator=generator, dtype=torch.float64)
        low, high = torch.tensor([HEIGHT, WIDTH], dtype=torch.float64).T
        factors = low + (high - low) * u
        inside = is_held_out(factors)
        if region != "all":
            factors = factors[inside if region == "held-out" else ~inside]
        kept = torch.cat([kept, factors])
    factors = kept[:n].to(dtype)
    return Tins(draw_tins(factors, size=size), factors)


def is_held_out(factors: Tensor) -> Tensor:
    """Return whether each tin's size lies in the held-out rectangle, ``(n,)``.

    Args:
        factors: Height and width, ``(n, 2)``.
    """
    check_tensor(factors, "factors", ("n", 2), allow_empty=True)
    (h0, h1), (w0, w1) = HELD_OUT
    h, w = factors.T
    return (h0 < h) & (h < h1) & (w0 < w) & (w < w1)


def draw_tins(factors: Tensor, *, size: int = 32) -> Tensor:
    """Draw one tin for each height and width.

    Each pixel is the mean of 16 points, so that edges move smoothly with the size.

    Args:
        factors: Height and width, ``(n, 2)``; positive.
        size: Pixels along each side.

    Returns:
        Images, ``(n, 1, size, size)``, values in [0, 1], of the type of ``factors``.

    Raises:
        ValueError: If a size is not positive.

    Example:
        >>> draw_tins(torch.tensor([[0.8, 0.5]])).shape
        torch.Size([1, 1, 32, 32])
    """
    check_tensor(factors, "factors", ("n", 2), allow_empty=True)
    check_count(size, "size", minimum=8)
    if (factors <= 0).any():
        raise ValueError(f"factors must be positive, got {factors.min().item()}")
    fine = size * _FINE
    line = (torch.arange(fine, dtype=factors.dtype) + 0.5) / fine * 2 - 1
    y, x = line.flip(0)[:, None], line[None, :]  # y grows upwards
    images = [factors.new_empty(0, 1, size, size)]
    for chunk in factors.split(256):
        h, w = chunk.T[:, :, None, None]  # each (m, 1, 1)
        across = (x / w).clamp(-1, 1)  # the sine of the angle around the tin
        bulge = TILT * w * (1 - across**2).sqrt()
        wall = (x.abs() <= w) & (y >= FLOOR - bulge) & (y <= FLOOR + h + bulge)
        lid = (x / w) ** 2 + ((y - FLOOR - h) / (TILT * w)) ** 2
        shade = 0.9 - 0.4 * (1 - (across + 0.35) ** 2).clamp(min=0).sqrt()
        image = torch.where(wall, shade, 0.0)
        image = torch.where(wall & (lid <= 1), 0.3, image)
        image = torch.where(wall & (lid > 0.86) & (lid <= 1), 0.7, image)  # the rim
        images.append(avg_pool2d(image[:, None], _FINE))
    return torch.cat(images)


def measure_tins(x: Tensor) -> Tensor:
    """Measure height and width on the images alone, to a tenth of a pixel or so.

    The width is the extent of the row that crosses the wall above the floor, the
    height that of the middle columns less the two bulges. Works on any image that
    looks like a tin, a model's included: no model takes part.

    Args:
        x: Images, ``(n, 1, size, size)``.

    Returns:
        Height and width of each image, ``(n, 2)``.

    Raises:
        ValueError: If the images are not square or not of one channel.

    Example:
        >>> tin = draw_tins(torch.tensor([[0.8, 0.5]]))
        >>> [round(v, 1) for v in measure_tins(tin)[0].tolist()]
        [0.8, 0.5]
    """
    check_tensor(x, "x", ("n", 1, "size", "size"), allow_empty=True)
    size, across = x.shape[2:]
    if size != across:
        raise ValueError(f"x must be square images, got {size} by {across}")
    pixel = 2 / size
    row = round((1 - (FLOOR + 0.12)) / pixel)  # 0.12 above the floor
    filled = (x[:, 0] / 0.3).clamp(0, 1)  # 0.3: the lightest part of a tin
    width = filled[:, row - 1 : row + 1].mean(1).sum(1) * pixel / 2
    middle = filled[:, :, size // 2 - 1 : size // 2 + 1].mean(2).sum(1) * pixel
    return torch.stack([middle - 2 * TILT * width, width], 1)
