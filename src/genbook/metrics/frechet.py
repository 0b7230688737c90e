"""Generation: how far apart two sets of features lie, as Gaussians."""

from __future__ import annotations

import torch
from torch import Tensor

from genbook._validate import check_tensor
from genbook.metrics.two_sample import _pair

__all__ = ["frechet_distance", "frechet_distance_of_moments"]


def frechet_distance(a: Tensor, b: Tensor) -> float:
    r"""Return the squared Fréchet distance between two sets of features.

    Each set is taken for a Gaussian with its own mean and covariance; see
    :func:`frechet_distance_of_moments`. In the features of an Inception network the
    number is known as FID; in those of another judge it has another scale, so compare
    it with real against real
    (:func:`~genbook.metrics.noise_floor.noise_floor`).

    It is too large for small sets. Where both are :math:`n` draws of one Gaussian with
    covariance eigenvalues :math:`\lambda_i`, its mean is not zero but close to

    .. math:: \frac2n \Bigl(\frac54 \sum_i \lambda_i
              + \frac12 \sum_{i,j} \frac{\lambda_i \lambda_j}{\lambda_i + \lambda_j}
              \Bigr),

    for :math:`k` features of variance one :math:`k\,(k + 5)/(2n)`. Compare sets of
    equal size only, each with many more rows than columns.

    Args:
        a: Features of one set, ``(n, k)``.
        b: Features of the other, ``(m, k)``.

    Returns:
        The distance, in the unit of the features squared.

    Raises:
        TypeError: If a set is not a floating-point tensor.
        ValueError: If a set has fewer than two rows, is not finite, or has another
            number of columns than the other.

    Reference:
        M. Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a
        Local Nash Equilibrium", 2017, arXiv:1706.08500; on the bias, M. J. Chong and
        D. Forsyth, "Effectively Unbiased FID and Inception Score", 2020,
        arXiv:1911.07023.

    Example:
        >>> a = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]])
        >>> round(frechet_distance(a, a + torch.tensor([3.0, 4.0])), 6)
        25.0
    """
    a, b = _features(a, b, ("a", "b"), 2)
    return frechet_distance_of_moments(*_moments(a), *_moments(b))


def frechet_distance_of_moments(
    mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor
) -> float:
    r"""Return the squared Fréchet distance between two Gaussians.

    .. math:: d^2 = \lVert \boldsymbol\mu_a - \boldsymbol\mu_b \rVert^2
              + \operatorname{tr}\Bigl(\Sigma_a + \Sigma_b
              - 2\,\bigl(\Sigma_a^{1/2} \Sigma_b \Sigma_a^{1/2}\bigr)^{1/2}\Bigr)

    With :math:`\Sigma = LL^\top`, from the eigenvectors and the roots of the
    eigenvalues, the last trace is the sum of the singular values of
    :math:`L_a^\top L_b`: no root is taken of a matrix that may be singular.

    Args:
        mean_a: The mean of one Gaussian, ``(k,)``.
        cov_a: Its covariance, ``(k, k)``, which may be singular.
        mean_b: The mean of the other, ``(k,)``.
        cov_b: Its covariance, ``(k, k)``.

    Returns:
        The distance, in the unit of the means squared.

    Raises:
        TypeError: If an argument is not a floating-point tensor.
        ValueError: If a shape is wrong, a value is not finite, or a covariance is not
            symmetric or has a negative eigenvalue.

    Reference:
        D. C. Dowson and B. V. Landau, "The Fréchet distance between multivariate normal
        distributions", Journal of Multivariate Analysis 12(3), 1982.

    Example:
        >>> zero, one = torch.zeros(2), torch.eye(2)
        >>> frechet_distance_of_moments(zero, one, zero + 1, 4 * one)
        4.0
    """
    k = len(check_tensor(mean_a, "mean_a", ("k",)))
    check_tensor(mean_b, "mean_b", (k,))
    root_a, root_b = _root(cov_a, "cov_a", k), _root(cov_b, "cov_b", k)
    shift = (mean_a.detach().double() - mean_b.detach().double()).square().sum()
    spread = root_a.square().sum() + root_b.square().sum()
    shared = torch.linalg.svdvals(root_a.T @ root_b).sum()
    return max((shift + spread - 2 * shared).item(), 0.0)


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean ``(k,)`` and the covariance ``(k, k)`` of the rows."""
    mean = x.mean(0)
    return mean, (x - mean).T @ (x - mean) / (len(x) - 1)


def _root(cov: Tensor, name: str, k: int) -> Tensor:
    """Return ``L`` with ``L @ L.T`` equal to a covariance, in double precision."""
    cov = check_tensor(cov, name, (k, k)).detach().double()
    size = cov.abs().max()
    if (cov - cov.T).abs().max() > 1e-5 * size:
        raise ValueError(f"{name} must be symmetric, got entries that differ")
    values, vectors = torch.linalg.eigh((cov + cov.T) / 2)
    if values[0] < -1e-5 * size:
        raise ValueError(
            f"{name} must have no negative eigenvalue, got {values[0].item():.3g}"
        )
    noise = k * torch.finfo(torch.float64).eps * size
    return vectors * torch.where(values > noise, values, 0).sqrt()


def _features(
    a: Tensor, b: Tensor, names: tuple[str, str], minimum: int
) -> tuple[Tensor, Tensor]:
    """Check two sets of feature vectors; return them in double precision."""
    for name, t in zip(names, (a, b), strict=True):
        check_tensor(t, name, ("n", "k"))
    return _pair(a, b, names, minimum)
