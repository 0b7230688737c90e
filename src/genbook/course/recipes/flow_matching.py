"""Recipes for flow matching."""

from __future__ import annotations

import copy

from torch import Tensor

from genbook.course.cached_fit import cached_fit, seeded_init
from genbook.course.recipes.diffusion import train_on_digits, train_on_images
from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.models.diffusion.reflow import Reflow
from genbook.training import History

__all__ = [
    "flow_matching_digits",
    "flow_matching_images",
    "flow_matching_world",
    "straightened",
]


def flow_matching_world(
    x: Tensor, *, steps: int = 1700, seed: int = 0
) -> tuple[FlowMatching, History]:
    """Train flow matching on points of the map.

    Args:
        x: Points to train on, ``(n, 2)``.
        steps: How many updates.
        seed: Decides the first weights, the batches, the times and the noise.

    Returns:
        The model and the history of its training.

    Example:
        >>> import torch
        >>> model, history = flow_matching_world(torch.rand(600, 2), steps=2)
        >>> history.steps
        2
    """
    with seeded_init(seed):
        model = FlowMatching((2,), frequencies=7, sigma_data=0.5)
    betas = 0.9, 0.99
    history = cached_fit(model, x, steps=steps, lr=5e-3, betas=betas, seed=seed)
    return model, history


def flow_matching_digits(
    x: Tensor, y: Tensor, *, steps: int = 500, seed: int = 0
) -> tuple[FlowMatching, History]:
    """Train flow matching on images of digits, given which digit each shows.

    The recipe is that of :func:`~genbook.course.recipes.diffusion.train_on_digits`.

    Args:
        x: Images with ink from 0 to 1, ``(n, 1, height, width)``.
        y: The digits, ``(n,)``.
        steps: How many updates.
        seed: Decides the first weights, the batches, the times and the noise.

    Returns:
        The model and the history of its training.

    Example:
        >>> import torch
        >>> x, y = torch.rand(20, 1, 7, 7), torch.arange(20) % 10
        >>> model, history = flow_matching_digits(x, y, steps=2)
        >>> model.event_shape, model.classes
        ((1, 7, 7), 10)
    """
    return train_on_digits(FlowMatching, x, y, steps=steps, seed=seed)


def flow_matching_images(
    x: Tensor, y: Tensor, *, steps: int = 1450, seed: int = 0
) -> tuple[FlowMatching, History]:
    """Train flow matching with a U-Net on images of digits.

    The recipe is that of :func:`~genbook.course.recipes.diffusion.train_on_images`.

    Args:
        x: Images with ink from 0 to 1, ``(n, 1, height, width)``, even sides.
        y: The digits, ``(n,)``.
        steps: How many updates.
        seed: Decides the first weights, the batches, the times and the noise.

    Returns:
        The model and the history of its training.

    Example:
        >>> import torch
        >>> x, y = torch.rand(20, 1, 8, 8), torch.arange(20) % 10
        >>> model, history = flow_matching_images(x, y, steps=2)
        >>> model.event_shape, model.classes
        ((1, 8, 8), 10)
    """
    return train_on_images(FlowMatching, x, y, steps=steps, seed=seed)


def straightened(
    flow: FlowMatching,
    pairs: Tensor,
    y: Tensor | None = None,
    *,
    start: str = "everywhere",
    steps: int = 400,
    lr: float = 1e-3,
    seed: int = 0,
) -> tuple[FlowMatching, History]:
    """Train a copy of a flow on pairs of noise and what was drawn from it.

    Args:
        flow: The flow whose weights the copy begins with; it stays as it is.
        pairs: See :func:`~genbook.models.diffusion.reflow.draw_pairs`.
        y: The conditions of the pairs, ``(n, ...)``, for a conditional flow.
        start: ``"everywhere"`` or ``"noise"``, see
            :class:`~genbook.models.diffusion.reflow.Reflow`.
        steps: How many updates.
        lr: The learning rate.
        seed: Decides the batches and the times.

    Returns:
        The copy and the history of its training.

    Example:
        >>> import torch
        >>> from genbook.models.diffusion.reflow import draw_pairs
        >>> flow = FlowMatching((2,), width=8, depth=1)
        >>> student, history = straightened(flow, draw_pairs(flow, 70), steps=2)
        >>> history.steps, student is flow
        (2, False)
    """
    model = Reflow(copy.deepcopy(flow), start=start)
    options: dict[str, float | int | tuple[float, float]] = {"batch_size": 64, "lr": lr}
    options |= {"betas": (0.9, 0.99), "ema": 0.99, "seed": seed}
    history = cached_fit(model, pairs, y, steps=steps, **options)
    return model.flow, history
