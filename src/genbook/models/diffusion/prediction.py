r"""What a network may be asked for, and how one answer turns into another.

A point of the path holds data and noise, Equation :eq:`eq-diffusion-blend`, and moves
with the velocity of Equation :eq:`eq-diffusion-v`. A network that says one of the noise
(``eps``), the data (``x0``) or the velocity (``v``) has therefore said them all. Here
are the conversions, as functions without a state: of the point, the answer, and the
path's ``alpha`` and ``sigma`` with their rates of change, which are numbers or tensors
that broadcast against the point.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

Prediction = Literal["eps", "x0", "v"]
Scale = Tensor | float

#: What a network may be asked for.
PREDICTIONS: tuple[str, ...] = ("eps", "x0", "v")


def x0_from_eps(x: Tensor, eps: Tensor, alpha: Scale, sigma: Scale) -> Tensor:
    r"""Return the data in a point whose noise is known.

    :math:`\mathbf x_0 = (\mathbf x - \sigma\boldsymbol\varepsilon)/\alpha`, from
    Equation :eq:`eq-diffusion-blend`.

    Args:
        x: Points, ``(n, ...)``.
        eps: The noise in them, ``(n, ...)``.
        alpha: The share of the data.
        sigma: The standard deviation of the noise.

    Example:
        >>> import torch
        >>> x0_from_eps(torch.ones(1), torch.tensor([0.5]), 0.5, 1.0)
        tensor([1.])
    """
    return (x - sigma * eps) / alpha  # (14.2)


def eps_from_x0(x: Tensor, x0: Tensor, alpha: Scale, sigma: Scale) -> Tensor:
    r"""Return the noise in a point whose data are known.

    :math:`\boldsymbol\varepsilon = (\mathbf x - \alpha\mathbf x_0)/\sigma`, from
    Equation :eq:`eq-diffusion-blend`.

    Args:
        x: Points, ``(n, ...)``.
        x0: The data in them, ``(n, ...)``.
        alpha: The share of the data.
        sigma: The standard deviation of the noise, above zero.

    Example:
        >>> import torch
        >>> eps_from_x0(torch.ones(1), torch.ones(1), 0.5, 1.0)
        tensor([0.5000])
    """
    return (x - alpha * x0) / sigma  # (14.2)


def x0_eps_from_v(
    x: Tensor,
    v: Tensor,
    alpha: Scale,
    sigma: Scale,
    d_alpha: Scale,
    d_sigma: Scale,
) -> tuple[Tensor, Tensor]:
    r"""Return the data and the noise in a point whose velocity is known.

    The solution of two linear equations, :eq:`eq-diffusion-blend` and
    :eq:`eq-diffusion-v`.

    Args:
        x: Points, ``(n, ...)``.
        v: Their velocities, ``(n, ...)``.
        alpha: The share of the data.
        sigma: The standard deviation of the noise.
        d_alpha: The derivative of ``alpha`` by time.
        d_sigma: The derivative of ``sigma`` by time.

    Returns:
        ``x0`` and ``eps``, of the shape of ``x``.

    Example:
        >>> import torch
        >>> x0_eps_from_v(torch.ones(1), torch.zeros(1), 0.5, 0.5, -1.0, 1.0)
        (tensor([1.]), tensor([1.]))
    """
    det = alpha * d_sigma - d_alpha * sigma
    x0 = (d_sigma * x - sigma * v) / det  # (14.2)
    eps = (alpha * v - d_alpha * x) / det  # (14.4)
    return x0, eps


def v_from_x0_eps(x0: Tensor, eps: Tensor, d_alpha: Scale, d_sigma: Scale) -> Tensor:
    r"""Return the velocity of the path of data and noise.

    :math:`\mathbf v = \dot\alpha\,\mathbf x_0 + \dot\sigma\,\boldsymbol\varepsilon`,
    Equation :eq:`eq-diffusion-v`.

    Args:
        x0: Data, ``(n, ...)``.
        eps: Noise, ``(n, ...)``.
        d_alpha: The derivative of the share of the data.
        d_sigma: The derivative of the standard deviation of the noise.

    Example:
        >>> import torch
        >>> v_from_x0_eps(torch.ones(1), torch.zeros(1), -1.0, 1.0)
        tensor([-1.])
    """
    return d_alpha * x0 + d_sigma * eps  # (14.4)


def gaussian_x0_eps(
    x: Tensor, alpha: Tensor, sigma: Tensor, sigma_data: float
) -> tuple[Tensor, Tensor]:
    r"""Return the data and the noise to expect in a point, of round Gaussian data.

    .. math::

        \mathbb E[\mathbf x_0\mid\mathbf x]
        = \frac{\alpha\,s^2}{\alpha^2 s^2 + \sigma^2}\,\mathbf x,
        \qquad
        \mathbb E[\boldsymbol\varepsilon\mid\mathbf x]
        = \frac{\sigma}{\alpha^2 s^2 + \sigma^2}\,\mathbf x
        \qquad\text{for data from } \mathcal N(0, s^2 I).

    Args:
        x: Points, ``(n, ...)``.
        alpha: The share of the data.
        sigma: The standard deviation of the noise.
        sigma_data: The standard deviation :math:`s` of the data.

    Example:
        >>> import torch
        >>> one = torch.ones(1)
        >>> gaussian_x0_eps(one, torch.tensor(0.6), torch.tensor(0.8), 1.0)
        (tensor([0.6000]), tensor([0.8000]))
    """
    variance = (alpha * sigma_data).square() + sigma.square()  # of the points
    return (alpha * sigma_data**2 / variance) * x, (sigma / variance) * x
