r"""From whole numbers to a density and back: what makes a likelihood of images honest.

A pixel of 8 bits is one of 256 whole numbers. A density fitted to such points can grow
without limit, by a spike on each. Noise that fills the gaps puts an end to that, and
ties the density to the probability of the whole numbers themselves.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genbook._validate import check_count, check_generator, check_tensor

MAX_LEVELS = 2**16


def dequantise(
    x: Tensor, levels: int = 256, *, generator: torch.Generator | None = None
) -> Tensor:
    r"""Spread each pixel evenly over its own bin of the unit interval.

    .. math:: \tilde{\mathbf x} = (\mathbf k + \mathbf u) / 256,\qquad u_j \in [0, 1),

    where ``k`` are the whole numbers from 0 to 255. The bin of a whole number belongs
    to it alone, so that its probability is the integral of the density over the bin,
    and by Jensen's inequality, equation :eq:`eq-flow-dequantised`,

    .. math:: \log P(\mathbf k) \ge
        \mathbb E_{\mathbf u}\bigl[\log p(\tilde{\mathbf x})\bigr] - d \log 256.

    Args:
        x: Ink from 0 to 1, of any shape, rounded to the nearest of the levels.
        levels: How many whole numbers there are, 2 to 65,536: 256 for 8 bits. In types
            of few digits only as many as have digits to fill each bin with.
        generator: The source of the noise; the global one when ``None``.

    Returns:
        Numbers from 0 to 1 of the shape of ``x``.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``x`` leaves the interval from 0 to 1, or ``levels`` is out of
            range.

    Reference:
        L. Theis, A. van den Oord and M. Bethge, "A note on the evaluation of generative
        models", 2016, arXiv:1511.01844.

    Example:
        >>> x = torch.tensor([[0.0, 1.0]])
        >>> y = dequantise(x, 4, generator=torch.Generator().manual_seed(0))
        >>> (y * 4).floor()
        tensor([[0., 3.]])
    """
    k = _whole(x, levels)
    check_generator(generator)
    u = torch.rand(x.shape, generator=generator, dtype=x.dtype, device=x.device)
    y = (k + u) / levels  # (13.7)
    return torch.minimum(y, torch.nextafter((k + 1) / levels, torch.zeros_like(k)))


def quantise(x: Tensor, levels: int = 256) -> Tensor:
    """Return the ink of the bin that each number lies in: undo :func:`dequantise`.

    Args:
        x: Numbers from 0 to 1, of any shape.
        levels: How many whole numbers there are, 2 to 65,536.

    Returns:
        Ink from 0 to 1 of the shape of ``x``.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``x`` leaves the interval from 0 to 1, or ``levels`` is out of
            range.

    Example:
        >>> quantise(torch.tensor([0.1, 0.4, 1.0]), levels=3)
        tensor([0.0000, 0.5000, 1.0000])
    """
    _whole(x, levels)
    k = (x * levels).floor()
    # Rounding may put a number at the edge of a bin into the bin beside it.
    k = k - (k / levels > x).to(k.dtype) + ((k + 1) / levels <= x).to(k.dtype)
    return k.clamp(max=levels - 1) / (levels - 1)


def bits_per_dimension(log_p: Tensor, dims: int, levels: int = 256) -> Tensor:
    r"""Return how many bits a pixel costs, given the log density of its image.

    The bound of equation :eq:`eq-flow-dequantised`, over :math:`-d \log 2`:

    .. math:: \frac{d \log 256 - \log p(\tilde{\mathbf x})}{d \log 2}

    On average over the noise this is at least the length of the best code for the whole
    numbers. Pixels that are equally likely to be any of 256 cost 8 bits.

    Args:
        log_p: Log densities of dequantised images in nats, ``(n,)``; ``-inf`` where the
            model has no mass, which costs infinitely many bits.
        dims: How many pixels an image has, ``d``.
        levels: How many whole numbers a pixel can be, 2 to 65,536.

    Returns:
        Bits, ``(n,)``.

    Raises:
        TypeError: If ``log_p`` is not a floating-point tensor, or ``dims`` or
            ``levels`` not an integer.
        ValueError: If ``log_p`` is not ``(n,)`` or holds NaN, or a count is out of
            range.

    Example:
        >>> bits_per_dimension(torch.zeros(1), dims=784)
        tensor([8.])
    """
    check_tensor(log_p, "log_p", ("n",), finite=False, allow_empty=True)
    if log_p.isnan().any():
        raise ValueError(f"log_p must hold numbers, got {log_p.isnan().sum()} NaN")
    check_count(dims, "dims", 1)
    check_count(levels, "levels", 2, MAX_LEVELS)
    return (dims * math.log(levels) - log_p) / (dims * math.log(2))  # (13.7)


def _whole(x: Tensor, levels: int) -> Tensor:
    """Check ink and levels; return the nearest whole numbers."""
    check_tensor(x, "x", None, allow_empty=True)
    digits = int(1 / (4 * torch.finfo(x.dtype).eps))  # a bin has four numbers or more
    check_count(levels, "levels", 2, min(digits, MAX_LEVELS))
    if x.numel() and not 0 <= x.min() <= x.max() <= 1:
        raise ValueError(
            f"x must lie between 0 and 1, got {x.min():.3g} to {x.max():.3g}"
        )
    return (x * (levels - 1)).round()
