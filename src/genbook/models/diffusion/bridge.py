r"""Dual diffusion implicit bridges: from one data set to another through shared noise.

Two models are trained apart and never meet. The source's ODE carries an observation to
the noise that it comes from; the target's ODE carries that noise to an observation of
the other kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from genbook._validate import check_count, check_tensor
from genbook.models.base import LatentVariableModel
from genbook.models.diffusion._doors import check_times
from genbook.models.diffusion.diffusion import Diffusion
from genbook.models.diffusion.gaussian_path import GaussianPathModel
from genbook.models.diffusion.solvers import check_steps, odeint


def translate(
    source: LatentVariableModel,
    target: LatentVariableModel,
    x: Tensor,
    *,
    y_source: Tensor | None = None,
    y_target: Tensor | None = None,
    **solver: Any,
) -> Tensor:
    r"""Carry observations of the source's kind to the target's.

    .. math:: \mathbf x' = d_\text{target}\bigl(e_\text{source}(\mathbf x)\bigr).

    The codes of the two must follow one distribution, such as the standard Gaussian;
    nothing here can see whether they do.

    Args:
        source: A model that encodes ``x``.
        target: A model that decodes the source's codes; both may be one conditional
            model.
        x: Observations of the source, ``(n, *event_shape)``.
        y_source: Their conditions, ``(n, ...)``, where the source is conditional.
        y_target: The conditions wanted, ``(n, ...)``, where the target is.
        solver: What ``encode`` and ``decode`` are told, such as ``steps`` and
            ``method``.

    Returns:
        Observations of the target's shape, ``(n, *event_shape)``, differentiable where
        the two models are.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If the models' codes differ in length, a shape is another, or a
            value NaN or infinite.

    Reference:
        X. Su, J. Song, C. Meng and S. Ermon, "Dual diffusion implicit bridges for
        image-to-image translation", 2023, arXiv:2203.08382.

    Example:
        >>> from genbook.models.flows.flow import Flow
        >>> model = Flow(2, transforms=2)
        >>> x = torch.zeros(3, 2)
        >>> torch.allclose(translate(model, model, x), x, atol=1e-5)
        True
    """
    _check_models(LatentVariableModel, "encode and decode", source, target)
    given = {} if y_source is None else {"y": y_source}
    wanted = {} if y_target is None else {"y": y_target}
    with _naming("y_source"):
        z = source.encode(x, **given, **solver)
    with _naming("y_target"):
        return target.decode(z, **wanted, **solver)


def cycle_error(
    source: LatentVariableModel,
    target: LatentVariableModel,
    x: Tensor,
    *,
    y_source: Tensor | None = None,
    y_target: Tensor | None = None,
    **solver: Any,
) -> float:
    r"""Return the root mean square distance after a journey there and back.

    .. math:: \sqrt{\tfrac1n\textstyle\sum_i \bigl\lVert T_\text{back}\bigl(
              T(\mathbf x^{(i)})\bigr) - \mathbf x^{(i)} \bigr\rVert^2}

    where :math:`T` is :func:`translate`, and :math:`T_\text{back}` the same with source
    and target exchanged.

    Args:
        source: A model that encodes ``x``.
        target: The model at the other side.
        x: Observations of the source, ``(n, *event_shape)``, at least one.
        y_source: Their conditions.
        y_target: Conditions at the other side.
        solver: What ``encode`` and ``decode`` are told.

    Returns:
        The distance, in the units of ``x``.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If ``x`` is empty, the models' codes differ in length, a shape is
            another, or a value NaN or infinite.

    Example:
        >>> from genbook.models.flows.flow import Flow
        >>> error = cycle_error(Flow(2), Flow(2), torch.zeros(3, 2))
        >>> error < 1e-4
        True
    """
    check_tensor(x, "x")
    with torch.no_grad():
        there = translate(
            source, target, x, y_source=y_source, y_target=y_target, **solver
        )
        back = translate(
            target, source, there, y_source=y_target, y_target=y_source, **solver
        )
        return (back - x).flatten(1).square().sum(1).mean().sqrt().item()


@torch.no_grad()
def translation_path(
    source: GaussianPathModel, target: GaussianPathModel, x: Tensor, *, steps: int = 50
) -> Tensor:
    """Return every place on the way from the source through the noise to the target.

    It is for looking at: without gradient.

    Args:
        source: A diffusion or a flow-matching model.
        target: Another; observations of both have one shape.
        x: Observations of the source, ``(n, *event_shape)``.
        steps: Heun's steps on either side.

    Returns:
        A tensor ``(2 * steps + 1, n, *event_shape)``: first ``x``, in the middle the
        noise, last the translations.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If the shapes of the observations differ, or a value is NaN or
            infinite.

    Example:
        >>> from genbook.models.diffusion.diffusion import Diffusion
        >>> model = Diffusion((1,), width=8, depth=1)
        >>> translation_path(model, model, torch.zeros(3, 1), steps=5).shape
        torch.Size([11, 3, 1])
    """
    _check_models(GaussianPathModel, "be diffusions or flow matching", source, target)
    if source.event_shape != target.event_shape:
        raise ValueError(
            f"target must have observations of shape {source.event_shape}, as the "
            f"source, got {target.event_shape}"
        )
    event, dtype = source.event_shape, source.dtype
    check_tensor(x, "x", ("n", *event), dtype=dtype, allow_empty=True)
    check_count(steps, "steps", 1)
    up, down = source.time_grid(steps), target.time_grid(steps).flip(0)
    there = odeint(source.velocity, x, up, return_intermediates=True)
    back = odeint(target.velocity, there[-1], down, return_intermediates=True)
    return torch.cat([there, back[1:]])  # (2 * steps + 1, n, *event_shape)


@torch.no_grad()
def ddim(model: Diffusion, x: Tensor, times: Tensor) -> Tensor:
    r"""Follow a diffusion's ODE with the steps of DDIM, in either direction.

    A step splits the point into its data and its noise, and mixes them anew for the
    next time, Equation :eq:`eq-bridge-ddim`:

    .. math:: \mathbf x_s = \alpha_s\,\hat{\mathbf x}_0(\mathbf x_t, t)
              + \sigma_s\,\hat{\boldsymbol\varepsilon}(\mathbf x_t, t).

    It is for comparing solvers: without gradient.

    Args:
        model: A diffusion without conditions.
        x: Where to start, ``(n, *event_shape)``.
        times: The times to pass through, ``(steps + 1,)``, between the model's
            ``t_min`` and 1: rising to encode, falling to decode.

    Returns:
        The points at the last time, of the shape of ``x``.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If a shape is another, a value NaN or infinite, or the times turn
            back.

    Reference:
        J. Song, C. Meng and S. Ermon, "Denoising diffusion implicit models", 2021,
        arXiv:2010.02502.

    Example:
        >>> from genbook.models.diffusion.diffusion import Diffusion
        >>> model = Diffusion((2,), width=8, depth=1)
        >>> ddim(model, torch.zeros(3, 2), model.time_grid(10)).shape
        torch.Size([3, 2])
    """
    if not isinstance(model, Diffusion):
        raise TypeError(f"model must be a Diffusion, got {type(model).__name__}")
    check_tensor(x, "x", ("n", *model.event_shape), dtype=model.dtype, allow_empty=True)
    check_times(check_steps(times), "times", n=..., low=model.t_min, dtype=model.dtype)
    for t, s in pairwise(times):
        x, _ = model.reverse_step(x, t, s, eta=0.0)  # (19.3)
    return x


def _check_models(kind: type, can: str, source: object, target: object) -> None:
    """Refuse what is no model of the kind."""
    for name, model in (("source", source), ("target", target)):
        if not isinstance(model, kind):
            raise TypeError(f"{name} must {can}, got {type(model).__name__}")


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Let an error about a model's ``y`` name the argument that it came from."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if not str(error).startswith("y must"):
            raise
        raise type(error)(f"{name}: {error}") from error
