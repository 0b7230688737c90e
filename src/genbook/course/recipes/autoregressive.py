"""Recipes for autoregressive models."""

from __future__ import annotations

from torch import Tensor

from genbook._validate import check_integers
from genbook.course.cached_fit import cached_fit, seeded_init
from genbook.course.recipes._data import check_images, check_points
from genbook.models.autoregressive.made import MADE
from genbook.models.autoregressive.pixelcnn import PixelCNN
from genbook.models.autoregressive.transformer import Transformer
from genbook.training import History

__all__ = ["made_world", "pixelcnn_digits", "transformer_prose"]


def made_world(
    x: Tensor,
    *,
    steps: int = 1000,
    seed: int = 0,
) -> tuple[MADE, History]:
    """Train masked networks of both orders on points of the map.

    Args:
        x: Points, ``(n, 2)``, in [-1, 1]².
        steps: How many steps.
        seed: Decides the first weights and the batches.

    Returns:
        The model and the history of its training.
    """
    check_points(x)
    low, high = [-1.0, -1.0], [1.0, 1.0]
    orders = [(0, 1), (1, 0)]
    with seeded_init(seed):
        model = MADE(low, high, bins=128, frequencies=6, orders=orders)
    history = cached_fit(model, x, steps=steps, lr=2e-2, seed=seed)
    return model, history


def pixelcnn_digits(
    x: Tensor, y: Tensor, *, steps: int = 750, seed: int = 0
) -> tuple[PixelCNN, History]:
    """Train a PixelCNN on digits of four grey levels, given their labels.

    Args:
        x: Images in [0, 1], ``(n, 1, height, width)``; rounded to the levels.
        y: The digits, ``(n,)``.
        steps: How many steps.
        seed: Decides the first weights and the batches.

    Returns:
        The model and the history of its training.
    """
    check_images(x)
    sizes = {"channels": 20, "depth": 4, "kernel_size": 5}
    with seeded_init(seed):
        model = PixelCNN(x.shape[1:], 4, classes=10, **sizes)
    x = model.quantise(x)
    options = {"lr": 2e-2, "betas": (0.9, 0.99), "ema": 0.98, "seed": seed}
    history = cached_fit(model, x, y, steps=steps, batch_size=16, **options)
    return model, history


def transformer_prose(
    x: Tensor, *, vocab_size: int, steps: int = 900, seed: int = 0
) -> tuple[Transformer, History]:
    """Train a small transformer on passages.

    Args:
        x: The numbers of the words, ``(n, context_length)``.
        vocab_size: How many different words there are.
        steps: How many steps.
        seed: Decides the first weights and the batches.

    Returns:
        The model and the history of its training.
    """
    x = check_integers(x, "x", "tokens")
    if x.ndim != 2:
        raise ValueError(f"x must be (n, context_length), got {tuple(x.shape)}")
    with seeded_init(seed):
        model = Transformer(vocab_size, x.shape[1], width=64, depth=2, heads=4)
    history = cached_fit(model, x, steps=steps, batch_size=64, lr=1e-2, seed=seed)
    return model, history
