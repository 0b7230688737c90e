"""Expectation-maximisation for a mixture of Gaussians: a start, and the two steps.

The sums of one step are gathered in a single pass over the data, in pieces that stay in
the processor's cache. All is in units in which the columns have variance 1.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from genbook.models.density.kmeans import kmeans_plusplus
from genbook.models.gaussians import LOG_2PI

CACHE = 2**16  # numbers to work on at a time: 512 kB in float64


class Theta(NamedTuple):
    """The parameters of a mixture: weights, means, Cholesky factors."""

    pi: Tensor  # (k,)
    means: Tensor  # (k, d)
    tril: Tensor  # (k, d, d)


class SufficientStatistics(NamedTuple):
    """What the next parameters depend on: sums over the data, weighted by ``r``."""

    n: Tensor  # sum of r, (k,)
    x: Tensor  # sum of r x, (k, d)
    xx: Tensor  # sum of r x x^T, (k, d, d)
    log_likelihood: float  # mean over the data, nats


def e_step(x: Tensor, theta: Theta) -> SufficientStatistics:
    """Do the E-step: weigh each point by its responsibilities, and sum.

    Args:
        x: Observations, ``(n, d)``, roughly centred.
        theta: The present parameters.

    Returns:
        The weighted sums, in float64, and the mean log-likelihood.
    """
    k, d = theta.means.shape
    eye = torch.eye(d, dtype=theta.tril.dtype, device=x.device)
    white = torch.linalg.solve_triangular(theta.tril, eye.expand(k, d, d), upper=False)
    shift = -(white @ theta.means[..., None]).squeeze(-1)  # z = white x + shift
    log_det = theta.tril.diagonal(dim1=-2, dim2=-1).log().sum(dim=1)
    constant = (theta.pi.log() - log_det - 0.5 * d * LOG_2PI).to(x.dtype)
    white, shift = white.to(x.dtype), shift.to(x.dtype)

    total = torch.zeros(1 + d + d * d, k, dtype=torch.float64, device=x.device)
    log_likelihood = torch.zeros((), dtype=torch.float64, device=x.device)
    for part in x.split(max(1, CACHE // k)):
        r = constant.expand(len(part), k)  # the log joint, (rows, k)
        for i in range(d):
            z = torch.addmm(shift[:, i], part, white[:, i].mT)
            r = torch.addcmul(r, z, z, value=-0.5)
        top = r.amax(dim=1, keepdim=True)
        r.sub_(top).clamp_(min=-80).exp_()  # exp of less is slow, and adds nothing
        p = r.sum(dim=1, keepdim=True)
        r.div_(p)  # the responsibilities, (rows, k)
        log_likelihood += (top + p.log()).sum()
        xx = (part[:, :, None] * part[:, None, :]).flatten(start_dim=1)
        total += torch.cat([torch.ones_like(top), part, xx], dim=1).mT @ r
    n, sx, sxx = total.mT.split([1, d, d * d], dim=1)
    mean = log_likelihood.item() / len(x)
    return SufficientStatistics(n.squeeze(1), sx, sxx.unflatten(1, (d, d)), mean)


def m_step(sums: SufficientStatistics, floor: float) -> Theta:
    r"""Do the M-step: the likeliest parameters given the responsibilities.

    .. math::

        \pi_j = \frac{n_j}{n}, \qquad
        \boldsymbol\mu_j = \frac{1}{n_j} \sum_i r_{ij} \mathbf x_i, \qquad
        \Sigma_j = \frac{1}{n_j} \sum_i r_{ij} \mathbf x_i \mathbf x_i^\top
        - \boldsymbol\mu_j \boldsymbol\mu_j^\top

    A variance below ``floor`` in some direction is raised to it: that is the maximum
    under this bound, so the likelihood still cannot fall.

    Args:
        sums: The weighted sums of the E-step.
        floor: The smallest variance in any direction.

    Returns:
        The next parameters.
    """
    n = sums.n.clamp(min=1e-12)
    mu = sums.x / n[:, None]
    sigma = sums.xx / n[:, None, None] - mu[:, :, None] * mu[:, None, :]
    variance, axes = torch.linalg.eigh(sigma)
    sigma = (axes * variance.clamp(min=floor)[:, None, :]) @ axes.mT
    return Theta(n / n.sum(), mu, torch.linalg.cholesky(sigma))


def climb(
    x: Tensor, theta: Theta, floor: float, iterations: int, tolerance: float
) -> tuple[list[float], Theta]:
    """Take both steps in turn, until they gain next to nothing.

    Args:
        x: Observations, ``(n, d)``, roughly centred.
        theta: The first parameters.
        floor: The smallest variance in any direction.
        iterations: The largest number of steps.
        tolerance: Stop when a step gains less than this, in nats an observation.

    Returns:
        The mean log-likelihood before each step and after the last one, and the last
        parameters.
    """
    history: list[float] = []
    for step in range(iterations + 1):
        sums = e_step(x, theta)
        history.append(sums.log_likelihood)
        gain = history[-1] - history[-2] if step else torch.inf
        if step == iterations or gain < tolerance:
            break
        theta = m_step(sums, floor)
    return history, theta


def initialise(
    x: Tensor, k: int, floor: float, generator: torch.Generator | None = None
) -> Theta:
    """Return first parameters: an M-step for the groups around far-apart points.

    Each point belongs wholly to the nearest centre of
    :func:`~genbook.models.density.kmeans.kmeans_plusplus`.

    Args:
        x: Observations, ``(n, d)``, centred.
        k: How many components.
        floor: The smallest variance in any direction.
        generator: The source of randomness; the global one when ``None``.

    Returns:
        The parameters of the ``k`` groups.
    """
    _, nearest = kmeans_plusplus(x, k, generator=generator)
    features = torch.cat([torch.ones_like(x[:, :1]), x], dim=1).double()  # (n, 1 + d)
    xx = (features[:, :, None] * features[:, None, :]).flatten(start_dim=1)
    d = x.shape[1]
    total = torch.zeros(k, (1 + d) ** 2, dtype=torch.float64, device=x.device)
    total = total.index_add(0, nearest, xx).unflatten(1, (1 + d, 1 + d))
    n, sx, sxx = total[:, 0, 0], total[:, 0, 1:], total[:, 1:, 1:]
    return m_step(SufficientStatistics(n, sx, sxx, torch.nan), floor)
