"""Copies of images that show the same in another place, size or slant."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from genbook._validate import (
    check_choice,
    check_generator,
    check_positive,
    check_tensor,
)


def random_affine(
    x: Tensor,
    strength: float,
    *,
    padding: str = "zeros",
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Return each image under its own random affine map.

    A pixel of the copy at :math:`\mathbf u \in [-1, 1]^2` shows what stands at
    :math:`(I + A)\,\mathbf u + \mathbf t` in the image. The entries of :math:`A` (size,
    slant, turn) and of :math:`\mathbf t` (place, in halves of a side) are uniform
    between plus and minus ``strength``.

    Args:
        x: Images, ``(n, channels, height, width)``; NaN and infinity come out again.
        strength: How far an entry may leave the identity, at most 1,000; 0 for none.
        padding: What stands outside an image: ``"zeros"``, or ``"border"`` for its
            outermost pixels.
        generator: The source of randomness; the global one when ``None``.

    Returns:
        As many images of the same shape.

    Raises:
        TypeError: If ``x`` is not a floating-point tensor.
        ValueError: If ``x`` has another shape, ``strength`` is out of range, or
            ``padding`` is unknown.

    Example:
        >>> random_affine(torch.rand(5, 1, 28, 28), 0.1).shape
        torch.Size([5, 1, 28, 28])
    """
    check_tensor(x, "x", ("n", "channels", "height", "width"), finite=False)
    strength = check_positive(strength, "strength", zero=True, maximum=1000)
    check_choice(padding, "padding", ("zeros", "border"))
    check_generator(generator)
    noise = torch.empty(len(x), 2, 3, dtype=x.dtype, device=x.device)
    noise.uniform_(-strength, strength, generator=generator)
    maps = torch.eye(2, 3, dtype=x.dtype, device=x.device) + noise
    grid = F.affine_grid(maps, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode=padding, align_corners=False)
