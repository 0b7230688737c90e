"""How each family of the book is trained on the data that all of them share.

A recipe is a short function that makes a model, trains it and returns both the model
and the history. The chapters print and run them, the scripts run them, and the
scoreboard compares what they made; within one build each is trained once
(:mod:`genbook.course.cached_fit`).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from genbook._validate import check_count
from genbook.data.world import WorldMap

__all__ = ["World", "world_data"]


class World(NamedTuple):
    """The task that every family gets.

    Attributes:
        p_data: The truth.
        x: The points to train on, ``(n, 2)``.
        held_out: Points that no model sees before it is measured, ``(m, 2)``.
    """

    p_data: WorldMap
    x: Tensor
    held_out: Tensor


def world_data(n: int = 50_000, held_out: int = 10_000) -> World:
    """Return the world map and the points that every family is trained on.

    Args:
        n: How many points to train on.
        held_out: How many to measure on.

    Returns:
        The same points every time, those of the chapter on the world map.

    Example:
        >>> world_data(5, 3).x.shape
        torch.Size([5, 2])
    """
    p_data = WorldMap()
    seeds = [torch.Generator().manual_seed(s) for s in (1, 11)]
    sizes = check_count(n, "n"), check_count(held_out, "held_out")
    x, new = (p_data.sample(k, generator=g) for k, g in zip(sizes, seeds, strict=True))
    return World(p_data, x, new)
