"""Accuracy: how likely a model finds what is observed, in nats."""

from __future__ import annotations

import math
from numbers import Real

import torch
from torch import Tensor

from genbook._printing import printable
from genbook._validate import check_count, check_generator, check_tensor
from genbook.data.base import KnownDensity
from genbook.models.base import TractableModel

__all__ = ["Estimate", "mean_log_prob", "nats_above_entropy"]


class Estimate(float):
    """A number with its standard error; in arithmetic it is the number alone.

    Attributes:
        se: The standard error, in the unit of the number; NaN where there is none.

    Example:
        >>> nats = Estimate(0.3012, 0.0041)
        >>> nats, round(nats, 2), nats.se
        (0.3012 ± 0.0041, 0.3, 0.0041)
    """

    se: float

    def __new__(cls, value: float, se: float) -> Estimate:
        for v, name in ((value, "value"), (se, "se")):
            if not isinstance(v, Real):
                raise TypeError(f"{name} must be a number, got {type(v).__name__}")
        if se < 0:
            raise ValueError(f"se must be zero or positive, got {se}")
        self = super().__new__(cls, value)
        self.se = float(se)
        return self

    def __reduce__(self) -> tuple[type[Estimate], tuple[float, float]]:
        return Estimate, (float(self), self.se)

    def __repr__(self) -> str:
        return printable(f"{float(self):.4f} ± {self.se:.4f}")

    __str__ = __repr__


def mean_log_prob(
    model: TractableModel, x: Tensor, y: Tensor | None = None, *, chunk: int = 4096
) -> Estimate:
    r"""Return the mean log-likelihood that a model gives to observations, in nats.

    .. math:: \frac1n \sum_{i=1}^n \log p_\text{model}(\mathbf x_i)

    Args:
        model: A model with an exact density.
        x: Observations, ``(n, *event_shape)``.
        y: Their conditions, for models that take them.
        chunk: How many observations are evaluated at once.

    Returns:
        The mean, with its standard error; ``-inf`` (and a NaN error) as soon as the
        model holds one observation for impossible.

    Raises:
        TypeError: If the model has no ``log_prob``.
        ValueError: If ``x`` does not fit the model, or a log density is NaN or
            ``+inf``.

    Example:
        >>> from genbook.models.density.box import UniformBox
        >>> square = UniformBox.from_corners([-1, -1], [1, 1])
        >>> mean_log_prob(square, torch.zeros(100, 2))
        -1.3863 ± 0.0000
    """
    return _estimate(_log_probs(model, x, y, chunk))


def nats_above_entropy(
    model: TractableModel,
    p_data: KnownDensity,
    x: Tensor | int,
    *,
    generator: torch.Generator | None = None,
    chunk: int = 4096,
) -> Estimate:
    r"""Return how far a model is above the floor that no model can pass, in nats.

    This is the Kullback-Leibler divergence from the data to the model, estimated pair
    by pair, so that what both densities share costs no variance:

    .. math:: \frac1n \sum_{i=1}^n \bigl(\log p_\text{data}(\mathbf x_i)
              - \log p_\text{model}(\mathbf x_i)\bigr)

    Args:
        model: A model with an exact density.
        p_data: The true density.
        x: Observations drawn from ``p_data`` and never trained on,
            ``(n, *event_shape)``; or how many to draw.
        generator: The source of randomness when ``x`` is a number.
        chunk: How many observations are evaluated at once.

    Returns:
        The divergence, with its standard error; ``inf`` (and a NaN error) if the model
        holds one of the observations for impossible.

    Raises:
        ValueError: If ``x`` does not fit the model, or ``p_data`` holds one of the
            observations for impossible.

    Example:
        >>> from genbook.data.world import WorldMap
        >>> from genbook.models.density.box import UniformBox
        >>> world, square = WorldMap(), UniformBox.from_corners([-1, -1], [1, 1])
        >>> nats_above_entropy(square, world, 1000)  # log(4) minus log(land area)
        1.2424 ± 0.0000
    """
    if not isinstance(p_data, KnownDensity):
        raise TypeError(f"p_data must be a KnownDensity, got {type(p_data).__name__}")
    if not isinstance(x, Tensor):
        x = check_count(x, "x", 1)
        check_generator(generator)
        x = p_data.sample(x, generator=generator, dtype=_dtype_of(model))
    log_model = _log_probs(model, x, None, chunk)
    log_data = torch.cat([p_data.log_prob(part) for part in x.split(chunk)]).double()
    outside = int((~torch.isfinite(log_data)).sum())
    if outside:
        raise ValueError(
            f"x must come from p_data, got {outside} of {len(x)} points off its support"
        )
    return _estimate(log_data.cpu() - log_model)


def _dtype_of(model: object) -> torch.dtype:
    dtype = getattr(model, "dtype", None)
    return dtype if isinstance(dtype, torch.dtype) else torch.get_default_dtype()


@torch.no_grad()
def _log_probs(
    model: TractableModel, x: Tensor, y: Tensor | None, chunk: int
) -> Tensor:
    """Return each log density in double precision, on the CPU, ``(n,)``."""
    if not callable(getattr(model, "log_prob", None)):
        raise TypeError(
            f"model must have a log_prob, {type(model).__name__} has no exact density"
        )
    chunk = check_count(chunk, "chunk", 1)
    if not isinstance(x, Tensor) or not x.ndim or len(x) == 0:
        check_tensor(x, "x", ("n", "size"))
    if y is not None and not isinstance(y, Tensor):
        raise TypeError(f"y must be a torch.Tensor, got {type(y).__name__}")
    if y is not None and (not y.ndim or len(y) != len(x)):
        raise ValueError(
            f"y must have {len(x)} rows like x, got shape {tuple(y.shape)}"
        )
    parts = []
    for i in range(0, len(x), chunk):
        rows = slice(i, i + chunk)
        log_p = model.log_prob(x[rows], None if y is None else y[rows])
        parts.append(log_p.double().cpu())
    log_p = torch.cat(parts)
    bad = int((torch.isnan(log_p) | (log_p == torch.inf)).sum())
    if bad:
        raise ValueError(
            f"log_prob must be below infinity, {type(model).__name__} gave NaN or +inf "
            f"for {bad} of {len(x)} observations"
        )
    return log_p


def _estimate(values: Tensor) -> Estimate:
    """Return the mean of values in double precision, and its standard error."""
    n = len(values)
    se = values.std().item() / math.sqrt(n) if n > 1 else math.nan
    return Estimate(values.mean().item(), se)
