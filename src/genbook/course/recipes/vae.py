"""Recipes for variational autoencoders."""

from __future__ import annotations

from torch import Tensor

from genbook.course.cached_fit import cached_fit, seeded_init
from genbook.course.recipes._data import check_images
from genbook.models.variational.vae import VAE
from genbook.training import History

__all__ = ["vae_digits", "vae_world"]


def vae_world(x: Tensor, *, steps: int = 1900, seed: int = 0) -> tuple[VAE, History]:
    """Train a variational autoencoder on points of the world map.

    The likelihood is Gaussian, with a mean and a standard deviation that the decoder
    says for each code. Both networks see sines and cosines of their input: coasts are
    sharp. Gradients are clipped: a narrow likelihood makes some of them very large.
    Half a nat of each number of the code is free, or one of the two may collapse early.

    Args:
        x: Points of the map, ``(n, 2)``.
        steps: How long it learns.
        seed: Decides the first weights, the batches and the noise.

    Returns:
        The model and the history of its training.

    Example:
        >>> from genbook.course.recipes import world_data
        >>> model, history = vae_world(world_data(600, 10).x, steps=2)
        >>> model.latent_dim, history.steps
        (2, 2)
    """
    with seeded_init(seed):
        model = VAE((2,), 2, hidden=(128, 128), frequencies=3, free_nats=0.5)
    history = cached_fit(model, x, steps=steps, lr=1e-2, grad_clip=1.0, seed=seed)
    return model, history


def vae_digits(
    x: Tensor,
    y: Tensor | None = None,
    *,
    latent_dim: int = 16,
    beta: float = 1.0,
    steps: int = 900,
    seed: int = 0,
) -> tuple[VAE, History]:
    """Train a variational autoencoder on black-and-white digits.

    Args:
        x: Images of any size with values 0 and 1, ``(n, 1, height, width)``.
        y: Their classes, ``(n,)``, for a model that draws what it is asked for.
        latent_dim: The length of the code.
        beta: The weight of the divergence in the loss; 1 makes the loss the bound.
        steps: How long it learns.
        seed: Decides the first weights, the batches and the noise.

    Returns:
        The model and the history of its training.

    Example:
        >>> from torch import zeros
        >>> model, history = vae_digits(zeros(200, 1, 14, 14), steps=2)
        >>> model.decode(zeros(3, 16)).shape
        torch.Size([3, 1, 14, 14])
    """
    check_images(x)
    classes = 0 if y is None else 10
    with seeded_init(seed):
        model = VAE(
            x.shape[1:],
            latent_dim,
            hidden=(256, 128),
            likelihood="bernoulli",
            beta=beta,
            classes=classes,
        )
    options = {"batch_size": 100, "lr": 3e-3, "seed": seed}
    history = cached_fit(model, x, y, steps=steps, **options)
    return model, history
