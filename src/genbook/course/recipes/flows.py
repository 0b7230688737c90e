"""Recipes for normalizing flows."""

from __future__ import annotations

import torch
from torch import Tensor

from genbook._validate import check_labels, check_seed, check_tensor
from genbook.course.cached_fit import cached_fit, seeded_init
from genbook.course.recipes._data import check_points
from genbook.models.flows.dequantisation import dequantise
from genbook.models.flows.flow import Flow
from genbook.training import History

__all__ = ["flow_digits", "realnvp_world", "spline_moons", "spline_world"]


def spline_world(
    x: Tensor, *, steps: int = 1600, seed: int = 0
) -> tuple[Flow, History]:
    """Train two spline couplings on the world map, inside its own square.

    Args:
        x: Points of the map, ``(n, 2)``.
        steps: How many steps of 512 points.
        seed: Decides the first weights and the order of the points.

    Returns:
        The flow and the history of its training.

    Example:
        >>> model, _ = spline_world(torch.rand(50, 2), steps=2)
        >>> model.sample(3).shape
        torch.Size([3, 2])
    """
    check_points(x)
    low, high = [-1.0, -1.0], [1.0, 1.0]
    with seeded_init(seed):
        model = Flow(
            2,
            transforms=2,
            bins=32,
            hidden=(96, 96),
            frequencies=6,
            low=low,
            high=high,
        )
    history = cached_fit(model, x, steps=steps, lr=1e-2, seed=seed)
    return model, history


def realnvp_world(
    x: Tensor, *, steps: int = 700, seed: int = 0
) -> tuple[Flow, History]:
    """Train eight affine couplings on the world map.

    Args:
        x: Points of the map, ``(n, 2)``.
        steps: How many steps of 512 points.
        seed: Decides the first weights and the order of the points.

    Returns:
        The flow and the history of its training.

    Example:
        >>> model, _ = realnvp_world(torch.rand(50, 2), steps=2)
        >>> model.sample(3).shape
        torch.Size([3, 2])
    """
    low, high = [-1.0, -1.0], [1.0, 1.0]
    with seeded_init(seed):
        model = Flow(
            2,
            kind="affine",
            transforms=8,
            frequencies=3,
            low=low,
            high=high,
        )
    history = cached_fit(
        model,
        x,
        steps=steps,
        lr=4e-3,
        grad_clip=1.0,
        seed=seed,
    )
    return model, history


def spline_moons(x: Tensor, *, steps: int = 450, seed: int = 0) -> tuple[Flow, History]:
    """Train spline couplings on the two moons, anywhere in the plane.

    Args:
        x: Points, ``(n, 2)``.
        steps: How many steps of 512 points.
        seed: Decides the first weights and the order of the points.

    Returns:
        The flow and the history of its training.

    Example:
        >>> model, _ = spline_moons(torch.rand(50, 2), steps=2)
        >>> model.sample(3).shape
        torch.Size([3, 2])
    """
    with seeded_init(seed):
        model = Flow(2, transforms=3, bins=8)
    history = cached_fit(model, x, steps=steps, lr=1e-2, seed=seed)
    return model, history


def flow_digits(
    x: Tensor, y: Tensor, *, steps: int = 550, seed: int = 0
) -> tuple[Flow, History]:
    """Train affine couplings on images of digits, given which digits they show.

    Args:
        x: Ink from 0 to 1, ``(n, 1, size, size)``.
        y: The digits, ``(n,)``.
        steps: How many steps of 128 images.
        seed: Decides the noise, the first weights and the order of the images.

    Returns:
        A flow of flat images, ``(size * size,)``, and the history of its training.

    Example:
        >>> x, y = torch.rand(20, 1, 4, 4), torch.arange(20) % 10
        >>> model, _ = flow_digits(x, y, steps=2)
        >>> model.sample(10, torch.arange(10)).shape
        torch.Size([10, 16])
    """
    check_tensor(x, "x", ("n", 1, "size", "size"))
    y = check_labels(y, "y", 10, len(x))
    noise = torch.Generator().manual_seed(check_seed(seed))
    flat = dequantise(x.flatten(1).repeat(4, 1), generator=noise)
    d = flat.shape[1]
    with seeded_init(seed):
        model = Flow(
            d,
            kind="affine",
            transforms=4,
            hidden=(192,),
            classes=10,
            low=torch.zeros(d),
            high=torch.ones(d),
        )
    options = {"steps": steps, "batch_size": 128, "lr": 5e-3}
    history = cached_fit(model, flat, y.repeat(4), seed=seed, **options)
    return model, history
