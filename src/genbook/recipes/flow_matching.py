"""Recipes for flow matching."""

from __future__ import annotations

from torch import Tensor

from genbook.models.flow_matching import FlowMatching
from genbook.runs import first_weights, fit_once
from genbook.training import History

__all__ = ["flow_matching_digits", "flow_matching_world"]


def flow_matching_world(
    x: Tensor, *, steps: int = 2500, seed: int = 0
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
    with first_weights(seed):
        model = FlowMatching((2,), width=128, depth=3, octaves=7)
    options = {"steps": steps, "lr": 5e-3, "betas": (0.9, 0.99)}
    history = fit_once(model, x, seed=seed, **options)
    return model, history


def flow_matching_digits(
    x: Tensor, y: Tensor, *, steps: int = 900, seed: int = 0
) -> tuple[FlowMatching, History]:
    """Train flow matching on labelled digits of 14 × 14 pixels between -1 and 1.

    Args:
        x: Images, ``(n, 1, 14, 14)``.
        y: Which digit each shows, ``(n,)``.
        steps: How many updates.
        seed: Decides the first weights, the batches, the times and the noise.

    Returns:
        The model and the history of its training.

    Example:
        >>> import torch
        >>> x, y = torch.rand(200, 1, 14, 14), torch.arange(200) % 10
        >>> model, history = flow_matching_digits(x, y, steps=2)
        >>> history.steps
        2
    """
    with first_weights(seed):
        model = FlowMatching(
            (1, 14, 14), prediction="x0", width=512, depth=3, classes=10
        )
    options = {"steps": steps, "batch_size": 128, "lr": 2e-3}
    history = fit_once(model, x, y, seed=seed, **options)
    return model, history
