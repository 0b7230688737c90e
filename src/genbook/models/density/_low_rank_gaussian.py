"""A Gaussian on a plane with noise around it: its sizes, its density, its best fit.

Nothing here needs a matrix of all features by all features. These are the parts that
``ppca.py`` and ``ppca_mixture.py`` are made of.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from genbook._validate import check_count, check_sizes
from genbook.models.gaussians import LOG_2PI


def plane_sizes(
    event_shape: Sequence[int], components: int
) -> tuple[tuple[int, ...], int, int]:
    """Check the sizes of a plane among all features.

    Args:
        event_shape: The shape of one observation.
        components: The dimension ``q`` of the plane.

    Returns:
        The shape, the number of features ``D``, and ``q``.

    Raises:
        TypeError: If a size is not an integer.
        ValueError: If a size is out of range: there must be fewer components than
            features.

    Example:
        >>> plane_sizes([1, 14, 14], 8)
        ((1, 14, 14), 196, 8)
    """
    shape = check_sizes(event_shape, "event_shape")
    features = math.prod(shape)
    q = check_count(components, "components")
    if q >= features:
        raise ValueError(
            f"components must be below the {features} features of event_shape "
            f"{shape}, got {q}"
        )
    return shape, features, q


def low_rank_gaussian_log_prob(
    centred: Tensor, W: Tensor, log_variance: Tensor
) -> Tensor:
    r"""Return the log density of a Gaussian with a plane and noise around it, in nats.

    .. math::

        \log p(\mathbf x) = -\frac12 \Bigl(
        \frac{\lVert \mathbf c - W\bar{\mathbf z} \rVert^2}{\sigma^2}
        + \lVert \bar{\mathbf z} \rVert^2
        + \log \lvert C \rvert + D \log 2\pi \Bigr),
        \qquad \mathbf c = \mathbf x - \boldsymbol\mu

    with :math:`\bar{\mathbf z}` of :func:`posterior_mean`. By the determinant lemma
    :math:`\log \lvert C \rvert = \log \lvert M \rvert + (D - q) \log \sigma^2`, so the
    covariance :math:`C = W W^\top + \sigma^2 I`, a matrix of all features by all
    features, is never formed.

    Args:
        centred: Observations less the mean, ``(n, D)``.
        W: The directions, ``(D, q)``.
        log_variance: The logarithm of the noise's variance, ``()``.

    Returns:
        The log densities, ``(n,)``.

    Example:
        >>> W = torch.zeros(2, 1)
        >>> low_rank_gaussian_log_prob(torch.zeros(1, 2), W, torch.tensor(0.0))
        tensor([-1.8379])
    """
    features, q = W.shape
    z = posterior_mean(centred, W, log_variance)
    off_plane = (centred - z @ W.mT).square().sum(dim=1) / log_variance.exp()
    root = torch.linalg.cholesky(_inner(W, log_variance))
    log_det = 2 * root.diagonal().log().sum() + (features - q) * log_variance
    on_plane = z.square().sum(dim=1)
    return -0.5 * (off_plane + on_plane + log_det + features * LOG_2PI)


def posterior_mean(centred: Tensor, W: Tensor, log_variance: Tensor) -> Tensor:
    r"""Return the mean of the latent variable given each observation.

    .. math:: \bar{\mathbf z} = M^{-1} W^\top (\mathbf x - \boldsymbol\mu),
              \qquad M = W^\top W + \sigma^2 I

    Args:
        centred: Observations less the mean, ``(n, D)``.
        W: The directions, ``(D, q)``.
        log_variance: The logarithm of the noise's variance, ``()``.

    Returns:
        Latent points, ``(n, q)``.

    Example:
        >>> W = torch.tensor([[3.0], [0.0]])
        >>> posterior_mean(torch.tensor([[3.0, 7.0]]), W, torch.tensor(0.0))
        tensor([[0.9000]])
    """
    root = torch.linalg.cholesky(_inner(W, log_variance))
    return torch.cholesky_solve(W.mT @ centred.mT, root).mT


def _inner(W: Tensor, log_variance: Tensor) -> Tensor:
    """Return the small matrix ``M``, ``(q, q)``."""
    eye = torch.eye(W.shape[1], dtype=W.dtype, device=W.device)
    return W.mT @ W + log_variance.exp() * eye


class Plane(NamedTuple):
    """The parameters of one plane."""

    mu: Tensor  # (D,)
    W: Tensor  # (D, q)
    log_variance: Tensor  # ()


def fit_plane(rows: Tensor, weights: Tensor, q: int, floor: float) -> Plane:
    r"""Return the likeliest plane through weighted points, in closed form.

    .. math::

        \sigma^2 = \frac{1}{D - q} \sum_{i > q} \lambda_i, \qquad
        W = V_q \bigl(\Lambda_q - \sigma^2 I\bigr)^{1/2}

    where :math:`\lambda_1 \ge \lambda_2 \ge \dots` and the columns of :math:`V` are the
    variances and the directions of the principal components.

    Args:
        rows: Observations, ``(n, D)``.
        weights: How much each counts, positive, ``(n,)``.
        q: The dimension of the plane.
        floor: The smallest variance of the noise, in the data's units squared.

    Returns:
        The mean, the directions and the logarithm of the noise's variance.
    """
    share = (weights / weights.sum())[:, None]
    mu = (share * rows).sum(dim=0)
    a = (share.sqrt() * (rows - mu)).double()  # (n, D); a^T a is the covariance
    n, features = a.shape
    if n < features:  # the smaller of the two products has the same eigenvalues
        variance, u = torch.linalg.eigh(a @ a.mT)
        variance, u = variance.flip(0)[:q], u.flip(1)[:, :q]
        v = a.mT @ u
    else:
        variance, v = torch.linalg.eigh(a.mT @ a)
        variance, v = variance.flip(0)[:q], v.flip(1)[:, :q]
    v = nn.functional.normalize(v, dim=0)
    left = (a.square().sum() - variance.sum()) / (features - q)
    noise = left.clamp(min=floor)
    W = v * (variance - noise).clamp(min=0).sqrt()
    W = nn.functional.pad(W, (0, q - W.shape[1]))  # fewer points than directions
    return Plane(mu, W.to(rows.dtype), noise.log().to(rows.dtype))
