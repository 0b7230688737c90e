"""What recipes check of their data before a model is made for them."""

from __future__ import annotations

from torch import Tensor

from genbook._validate import check_tensor, check_unit_interval


def check_points(x: Tensor) -> None:
    """Refuse points that do not lie on the map."""
    check_tensor(x, "x", ("n", 2))
    if x.abs().max() > 1:
        raise ValueError(
            f"x must lie in [-1, 1]², got values from {x.min():.3g} to {x.max():.3g}"
        )


def check_images(x: Tensor) -> None:
    """Refuse what is not images in one channel."""
    check_tensor(x, "x", ("n", 1, "height", "width"))
    check_unit_interval(x, "x")
