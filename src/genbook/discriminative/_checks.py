"""What models of weighted sums check of their features."""

from __future__ import annotations

from torch import Tensor


def check_scale(x: Tensor) -> None:
    """Refuse features so large that a fit of weights would not end in numbers.

    Raises:
        ValueError: If one is beyond a million.

    Example:
        >>> import torch
        >>> check_scale(torch.ones(3, 2))
    """
    if x.abs().max() > 1e6:
        raise ValueError(
            f"x must be at most a million in size, got {x.abs().max():.3g}; bring its "
            f"features to a common scale"
        )
