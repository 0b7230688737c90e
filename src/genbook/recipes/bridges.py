"""Recipes for bridges between diffusion models."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from genbook.models.closed_form import MixtureVelocity
from genbook.models.diffusion import Diffusion
from genbook.models.schedules import Cosine
from genbook.runs import first_weights, fit_once
from genbook.training import History

__all__ = [
    "code_diffusion",
    "known_diffusion",
    "line_diffusion",
    "plane_diffusion",
]


def known_diffusion(weights: Tensor, means: Tensor, covariances: Tensor) -> Diffusion:
    """Return a diffusion that needs no training: its data are a mixture of Gaussians.

    Args:
        weights: The share of each component, ``(k,)``.
        means: Their means, ``(k, d)``.
        covariances: Their covariances, ``(k, d, d)``.

    Returns:
        A model in double precision whose network is exact.

    Example:
        >>> import torch
        >>> one = torch.ones(1)
        >>> model = known_diffusion(one, torch.tensor([[5.0]]), torch.ones(1, 1, 1))
        >>> model.decode(torch.zeros(1, 1).double(), method="rk4").round(decimals=3)
        tensor([[5.]], dtype=torch.float64)
    """
    parameters = (p.double() for p in (weights, means, covariances))
    exact = MixtureVelocity(Cosine(), *parameters)
    return Diffusion((means.shape[1],), schedule="cosine", network=exact)


def line_diffusion(
    x: Tensor, *, steps: int = 320, seed: int = 0
) -> tuple[Diffusion, History]:
    """Train a small diffusion on numbers.

    Args:
        x: Observations of about unit scale, ``(n, 1)``.
        steps: How long it learns.
        seed: Decides the first weights, the batches and the noise.

    Returns:
        The model and the history of its training.
    """
    with first_weights(seed):
        model = Diffusion((1,), sigma_data=1.0, width=64, depth=2)
    options: dict[str, Any] = {"batch_size": 256, "lr": 5e-3}
    return model, fit_once(model, x, steps=steps, seed=seed, **options)


def plane_diffusion(
    x: Tensor, *, steps: int = 420, seed: int = 0
) -> tuple[Diffusion, History]:
    """Train a diffusion on points of the plane.

    Args:
        x: Observations of about unit scale, ``(n, 2)``.
        steps: How long it learns.
        seed: Decides the first weights, the batches and the noise.

    Returns:
        The model and the history of its training.
    """
    with first_weights(seed):
        model = Diffusion((2,), sigma_data=1.0, width=96, depth=3, octaves=3)
    history = fit_once(model, x, steps=steps, batch_size=512, lr=5e-3, seed=seed)
    return model, history


def code_diffusion(
    z: Tensor, y: Tensor, *, classes: int, steps: int = 550, seed: int = 0
) -> tuple[Diffusion, History]:
    """Train a conditional diffusion on codes, such as principal components of images.

    Args:
        z: Codes, the largest of about unit scale, ``(n, k)``.
        y: The label of each, ``(n,)``.
        classes: How many labels there are.
        steps: How long it learns.
        seed: Decides the first weights, the batches and the noise.

    Returns:
        The model and the history of its training.
    """
    with first_weights(seed):
        model = Diffusion(
            (z.shape[1],), sigma_data=0.25, width=256, depth=3, classes=classes
        )
    history = fit_once(model, z, y, steps=steps, batch_size=256, lr=3e-3, seed=seed)
    return model, history
