"""Formulas of Gaussians that several families share."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genbook._validate import check_positive

LOG_2PI = math.log(2 * math.pi)


def to_tril(raw_tril: Tensor) -> Tensor:
    """Return the Cholesky factor that unconstrained numbers stand for.

    Args:
        raw_tril: Any numbers, ``(..., dim, dim)``. Below the diagonal they are the
            factor's own; on the diagonal they are its logarithms; above, they are not
            used.

    Returns:
        A lower-triangular factor with a positive diagonal, ``(..., dim, dim)``.

    Example:
        >>> to_tril(torch.zeros(2, 2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    return raw_tril.tril(-1) + raw_tril.diagonal(dim1=-2, dim2=-1).exp().diag_embed()


def from_tril(tril: Tensor) -> Tensor:
    """Return the unconstrained numbers that stand for a Cholesky factor.

    Args:
        tril: A lower-triangular factor with a positive diagonal, ``(..., dim, dim)``.

    Returns:
        The inverse of :func:`to_tril`, ``(..., dim, dim)``.

    Example:
        >>> from_tril(torch.eye(2))
        tensor([[0., 0.],
                [0., 0.]])
    """
    return tril.tril(-1) + tril.diagonal(dim1=-2, dim2=-1).log().diag_embed()


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


def power_of_two(x: Tensor) -> Tensor:
    """Return a power of two for each column that brings it near 1, ``(d,)``.

    Dividing by it is exact: it changes no digit, and squares stay within the type.

    Args:
        x: Observations, ``(n, d)``.

    Example:
        >>> power_of_two(torch.tensor([[3.0, -1e30], [0.5, 0.0]]))
        tensor([4.0000e+00, 1.2677e+30])
    """
    _, exponent = torch.frexp(x.abs().amax(dim=0))
    most = math.frexp(torch.finfo(x.dtype).max)[1] - 2  # its inverse is a number, too
    return torch.ldexp(torch.ones_like(x[0]), exponent.clamp(-most, most))


def gaussian_kl(mu: Tensor, log_scale: Tensor) -> Tensor:
    r"""Return the divergence of a diagonal Gaussian from the standard one, in nats.

    .. math:: D_\mathrm{KL} = \tfrac12 \sum_j
              \bigl(\mu_j^2 + s_j^2 - 1 - 2\log s_j\bigr).

    Equation :eq:`eq-vae-kl`.

    Args:
        mu: Means, ``(n, k)``.
        log_scale: Logarithms of the standard deviations, ``(n, k)``.

    Returns:
        A tensor ``(n,)``, never negative.

    Example:
        >>> gaussian_kl(torch.zeros(1, 2), torch.zeros(1, 2))
        tensor([0.])
    """
    each = mu.square() + (2 * log_scale).exp() - 1 - 2 * log_scale  # (n, k)
    return 0.5 * each.sum(1)  # (12.7)


def gaussian_log_prob(x: Tensor, mu: Tensor, log_scale: Tensor) -> Tensor:
    """Return the log density of diagonal Gaussians, ``(n,)``, in nats.

    Args:
        x: Where, ``(n, k)``.
        mu: Means, ``(n, k)``.
        log_scale: Logarithms of the standard deviations, ``(n, k)``.

    Example:
        >>> gaussian_log_prob(torch.zeros(1, 1), torch.zeros(1, 1), torch.zeros(1, 1))
        tensor([-0.9189])
    """
    z = (x - mu) * (-log_scale).exp()  # (n, k)
    return (-0.5 * z.square() - log_scale - 0.5 * LOG_2PI).sum(1)
