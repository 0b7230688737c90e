"""The histogram: count how many observations fall into each cell of a grid.

The number of cells grows as ``bins ** dim``, which is why the other families exist.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from genbook._validate import (
    check_corners,
    check_count,
    check_fitted,
    check_generator,
    check_positive,
)
from genbook.models._categorical import inverse_cdf
from genbook.models.base import TractableModel


class PiecewiseConstant(TractableModel):
    r"""A density that is constant in each cell of a grid over a box.

    .. math::

        p(\mathbf x) = \frac{P(c)}{\operatorname{vol}(c)}
        \quad\text{where } c \ni \mathbf x

    A subclass says the probability of each cell (``log_mass``); this class makes a
    density of it.

    Args:
        low: The lower corner of the box, ``(dim,)``.
        high: The upper corner of the box, ``(dim,)``.
        bins: How many cells along each dimension: one number for all, or one for each.
        max_cells: More cells than this are refused.

    Raises:
        TypeError: If a corner is not made of numbers, or ``bins`` not of integers.
        ValueError: If the corners do not enclose a volume, or ``bins`` are too few, too
            many, or not one for each dimension.
    """

    low: Tensor
    high: Tensor
    each_side: Tensor

    def __init__(
        self,
        low: Tensor | Sequence[float],
        high: Tensor | Sequence[float],
        bins: int | Sequence[int],
        max_cells: int,
    ) -> None:
        super().__init__()
        low, high = check_corners(low, high)
        each = list(bins) if isinstance(bins, Sequence) else [bins] * len(low)
        if len(each) != len(low):
            raise ValueError(
                f"bins must be one number or {len(low)} of them, got {len(each)}"
            )
        self.bins = tuple(check_count(b, "bins", minimum=1) for b in each)
        self.cells = math.prod(self.bins)
        if self.cells > max_cells:
            raise ValueError(
                f"bins must make at most {max_cells:,} cells, got "
                f"{_product(self.bins)} ({_bytes(4 * self.cells)} in float32): the "
                f"number of cells grows exponentially with the dimension"
            )
        self.config: dict[str, Any] = {
            "bins": list(self.bins),
            "low": low.tolist(),
            "high": high.tolist(),
        }
        self.event_shape = (len(low),)
        self.register_buffer("low", low)
        self.register_buffer("high", high)
        each_side = torch.tensor(self.bins)  # not made at every step: a GPU would wait
        self.register_buffer("each_side", each_side, persistent=False)

    @abstractmethod
    def log_mass(self) -> Tensor:
        """Return the log probability of each cell, ``(cells,)``, last axis fastest."""

    @property
    def width(self) -> Tensor:
        """The width of a cell in each dimension, ``(dim,)``."""
        return (self.high - self.low) / self.each_side.to(self.low.dtype)

    def cell(self, x: Tensor) -> Tensor:
        """Return the number of the cell that holds each observation.

        Args:
            x: Observations, ``(n, dim)``.

        Returns:
            Integers ``(n,)``; -1 outside the box. A point on the upper side of the box
            belongs to the last cell, as in NumPy.
        """
        self._check_x(x)
        bins = self.each_side
        along = ((x - self.low) / self.width).floor().long()  # (n, dim)
        along = along.clamp(max=bins - 1)
        number = torch.zeros_like(along[:, 0])
        for i, b in enumerate(self.bins):
            number = number * b + along[:, i]
        inside = ((x >= self.low) & (x <= self.high)).all(dim=1)
        return torch.where(inside, number, -1)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the exact log density of each observation in nats, ``(n,)``."""
        self._refuse_condition(y)
        cell = self.cell(x)
        log_density = self.log_mass() - self.width.log().sum()
        return torch.where(cell >= 0, log_density[cell], -torch.inf)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw ``n`` cells, then a uniform point in each, ``(n, dim)``."""
        self._refuse_condition(y)
        n = check_count(n, "n")
        check_generator(generator)
        mass = self.log_mass().double().exp()  # (cells,)
        u = torch.rand(n, generator=generator, dtype=torch.float64, device=self.device)
        cell = inverse_cdf(mass, u * mass.sum())  # (n,)
        corner = torch.stack(torch.unravel_index(cell, self.bins), dim=1)
        u = self._uniform(*corner.shape, generator=generator)
        x = self.low + (corner + u) * self.width
        strayed = (self.cell(x) != cell)[:, None]  # rounding may lead over the border
        return torch.where(strayed, self.low + (corner + 0.5) * self.width, x)


class Histogram(PiecewiseConstant):
    r"""A histogram, as a density.

    .. math::

        P(c) = \frac{n_c + a}{\sum_{c'} (n_{c'} + a)}

    with :math:`n_c` observations in cell :math:`c` and a pseudo-count :math:`a`.

    Args:
        low: The lower corner of the box, ``(dim,)``.
        high: The upper corner of the box, ``(dim,)``.
        bins: How many cells along each dimension: one number for all, or one for each.
        pseudo_count: What to add to each count. Zero is maximum likelihood, and says
            that what was not seen cannot happen.

    Attributes:
        counts: How many observations fell into each cell, ``bins``.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the corners do not enclose a volume, the bins make more than
            2**27 cells, or the pseudo-count is negative.

    Reference:
        K. Pearson, *Contributions to the mathematical theory of evolution II: skew
        variation in homogeneous material*, Philosophical Transactions A 186, 1895,
        doi:10.1098/rsta.1895.0010.

    Example:
        >>> x = torch.tensor([[0.1], [0.2], [0.9]])
        >>> histogram = Histogram([0.0], [1.0], bins=2).fit(x)
        >>> histogram.log_prob(torch.tensor([[0.3], [0.7], [1.5]])).exp()
        tensor([1.3333, 0.6667, 0.0000])
    """

    MAX_CELLS = 2**27
    counts: Tensor

    def __init__(
        self,
        low: Tensor | Sequence[float],
        high: Tensor | Sequence[float],
        bins: int | Sequence[int],
        *,
        pseudo_count: float = 0.0,
    ) -> None:
        super().__init__(low, high, bins, self.MAX_CELLS)
        self.pseudo_count = check_positive(pseudo_count, "pseudo_count", zero=True)
        self.config["pseudo_count"] = self.pseudo_count
        self.register_buffer("counts", torch.zeros(self.bins, dtype=torch.long))

    @torch.no_grad()
    def fit(self, x: Tensor) -> Histogram:
        """Count the observations in each cell.

        Args:
            x: Observations inside the box, ``(n, dim)``.

        Returns:
            The model itself.

        Raises:
            TypeError: If ``x`` is not a tensor of the model's floating-point type.
            ValueError: If ``x`` has another shape, is empty or not finite, or a point
                lies outside the box.
        """
        cell = self.cell(self._check_x(x, allow_empty=False))
        if (cell < 0).any():
            raise ValueError(
                f"x must lie between low and high, got {int((cell < 0).sum())} of "
                f"{len(x)} points outside"
            )
        counts = torch.bincount(cell, minlength=self.cells)
        self.counts.copy_(counts.view(self.bins))
        return self

    def log_mass(self) -> Tensor:
        """Return the log share of each cell, ``(cells,)``."""
        n = self.counts.sum()
        check_fitted(bool(n > 0), "Histogram")
        counts = self.counts.flatten().to(self.dtype) + self.pseudo_count
        return (counts / (n + self.pseudo_count * self.cells)).log()


def _product(bins: Sequence[int]) -> str:
    """Write how many cells there are, in a line however many dimensions."""
    cells = math.prod(bins)
    if cells < 10**15:
        return f"{' * '.join(map(str, bins))} = {cells:,}"
    return f"about 10^{math.log10(cells):.0f}, in {len(bins)} dimensions"


def _bytes(n: int) -> str:
    """Write a size in memory with a binary prefix."""
    units = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
    power = min(max(n.bit_length() - 1, 0) // 10, len(units) - 1)
    if n >= 1024 ** len(units):
        return f"about 10^{math.log10(n):.0f} bytes"
    return f"{n / 1024**power:.3g} {units[power]}"
