"""Recipes for diffusion models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from torch import Tensor

from genbook._validate import check_labels, check_tensor
from genbook.course.cached_fit import cached_fit, seeded_init
from genbook.course.recipes._data import check_images
from genbook.models.diffusion.diffusion import Diffusion
from genbook.models.diffusion.gaussian_path import GaussianPathModel
from genbook.models.networks.unet import UNet
from genbook.training import History

__all__ = [
    "diffusion_digits",
    "diffusion_images",
    "diffusion_world",
    "train_on_digits",
    "train_on_images",
]

M = TypeVar("M", bound=GaussianPathModel)


def diffusion_world(
    x: Tensor, *, steps: int = 1700, seed: int = 0
) -> tuple[Diffusion, History]:
    """Train a diffusion model on points of the world map.

    Args:
        x: Points of the map, ``(n, 2)``.
        steps: How many updates.
        seed: Decides the first weights, the batches, the times and the noise.

    Returns:
        The model and the history of its training.

    Example:
        >>> from genbook.course.recipes import world_data
        >>> model, history = diffusion_world(world_data(100, 5).x, steps=2)
        >>> model.prediction, history.steps
        ('v', 2)
    """
    with seeded_init(seed):
        model = Diffusion((2,), frequencies=7, sigma_data=0.5, steps=20)
    betas = 0.9, 0.99
    history = cached_fit(model, x, steps=steps, lr=5e-3, betas=betas, seed=seed)
    return model, history


def diffusion_digits(
    x: Tensor, y: Tensor, *, steps: int = 500, seed: int = 0
) -> tuple[Diffusion, History]:
    """Train a diffusion model on images of digits, given which digit each shows.

    See :func:`train_on_digits`.

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
        >>> model, history = diffusion_digits(x, y, steps=2)
        >>> model.event_shape, model.classes
        ((1, 7, 7), 10)
    """
    return train_on_digits(Diffusion, x, y, steps=steps, seed=seed)


def train_on_digits(
    kind: type[M], x: Tensor, y: Tensor, *, steps: int, seed: int
) -> tuple[M, History]:
    """Train a conditional model of a path on images of digits.

    The network says what the image is, at times that are all equally likely. The model
    sees and draws ``2 * x - 1``, from -1 (paper) to 1 (ink).

    Args:
        kind: :class:`~genbook.models.diffusion.diffusion.Diffusion` or
            :class:`~genbook.models.diffusion.flow_matching.FlowMatching`.
        x: Images with ink from 0 to 1, ``(n, 1, height, width)``.
        y: The digits, ``(n,)``.
        steps: How many updates.
        seed: Decides the first weights, the batches, the times and the noise.

    Returns:
        The model and the history of its training.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If a shape or a value is wrong.

    Example:
        >>> import torch
        >>> x, y = torch.rand(20, 1, 7, 7), torch.arange(20) % 10
        >>> model, _ = train_on_digits(Diffusion, x, y, steps=2, seed=0)
        >>> model.prediction
        'x0'
    """
    if not (isinstance(kind, type) and issubclass(kind, GaussianPathModel)):
        raise TypeError(f"kind must be a model of a path, got {kind!r}")
    check_tensor(x, "x", ("n", 1, "height", "width"))
    check_labels(y, "y", 10, len(x))
    make: Callable[..., M] = kind
    with seeded_init(seed):
        said: dict[str, Any] = {"prediction": "x0", "times": "uniform"}
        model = make(x.shape[1:], **said, width=512, classes=10)
    options: dict[str, Any] = {"batch_size": 128, "lr": 2e-3, "seed": seed}
    history = cached_fit(model, 2 * x - 1, y, steps=steps, **options)
    return model, history


def diffusion_images(
    x: Tensor, y: Tensor, *, steps: int = 1450, seed: int = 0
) -> tuple[Diffusion, History]:
    """Train a diffusion model with a U-Net on images of digits.

    See :func:`train_on_images`.

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
        >>> model, history = diffusion_images(x, y, steps=2)
        >>> model.event_shape, model.classes
        ((1, 8, 8), 10)
    """
    return train_on_images(Diffusion, x, y, steps=steps, seed=seed)


def train_on_images(
    kind: type[M], x: Tensor, y: Tensor, *, steps: int, seed: int
) -> tuple[M, History]:
    """Train a conditional model of a path with a U-Net on images of digits.

    The network says what the image is, at times that are all equally likely, and the
    weights are averaged. The model sees and draws ``2 * x - 1``, from -1 (paper) to 1
    (ink).

    Args:
        kind: :class:`~genbook.models.diffusion.diffusion.Diffusion` or
            :class:`~genbook.models.diffusion.flow_matching.FlowMatching`.
        x: Images with ink from 0 to 1, ``(n, 1, height, width)``, even sides.
        y: The digits, ``(n,)``.
        steps: How many updates.
        seed: Decides the first weights, the batches, the times and the noise.

    Returns:
        The model and the history of its training.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If a shape or a value is wrong.

    Example:
        >>> import torch
        >>> x, y = torch.rand(20, 1, 8, 8), torch.arange(20) % 10
        >>> model, _ = train_on_images(Diffusion, x, y, steps=2, seed=0)
        >>> model.net.config["width"]
        16
    """
    if not (isinstance(kind, type) and issubclass(kind, GaussianPathModel)):
        raise TypeError(f"kind must be a model of a path, got {kind!r}")
    check_images(x)
    check_labels(y, "y", 10, len(x))
    make: Callable[..., M] = kind
    with seeded_init(seed):
        model = make(
            x.shape[1:],
            network=UNet(tuple(x.shape[1:]), classes=10),
            classes=10,
            prediction="x0",
            times="uniform",
            steps=6,
        )
    options: dict[str, Any] = {"batch_size": 64, "lr": 5e-3, "seed": seed}
    options |= {"betas": (0.9, 0.99), "ema": 0.99}
    history = cached_fit(model, 2 * x - 1, y, steps=steps, **options)
    return model, history
