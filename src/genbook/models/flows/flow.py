r"""Normalizing flows: bend a simple distribution until it is the data's.

Every step is invertible and knows how much it stretches space, so the density of the
result is exact: the base density where the observation came from, times the stretch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from genbook._validate import (
    check_corners,
    check_count,
    check_positive,
    check_sizes,
    check_tensor,
)
from genbook.models.base import LatentVariableModel, TractableModel
from genbook.models.flows.couplings import AffineCoupling, SplineCoupling
from genbook.models.flows.transforms import ActNorm, PLULinear, Transform
from genbook.models.gaussians import LOG_2PI


class Flow(TractableModel, LatentVariableModel):
    r"""A chain of couplings between the observations and a simple base.

    Equation :eq:`eq-flow`:

    .. math::

        \log p_\theta(\mathbf x) = \log p_0(f_\theta(\mathbf x))
        + \log\left\lvert\det\frac{\partial f_\theta}{\partial\mathbf x}\right\rvert.

    The base is a standard Gaussian. The corners ``low`` and ``high`` bound the domain:
    the density is exactly zero outside their box. Splines then stay inside the box, and
    the base is uniform on it. Affine couplings cannot stay inside, so the logarithm of
    the odds, ``log(u / (1 - u))``, opens the box for them.

    Args:
        dim: The dimension of an observation, at least 2.
        kind: ``"spline"`` for rational-quadratic splines, ``"affine"`` for RealNVP.
        transforms: How many couplings; they take turns at the two halves.
        hidden: The widths of the hidden layers of each coupling's network.
        bins: The pieces of each spline.
        bound: Without corners, the splines act on ``[-bound, bound]`` of the
            standardised observations and leave the rest as it is.
        frequencies: How many frequencies of sines and cosines each network sees, for
            densities with sharp borders.
        classes: How many labels ``y`` may take; 0 for a model without conditions.
        low: The lower corner of the box that holds all observations, ``(dim,)``.
        high: Its upper corner.

    Attributes:
        transforms: The modules between the observations and the base, in this order:
            the couplings, and what stands between them.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``kind`` is unknown, a size is too small, or only one corner is
            given.

    Reference:
        D. Rezende and S. Mohamed, "Variational inference with normalizing flows", 2015,
        arXiv:1505.05770; L. Dinh et al., "Density estimation using Real NVP", 2017,
        arXiv:1605.08803; C. Durkan et al., "Neural Spline Flows", 2019,
        arXiv:1906.04032.

    Example:
        >>> model = Flow(2, transforms=2)
        >>> x = model.sample(5, generator=torch.Generator().manual_seed(0))
        >>> torch.allclose(model.decode(model.encode(x)), x, atol=1e-5)
        True
    """

    low: Tensor | None
    high: Tensor | None
    initialised: Tensor

    def __init__(
        self,
        dim: int = 2,
        *,
        kind: Literal["spline", "affine"] = "spline",
        transforms: int = 4,
        hidden: Sequence[int] = (64, 64),
        bins: int = 8,
        bound: float = 4.0,
        frequencies: int = 0,
        classes: int = 0,
        low: Tensor | Sequence[float] | None = None,
        high: Tensor | Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        if kind not in ("spline", "affine"):
            raise ValueError(f"kind must be spline or affine, got {kind!r}")
        hidden = check_sizes(hidden, "hidden")
        self.classes = check_count(classes, "classes")
        self.config = {
            "dim": check_count(dim, "dim", minimum=2),
            "kind": kind,
            "transforms": check_count(transforms, "transforms", minimum=1),
            "hidden": list(hidden),
            "bins": check_count(bins, "bins", minimum=2),
            "bound": check_positive(bound, "bound"),
            "frequencies": check_count(frequencies, "frequencies"),
            "classes": classes,
            "low": None,
            "high": None,
        }
        self.event_shape = (dim,)
        self._enclose(low, high)
        self.uniform = self.low is not None and kind == "spline"
        common: dict[str, Any] = {
            "hidden": hidden,
            "context_features": classes,
            "frequencies": frequencies,
        }
        ends: dict[str, Any] = {
            "bound": 1.0 if self.uniform else bound,
            "linear_tails": not self.uniform,
        }
        self.transforms = nn.ModuleList()
        for i in range(transforms):
            if not self.uniform and (i == 0 or dim > 2):
                self.transforms.append(ActNorm(dim))
            if not self.uniform and dim > 2:
                self.transforms.append(PLULinear(dim, seed=i))
            swap = i % 2 == 1
            self.transforms.append(
                AffineCoupling(dim, swap, **common)
                if kind == "affine"
                else SplineCoupling(dim, swap, bins=bins, **ends, **common)
            )
        self.register_buffer("initialised", torch.tensor(self.uniform))

    def _enclose(
        self,
        low: Tensor | Sequence[float] | None,
        high: Tensor | Sequence[float] | None,
    ) -> None:
        """Keep the corners, where there are any."""
        self.register_buffer("low", None)
        self.register_buffer("high", None)
        if low is None and high is None:
            return
        if low is None or high is None:
            raise ValueError("low and high must be given together, got one of them")
        self.low, self.high = check_corners(low, high)
        if self.low.shape != self.event_shape:
            raise ValueError(
                f"low must be {self.event_shape}, got {tuple(self.low.shape)}"
            )
        self.config |= {"low": self.low.tolist(), "high": self.high.tolist()}

    @torch.no_grad()
    def _prepare(self, x: Tensor, h: Tensor | None) -> None:
        """Standardise what each ``ActNorm`` receives, once, by the first batch."""
        x, _ = self._unpack(x)
        for t in self.transforms:
            if isinstance(t, ActNorm):
                t.standardise(x)
            x, _ = t(x, h)
        self.initialised.fill_(True)

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the mean negative log-likelihood of the batch, in nats.

        The first batch of a training also sets the shifts and scales between the
        couplings (data-dependent initialisation).
        """
        self._check_x(x, allow_empty=False)
        if self.training and not self.initialised and len(x) > 1:
            self._prepare(x, self._label_features(y, len(x)))
        return -self.log_prob(x, y).mean()

    def forward(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return where each observation comes from, and the log of the stretch.

        Args:
            x: Observations, ``(n, dim)``; inside the box, if there is one.
            y: Labels, ``(n,)``, for a conditional model.

        Returns:
            Points of the base, ``(n, dim)``, and log-determinants, ``(n,)``.
        """
        h = self._label_features(y, len(x))
        z, log_det = self._unpack(x)  # (n, dim), (n,)
        for t in self.transforms:
            z, ladj = t(z, h)
            log_det = log_det + ladj  # (11.2)
        return z, log_det

    def _unpack(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Take the box, if there is one, to [-1, 1], or open it by the log-odds."""
        if self.low is None or self.high is None:
            return x, x.new_zeros(len(x))
        sides = self.high - self.low
        u = (x - self.low) / sides  # (n, dim)
        log_det = -sides.log().sum().expand(len(x))  # (n,)
        if self.uniform:
            return 2 * u - 1, log_det + len(sides) * math.log(2)
        tiny = torch.finfo(u.dtype).eps
        u = u.clamp(tiny, 1 - tiny)
        return u.logit(), log_det - (u * (1 - u)).log().sum(1)

    def _clamp(self, x: Tensor) -> Tensor:
        """Return the nearest points of the box, if there is one."""
        if self.low is None or self.high is None:
            return x
        return torch.minimum(torch.maximum(x, self.low), self.high)

    def _pack(self, z: Tensor) -> Tensor:
        """Undo :meth:`_unpack`."""
        if self.low is None or self.high is None:
            return z
        u = (z + 1) / 2 if self.uniform else z.sigmoid()
        return self._clamp(self.low + u * (self.high - self.low))

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the exact log density of each observation in nats, ``(n,)``.

        Args:
            x: Observations, ``(n, dim)``.
            y: Labels, ``(n,)``, for a conditional model.
        """
        self._check_x(x)
        z, log_det = self(self._clamp(x), y)  # (n, dim), (n,)
        d = z.shape[1]
        if self.uniform:
            log_p = log_det - d * math.log(2)  # (11.2)
        else:
            log_p = log_det - 0.5 * z.square().sum(1) - 0.5 * d * LOG_2PI  # (11.2)
        if self.low is None or self.high is None:
            return log_p
        inside = ((x >= self.low) & (x <= self.high)).all(1)
        return torch.where(inside, log_p, -torch.inf)

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return where in the base each observation comes from, ``(n, dim)``."""
        return self(self._check_x(x), y)[0]

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return what each point of the base becomes, ``(n, dim)``."""
        check_tensor(
            z, "z", ("n", *self.event_shape), dtype=self.dtype, allow_empty=True
        )
        h = self._label_features(y, len(z))
        for t in reversed(self.transforms):
            assert isinstance(t, Transform)
            z = t.inverse(z, h)
        return self._pack(z)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw ``n`` points of the base and send each through the inverse."""
        shape = (check_count(n, "n"), *self.event_shape)
        if self.uniform:
            return self.decode(2 * self._uniform(*shape, generator=generator) - 1, y)
        return self.decode(self._normal(*shape, generator=generator), y)
