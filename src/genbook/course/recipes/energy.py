"""Recipes for energy-based models."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from genbook._validate import check_flag, check_tensor, check_unit_interval
from genbook.course.cached_fit import cached_fit, seeded_init
from genbook.models.energy.network import EnergyNetwork
from genbook.models.energy.noise_conditional import NoiseConditionalEnergy
from genbook.models.networks.cnn import TimeConditionedCNN
from genbook.training import History

__all__ = ["energy_digits", "energy_world", "energy_world_score"]

MAP = [-1.0, -1.0], [1.0, 1.0]


def energy_world(
    x: Tensor, *, independence_steps: int = 1, steps: int = 900, seed: int = 0
) -> tuple[EnergyNetwork, History]:
    """Train an energy on points of the map by chains that follow it.

    Args:
        x: Points of the map, ``(n, 2)``.
        independence_steps: How many places anywhere a chain is offered at each step.
        steps: How many updates.
        seed: Decides weights, batches and chains.

    Returns:
        The model and the history of its training.

    Example:
        >>> from genbook.course.recipes import world_data
        >>> energy_world(world_data(100).x, steps=1)[1].steps
        1
    """
    with seeded_init(seed):
        model = EnergyNetwork(
            *MAP,
            frequencies=6,
            chains=1024,
            langevin_steps=1,
            independence_steps=independence_steps,
        )
    history = cached_fit(model, x, steps=steps, lr=5e-3, seed=seed)
    return model, history


def energy_world_score(
    x: Tensor, *, steps: int = 500, seed: int = 0
) -> tuple[EnergyNetwork, History]:
    """Train an energy on points of the map by denoising score matching.

    Args:
        x: Points of the map, ``(n, 2)``.
        steps: How many updates.
        seed: Decides weights, batches and noise.

    Returns:
        The model and the history of its training.

    Example:
        >>> from genbook.course.recipes import world_data
        >>> energy_world_score(world_data(100).x, steps=1)[1].steps
        1
    """
    with seeded_init(seed):
        model = EnergyNetwork(*MAP, frequencies=4, objective="dsm", noise_std=0.03)
    history = cached_fit(model, x, steps=steps, lr=1e-2, seed=seed)
    return model, history


def energy_digits(
    x: Tensor,
    *,
    convolutional: bool = False,
    steps: int = 1600,
    seed: int = 0,
) -> tuple[NoiseConditionalEnergy, History]:
    """Train an energy at every level of noise on images, and on turned copies.

    Images that differ a little each time cannot be learnt by heart.

    Args:
        x: Images with values in [0, 1], ``(n, 1, height, width)``.
        convolutional: Whether the network is a
            :class:`~genbook.models.networks.cnn.TimeConditionedCNN`; fully connected
            layers otherwise.
        steps: How many updates, of 64 images by convolutions and of 128 by connected
            layers; 640 of the former take about as long as 1,600 of the latter.
        seed: Decides weights, batches and noise.

    Returns:
        The model and the history of its training.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an image has another shape or other values.

    Example:
        >>> import torch
        >>> energy_digits(torch.rand(9, 1, 4, 4), steps=1)[1].steps
        1
    """
    check_unit_interval(check_tensor(x, "x", ("n", 1, "height", "width")), "x")
    if check_flag(convolutional, "convolutional"):
        learning: dict[str, Any] = {"batch_size": 64, "lr": 1e-2}
    else:
        learning = {"batch_size": 128, "lr": 4e-3}
    with seeded_init(seed):
        shape = x.shape[1:]
        network = TimeConditionedCNN(shape, width=1024) if convolutional else None
        model = NoiseConditionalEnergy(shape, x, network=network)
    generator = torch.Generator().manual_seed(seed)
    many = torch.cat([x, *(_turned(x, generator) for _ in range(4))])
    history = cached_fit(model, many, steps=steps, seed=seed, **learning)
    return model, history


def _turned(x: Tensor, generator: torch.Generator) -> Tensor:
    """Turn each image by up to ten degrees, and stretch it by up to a tenth."""
    angle = (2 * torch.rand(len(x), generator=generator) - 1) * math.radians(10)
    rows = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1)
    stretch = 1 + 0.1 * (2 * torch.rand(len(x), 1, 2, generator=generator) - 1)
    turn = rows.view(-1, 2, 2) * stretch
    where = torch.cat([turn, torch.zeros(len(x), 2, 1)], 2)
    grid = functional.affine_grid(where, list(x.shape), align_corners=False)
    return functional.grid_sample(x, grid, align_corners=False)
