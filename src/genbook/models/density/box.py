"""The box: a uniform density, the first model of the book.

Constant inside, zero outside, and the constant is what makes the integral one. Its
parameters are its corners, and the box of maximum likelihood is the smallest that holds
the data.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from genbook._validate import check_corners, check_count, check_fitted
from genbook.models.base import TractableModel


class UniformBox(TractableModel):
    r"""A uniform density on an axis-aligned box.

    .. math::

        p_\theta(\mathbf x) = \frac{1}{\prod_i (h_i - l_i)}
        \quad\text{if } l_i \le x_i \le h_i \text{ for all } i,
        \qquad 0 \text{ otherwise.}

    In two dimensions :math:`\theta = (\theta_1, \theta_2, \theta_3, \theta_4)` is the
    bottom left corner :math:`(\theta_1, \theta_2)` and the top right corner
    :math:`(\theta_3, \theta_4)`.

    Args:
        dim: The dimension of an observation.

    Attributes:
        low: The lower corner, ``(dim,)``; NaN until the box is fitted.
        high: The upper corner, ``(dim,)``; NaN until the box is fitted.

    Raises:
        TypeError: If ``dim`` is not an integer.
        ValueError: If ``dim`` is below one.

    Reference:
        D. Foster, *Generative Deep Learning*, 2nd edition, O'Reilly, 2023, chapter 1.

    Example:
        >>> box = UniformBox(dim=2).fit(torch.tensor([[0.0, 0.0], [2.0, 0.25]]))
        >>> box.log_prob(torch.tensor([[1.0, 0.1], [3.0, 0.1]])).exp()
        tensor([2., 0.])
    """

    low: Tensor
    high: Tensor

    def __init__(self, dim: int = 2) -> None:
        super().__init__()
        dim = check_count(dim, "dim", minimum=1)
        self.config = {"dim": dim}
        self.event_shape = (dim,)
        self.register_buffer("low", torch.full((dim,), torch.nan))
        self.register_buffer("high", torch.full((dim,), torch.nan))

    @classmethod
    def from_corners(
        cls, low: Tensor | Sequence[float], high: Tensor | Sequence[float]
    ) -> UniformBox:
        """Return the box between two corners, each ``(dim,)``, without any data.

        Args:
            low: The lower corner, ``(dim,)``.
            high: The upper corner, ``(dim,)``.

        Returns:
            A box of the corners' dimension and floating-point type.

        Raises:
            TypeError: If a corner is neither a tensor nor a sequence of numbers.
            ValueError: If the corners do not enclose a volume.

        Example:
            >>> UniformBox.from_corners([-1, -1], [1, 1]).volume
            tensor(4.)
        """
        low, high = check_corners(low, high)
        box = cls(len(low)).to(device=low.device, dtype=low.dtype)
        box.low.copy_(low)
        box.high.copy_(high)
        return box

    @property
    def theta(self) -> Tensor:
        """The parameters, ``(2 * dim,)``: the lower corner, then the upper one."""
        return torch.cat([self.low, self.high])

    @property
    def volume(self) -> Tensor:
        """The area of the box in the plane, its volume in space, ``()``."""
        return (self.high - self.low).prod()

    @torch.no_grad()
    def fit(self, x: Tensor) -> UniformBox:
        """Set the corners to their maximum-likelihood estimate.

        Every point must be inside, or the likelihood is zero; and of all boxes that
        hold the points, the smallest gives each the highest density.

        Args:
            x: Observations, ``(n, dim)``.

        Returns:
            The model itself.

        Raises:
            TypeError: If ``x`` is not a tensor of the model's floating-point type.
            ValueError: If ``x`` has another shape, is empty or not finite, or has no
                extent in some dimension: the density would be infinite.
        """
        self._check_x(x, allow_empty=False)
        low, high = x.amin(0), x.amax(0)
        if not (low < high).all():
            i = int((low >= high).nonzero()[0])
            raise ValueError(
                f"x must hold two different values in each column, got only "
                f"{low[i]:g} in column {i}: the box would have no volume"
            )
        self.low.copy_(low)
        self.high.copy_(high)
        return self

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return minus the log volume inside, minus infinity outside."""
        self._check_ready(y)
        self._check_x(x)
        inside = ((x >= self.low) & (x <= self.high)).all(dim=1)  # (n,)
        log_volume = (self.high - self.low).log().sum()
        return torch.where(inside, -log_volume, -torch.inf)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw ``n`` points uniformly from the box, ``(n, dim)``."""
        self._check_ready(y)
        u = self._uniform(check_count(n, "n"), *self.event_shape, generator=generator)
        x = self.low + (self.high - self.low) * u
        return x.clamp(max=self.high)  # the product may round up, past the corner

    def _check_ready(self, y: Tensor | None) -> None:
        self._refuse_condition(y)
        check_fitted(bool(self.low.isfinite().all()), "UniformBox")
