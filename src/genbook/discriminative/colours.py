"""Which colours speak for a painter: learned from labelled images, pixel by pixel."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from genbook._validate import (
    check_count,
    check_fitted,
    check_labels,
    check_positive,
    check_tensor,
    check_unit_interval,
)


class LearnedColours:
    r"""A table of colours, and how much more often one painter uses each.

    The cube of red, green and blue is cut into cells. With :math:`n_c^{(y)}` pixels of
    cell :math:`c` in the images with label :math:`y`, and a few pixels more in each, so
    that a colour nobody used speaks for nobody, the table holds

    .. math:: t_c = \log\frac{n_c^{(1)} + m}{\sum_{c'} (n_{c'}^{(1)} + m)}
                  - \log\frac{n_c^{(0)} + m}{\sum_{c'} (n_{c'}^{(0)} + m)}.

    An image is measured by the mean of the table over its pixels, with a straight line
    from the middle of each cell to the next, so that the measure has a gradient.

    Args:
        cells: How many cells along each of the three colours.
        pseudo_count: The pixels :math:`m` that are added to each cell.

    Attributes:
        table: The table, ``(cells, cells, cells)``, in nats; ``None`` until fitted.

    Raises:
        TypeError: If ``cells`` is not an integer, or ``pseudo_count`` no number.
        ValueError: If ``cells`` is below 2, or ``pseudo_count`` not above zero.

    Example:
        >>> blue, red = torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)
        >>> blue[:, 2], red[:, 0] = 1, 1
        >>> x, y = torch.cat([blue, red]), torch.tensor([1, 0])
        >>> (LearnedColours(4).fit(x, y).measure(x) > 0).tolist()
        [True, False]
    """

    def __init__(self, cells: int = 12, pseudo_count: float = 20.0) -> None:
        self.cells = check_count(cells, "cells", minimum=2, maximum=64)
        self.pseudo_count = check_positive(pseudo_count, "pseudo_count")
        self.table: Tensor | None = None

    def fit(self, x: Tensor, y: Tensor) -> LearnedColours:
        """Count the colours of labelled images.

        Args:
            x: Images, ``(n, 3, height, width)``, red, green and blue in [0, 1].
            y: Their labels, 0 or 1, ``(n,)``, with images of both.

        Returns:
            The table itself.

        Raises:
            TypeError: If ``x`` is not a floating-point tensor, or ``y`` holds no
                integers.
            ValueError: If a shape or a value is wrong, or one label is missing.
        """
        cell = self._cells_of(x)
        y = check_labels(y, "y", 2, len(x))
        if not 0 < int(y.sum()) < len(y):
            raise ValueError(f"y must hold both labels, got {int(y[0])} only")
        log_shares = []
        for label in (0, 1):
            found = torch.bincount(
                cell[y == label].flatten(), minlength=self.cells**3
            ).to(x)
            found += self.pseudo_count
            log_shares.append((found / found.sum()).log())
        table = log_shares[1] - log_shares[0]
        self.table = table.view(self.cells, self.cells, self.cells)
        return self

    def measure(self, x: Tensor) -> Tensor:
        """Return the mean of the table over the pixels of each image, ``(n,)``.

        Args:
            x: Images, ``(n, 3, height, width)``, red, green and blue in [0, 1].

        Raises:
            TypeError: If ``x`` is not a floating-point tensor.
            ValueError: If no image was counted yet, or ``x`` has another shape.
        """
        check_fitted(self.table is not None, "LearnedColours")
        assert self.table is not None
        check_tensor(x, "x", ("n", 3, "height", "width"), allow_empty=True)
        at = (2 * x - 1).flip(1).movedim(1, -1)[:, None]  # (n, 1, height, width, 3)
        table = self.table.to(x).expand(len(x), 1, -1, -1, -1)
        seen = grid_sample(table, at, align_corners=False, padding_mode="border")
        return seen.mean((1, 2, 3, 4))

    def _cells_of(self, x: Tensor) -> Tensor:
        """Return the cell of each pixel, ``(n, height, width)``."""
        check_tensor(x, "x", ("n", 3, "height", "width"))
        check_unit_interval(x, "x")
        r, g, b = (x * self.cells).long().clamp(max=self.cells - 1).unbind(1)
        return (r * self.cells + g) * self.cells + b
