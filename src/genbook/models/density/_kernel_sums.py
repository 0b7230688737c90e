"""Sums over all pairs of a query and a point: exact, in little time and memory.

Three habits make it quick: pairs too far apart to matter are not looked at, squared
distances come from one matrix product, and very negative exponents are cut off, since
a power is slow where its result is next to nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

LEFT_OUT = 1e-12  # the largest share of a sum that is not looked at
CUT = -80.0  # exp of less is slow, and adds nothing
ROWS = 64  # neighbours worked on together
CLOSE = 1e4  # in so small a neighbourhood the squares of distances lose no digits
LOG2_E = math.log2(math.e)  # powers of two are quicker than powers of e


@torch.no_grad()
def gaussian_kernel_logsumexp(
    q: Tensor, x: Tensor, h: float = 1.0, own: Tensor | None = None
) -> Tensor:
    r"""Return the logarithm of a sum of kernels, for many places at once.

    .. math::

        \log \sum_j \exp\Bigl(
        -\frac{\lVert \mathbf q_i - \mathbf x_j \rVert^2}{2 h^2} \Bigr)

    Neighbouring rows are worked on together, and points in groups of neighbours. The
    boxes that hold them say how large each row's sum is at least, and how much a group
    adds at most. What all groups left out add is less than 1e-12 of the sum.

    Args:
        q: Where to evaluate, ``(n, d)``.
        x: The points, ``(m, d)``.
        h: The bandwidth.
        own: For each row of ``q``, the number of the point to leave out, ``(n,)``.

    Returns:
        A tensor ``(n,)``.

    Example:
        >>> x = torch.tensor([[0.0], [3.0]])
        >>> gaussian_kernel_logsumexp(torch.zeros(1, 1), x).exp()
        tensor([1.0111])
    """
    out = q.new_empty(len(q))
    if len(q) == 0:
        return out
    q, x = q.double() / h, x.double() / h  # squares of distances need the digits
    groups = Groups.of(x)
    if own is not None:
        place = groups.order.argsort()[own]
    for rows, near, at_least, least in groups.near(q, leave_one_out=own is not None):
        centre = q[rows].mean(dim=0)
        a = q[rows] - centre
        b = groups.points[near].flatten(end_dim=1) - centre
        w = groups.weight[near].flatten()
        e = _exponents(a, b, w)  # (rows, near)
        if own is not None:
            group, slot = place[rows] // ROWS, place[rows] % ROWS
            column = (near.cumsum(dim=0)[group] - 1) * ROWS + slot
            e.scatter_(1, column[:, None], -torch.inf)
        top = torch.zeros_like(e[:, :1])
        if at_least < CUT / 2:
            top = e.amax(dim=1, keepdim=True)
            e.sub_(top)
        e = e.to(out.dtype)
        if at_least < CUT / 2 or least < CUT:
            e.clamp_(min=LOG2_E * CUT)
        log_sum = e.exp2_().sum(dim=1).log() + top.squeeze(1) / LOG2_E
        out[rows] = log_sum.to(out.dtype)
    return out


class Groups(NamedTuple):
    """Points in groups of neighbours, the last of which is filled up without weight."""

    order: Tensor  # the points' row numbers, group after group, (m,)
    points: Tensor  # (groups, ROWS, d)
    weight: Tensor  # logarithms: 0 for a point, -inf for a filler, (groups, ROWS)

    @classmethod
    def of(cls, x: Tensor) -> Groups:
        """Return points ``(m, d)`` in their groups."""
        order = z_order(x)
        spare = -len(x) % ROWS  # the last group repeats a point, with weight exp(-inf)
        weight = torch.cat([x.new_zeros(len(x)), x.new_full((spare,), -torch.inf)])
        filled = torch.cat([order, order[-1:].expand(spare)]).unflatten(0, (-1, ROWS))
        return cls(order, x[filled], weight.unflatten(0, (-1, ROWS)))

    def near(
        self, q: Tensor, *, leave_one_out: bool = False
    ) -> Iterator[tuple[Tensor, Tensor, float, float]]:
        """Yield neighbouring rows of ``q``, and which groups matter to them.

        Args:
            q: Where to evaluate, ``(n, d)``, in units of the bandwidth.
            leave_one_out: Whether each row leaves out one point.

        Yields:
            Row numbers; for each group whether it is near; the least that the logarithm
            of a row's sum can be; and the least of a near group's exponents.
        """
        count = (self.weight == 0).sum(dim=1, dtype=q.dtype)
        if leave_one_out:
            count -= 1  # of a row's own group
        m = len(self.order)
        x_low, x_high = self.points.amin(dim=1), self.points.amax(dim=1)
        few = max(8, min(ROWS, ROWS * len(q) // m))  # sparse queries: smaller boxes
        for rows in z_order(q).split(few):
            low, high = q[rows].amin(dim=0), q[rows].amax(dim=0)
            nearest = torch.maximum(x_low - high, low - x_high).clamp_(min=0)
            farthest = torch.maximum(x_high - low, high - x_low)
            most = -0.5 * nearest.square_().sum(dim=1)  # the exponents of a group
            least = -0.5 * farthest.square_().sum(dim=1)
            at_least = (count.log() + least).logsumexp(dim=0).item()
            near = most >= at_least + math.log(LEFT_OUT / m)
            yield rows, near, at_least, least[near].min().item()


def _exponents(a: Tensor, b: Tensor, w: Tensor) -> Tensor:
    """Return the powers of two, ``w - |a - b|^2 / 2`` for each pair, ``(n, m)``."""
    a2 = a.square().sum(dim=1, keepdim=True)  # (n, 1)
    if a2.max() < CLOSE:  # all as one product
        b2 = b.square() @ b.new_ones(b.shape[1])
        left = torch.cat([a, torch.ones_like(a2), -0.5 * a2], dim=1)
        right = torch.cat([b.mT, (w - 0.5 * b2)[None], torch.ones_like(w)[None]])
        return (LOG2_E * left) @ right
    return LOG2_E * (w - 0.5 * exact_distances(a, b).square_())


def exact_distances(a: Tensor, b: Tensor) -> Tensor:
    """Return the distance of each row of ``a`` to each of ``b``, from differences."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


def z_order(x: Tensor) -> Tensor:
    """Return a permutation that puts neighbours in space near each other in the list.

    The bits of a point's coordinates, taken in turn, are a number; we sort by it.

    Args:
        x: Points, ``(n, d)``.

    Returns:
        Row numbers, ``(n,)``.

    Reference:
        G. M. Morton, *A computer oriented geodetic data base and a new technique in
        file sequencing*, IBM, 1966.

    Example:
        >>> z_order(torch.tensor([[0.0, 0.0], [9.0, 9.0], [1.0, 1.0]]))
        tensor([0, 2, 1])
    """
    dims = min(x.shape[1], 31)
    bits = min(62 // dims, 52)  # more digits than float64 has would carry over
    low, high = x.amin(dim=0), x.amax(dim=0)
    unit = (x - low) / (high - low).clamp(min=torch.finfo(x.dtype).tiny)
    whole = (unit[:, :dims].double() * (2**bits - 1)).long()
    code = torch.zeros(len(x), dtype=torch.long, device=x.device)
    for bit in reversed(range(bits)):
        for i in range(dims):
            code = 2 * code + (whole[:, i] >> bit & 1)
    return code.argsort()
