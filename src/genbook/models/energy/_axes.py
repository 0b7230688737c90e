"""Where data vary, and how much: their principal axes."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def principal_axes(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the mean of ``x``, its principal axes, and the variances along them."""
    mean = x.mean(0)
    exact = (x - mean).double()
    variances, axes = torch.linalg.eigh(exact.T @ exact / len(x))
    variances = variances.clamp(min=0).to(x.dtype)
    if not 0 < variances.mean() < math.inf:
        raise ValueError(
            f"x must vary, and in {x.dtype} so that its variance can be held, got a "
            f"variance of {variances.mean():.3g}"
        )
    return mean, axes.to(x.dtype), variances
