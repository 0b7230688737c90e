r"""Dual diffusion implicit bridges: from one data set to another through shared noise.

Two models are trained apart and never meet. The source's ODE carries an observation to
the noise that it comes from; the target's ODE carries that noise to an observation of
the other kind.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from genbook.models.base import LatentVariableModel


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

    Args:
        source: A model that encodes ``x``.
        target: A model that decodes the source's codes; both may be one conditional
            model.
        x: Observations of the source, ``(n, *event_shape)``.
        y_source: Their labels, ``(n,)``, where the source is conditional.
        y_target: The labels wanted, ``(n,)``, where the target is.
        solver: What ``encode`` and ``decode`` are told, such as ``steps`` and
            ``method``.

    Returns:
        Observations of the target's shape, ``(n, *event_shape)``.

    Raises:
        ValueError: If the models' codes differ in length.

    Reference:
        X. Su, J. Song, C. Meng and S. Ermon, "Dual diffusion implicit bridges for
        image-to-image translation", 2023, arXiv:2203.08382.

    Example:
        >>> from genbook.models.flow import Flow
        >>> model = Flow(2, transforms=2)
        >>> x = torch.zeros(3, 2)
        >>> torch.allclose(translate(model, model, x), x, atol=1e-5)
        True
    """
    given = {} if y_source is None else {"y": y_source}
    wanted = {} if y_target is None else {"y": y_target}
    z = source.encode(x, **given, **solver)
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
    """Return the root mean square distance after a journey there and back.

    Args:
        source: A model that encodes ``x``.
        target: The model at the other side.
        x: Observations of the source, ``(n, *event_shape)``.
        y_source: Their labels.
        y_target: Labels at the other side.
        solver: What ``encode`` and ``decode`` are told.

    Example:
        >>> from genbook.models.flow import Flow
        >>> error = cycle_error(Flow(2), Flow(2), torch.zeros(3, 2))
        >>> error < 1e-4
        True
    """
    with torch.no_grad():
        there = translate(
            source, target, x, y_source=y_source, y_target=y_target, **solver
        )
        back = translate(
            target, source, there, y_source=y_target, y_target=y_source, **solver
        )
        return (back - x).flatten(1).square().sum(1).mean().sqrt().item()
