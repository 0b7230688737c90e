"""Recipes for drawing still lifes from words."""

from __future__ import annotations

import copy

from torch import Tensor, nn

from genbook._validate import check_count, check_flag, check_seed
from genbook.course.cached_fit import cached_fit, seeded_init
from genbook.data.still_life.pictures import LENGTH, StillLifes, caption_words
from genbook.discriminative.scenes import SceneReader
from genbook.models.diffusion.text_to_image import TextToImage
from genbook.models.representation.contrastive import ContrastivePair
from genbook.models.representation.places import PlaceAutoencoder
from genbook.training import History

__all__ = [
    "draw_from_words",
    "linear_code",
    "matching_pair",
    "picture_code",
    "scene_reader",
]

_MOST = 1_000_000


def scene_reader(
    data: StillLifes, *, width: int = 12, steps: int = 300, seed: int = 0
) -> SceneReader:
    """Train a reader of still lifes on rendered pictures.

    Args:
        data: Pictures of all combinations, and none that a model learns from.
        width: The channels of its first convolution.
        steps: How many updates, at most a million.
        seed: Decides the first weights and the batches.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If one is out of range.

    Example:
        >>> import torch
        >>> from genbook.data.still_life.pictures import sample_still_lifes
        >>> reader = scene_reader(sample_still_lifes(40), width=4, steps=2)
        >>> reader.read(torch.rand(1, 3, 24, 48)).shape
        torch.Size([1, 11])
    """
    _check_data(data)
    steps = check_count(steps, "steps", 1, _MOST)
    with seeded_init(check_seed(seed)):
        reader = SceneReader(width)
    cached_fit(
        reader,
        data.x,
        data.scenes,
        steps=steps,
        batch_size=32,
        lr=4e-3,
        weight_decay=0.05,
        seed=seed,
    )
    return reader


def picture_code(
    x: Tensor, *, latent_dim: int = 16, steps: int = 800, seed: int = 0
) -> tuple[PlaceAutoencoder, History]:
    """Train an autoencoder of pictures, from their principal components on.

    Args:
        x: Pictures, ``(n, 3, 24, 48)``.
        latent_dim: The numbers of the code of a place.
        steps: How many updates, at most a million.
        seed: Decides the first weights and the batches.

    Returns:
        The autoencoder and the history of its training.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If one is out of range.

    Example:
        >>> import torch
        >>> code, _ = picture_code(torch.rand(60, 3, 24, 48), steps=2)
        >>> code.encode(torch.rand(1, 3, 24, 48)).shape
        torch.Size([1, 3, 16])
    """
    steps = check_count(steps, "steps", 1, _MOST)
    with seeded_init(check_seed(seed)):
        code = PlaceAutoencoder(latent_dim=latent_dim)
    code.fit_components(x[:3000])
    history = cached_fit(
        code,
        x,
        steps=steps,
        batch_size=64,
        lr=2e-3,
        betas=(0.9, 0.99),
        weight_decay=0.01,
        seed=seed,
    )
    return code, history


def linear_code(x: Tensor, *, latent_dim: int = 16) -> PlaceAutoencoder:
    """Return the code of each place that principal components alone make.

    Args:
        x: Pictures, ``(n, 3, 24, 48)``.
        latent_dim: The numbers of the code of a place.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If one is out of range.

    Example:
        >>> import torch
        >>> code = linear_code(torch.rand(60, 3, 24, 48))
        >>> code.encode(torch.rand(1, 3, 24, 48)).shape
        torch.Size([1, 3, 16])
    """
    code = PlaceAutoencoder(latent_dim=latent_dim).fit_components(x)
    for network in (code.encoder, code.decoder):
        for p in network[-1].parameters():
            nn.init.zeros_(p)
    return code


def draw_from_words(
    z: Tensor,
    y: Tensor,
    code: PlaceAutoencoder,
    *,
    cross: bool = True,
    steps: int = 600,
    seed: int = 0,
) -> tuple[TextToImage, History]:
    """Train flow matching of codes given captions, the reader of captions with it.

    Args:
        z: Codes, ``(n, 3, latent_dim)``.
        y: Captions, ``(n, 40)``.
        code: The autoencoder whose codes they are.
        cross: Whether the network's tokens look at the words.
        steps: How many updates, at most a million.
        seed: Decides all randomness.

    Returns:
        The model and the history of the flow's training.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If one is out of range.

    Example:
        >>> import torch
        >>> from genbook.data.still_life.pictures import caption_tokens
        >>> y = caption_tokens(["a cup stands on the table ."] * 4)
        >>> code = PlaceAutoencoder()
        >>> draw_from_words(torch.randn(4, 3, 16), y, code, steps=1)[1].steps
        1
    """
    if not isinstance(code, PlaceAutoencoder):
        raise TypeError(f"code must be a PlaceAutoencoder, got {type(code).__name__}")
    steps = check_count(steps, "steps", 1, _MOST)
    check_flag(cross, "cross")
    with seeded_init(check_seed(seed)):
        model = TextToImage(
            len(caption_words()),
            LENGTH,
            latent_dim=code.latent_shape[1],
            components=len(code.scale),
            cross=cross,
        )
    model.code.load_state_dict(code.state_dict())
    history = cached_fit(
        model.flow,
        z,
        y,
        steps=steps,
        batch_size=48,
        lr=6e-3,
        betas=(0.9, 0.99),
        weight_decay=0.01,
        ema=0.998,
        seed=seed,
    )
    return model.eval(), history


def matching_pair(
    model: TextToImage, z: Tensor, y: Tensor, *, steps: int = 150, seed: int = 0
) -> ContrastivePair:
    """Train two encoders to find captions and pictures that belong together.

    The captions' encoder begins as a copy of the one that the model reads with.

    Args:
        model: A model that reads captions.
        z: Codes of pictures, ``(n, 3, latent_dim)``.
        y: Their captions, ``(n, 40)``.
        steps: How many updates, at most a million.
        seed: Decides all randomness.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If one is out of range.

    Example:
        >>> import torch
        >>> from genbook.data.still_life.pictures import caption_tokens
        >>> y = caption_tokens(["a cup stands on the table ."] * 4)
        >>> model = TextToImage(len(caption_words()), LENGTH)
        >>> pair = matching_pair(model, torch.randn(4, 3, 16), y, steps=1)
        >>> pair.scores(torch.randn(5, 3, 16), y).shape
        torch.Size([4, 5])
    """
    if not isinstance(model, TextToImage):
        raise TypeError(f"model must be a TextToImage, got {type(model).__name__}")
    steps = check_count(steps, "steps", 1, _MOST)
    words = copy.deepcopy(model.flow.net.words)
    with seeded_init(check_seed(seed)):
        pair = ContrastivePair(words, model.code.latent_shape)
    options = {"batch_size": 128, "lr": 3e-3, "betas": (0.9, 0.99), "seed": seed}
    cached_fit(pair, z, y, steps=steps, weight_decay=0.01, **options)
    return pair


def _check_data(data: StillLifes) -> None:
    if not isinstance(data, StillLifes):
        raise TypeError(f"data must be StillLifes, got {type(data).__name__}")
