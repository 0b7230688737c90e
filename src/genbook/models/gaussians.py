"""Formulas of Gaussians that several families share."""

from __future__ import annotations

import math

from torch import Tensor

from genbook._validate import check_tensor

LOG_2PI = math.log(2 * math.pi)


def to_tril(raw_tril: Tensor) -> Tensor:
    """Return the Cholesky factor that unconstrained numbers stand for.

    Args:
        raw_tril: Any numbers, ``(..., dim, dim)``. Below the diagonal they are the
            factor's own; on the diagonal they are its logarithms; above, they are not
            used. NaN and infinite ones stay so.

    Returns:
        A lower-triangular factor with a positive diagonal, ``(..., dim, dim)``.

    Raises:
        TypeError: If ``raw_tril`` is not a floating-point tensor.
        ValueError: If its matrices are not square.

    Example:
        >>> import torch
        >>> to_tril(torch.zeros(2, 2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    _check_square(raw_tril, "raw_tril", finite=False)
    return raw_tril.tril(-1) + raw_tril.diagonal(dim1=-2, dim2=-1).exp().diag_embed()


def from_tril(tril: Tensor) -> Tensor:
    """Return the unconstrained numbers that stand for a Cholesky factor.

    Args:
        tril: A lower-triangular factor with a positive diagonal, ``(..., dim, dim)``.

    Returns:
        The inverse of :func:`to_tril`, ``(..., dim, dim)``.

    Raises:
        TypeError: If ``tril`` is not a floating-point tensor.
        ValueError: If its matrices are not square, or a number on a diagonal is not
            positive and finite.

    Example:
        >>> import torch
        >>> from_tril(torch.eye(2))
        tensor([[0., 0.],
                [0., 0.]])
    """
    _check_square(tril, "tril")
    if not (tril.diagonal(dim1=-2, dim2=-1) > 0).all():
        raise ValueError("tril must have a positive diagonal, got one that has not")
    return tril.tril(-1) + tril.diagonal(dim1=-2, dim2=-1).log().diag_embed()


def gaussian_kl(mu: Tensor, log_scale: Tensor) -> Tensor:
    r"""Return the divergence of a diagonal Gaussian from the standard one, in nats.

    .. math:: D_\mathrm{KL} = \tfrac12 \sum_j
              \bigl(\mu_j^2 + s_j^2 - 1 - 2\log s_j\bigr).

    Equation :eq:`eq-vae-kl`.

    Args:
        mu: Means, ``(n, k)``; NaN or infinite ones give NaN or infinity.
        log_scale: Logarithms of the standard deviations, ``(n, k)``; NaN or infinite
            ones give NaN or infinity.

    Returns:
        A tensor ``(n,)``, never negative.

    Raises:
        TypeError: If they are not floating-point tensors of one type.
        ValueError: If they are not both ``(n, k)``.

    Example:
        >>> import torch
        >>> gaussian_kl(torch.zeros(1, 2), torch.zeros(1, 2))
        tensor([0.])
    """
    _check_alike(mu=mu, log_scale=log_scale)
    each = mu.square() + (2 * log_scale).exp() - 1 - 2 * log_scale  # (n, k)
    return 0.5 * each.sum(1)  # (14.7)


def gaussian_log_prob(x: Tensor, mu: Tensor, log_scale: Tensor) -> Tensor:
    """Return the log density of diagonal Gaussians, ``(n,)``, in nats.

    Args:
        x: Where, ``(n, k)``; NaN or infinity gives NaN or infinity.
        mu: Means, ``(n, k)``; NaN or infinite ones give NaN or infinity.
        log_scale: Logarithms of the standard deviations, ``(n, k)``; NaN or infinite
            ones give NaN or infinity.

    Raises:
        TypeError: If they are not floating-point tensors of one type.
        ValueError: If they are not all ``(n, k)``.

    Example:
        >>> import torch
        >>> gaussian_log_prob(torch.zeros(1, 1), torch.zeros(1, 1), torch.zeros(1, 1))
        tensor([-0.9189])
    """
    _check_alike(x=x, mu=mu, log_scale=log_scale)
    z = (x - mu) * (-log_scale).exp()  # (n, k)
    return (-0.5 * z.square() - log_scale - 0.5 * LOG_2PI).sum(1)


def _check_square(matrix: Tensor, name: str, *, finite: bool = True) -> None:
    """Check square matrices ``(..., dim, dim)``."""
    check_tensor(matrix, name, finite=finite, allow_empty=True)
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise ValueError(f"{name} must be (..., dim, dim), got {tuple(matrix.shape)}")


def _check_alike(**tensors: Tensor) -> None:
    """Check tensors that are ``(n, k)`` and of one type, whatever they hold."""
    first = next(iter(tensors.values()))
    for name, t in tensors.items():
        check_tensor(t, name, ("n", "k"), finite=False, allow_empty=True)
        check_tensor(
            t, name, first.shape, dtype=first.dtype, finite=False, allow_empty=True
        )
