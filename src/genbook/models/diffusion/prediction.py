r"""What a network may be asked for, and how one answer turns into another.

A point of the path holds data and noise, Equation :eq:`eq-diffusion-blend`, and moves
with the velocity of Equation :eq:`eq-diffusion-v`. A network that says one of the noise
(``eps``), the data (``x0``) or the velocity (``v``) has therefore said them all. Here
are the conversions, as functions without a state: of the point, the answer, and the
path's ``alpha`` and ``sigma`` with their rates of change, which are numbers or tensors
that broadcast against the point. Training asks them at every step, so they compare
types and shapes and leave the values alone.
"""

from __future__ import annotations

from numbers import Real
from typing import Literal

from torch import Tensor

from genbook._validate import check_positive, check_tensor

__all__ = [
    "PREDICTIONS",
    "eps_from_x0",
    "gaussian_x0_eps",
    "v_from_x0_eps",
    "x0_eps_from_v",
    "x0_from_eps",
]

Prediction = Literal["eps", "x0", "v"]
Scale = Tensor | float

#: What a network may be asked for.
PREDICTIONS: tuple[str, ...] = ("eps", "x0", "v")
LARGEST = 1e6  # a scale that is a number, in size


def x0_from_eps(x: Tensor, eps: Tensor, alpha: Scale, sigma: Scale) -> Tensor:
    r"""Return the data in a point whose noise is known.

    :math:`\mathbf x_0 = (\mathbf x - \sigma\boldsymbol\varepsilon)/\alpha`, from
    Equation :eq:`eq-diffusion-blend`.

    Args:
        x: Points, ``(n, ...)``; NaN and infinity pass through.
        eps: The noise in them, ``(n, ...)``; NaN and infinity pass through.
        alpha: The share of the data, a number from 0 to a million, or a tensor that can
            broadcast against the points; NaN and infinity pass through in a tensor.
        sigma: The standard deviation of the noise, as ``alpha``; NaN and infinity pass
            through.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If the shapes do not fit.

    Example:
        >>> import torch
        >>> x0_from_eps(torch.ones(1), torch.tensor([0.5]), 0.5, 1.0)
        tensor([1.])
    """
    _check_points(x=x, eps=eps)
    _check_scales(x, alpha=alpha, sigma=sigma)
    return (x - sigma * eps) / alpha  # (16.2)


def eps_from_x0(x: Tensor, x0: Tensor, alpha: Scale, sigma: Scale) -> Tensor:
    r"""Return the noise in a point whose data are known.

    :math:`\boldsymbol\varepsilon = (\mathbf x - \alpha\mathbf x_0)/\sigma`, from
    Equation :eq:`eq-diffusion-blend`.

    Args:
        x: Points, ``(n, ...)``; NaN and infinity pass through.
        x0: The data in them, ``(n, ...)``; NaN and infinity pass through.
        alpha: The share of the data, a number from 0 to a million, or a tensor that can
            broadcast against the points; NaN and infinity pass through in a tensor.
        sigma: The standard deviation of the noise, above zero, as ``alpha``; NaN and
            infinity pass through.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If the shapes do not fit.

    Example:
        >>> import torch
        >>> eps_from_x0(torch.ones(1), torch.ones(1), 0.5, 1.0)
        tensor([0.5000])
    """
    _check_points(x=x, x0=x0)
    _check_scales(x, alpha=alpha, sigma=sigma)
    return (x - alpha * x0) / sigma  # (16.2)


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
        x: Points, ``(n, ...)``; NaN and infinity pass through.
        v: Their velocities, ``(n, ...)``; NaN and infinity pass through.
        alpha: The share of the data, a number from 0 to a million, or a tensor that can
            broadcast against the points; NaN and infinity pass through in a tensor.
        sigma: The standard deviation of the noise, as ``alpha``; NaN and infinity pass
            through.
        d_alpha: The derivative of ``alpha`` by time; NaN and infinity pass through.
        d_sigma: The derivative of ``sigma`` by time; NaN and infinity pass through.

    Returns:
        ``x0`` and ``eps``, of the shape of ``x``.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If the shapes do not fit.

    Example:
        >>> import torch
        >>> x0_eps_from_v(torch.ones(1), torch.zeros(1), 0.5, 0.5, -1.0, 1.0)
        (tensor([1.]), tensor([1.]))
    """
    _check_points(x=x, v=v)
    _check_scales(x, alpha=alpha, sigma=sigma, d_alpha=d_alpha, d_sigma=d_sigma)
    det = alpha * d_sigma - d_alpha * sigma
    x0 = (d_sigma * x - sigma * v) / det  # (16.2)
    eps = (alpha * v - d_alpha * x) / det  # (16.4)
    return x0, eps


def v_from_x0_eps(x0: Tensor, eps: Tensor, d_alpha: Scale, d_sigma: Scale) -> Tensor:
    r"""Return the velocity of the path of data and noise.

    :math:`\mathbf v = \dot\alpha\,\mathbf x_0 + \dot\sigma\,\boldsymbol\varepsilon`,
    Equation :eq:`eq-diffusion-v`.

    Args:
        x0: Data, ``(n, ...)``; NaN and infinity pass through.
        eps: Noise, ``(n, ...)``; NaN and infinity pass through.
        d_alpha: The derivative of the share of the data, a number up to a million in
            size, or a tensor that can broadcast against the data; NaN and infinity pass
            through in a tensor.
        d_sigma: The derivative of the standard deviation of the noise, as ``d_alpha``;
            NaN and infinity pass through.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If the shapes do not fit.

    Example:
        >>> import torch
        >>> v_from_x0_eps(torch.ones(1), torch.zeros(1), -1.0, 1.0)
        tensor([-1.])
    """
    _check_points(x0=x0, eps=eps)
    _check_scales(x0, d_alpha=d_alpha, d_sigma=d_sigma)
    return d_alpha * x0 + d_sigma * eps  # (16.4)


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
        x: Points of any shape; NaN and infinity pass through.
        alpha: The share of the data, a tensor that can broadcast against the points;
            NaN and infinity pass through.
        sigma: The standard deviation of the noise, which can broadcast too; NaN and
            infinity pass through.
        sigma_data: The standard deviation :math:`s` of the data, at most a million.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If the shapes do not fit, or ``sigma_data`` is not positive.

    Example:
        >>> import torch
        >>> one = torch.ones(1)
        >>> gaussian_x0_eps(one, torch.tensor(0.6), torch.tensor(0.8), 1.0)
        (tensor([0.6000]), tensor([0.8000]))
    """
    _check_points(x=x, alpha=alpha, sigma=sigma, alike=False)
    _check_scales(x, alpha=alpha, sigma=sigma)
    if check_positive(sigma_data, "sigma_data") > LARGEST:
        raise ValueError(f"sigma_data must be at most {LARGEST:g}, got {sigma_data}")
    variance = (alpha * sigma_data).square() + sigma.square()  # of the points
    return (alpha * sigma_data**2 / variance) * x, (sigma / variance) * x


def _check_points(*, alike: bool = True, **points: Tensor) -> None:
    """Check that points are tensors, and of one shape."""
    shape = None
    for name, x in points.items():
        check_tensor(x, name, finite=False, allow_empty=True)
        shape = x.shape if shape is None else shape
        if alike and x.shape != shape:
            first = next(iter(points))
            raise ValueError(
                f"{name} must be of the shape of {first}, {tuple(shape)}, got "
                f"{tuple(x.shape)}"
            )


def _check_scales(x: Tensor, **scales: Scale) -> None:
    """Check that scales are numbers, or tensors that broadcast against points."""
    for name, scale in scales.items():
        if isinstance(scale, Tensor):
            check_tensor(scale, name, finite=False, allow_empty=True)
            sizes = zip(scale.shape[::-1], x.shape[::-1], strict=False)
            if scale.ndim > x.ndim or any(a not in (1, b) for a, b in sizes):
                raise ValueError(
                    f"{name} must broadcast against {tuple(x.shape)}, got "
                    f"{tuple(scale.shape)}"
                )
        else:
            _check_number(scale, name)


def _check_number(scale: float, name: str) -> None:
    """Check a scale that is a number; only rates may be negative."""
    if isinstance(scale, bool) or not isinstance(scale, Real):
        raise TypeError(
            f"{name} must be a number or a tensor, got {type(scale).__name__}"
        )
    if not abs(scale) <= LARGEST or (scale < 0 and not name.startswith("d_")):
        least = -LARGEST if name.startswith("d_") else 0
        raise ValueError(f"{name} must be from {least:g} to {LARGEST:g}, got {scale}")
