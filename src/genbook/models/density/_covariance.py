"""Covariances that are ones, and how small they may become."""

from __future__ import annotations

import torch
from torch import Tensor

from genbook._validate import check_positive


def cholesky(covariance: Tensor, name: str) -> Tensor:
    """Return the Cholesky factor of a covariance that is one, up to rounding.

    Args:
        covariance: Symmetric matrices, ``(..., dim, dim)``.
        name: What to call them in the message.

    Returns:
        Lower-triangular factors, ``(..., dim, dim)``.

    Raises:
        ValueError: If a matrix is not symmetric, or not positive definite beyond the
            rounding of its floating-point type.

    Example:
        >>> cholesky(4 * torch.eye(2), "covariance")
        tensor([[2., 0.],
                [0., 2.]])
    """
    sd = covariance.diagonal(dim1=-2, dim2=-1).abs().sqrt()
    unit = sd[..., :, None] * sd[..., None, :]  # what an entry is large or small beside
    skew = (covariance - covariance.mT).abs()
    if not (skew <= 1e-4 * covariance.abs() + 1e-8 * unit).all():
        raise ValueError(f"{name} must be symmetric, got one that is not")
    tril, info = torch.linalg.cholesky_ex(covariance)
    # What is left of each variance once the earlier columns have explained their part.
    left = tril.diagonal(dim1=-2, dim2=-1).square()
    variance = covariance.diagonal(dim1=-2, dim2=-1)
    rounding = 10 * covariance.shape[-1] * torch.finfo(covariance.dtype).eps
    if info.any() or not (left > rounding * variance).all():
        raise ValueError(
            f"{name} must be positive definite, got one without width in some "
            f"direction: are there too few different points, or a column that the "
            f"others determine?"
        )
    return tril


def variance_floor(x: Tensor, min_variance: float) -> float:
    """Return the smallest variance that round noise around ``x`` may have.

    Without a bound the likelihood could rise for ever, as a component shrinks onto a
    single point. The noise is the same along every column, so the bound is, too.

    Args:
        x: Observations, ``(n, d)``.
        min_variance: The bound, as a share of the mean variance of the columns.

    Returns:
        The bound in the data's units squared.

    Raises:
        TypeError: If ``min_variance`` is not a number.
        ValueError: If it is not positive, ``x`` is one point over and over, or the
            squares of ``x`` leave its floating-point type.

    Example:
        >>> variance_floor(torch.tensor([[-2.0], [2.0]]), 0.25)
        1.0
    """
    check_positive(min_variance, "min_variance")
    if (x == x[0]).all():
        raise ValueError(f"x must not be constant, got {len(x)} times one point")
    mean = x.double().mean(dim=0)
    variance = (x.double() - mean).square().mean().item()
    limits = torch.finfo(x.dtype)
    if not limits.tiny / limits.eps < variance < limits.max * limits.eps:
        raise ValueError(
            f"x must have variances that {x.dtype} can hold, got {variance:.3g} in the "
            f"mean: give x in another unit"
        )
    return min_variance * variance
