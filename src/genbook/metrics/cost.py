"""What a sample costs, counted in runs of a network."""

from __future__ import annotations

from collections import Counter

import torch
from torch import nn

from genbook.models.base import GenerativeModel


def nfe(model: GenerativeModel) -> int:
    """Return how often a network is evaluated to draw one observation.

    Counted while it draws: how often the busiest layer is called.

    Args:
        model: The model, trained or not.

    Raises:
        TypeError: If the model cannot be sampled.

    Example:
        >>> from genbook.models.flows.flow import Flow
        >>> nfe(Flow(2))
        1
    """
    if not isinstance(model, nn.Module) or not callable(getattr(model, "sample", None)):
        raise TypeError(
            f"model must be a module that can be sampled, got {type(model).__name__}"
        )
    calls: Counter[nn.Module] = Counter()
    layers = [m for m in model.modules() if not any(True for _ in m.children())]
    hooks = [
        layer.register_forward_pre_hook(lambda m, _: calls.update([m]))
        for layer in layers
        if any(True for _ in layer.parameters())
    ]
    try:
        model.sample(1, generator=torch.Generator().manual_seed(0))
    finally:
        for hook in hooks:
            hook.remove()
    return max(calls.values(), default=0)
