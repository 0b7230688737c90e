"""Recipes for bridges between diffusion models."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from genbook._validate import check_count, check_labels, check_tensor
from genbook.course.cached_fit import cached_fit, seeded_init
from genbook.models.diffusion.closed_form import GaussianMixtureVelocity
from genbook.models.diffusion.diffusion import Diffusion
from genbook.models.diffusion.schedules import Cosine
from genbook.training import History

__all__ = [
    "diffusion_1d",
    "diffusion_2d",
    "exact_diffusion",
    "latent_diffusion",
]


def exact_diffusion(weights: Tensor, means: Tensor, covariances: Tensor) -> Diffusion:
    """Return a diffusion that needs no training: its data are a mixture of Gaussians.

    Args:
        weights: The share of each component, ``(k,)``.
        means: Their means, ``(k, d)``.
        covariances: Their covariances, ``(k, d, d)``.

    Returns:
        A model in double precision whose network is exact.

    Raises:
        TypeError: If an argument is not a floating-point tensor.
        ValueError: If it holds no mixture, see
            :class:`~genbook.models.diffusion.closed_form.GaussianMixtureVelocity`.

    Example:
        >>> import torch
        >>> one = torch.ones(1)
        >>> model = exact_diffusion(one, torch.tensor([[5.0]]), torch.ones(1, 1, 1))
        >>> model.decode(torch.zeros(1, 1).double(), method="rk4").round(decimals=3)
        tensor([[5.]], dtype=torch.float64)
    """
    given = {"weights": weights, "means": means, "covariances": covariances}
    parameters = (check_tensor(p, name).double() for name, p in given.items())
    exact = GaussianMixtureVelocity(Cosine(), *parameters)
    return Diffusion((means.shape[1],), schedule="cosine", network=exact)


def diffusion_1d(
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
    with seeded_init(seed):
        model = Diffusion((1,), sigma_data=1.0, width=64, depth=2)
    options: dict[str, Any] = {"batch_size": 256, "lr": 5e-3}
    return model, cached_fit(model, x, steps=steps, seed=seed, **options)


def diffusion_2d(
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
    with seeded_init(seed):
        model = Diffusion((2,), sigma_data=1.0, width=96, depth=3, frequencies=3)
    history = cached_fit(model, x, steps=steps, batch_size=512, lr=5e-3, seed=seed)
    return model, history


def latent_diffusion(
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
    check_tensor(z, "z", ("n", "k"))
    check_labels(y, "y", check_count(classes, "classes", 1), len(z))
    with seeded_init(seed):
        model = Diffusion(
            (z.shape[1],), sigma_data=0.25, width=256, depth=3, classes=classes
        )
    history = cached_fit(model, z, y, steps=steps, batch_size=256, lr=3e-3, seed=seed)
    return model, history
