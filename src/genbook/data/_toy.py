"""What the toy densities share: checks at the door, and the entropy by quadrature."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from genbook._validate import check_tensor
from genbook.data.base import KnownDensity

REACH = 7.0  # standard deviations from the centre to the box: beyond it less than 1e-11

MOST = 1_000_000  # no circle, spread or noise is larger
CHUNK = 1 << 18  # numbers in a temporary: 2 MB of float64 stay in the cache


class _Toy(KnownDensity):
    """What the toys share: checks at the door, float64 inside, any dtype outside."""

    event_shape = (2,)

    @abstractmethod
    def _points(self, n: int, generator: torch.Generator | None) -> Tensor:
        """Draw ``(n, 2)`` in float64."""

    @abstractmethod
    def _log_prob(self, x: Tensor) -> Tensor:
        """Return the log density ``(n,)`` of float64 ``x``."""

    def _draw(
        self, n: int, generator: torch.Generator | None, dtype: torch.dtype
    ) -> Tensor:
        return self._points(n, generator).to(dtype)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the exact log density.

        Args:
            x: Points, ``(n, 2)``.

        Returns:
            Nats, ``(n,)``, of the type of ``x``.

        Raises:
            TypeError: If ``x`` is not a floating-point tensor.
            ValueError: If it has another shape, is empty, or is not finite.

        Example:
            >>> from genbook.data.toy import Checkerboard
            >>> Checkerboard(cells=2).log_prob(torch.tensor([[0.5, 0.5]])).exp()
            tensor([0.5000])
        """
        check_tensor(x, "x", ("n", 2))
        return self._log_prob(x.double()).to(x.dtype)


def _direction(angle: Tensor) -> Tensor:
    """Return unit vectors at angles from the first axis, ``(n, 2)``."""
    return torch.stack([angle.cos(), angle.sin()], dim=1)


def _turn(x: Tensor, angle: Tensor) -> Tensor:
    """Return points turned counterclockwise around the origin, ``(n, 2)``."""
    cos, sin = angle.cos(), angle.sin()
    return torch.stack(
        [cos * x[:, 0] - sin * x[:, 1], sin * x[:, 0] + cos * x[:, 1]], dim=1
    )


def _entropy(density: _Toy, width: float) -> float:
    """Return minus the integral of ``p log p`` over the box, by the trapezoid rule.

    On a smooth function that vanishes at the border the rule converges faster than any
    power of the step; a quarter of the narrowest standard deviation gives ten digits.
    """
    low, high = density.low.double(), density.high.double()
    counts = torch.ceil((high - low) / (width / 4)).long() + 1
    if counts.prod() > 50_000_000:
        raise ValueError(
            f"{density.name} is too narrow to integrate: its narrowest standard "
            f"deviation is {width:.3g} in a box of {(high - low).tolist()}"
        )
    x, y = (
        torch.linspace(float(a), float(b), int(count), dtype=torch.float64)
        for a, b, count in zip(low, high, counts, strict=True)
    )
    total = 0.0
    for rows in x.split(max(1, CHUNK // len(y))):
        log_p = density._log_prob(torch.cartesian_prod(rows, y))
        total -= float((log_p.exp() * log_p).sum())
    return total * float((x[1] - x[0]) * (y[1] - y[0]))
