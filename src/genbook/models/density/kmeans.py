"""k-means: centres far apart to start from, and groups around their means."""

from __future__ import annotations

import torch
from torch import Tensor

from genbook.models._categorical import inverse_cdf


def kmeans_plusplus(
    x: Tensor, k: int, *, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Return points that lie far apart, and which of them is nearest to each point.

    Each next centre is a data point drawn with probability proportional to its squared
    distance from the centres so far (k-means++).

    Args:
        x: Points, ``(n, d)``.
        k: How many centres.
        generator: The source of randomness; the global one when ``None``.

    Returns:
        The centres, ``(k, d)``, and the number of the nearest one for each point,
        ``(n,)``.

    Reference:
        D. Arthur and S. Vassilvitskii, *k-means++: the advantages of careful seeding*,
        Symposium on Discrete Algorithms, 2007.

    Example:
        >>> x = torch.tensor([[0.0], [0.0], [9.0]])
        >>> g = torch.Generator().manual_seed(0)
        >>> centres, nearest = kmeans_plusplus(x, 2, generator=g)
        >>> centres.sort(dim=0).values.flatten(), bool(nearest[0] == nearest[1])
        (tensor([0., 9.]), True)
    """
    u = torch.rand(k, generator=generator, dtype=torch.float64, device=x.device)
    distance = torch.ones_like(x[:, 0])  # the first centre: any point
    nearest = torch.zeros(len(x), dtype=torch.long, device=x.device)
    rows = []
    for j in range(k):
        cumulative = distance.cumsum(dim=0, dtype=torch.float64)
        rows.append(inverse_cdf(cumulative, u[j] * cumulative[-1]))
        new = (x - x[rows[j]]).square().sum(dim=1)  # (n,)
        closer = new < distance if j else torch.ones_like(nearest, dtype=torch.bool)
        nearest[closer] = j
        distance = torch.where(closer, new, distance)
    return x[torch.stack(rows)], nearest


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
        S. P. Lloyd, *Least squares quantization in PCM*, IEEE Transactions on
        Information Theory 28, 1982, doi:10.1109/TIT.1982.1056489.

    Example:
        >>> x = torch.tensor([[0.0], [0.1], [9.0]])
        >>> a, b, c = k_means(x, 2, generator=torch.Generator().manual_seed(0))
        >>> bool(a == b), bool(a == c)
        (True, False)
    """
    centres, _ = kmeans_plusplus(x, k, generator=generator)
    for _ in range(iterations):
        member = torch.cdist(x, centres).argmin(dim=1)  # (n,)
        size = torch.bincount(member, minlength=k).to(x.dtype)[:, None]
        sums = torch.zeros_like(centres).index_add(0, member, x)  # (k, d)
        centres = torch.where(size > 0, sums / size.clamp(min=1), centres)
    return torch.cdist(x, centres).argmin(dim=1)
