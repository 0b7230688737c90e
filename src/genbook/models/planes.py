"""A Gaussian on a plane with noise around it: its density, its best fit, and a start.

Nothing here needs a matrix of all features by all features. These are the parts that
``ppca.py`` is made of.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from genbook.models.gaussian import LOG_2PI


def log_normal(centred: Tensor, W: Tensor, log_variance: Tensor) -> Tensor:
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
        >>> log_normal(torch.zeros(1, 2), W, torch.tensor(0.0))
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


def maximise(rows: Tensor, weights: Tensor, q: int, floor: float) -> Plane:
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


def k_means(
    x: Tensor,
    k: int,
    *,
    iterations: int = 10,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return a cluster for each point: k-means from k-means++.

    Args:
        x: Points, ``(n, d)``.
        k: How many clusters.
        iterations: How often the centres move.
        generator: The source of the random start; the global one when ``None``.

    Returns:
        Labels from 0 to ``k - 1``, ``(n,)``.

    Reference:
        D. Arthur and S. Vassilvitskii, *k-means++: the advantages of careful seeding*,
        Symposium on Discrete Algorithms, 2007.

    Example:
        >>> x = torch.tensor([[0.0], [0.1], [9.0]])
        >>> a, b, c = k_means(x, 2, generator=torch.Generator().manual_seed(0))
        >>> bool(a == b), bool(a == c)
        (True, False)
    """
    u = torch.rand(k, generator=generator, dtype=torch.float64, device=x.device)
    distance = torch.ones_like(x[:, 0])  # the first centre: any point
    centres = x[:0]
    for j in range(k):
        total = distance.cumsum(dim=0, dtype=torch.float64)
        i = torch.searchsorted(total, u[j] * total[-1], right=True).clamp(
            max=len(x) - 1
        )
        new = (x - x[i]).square().sum(dim=1)
        distance = torch.minimum(distance, new) if j else new
        centres = torch.cat([centres, x[i][None]])
    for _ in range(iterations):
        member = torch.cdist(x, centres).argmin(dim=1)
        size = torch.bincount(member, minlength=k).to(x.dtype)[:, None]
        sums = torch.zeros_like(centres).index_add(0, member, x)
        centres = torch.where(size > 0, sums / size.clamp(min=1), centres)
    return torch.cdist(x, centres).argmin(dim=1)
