r"""A flow of images that starts from the table of their pixels.

The first step makes each pixel Gaussian by its own distribution function; couplings of
neighbouring pixels, with convolutional networks, then say what pixels tell about each
other. So the flow's price of an image begins at that of the table, and can only fall.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from genbook._validate import check_count, check_tensor
from genbook.models.base import LatentVariableModel, TractableModel
from genbook.models.flows import _checks, _domain
from genbook.models.flows.images import ImageCoupling, PixelTable
from genbook.models.flows.transforms import Transform
from genbook.models.gaussians import LOG_2PI


class ImageFlow(TractableModel, LatentVariableModel):
    r"""A table of pixels, and spline couplings of neighbours, on a Gaussian base.

    Equation :eq:`eq-flow` on the unit cube, for flat images made continuous by
    :func:`~genbook.models.flows.dequantisation.dequantise`; outside the cube the
    density is zero. Before :meth:`start_from` the table knows nothing, and the
    untrained flow is uniform.

    Args:
        side: The image's side in pixels, even, at most 128.
        levels: How many levels a pixel has, 2 to 65,536.
        transforms: How many couplings, up to 1,000.
        channels: The channels of each coupling's network.
        bins: The pieces of each spline, 2 to 999.
        classes: How many labels ``y`` may take; 0 for a model without conditions.

    Attributes:
        table: The :class:`~genbook.models.flows.images.PixelTable`.
        transforms: The couplings between the table and the base, in their order.

    Raises:
        TypeError: If an argument is not an integer.
        ValueError: If a size is out of range, or ``side`` odd.

    Reference:
        L. Dinh, J. Sohl-Dickstein and S. Bengio, "Density estimation using Real NVP",
        2017, arXiv:1605.08803.

    Example:
        >>> model = ImageFlow(4, transforms=2)
        >>> model.sample(5, generator=torch.Generator().manual_seed(0)).shape
        torch.Size([5, 16])
    """

    def __init__(
        self,
        side: int = 14,
        levels: int = 256,
        *,
        transforms: int = 6,
        channels: int = 32,
        bins: int = 6,
        classes: int = 0,
    ) -> None:
        super().__init__()
        side = check_count(side, "side", 2, math.isqrt(_checks.MAX_DIM))
        transforms = check_count(transforms, "transforms", 1, 1000)
        self.classes = check_count(classes, "classes", 0, _checks.MAX_WIDTH)
        self.config = {
            "side": side,
            "levels": levels,
            "transforms": transforms,
            "channels": channels,
            "bins": bins,
            "classes": self.classes,
        }
        self.event_shape = (side * side,)
        self.table = PixelTable(side * side, levels)
        sizes = {"channels": channels, "bins": bins, "context_features": self.classes}
        self.transforms = nn.ModuleList(
            ImageCoupling(side, i, **sizes) for i in range(transforms)
        )

    def start_from(self, x: Tensor) -> ImageFlow:
        """Let the table count how often each pixel takes each level.

        Args:
            x: Flat images in the unit interval, ``(n, side * side)``.

        Returns:
            The model itself.

        Raises:
            TypeError: If ``x`` is not a tensor of the model's type.
            ValueError: If it is empty, of the wrong shape or leaves the interval.
        """
        self.table.count(self._check_x(x, allow_empty=False))
        return self

    def forward(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return where each image comes from, and the log of the stretch.

        Args:
            x: Flat images, ``(n, side * side)``; NaN and infinity come out again.
            y: Labels, ``(n,)``, for a conditional model.

        Returns:
            Points of the base, ``(n, side * side)``, and log-determinants, ``(n,)``.
        """
        self._check_x(x, finite=False)
        h = self._label_features(y, len(x))
        z, log_det = self.table(x)
        for t in self.transforms:
            z, ladj = t(z, h)
            log_det = log_det + ladj  # (13.2)
        return z, log_det

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the exact log density of each flat image in nats, ``(n,)``.

        Args:
            x: Flat images, ``(n, side * side)``.
            y: Labels, ``(n,)``, for a conditional model.
        """
        self._check_x(x)
        near = x.clamp(0, 1)
        z, log_det = self(near, y)
        log_p = log_det - 0.5 * z.square().sum(1) - 0.5 * z.shape[1] * LOG_2PI
        return log_p.where((x == near).all(1), -torch.inf)  # (13.2)

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return where in the base each flat image comes from.

        Args:
            x: Flat images in the unit cube, ``(n, side * side)``.
            y: Labels, ``(n,)``, for a conditional model.
        """
        _domain.check_inside(self._check_x(x), 0, 1, "x", "the observations")
        return self(x, y)[0]

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the flat image that each point of the base becomes.

        Args:
            z: Points of the base, ``(n, side * side)``.
            y: Labels, ``(n,)``, for a conditional model.
        """
        check_tensor(
            z, "z", ("n", *self.event_shape), dtype=self.dtype, allow_empty=True
        )
        h = self._label_features(y, len(z))
        for t in reversed(self.transforms):
            assert isinstance(t, Transform)
            z = t.inverse(z, h)
        return self.table.inverse(z)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw ``n`` points of the base and send each through the inverse.

        Args:
            n: How many.
            y: Labels, ``(n,)``, for a conditional model.
            generator: The source of randomness; the global one when ``None``.
        """
        n = self._asked(n, y, _checks.MAX_NUMBERS // self.event_shape[0])
        return self.decode(self._normal(n, *self.event_shape, generator=generator), y)
