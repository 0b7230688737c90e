"""Sums over all pairs that can be differentiated, in the memory of a few of them."""

from __future__ import annotations

import torch
from torch import Tensor

from genbook.models.density._kernel_sums import Groups, gaussian_kernel_logsumexp
from genbook.models.density._recomputed import recomputed

PAIRS = 2**19  # coordinates of differences to work on at a time


def differentiable_logsumexp(q: Tensor, x: Tensor, h: float) -> Tensor:
    """Return what :func:`gaussian_kernel_logsumexp` does, differentiable by ``q``.

    Derivatives of every order are right, and each is worked out for a few rows at a
    time, from the groups of points that matter to them.

    Args:
        q: Where to evaluate, ``(n, d)``.
        x: The points, ``(m, d)``.
        h: The bandwidth.

    Returns:
        A tensor ``(n,)``.

    Example:
        >>> q = torch.zeros(1, 1, requires_grad=True)
        >>> y = differentiable_logsumexp(q, torch.tensor([[2.0]]), 1.0)
        >>> torch.autograd.grad(y.sum(), q)
        (tensor([[2.]]),)
    """
    if not len(q):
        return q.sum(dim=1)  # nothing, but a function of q
    known = gaussian_kernel_logsumexp(q, x, h).double()
    a, groups = q.double() / h, Groups.of(x.double() / h)
    parts: list[Tensor] = []
    order: list[Tensor] = []
    for rows, near, _, _ in groups.near(a.detach()):
        size = int(near.sum()) * groups.points[0].numel()
        for few in rows.split(max(1, PAIRS // size)):
            sums = _Sums(groups, near)
            parts += recomputed(sums, a[few], known=(known[few],))
            order.append(few)
    return torch.cat(parts)[torch.cat(order).argsort()].to(q.dtype)


class _Sums:
    """The logarithm of the sum of kernels on the groups that are near."""

    def __init__(self, groups: Groups, near: Tensor) -> None:
        self.groups, self.near = groups, near

    def __call__(self, rows: Tensor) -> tuple[Tensor]:
        there = self.groups.weight[self.near] == 0
        points = self.groups.points[self.near][there]  # (near, d)
        z = rows[:, None] - points  # (rows, near, d)
        return ((-0.5 * z.square().sum(dim=2)).logsumexp(dim=1),)
