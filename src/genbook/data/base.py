"""A data distribution that we own, so that every model can be checked against it."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from genbook._validate import check_count, check_dtype, check_generator


class KnownDensity(ABC):
    """A p_data whose density, entropy and support are known.

    Attributes:
        name: What the figures and tables call it.
        event_shape: The shape of one observation.
        low: The lower corner of a box that holds the mass, ``event_shape``.
        high: The upper corner of that box, ``event_shape``.
    """

    name: str
    event_shape: tuple[int, ...]
    low: Tensor
    high: Tensor

    def sample(
        self,
        n: int,
        *,
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Draw ``n`` independent observations.

        Args:
            n: How many.
            generator: Where the randomness comes from.
            dtype: ``torch.float32`` or ``torch.float64``; the same points, to rounding.

        Returns:
            The observations, ``(n, *event_shape)``.

        Raises:
            TypeError: If an argument has the wrong type.
            ValueError: If ``n`` is negative.

        Example:
            >>> from genbook.data.toy import Rings
            >>> Rings().sample(3, dtype=torch.float64).shape
            torch.Size([3, 2])
        """
        n = check_count(n, "n")
        check_generator(generator)
        return self._draw(n, generator, check_dtype(dtype))

    @abstractmethod
    def _draw(
        self, n: int, generator: torch.Generator | None, dtype: torch.dtype
    ) -> Tensor:
        """Draw ``(n, *event_shape)`` of a type; the arguments have been checked."""

    @abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """Return the true log density in nats, ``(n,)``; ``-inf`` off the support."""

    @property
    @abstractmethod
    def entropy(self) -> float:
        """The entropy of p_data in nats, the floor of any model's loss."""

    def on_support(self, x: Tensor) -> Tensor:
        """Return whether each observation can occur, a boolean ``(n,)``."""
        return self.log_prob(x) > -torch.inf
