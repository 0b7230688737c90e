r"""Monotone rational-quadratic splines of the unit interval, and their derivatives.

A spline is cut into pieces. On a piece of width ``w`` and height ``h``, with the slopes
``d0`` and ``d1`` at its ends, and with :math:`\xi` running from 0 to 1 along it,

.. math::

    z = y_0 + h\,\frac{s\,\xi^2 + d_0\,\xi(1-\xi)}{s + (d_0+d_1-2s)\,\xi(1-\xi)},
    \qquad s = \frac hw.

It always climbs, joins the next piece without a kink, and is undone by a square root.
:func:`rqs_forward` says so line by line. :class:`RQSpline` gives the same numbers with
its derivatives written out, which the couplings train by.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad, softplus

from genbook.models.flows._checks import MIN_SHARE, check_numbers, check_theta

__all__ = ["RQSpline", "knots", "rqs_forward", "rqs_inverse"]

MIN_SLOPE = 1e-3
SHIFT = math.log(math.expm1(1 - MIN_SLOPE))  # makes a free number of 0 a slope of 1


def _split(theta: Tensor, bins: int, linear_tails: bool) -> tuple[Tensor, Tensor]:
    """Return logits of widths and heights, ``(…, 2, bins)``, and free slopes."""
    logits = theta[..., : 2 * bins].unflatten(-1, (2, bins))
    free = theta[..., 2 * bins :]
    return logits, pad(free, (1, 1)) if linear_tails else free


def knots(
    theta: Tensor, bins: int, linear_tails: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the knots' places, their images and the slopes there.

    Args:
        theta: Free numbers, ``(…, 3 bins - 1)`` with linear tails, else two more.
        bins: How many pieces there are, 1 to 999: each takes a thousandth of the
            interval at least.
        linear_tails: Whether the slopes at both ends are 1.

    Returns:
        Three tensors ``(…, bins + 1)``; the first two climb from 0 to 1.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``theta`` has the wrong shape or a value that is not finite, or
            ``bins`` is out of range.

    Example:
        >>> knots(torch.zeros(11), bins=4, linear_tails=True)[0]
        tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    check_theta(theta, bins, linear_tails)
    return _knots(theta, bins, linear_tails)


def _knots(
    theta: Tensor, bins: int, linear_tails: bool
) -> tuple[Tensor, Tensor, Tensor]:
    logits, free = _split(theta, bins, linear_tails)
    shares = MIN_SHARE + (1 - MIN_SHARE * bins) * logits.softmax(-1)
    at, image = pad(shares.cumsum(-1), (1, 0)).unbind(-2)
    return at, image, MIN_SLOPE + softplus(free + SHIFT)


def rqs_forward(
    x: Tensor, theta: Tensor, bins: int, linear_tails: bool
) -> tuple[Tensor, Tensor]:
    """Send numbers of the unit interval through splines: the plain form.

    Equation :eq:`eq-flow-spline` and its slope, :eq:`eq-flow-spline-slope`.
    Autograd differentiates it; :class:`RQSpline` is the same and faster to train.

    Args:
        x: Numbers from 0 to 1, ``(…,)``.
        theta: The free numbers of each one's spline, see :func:`knots`.
        bins: How many pieces each spline has.
        linear_tails: Whether the slopes at both ends are 1.

    Returns:
        The images ``z`` of ``x`` and the logs of the slopes there, both ``(…,)``.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``x`` leaves the interval, a shape is wrong, a value is not
            finite, or ``bins`` is not 1 to 999.

    Reference:
        C. Durkan, A. Bekasov, I. Murray and G. Papamakarios, "Neural Spline Flows",
        2019, arXiv:1906.04032.

    Example:
        >>> z, log_slope = rqs_forward(torch.tensor(0.3), torch.zeros(11), 4, True)
        >>> print(f"{z:.2f} {log_slope.abs():.2f}")
        0.30 0.00
    """
    check_numbers(x, "x", theta, bins, linear_tails)
    at, image, d = knots(theta, bins, linear_tails)  # each (…, bins + 1)
    k = (x[..., None] >= at[..., 1:-1]).sum(-1, keepdim=True)  # the piece, (…, 1)
    x0, y0, d0 = (t.gather(-1, k)[..., 0] for t in (at, image, d))
    x1, y1, d1 = (t.gather(-1, k + 1)[..., 0] for t in (at, image, d))
    w, h = x1 - x0, y1 - y0
    s, xi = h / w, _share((x - x0) / w)
    eta = xi * (1 - xi)
    under = s + (d0 + d1 - 2 * s) * eta
    z = _share(y0 + h * (s * xi**2 + d0 * eta) / under)  # (13.5)
    over = s**2 * (d1 * xi**2 + 2 * s * eta + d0 * (1 - xi) ** 2)
    return z, (over / under**2).log()  # (13.6)


def _share(xi: Tensor) -> Tensor:
    """Take its rounding off a number that runs from 0 to 1, and no derivative.

    In float32 the shares of an interval add up to a little less than 1 or more. Beyond
    the end of a steep spline its slope would soon be negative, and the log of it NaN.
    """
    return xi + (xi.clamp(0, 1) - xi).detach()


def rqs_inverse(z: Tensor, theta: Tensor, bins: int, linear_tails: bool) -> Tensor:
    """Return the numbers whose images are ``z``: the root of a quadratic equation.

    Args:
        z: Numbers from 0 to 1, ``(…,)``.
        theta: The free numbers of each one's spline, see :func:`knots`.
        bins: How many pieces each spline has.
        linear_tails: Whether the slopes at both ends are 1.

    Returns:
        Numbers from 0 to 1, ``(…,)``.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``z`` leaves the interval, a shape is wrong, a value is not
            finite, or ``bins`` is not 1 to 999.

    Example:
        >>> theta = torch.linspace(-1, 1, 11).expand(2, -1)
        >>> x = torch.tensor([0.25, 0.5])
        >>> z, _ = rqs_forward(x, theta, 4, True)
        >>> bool((rqs_inverse(z, theta, 4, True) - x).abs().max() < 1e-5)
        True
    """
    check_numbers(z, "z", theta, bins, linear_tails)
    return invert(z, theta, bins, linear_tails)


def invert(z: Tensor, theta: Tensor, bins: int, linear_tails: bool) -> Tensor:
    """Do what :func:`rqs_inverse` does: solve :eq:`eq-flow-spline`, whatever comes."""
    at, image, d = _knots(theta, bins, linear_tails)  # each (…, bins + 1)
    k = (z[..., None] >= image[..., 1:-1]).sum(-1, keepdim=True)  # the piece, (…, 1)
    x0, y0, d0 = (t.gather(-1, k)[..., 0] for t in (at, image, d))
    x1, y1, d1 = (t.gather(-1, k + 1)[..., 0] for t in (at, image, d))
    w, h, rise = x1 - x0, y1 - y0, z - y0
    s = h / w
    curve = rise * (d0 + d1 - 2 * s)
    a, b, c = h * (s - d0) + curve, h * d0 - curve, -s * rise  # a xi² + b xi + c = 0
    root = (b.square() - 4 * a * c).clamp(min=0).sqrt()
    return _share(x0 + w * 2 * c / (-b - root))  # (13.5)


class RQSpline(torch.autograd.Function):
    """The fast form of :func:`rqs_forward`: ``RQSpline.apply(x, theta, …)``.

    Only two numbers of each softmax and two slopes matter to one ``x``, so the
    derivatives are short. Written down, in place of sixty small operations recorded,
    they save a quarter of a pass there and back (``benchmarks/splines.py``). A pass
    back that is to be differentiated again (``create_graph=True``, as for a Hessian or
    a Laplacian) goes through the plain form, so that every derivative is right.

    Its doors check shapes and types only, for speed: beyond the interval ``z`` is that
    of the nearer end.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a shape is wrong or ``bins`` is not 1 to 999.

    Reference:
        C. Durkan, A. Bekasov, I. Murray and G. Papamakarios, "Neural Spline Flows",
        2019, arXiv:1906.04032.

    Example:
        >>> x = torch.tensor([0.25, 0.5])
        >>> z, log_slope = RQSpline.apply(x, torch.zeros(2, 11), 4, True)
        >>> bool((z - x).abs().max() < 1e-6)
        True
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, theta: Tensor, bins: int, linear_tails: bool
    ) -> tuple[Tensor, Tensor]:
        """Return the images ``z`` of ``x`` and the logs of the slopes there.

        Equations :eq:`eq-flow-spline` and :eq:`eq-flow-spline-slope`.

        Args:
            ctx: What the backward pass will need.
            x: Numbers from 0 to 1, ``(…,)``.
            theta: The free numbers of each one's spline, see :func:`knots`.
            bins: How many pieces each spline has.
            linear_tails: Whether the slopes at both ends are 1.
        """
        check_numbers(x, "x", theta, bins, linear_tails, values=False)
        logits, free = _split(theta, bins, linear_tails)
        shares = logits.softmax(-1).mul_(1 - MIN_SHARE * bins).add_(MIN_SHARE)
        ends = shares.cumsum(-1)  # (…, 2, bins), as shares are
        passed = (x[..., None] >= ends[..., 0, :]).to(x.dtype)
        passed[..., -1] = 0  # x = 1 belongs to the last piece
        k = passed.sum(-1, keepdim=True).long()  # the piece, (…, 1)
        here = k[..., None].expand(*shares.shape[:-1], 1)
        size = shares.gather(-1, here).squeeze(-1)  # width and height, (…, 2)
        start = ends.gather(-1, here).squeeze(-1) - size
        raw = free.gather(-1, torch.cat([k, k + 1], -1)) + SHIFT
        d = MIN_SLOPE + softplus(raw)  # the slopes at both ends, (…, 2)

        (x0, y0), (w, h), (d0, d1) = start.unbind(-1), size.unbind(-1), d.unbind(-1)
        s, xi = h / w, ((x - x0) / w).clamp_(0, 1)  # as _share does
        rest = 1 - xi
        q = xi * rest
        over = s * xi.square() + d0 * q
        under = s + (d0 + d1 - 2 * s) * q
        rise = d1 * xi.square() + 2 * s * q + d0 * rest.square()
        ctx.bins, ctx.linear_tails = bins, linear_tails
        ctx.save_for_backward(
            *(x, theta, shares, passed, here, size, start, raw),
            *(d, s, xi, q, over, under, rise),
        )
        z = (y0 + h * over / under).clamp_(0, 1)  # (13.5)
        return z, ((s / under).square() * rise).log()  # (13.6)

    @staticmethod
    def backward(
        ctx: Any, by_z: Tensor, by_log: Tensor
    ) -> tuple[Tensor, Tensor, None, None]:
        """Return the gradients of ``x`` and ``theta`` from those of the results."""
        x, theta, *kept = ctx.saved_tensors
        if torch.is_grad_enabled():  # the gradients will be differentiated themselves
            # Views, since theta may depend on x, which is not this function's matter.
            x, theta = (t.view_as(t).requires_grad_() for t in (x, theta))
            z, log_slope = rqs_forward(x, theta, ctx.bins, ctx.linear_tails)
            by_x, by_theta = torch.autograd.grad(
                (z, log_slope), (x, theta), (by_z, by_log), create_graph=True
            )
            return by_x, by_theta, None, None
        shares, passed, here, size, start, raw, d, s, xi, q, over, under, rise = kept
        (w, h), (d0, d1) = size.unbind(-1), d.unbind(-1)
        rest, flat, twice = 1 - xi, 1 - 2 * xi, 2 * by_log / under
        by_rise = by_log / rise
        by_ratio = by_z * h / under  # of over / under
        by_over, by_under = by_ratio, -by_ratio * over / under - twice
        by_d0 = by_over * q + by_under * q + by_rise * rest.square()
        by_d1 = by_under * q + by_rise * xi.square()
        by_s = (
            by_over * xi.square()
            + by_under * (1 - 2 * q)
            + 2 * (by_rise * q + by_log / s)
        )
        by_xi = (
            by_over * (2 * s * xi + d0 * flat)
            + by_under * (d0 + d1 - 2 * s) * flat
            + 2 * by_rise * (d1 * xi + s * flat - d0 * rest)
        )
        by_x = by_xi / w
        by_w = -(by_x * xi + by_s * s / w)
        by_h = by_z * over / under + by_s / w
        by_start = torch.stack([-by_x, by_z], -1)
        by_size = torch.stack([by_w, by_h], -1)

        # A softmax: its share times the gradient less the gradient's mean.
        free_shares = shares - MIN_SHARE
        k = here[..., 0]
        before = MIN_SHARE * k.to(start.dtype)  # of the start, whatever theta is
        mean = by_start * (start - before) + by_size * (size - MIN_SHARE)
        pull = passed[..., None, :] * by_start[..., None]
        pull.scatter_add_(-1, here, by_size[..., None])
        pull -= mean[..., None] / (1 - MIN_SHARE * ctx.bins)
        by_logits = (free_shares * pull).reshape(*by_x.shape, -1)

        by_free = by_d0.new_zeros(*by_d0.shape, ctx.bins + 1)
        by_raw = torch.stack([by_d0, by_d1], -1) * raw.sigmoid()
        by_free.scatter_(-1, torch.cat([k[..., :1], k[..., :1] + 1], -1), by_raw)
        if ctx.linear_tails:
            by_free = by_free[..., 1:-1]
        return by_x, torch.cat([by_logits, by_free], -1), None, None
