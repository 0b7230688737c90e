"""Networks of images: a convolution for every place, linear layers for the whole.

A convolution looks at every place with the same few weights, and a linear layer sees
all places at once. Both networks have both: how strokes are drawn is learned once for
the whole image, and the code says where they go.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle, silu

from genbook._validate import check_count, check_sizes
from genbook.models.networks._doors import check_patch, check_vectors
from genbook.models.variational._networks import INIT_LOG_STD

__all__ = ["ImageDecoder", "ImageEncoder"]

GROUP = 4  # channels that are normalised together
MOST_WIDTH = 4_096  # channels of a cell; a convolution of them has half a gigabyte
MOST_VECTOR = 65_536  # numbers of a code, of the layer beside it, and labels


class ImageEncoder(nn.Module):
    """From an image to the guess of its code: means, and logarithms of deviations.

    The image is cut into squares of ``patch`` by ``patch`` pixels, and each becomes one
    cell, its pixels channels of it. A convolution looks at cells and their neighbours,
    and two linear layers at all of them, and at the label.

    Args:
        event_shape: The shape of an image, ``(channels, height, width)``.
        latent_dim: The length of the code, at most 65,536.
        width: The channels of a cell, a multiple of 4, at most 4,096.
        hidden: The numbers between the two linear layers, at most 65,536.
        patch: The side of the square that becomes a cell; it divides both sides.
        classes: How many labels there are, at most 65,536; 0 for none.

    Raises:
        TypeError: If a size is not an integer.
        ValueError: If one is out of range, or ``patch`` does not divide the sides.

    Example:
        >>> ImageEncoder((1, 8, 8), latent_dim=3)(torch.zeros(5, 64)).shape
        torch.Size([5, 6])
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        latent_dim: int,
        *,
        width: int = 16,
        hidden: int = 128,
        patch: int = 4,
        classes: int = 0,
    ) -> None:
        super().__init__()
        c = _checked(event_shape, latent_dim, width, hidden, patch, classes)
        self.config, self.patch = c, c["patch"]
        self.event_shape = channels, high, wide = tuple(c["event_shape"])
        self.features, latent_dim = prod(self.event_shape), c["latent_dim"]
        cells = high * wide // self.patch**2
        self.input = nn.Conv2d(channels * self.patch**2, c["width"], 3, padding=1)
        self.norm = nn.GroupNorm(c["width"] // GROUP, c["width"])
        self.middle = nn.Linear(cells * c["width"] + c["classes"], c["hidden"])
        self.output = nn.Linear(c["hidden"], 2 * latent_dim)
        with torch.no_grad():
            self.output.bias[latent_dim:] += INIT_LOG_STD

    def forward(self, x: Tensor) -> Tensor:
        """Return what is guessed of each code, ``(n, 2 * latent_dim)``.

        Args:
            x: Images laid out as rows, each before its label as ones and zeros,
                ``(n, features + classes)``; NaN and infinity give NaN.

        Raises:
            TypeError: If ``x`` is not of the network's type.
            ValueError: If it has another shape.
        """
        columns = self.features + self.config["classes"]
        check_vectors(x, "x", columns, self.output.weight.dtype)
        if not len(x):
            return x.new_zeros(0, self.output.out_features)
        image, label = x[:, : self.features], x[:, self.features :]
        h = pixel_unshuffle(image.unflatten(1, self.event_shape), self.patch)
        h = silu(self.norm(self.input(h))).flatten(1)  # (n, width * cells)
        return self.output(silu(self.middle(torch.cat([h, label], 1))))


class ImageDecoder(nn.Module):
    """From a code to numbers for each pixel.

    Two linear layers make the cells of an image from the code and the label; a group
    normalisation and a convolution turn each, with its neighbours, into the pixels of
    its square.

    Args:
        event_shape: The shape of an image, ``(channels, height, width)``.
        latent_dim: The length of the code, at most 65,536.
        outputs: How many numbers a pixel gets: 1 for a Bernoulli likelihood, 2 for a
            Gaussian one, its mean and the logarithm of its standard deviation.
        width: The channels of a cell, a multiple of 4, at most 4,096.
        hidden: The numbers between the two linear layers, at most 65,536.
        patch: The side of the square that a cell becomes; it divides both sides.
        classes: How many labels there are, at most 65,536; 0 for none.

    Raises:
        TypeError: If a size is not an integer.
        ValueError: If one is out of range, or ``patch`` does not divide the sides.

    Example:
        >>> ImageDecoder((1, 8, 8), latent_dim=3)(torch.zeros(5, 3)).shape
        torch.Size([5, 64])
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        latent_dim: int,
        *,
        outputs: int = 1,
        width: int = 32,
        hidden: int = 128,
        patch: int = 4,
        classes: int = 0,
    ) -> None:
        super().__init__()
        c = _checked(event_shape, latent_dim, width, hidden, patch, classes)
        c["outputs"] = outputs = check_count(outputs, "outputs", 1, 2)
        self.config, self.patch = c, c["patch"]
        channels, high, wide = c["event_shape"]
        self.cells = c["width"], high // self.patch, wide // self.patch
        self.middle = nn.Linear(c["latent_dim"] + c["classes"], c["hidden"])
        self.place = nn.Linear(c["hidden"], prod(self.cells))
        self.norm = nn.GroupNorm(c["width"] // GROUP, c["width"])
        inside = channels * self.patch**2  # the pixels of a cell
        self.output = nn.Conv2d(c["width"], outputs * inside, 3, padding=1)
        *_, bias = self.output.parameters()
        with torch.no_grad():
            bias[inside:] += INIT_LOG_STD

    def forward(self, z: Tensor) -> Tensor:
        """Return ``outputs`` numbers for each pixel, ``(n, outputs * features)``.

        Args:
            z: Codes, each before its label as ones and zeros,
                ``(n, latent_dim + classes)``; NaN and infinity give NaN.

        Raises:
            TypeError: If ``z`` is not of the network's type.
            ValueError: If it has another shape.
        """
        check_vectors(z, "z", self.middle.in_features, self.middle.weight.dtype)
        h = self.place(silu(self.middle(z))).unflatten(1, self.cells)
        h = self.output(silu(self.norm(h)))  # (n, outputs * inside, ...)
        return pixel_shuffle(h, self.patch).flatten(1)


def _checked(
    event_shape: Sequence[int],
    latent_dim: int,
    width: int,
    hidden: int,
    patch: int,
    classes: int,
) -> dict[str, Any]:
    """Return the arguments that both networks share, as a file says them."""
    shape = check_sizes(event_shape, "event_shape")
    patch = check_patch(shape, patch)
    width = check_count(width, "width", GROUP, MOST_WIDTH)
    if width % GROUP:
        raise ValueError(f"width must be a multiple of {GROUP}, got {width}")
    return {
        "event_shape": list(shape),
        "latent_dim": check_count(latent_dim, "latent_dim", 1, MOST_VECTOR),
        "width": width,
        "hidden": check_count(hidden, "hidden", 1, MOST_VECTOR),
        "patch": patch,
        "classes": check_count(classes, "classes", 0, MOST_VECTOR),
    }
