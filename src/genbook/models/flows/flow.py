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

from genbook._looking import may_look
from genbook._validate import (
    check_choice,
    check_count,
    check_generator,
    check_positive,
    check_tensor,
)
from genbook.models.base import LatentVariableModel, TractableModel
from genbook.models.flows import _checks, _domain
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

    Without corners the first batch of a training decides the unit of each column: what
    the couplings see is measured from its mean, in its standard deviations. So another
    unit of the data moves the log density by the change of units and by nothing else.

    Args:
        dim: The dimension of an observation, 2 to 16,384.
        kind: ``"spline"`` for rational-quadratic splines, ``"affine"`` for RealNVP.
        transforms: How many couplings, up to 1,000; they take turns at the halves.
        hidden: The widths of the hidden layers of each coupling's network.
        bins: The pieces of each spline, 2 to 999.
        bound: Without corners, the splines act on ``[-bound, bound]`` of the
            standardised observations and leave the rest as it is.
        frequencies: How many frequencies of sines and cosines each network sees, for
            densities with sharp borders, at most 24.
        classes: How many labels ``y`` may take; 0 for a model without conditions.
        low: The lower corner of the box that holds all observations, ``(dim,)``.
        high: Its upper corner.

    Attributes:
        transforms: The modules between the observations and the base, in their order.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``kind`` is unknown, a size out of range, or one corner missing.

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
    mean: Tensor
    std: Tensor
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
        check_choice(kind, "kind", ("spline", "affine"))
        hidden = _checks.check_widths(hidden)
        dim = check_count(dim, "dim", 2, _checks.MAX_DIM)
        transforms = check_count(transforms, "transforms", 1, 1000)
        bound = check_positive(bound, "bound")
        self.classes = check_count(classes, "classes", 0, _checks.MAX_WIDTH)
        self.config = {
            "dim": dim,
            "kind": kind,
            "transforms": transforms,
            "hidden": list(hidden),
            "bins": _checks.check_bins(bins, 2),
            "bound": bound,
            "frequencies": _checks.check_frequencies(frequencies),
            "classes": self.classes,
            "low": None,
            "high": None,
        }
        self.event_shape = (dim,)
        self._settle(_domain.corners(low, high, dim))
        self.uniform = self.low is not None and kind == "spline"
        self.widest = max(dim, *hidden)
        coupling = SplineCoupling if kind == "spline" else AffineCoupling
        options: dict[str, Any] = {"hidden": hidden, "frequencies": frequencies}
        options["context_features"] = self.classes
        if kind == "spline":
            end = 1.0 if self.uniform else bound
            options |= {"bins": bins, "bound": end, "linear_tails": not self.uniform}
        self.transforms = nn.ModuleList()
        for i in range(transforms):
            if not self.uniform and (i == 0 or dim > 2):
                self.transforms.append(ActNorm(dim))
            if not self.uniform and dim > 2:
                self.transforms.append(PLULinear(dim, seed=i))
            self.transforms.append(coupling(dim, i % 2 == 1, **options))
        self.register_buffer("initialised", torch.tensor(self.uniform))
        self.to(self.mean if self.low is None else self.low)  # their type and device

    def _settle(self, box: tuple[Tensor, Tensor] | None) -> None:
        """Keep the corners, where there are any, and else the units of the columns."""
        self.register_buffer("low", None if box is None else box[0])
        self.register_buffer("high", None if box is None else box[1])
        if box is None:
            self.register_buffer("mean", torch.zeros(self.event_shape))
            self.register_buffer("std", torch.ones(self.event_shape))
        else:
            self.config |= {"low": box[0].tolist(), "high": box[1].tolist()}

    @property
    def _box(self) -> tuple[Tensor, Tensor] | None:
        """The corners, where there are any."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    @torch.no_grad()
    def _prepare(self, x: Tensor, h: Tensor | None) -> None:
        """Standardise what each ``ActNorm`` receives, once, by the first batch."""
        _checks.check_varied(x)
        if self.low is None:
            self.mean[:], self.std[:] = _domain.centre_and_spread(x)
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

        The first batch of a training that has two rows sets the units of the columns
        and the shifts and scales between the couplings (data-dependent initialisation).

        Args:
            x: Observations, ``(n, dim)``.
            y: Labels, ``(n,)``, for a conditional model.
            generator: Unused: the likelihood is not random.

        Raises:
            TypeError: If an argument has the wrong type.
            ValueError: If ``x`` is empty, not finite or of the wrong shape, labels are
                wrong or missing, or a column of the first batch is constant.
        """
        self._check_x(x, allow_empty=False)
        check_generator(generator)
        if self.training and may_look() and len(x) > 1 and not self.initialised:
            self._prepare(x, self._label_features(y, len(x)))
        return -self.log_prob(x, y).mean()

    def forward(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return where each observation comes from, and the log of the stretch.

        Args:
            x: Observations, ``(n, dim)``; NaN and infinity come out again.
            y: Labels, ``(n,)``, for a conditional model.

        Returns:
            Points of the base, ``(n, dim)``, and log-determinants, ``(n,)``.
        """
        self._check_x(x, finite=False)
        h = self._label_features(y, len(x))
        z, log_det = self._unpack(x)  # (n, dim), (n,)
        for t in self.transforms:
            z, ladj = t(z, h)
            log_det = log_det + ladj  # (13.2)
        return z, log_det

    def _unpack(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Take the box to [-1, 1], or open it by the log-odds; or standardise."""
        if self._box is not None:
            return _domain.open_box(x, *self._box, self.uniform)
        return (x - self.mean) / self.std, -self.std.log().sum().expand(len(x))

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the exact log density of each observation in nats, ``(n,)``.

        Args:
            x: Observations, ``(n, dim)``.
            y: Labels, ``(n,)``, for a conditional model.
        """
        self._check_x(x)
        near = x if self._box is None else x.clamp(*self._box)  # slope 1 on the border
        z, log_det = self(near, y)  # (n, dim), (n,)
        d = z.shape[1]
        if self.uniform:
            log_p = log_det - d * math.log(2)  # (13.2)
        else:
            log_p = log_det - 0.5 * z.square().sum(1) - 0.5 * d * LOG_2PI  # (13.2)
        return log_p if near is x else log_p.where((x == near).all(1), -torch.inf)

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return where in the base each observation comes from, ``(n, dim)``.

        Args:
            x: Observations, ``(n, dim)``, inside the box, if there is one.
            y: Labels, ``(n,)``, for a conditional model.

        Raises:
            TypeError: If an argument has the wrong type.
            ValueError: If ``x`` is not finite, of the wrong shape or outside the box,
                or labels are wrong or missing.
        """
        self._check_x(x)
        if self._box is not None:
            _domain.check_inside(x, *self._box, "x", "the observations")
        return self(x, y)[0]

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return what each point of the base becomes, ``(n, dim)``.

        Args:
            z: Points of the base, ``(n, dim)``; inside [-1, 1] for splines in a box.
            y: Labels, ``(n,)``, for a conditional model.

        Raises:
            TypeError: If an argument has the wrong type.
            ValueError: If ``z`` is not finite, of the wrong shape or outside the base,
                or labels are wrong or missing.
        """
        dim = self.event_shape[0]
        check_tensor(z, "z", ("n", dim), dtype=self.dtype, allow_empty=True)
        if self.uniform:
            _domain.check_inside(z, -1, 1, "z", "the base")
        h = self._label_features(y, len(z))
        for t in reversed(self.transforms):
            assert isinstance(t, Transform)
            z = t.inverse(z, h)
        if self._box is not None:
            return _domain.close_box(z, *self._box, self.uniform)
        return self.mean + self.std * z

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
            n: How many, as far as a layer holds at most 2**30 numbers for them.
            y: Labels, ``(n,)``, for a conditional model.
            generator: The source of randomness; the global one when ``None``.
        """
        n = self._asked(n, y, _checks.MAX_NUMBERS // self.widest)
        draw = self._uniform if self.uniform else self._normal
        z = draw(n, *self.event_shape, generator=generator)
        return self.decode(2 * z - 1 if self.uniform else z, y)
