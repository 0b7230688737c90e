"""Recipes for generative adversarial networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

from genbook._validate import (
    check_count,
    check_flag,
    check_function,
    check_kind,
    check_positive,
    check_seed,
    check_tensor,
)
from genbook.course.cached_fit import cached_fit, seeded_init
from genbook.course.recipes._data import check_images
from genbook.models.adversarial.gan import GAN
from genbook.models.networks.dcgan import (
    ConvolutionalDiscriminator,
    ConvolutionalGenerator,
)
from genbook.training import History

__all__ = ["gan_digits", "gan_world", "train_with_snapshots"]

T = TypeVar("T")
BETAS = (0.5, 0.9)  # short memories: the other player moves


def gan_world(x: Tensor, *, steps: int = 1500, seed: int = 0) -> tuple[GAN, History]:
    """Train a GAN on points of the world map.

    Args:
        x: Points, ``(n, 2)``, in [-1, 1]².
        steps: How long.
        seed: Decides the first weights, the batches and the noise.
    """
    sizes: dict[str, Any] = {"latent_dim": 8, "hidden": (128, 128, 128)}
    with seeded_init(seed):
        model = GAN((2,), frequencies=4, r1_weight=0.01, ema_decay=0.99, **sizes)
    rest: dict[str, Any] = {"batch_size": 256, "lr": 3e-3, "betas": BETAS}
    history = cached_fit(model, x, steps=steps, seed=seed, **rest)
    return model, history


def gan_digits(
    x: Tensor,
    y: Tensor | None = None,
    *,
    r1_weight: float = 1.0,
    steps: int = 500,
    seed: int = 0,
    convolutional: bool = True,
) -> tuple[GAN, History]:
    """Train a GAN on images of digits, conditional where labels are given.

    Args:
        x: Images in [0, 1], ``(n, 1, height, width)``, with even sides.
        y: Their digits, ``(n,)``.
        r1_weight: The weight of R1; 0 plays the plain game.
        steps: How long.
        seed: Decides the first weights, the batches and the noise.
        convolutional: Whether both players are; fully connected ones are plainer and
            cheaper, and collapse more easily.
    """
    check_images(x)
    if not check_flag(convolutional, "convolutional"):
        return _connected(x, y, r1_weight, steps, seed)
    shape, classes = x.shape[1:], 0 if y is None else 10
    sizes: dict[str, Any] = {"latent_dim": 16, "classes": classes}
    penalty: dict[str, Any] = {"r1_weight": r1_weight, "r1_every": 4}
    with seeded_init(seed):
        G = ConvolutionalGenerator(shape, 16 + classes)
        D = ConvolutionalDiscriminator(shape, classes)
        rest: dict[str, Any] = {"output": "sigmoid", "ema_decay": 0.99}
        model = GAN(shape, networks=(G, D), **sizes, **penalty, **rest)
    rest = {"batch_size": 64, "lr": 4e-3, "betas": (0.0, 0.99)}
    history = cached_fit(model, x, y, steps=steps, seed=seed, **rest)
    return model, history


def _connected(
    x: Tensor, y: Tensor | None, r1_weight: float, steps: int, seed: int
) -> tuple[GAN, History]:
    """Train two fully connected players."""
    sizes: dict[str, Any] = {"latent_dim": 16, "hidden": (256, 256)}
    sizes["classes"] = 0 if y is None else 10
    rest: dict[str, Any] = {"output": "sigmoid", "ema_decay": 0.99}
    with seeded_init(seed):
        model = GAN(x.shape[1:], r1_weight=r1_weight, **rest, **sizes)
    rest = {"batch_size": 64, "lr": 4e-3, "betas": BETAS}
    history = cached_fit(model, x, y, steps=steps, seed=seed, **rest)
    return model, history


def train_with_snapshots(
    model: GAN,
    x: Tensor,
    look: Callable[[GAN], T],
    *,
    steps: int = 600,
    every: int = 50,
    lr: float = 1e-3,
    seed: int = 0,
) -> list[T]:
    """Play the game at a constant rate, and watch.

    Args:
        model: The two players.
        x: Observations, ``(n, *event_shape)``.
        look: Is shown the model every so often.
        steps: How long.
        every: The steps between two looks.
        lr: The learning rate of both players.
        seed: Decides the batches and the noise.

    Returns:
        What ``look`` returned each time.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``x`` has another shape, is empty or not finite, or a number is
            out of range.

    Example:
        >>> x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
        >>> game = GAN((2,), hidden=(8,))
        >>> train_with_snapshots(game, x, lambda model: model.training, steps=100)
        [True, True]
    """
    _check_game(model, x, look, steps, every, lr)
    optimiser = torch.optim.Adam(model.parameters(), lr=lr, betas=BETAS)
    dice = torch.Generator().manual_seed(check_seed(seed))
    seen = []
    for step in range(1, steps + 1):
        rows = torch.randint(len(x), (128,), generator=dice)
        optimiser.zero_grad()
        model.loss(x[rows], generator=dice).backward()
        optimiser.step()
        if step % every == 0:
            seen.append(look(model))
    return seen


def _check_game(
    model: GAN,
    x: Tensor,
    look: Callable[[GAN], T],
    steps: int,
    every: int,
    lr: float,
) -> None:
    """Refuse what cannot be played, or watched."""
    check_kind(model, "model", GAN)
    check_tensor(x, "x", ("n", *model.event_shape), dtype=model.dtype)
    check_function(look, "look")
    check_count(steps, "steps", 1)
    check_count(every, "every", 1, max(steps, 1))
    check_positive(lr, "lr", maximum=1)
