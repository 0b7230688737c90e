"""Recipes for variational autoencoders."""

from __future__ import annotations

from torch import Tensor

from genbook.course.cached_fit import cached_fit, seeded_init
from genbook.course.recipes._data import check_images
from genbook.models.variational.convolutional import ImageDecoder, ImageEncoder
from genbook.models.variational.vae import VAE
from genbook.training import History

__all__ = ["vae_connected_digits", "vae_digits", "vae_world"]


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
    steps: int = 510,
    seed: int = 0,
) -> tuple[VAE, History]:
    """Train a variational autoencoder with convolutions on black-and-white digits.

    The square that becomes a cell (:class:`.ImageEncoder`) has the largest side of 4, 2
    and 1 that divides those of the images.

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
        >>> model, history = vae_digits(zeros(200, 1, 28, 28), steps=2)
        >>> model.decode(zeros(3, 16)).shape
        torch.Size([3, 1, 28, 28])
    """
    check_images(x)
    shape, classes = (1, *x.shape[2:]), 0 if y is None else 10
    patch = next(k for k in (4, 2, 1) if not any(side % k for side in shape[1:]))
    options = {"patch": patch, "classes": classes}
    with seeded_init(seed):
        encoder = ImageEncoder(shape, latent_dim, **options)
        decoder = ImageDecoder(shape, latent_dim, **options)
        model = VAE(
            shape,
            latent_dim,
            networks=(encoder, decoder),
            likelihood="bernoulli",
            beta=beta,
            classes=classes,
        )
    training = {"batch_size": 100, "lr": 2e-2, "seed": seed}
    history = cached_fit(model, x, y, steps=steps, **training)
    return model, history


def vae_connected_digits(
    x: Tensor,
    *,
    latent_dim: int = 8,
    beta: float = 1.0,
    steps: int = 1500,
    seed: int = 0,
) -> tuple[VAE, History]:
    """Train a variational autoencoder on small digits, with connected layers alone.

    It has the layers of an ordinary autoencoder, for comparison with one, and of what
    the website can run (:mod:`genbook.explorables.latent`).

    Args:
        x: Images of any size with values 0 and 1, ``(n, 1, height, width)``.
        latent_dim: The length of the code.
        beta: The weight of the divergence in the loss; 1 makes the loss the bound.
        steps: How long it learns.
        seed: Decides the first weights, the batches and the noise.

    Returns:
        The model and the history of its training.

    Example:
        >>> from torch import zeros
        >>> model, history = vae_connected_digits(zeros(200, 1, 14, 14), steps=2)
        >>> model.decode(zeros(3, 8)).shape
        torch.Size([3, 1, 14, 14])
    """
    check_images(x)
    with seeded_init(seed):
        model = VAE(
            x.shape[1:],
            latent_dim,
            hidden=(256, 128),
            likelihood="bernoulli",
            beta=beta,
        )
    history = cached_fit(model, x, steps=steps, batch_size=100, lr=3e-3, seed=seed)
    return model, history
