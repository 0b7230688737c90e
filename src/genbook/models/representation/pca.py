"""Principal components: the best linear code for the squared error."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from genbook._validate import check_count, check_generator, check_sizes, check_tensor
from genbook.models.base import RepresentationModel


class PCA(RepresentationModel):
    r"""Principal components: the best linear code for the squared error.

    .. math:: \mathbf z = V^\top(\mathbf x - \boldsymbol\mu), \qquad
              \hat{\mathbf x} = V\mathbf z + \boldsymbol\mu,

    where the columns of :math:`V` are the directions of largest variance. A column of
    small unit has a large variance: bring different units to a common scale first.

    Args:
        event_shape: The shape of one observation.
        components: The length of the code.

    Raises:
        TypeError: If a size is not an integer.
        ValueError: If a size is below one, or there are more components than features.

    Reference:
        Pearson, "On lines and planes of closest fit to systems of points in space",
        1901, doi:10.1080/14786440109462720.

    Example:
        >>> x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
        >>> PCA((3,), components=2).fit(x).encode(x).shape
        torch.Size([50, 2])
    """

    mu: Tensor
    V: Tensor

    def __init__(self, event_shape: Sequence[int], components: int) -> None:
        super().__init__()
        self.event_shape = check_sizes(event_shape, "event_shape")
        features = prod(self.event_shape)
        components = check_count(components, "components", minimum=1)
        if components > features:
            raise ValueError(
                f"components must be at most the {features} features, got {components}"
            )
        self.config = {"event_shape": self.event_shape, "components": components}
        self.register_buffer("mu", torch.zeros(features))
        self.register_buffer("V", torch.eye(features, components))

    def fit(self, x: Tensor) -> PCA:
        """Find the mean and the directions; as many observations as components.

        Args:
            x: Observations, ``(n, *event_shape)``.

        Raises:
            ValueError: If there are fewer observations than components.
        """
        self._check_x(x, allow_empty=False)
        if len(x) < self.V.shape[1]:
            raise ValueError(
                f"x must hold at least {self.V.shape[1]} observations, one for each "
                f"component, got {len(x)}"
            )
        rows = x.flatten(1)
        self.mu.copy_(rows.mean(0))
        _, _, vt = torch.linalg.svd(rows - self.mu, full_matrices=False)
        self.V.copy_(vt[: self.V.shape[1]].T)
        return self

    def encode(self, x: Tensor) -> Tensor:
        """Return the coordinates along the components, ``(n, components)``."""
        return (self._check_x(x).flatten(1) - self.mu) @ self.V

    def decode(self, z: Tensor) -> Tensor:
        """Return the observations on the plane, ``(n, *event_shape)``."""
        check_tensor(z, "z", ("n", self.V.shape[1]), dtype=self.dtype, allow_empty=True)
        return (z @ self.V.T + self.mu).unflatten(1, self.event_shape)

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the mean squared error of the reconstructions, over all features.

        Args:
            x: Observations, ``(n, *event_shape)``.
            y: Must be ``None``.
            generator: Unused: nothing is random here.
        """
        self._refuse_condition(y)
        check_generator(generator)
        self._check_x(x, allow_empty=False)
        return (self.decode(self.encode(x)) - x).square().mean()
