"""k-means: centres far apart to start from, and groups around their means."""

from __future__ import annotations

import torch
from torch import Tensor

from genbook._validate import check_count, check_generator, check_tensor
from genbook.models._categorical import inverse_cdf
from genbook.models.density._rows import power_of_two


def kmeans_plusplus(
    x: Tensor, k: int, *, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Return points that lie far apart, and which of them is nearest to each point.

    Each next centre is a data point drawn with probability proportional to its squared
    distance from the centres so far (k-means++).

    Distances mix the columns: bring columns of different units to a common scale first.
    The draw follows from the generator and from the order of the points.

    Args:
        x: Points, ``(n, d)``.
        k: How many centres, at most as many as points.
        generator: The source of randomness; the global one when ``None``.

    Returns:
        The centres, ``(k, d)``, and the number of the nearest one for each point,
        ``(n,)``.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``x`` is not ``(n, d)``, is empty or not finite, or ``k`` is
            below one or above ``n``.

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
    k = _check_points(x, k, generator)
    points, x = x, x / power_of_two(x.reshape(-1, 1))  # squares stay within the type
    u = torch.rand(k, generator=generator, dtype=torch.float64, device=x.device)
    distance = torch.ones_like(x[:, 0])  # the first centre: any point
    nearest = torch.zeros(len(x), dtype=torch.long, device=x.device)
    rows = []
    for j in range(k):
        weights = distance.double()
        rows.append(inverse_cdf(weights, u[j : j + 1] * weights.sum()))
        new = (x - x[rows[j]]).square().sum(dim=1)  # (n,)
        closer = new < distance if j else torch.ones_like(nearest, dtype=torch.bool)
        nearest[closer] = j
        distance = torch.where(closer, new, distance)
    return points[torch.cat(rows)], nearest


def k_means(
    x: Tensor,
    k: int,
    *,
    iterations: int = 10,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return a cluster for each point: k-means from k-means++.

    Distances mix the columns: bring columns of different units to a common scale first.
    The draw follows from the generator and from the order of the points.

    Args:
        x: Points, ``(n, d)``.
        k: How many clusters, at most as many as points.
        iterations: How often the centres move.
        generator: The source of the random start; the global one when ``None``.

    Returns:
        Labels from 0 to ``k - 1``, ``(n,)``.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``x`` is not ``(n, d)``, is empty or not finite, or a number is
            out of range.

    Reference:
        S. P. Lloyd, *Least squares quantization in PCM*, IEEE Transactions on
        Information Theory 28, 1982, doi:10.1109/TIT.1982.1056489.

    Example:
        >>> x = torch.tensor([[0.0], [0.1], [9.0]])
        >>> a, b, c = k_means(x, 2, generator=torch.Generator().manual_seed(0))
        >>> bool(a == b), bool(a == c)
        (True, False)
    """
    check_count(iterations, "iterations")
    k = _check_points(x, k, generator)
    x = x / power_of_two(x.reshape(-1, 1))
    x = x - x.mean(dim=0)  # so that rounding is small beside the spread
    centres, _ = kmeans_plusplus(x, k, generator=generator)
    for _ in range(iterations):
        member = torch.cdist(x, centres).argmin(dim=1)  # (n,)
        size = torch.bincount(member, minlength=k).to(x.dtype)[:, None]
        sums = torch.zeros_like(centres).index_add(0, member, x)  # (k, d)
        centres = torch.where(size > 0, sums / size.clamp(min=1), centres)
    return torch.cdist(x, centres).argmin(dim=1)


def _check_points(x: Tensor, k: int, generator: torch.Generator | None) -> int:
    """Check points ``(n, d)`` that ``k`` centres are sought for."""
    check_tensor(x, "x", ("n", "d"))
    check_generator(generator)
    if check_count(k, "k", minimum=1) > len(x):
        raise ValueError(f"k must be at most the {len(x)} points of x, got {k}")
    return int(k)
