"""Two convolutional networks for a game on images: one draws, the other judges.

Both cut an image into squares of pixels, and the pixels of a square are the channels of
one cell. The first makes cells of noise, lets neighbours agree, and unfolds each into
its square; the second folds squares, looks for patterns in cells and in every second
cell, and weighs all that it found.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, pixel_shuffle, pixel_unshuffle, relu

from genbook._validate import check_count, check_positive, check_sizes
from genbook.models.networks._doors import check_patch, check_rows, check_vectors

__all__ = ["ConvolutionalDiscriminator", "ConvolutionalGenerator"]

MOST_WIDTH = 4_096  # channels; a convolution of them has half a gigabyte


class ConvolutionalGenerator(nn.Module):
    r"""A network that makes images of vectors.

    A linear layer makes the cells, a convolution whose result is added lets each hear
    its neighbours, and a last one says the pixels of each cell's square. Weights are
    stored smaller than they are used, by ``pace``, so that a step of Adam, which has
    the same size for every weight, moves this network faster than its opponent.

    Args:
        event_shape: The shape of an image, ``(channels, height, width)``, each at most
            4,096.
        inputs: The length of a vector, noise and label after one another, at most
            65,536.
        width: The channels of a cell, at most 4,096.
        patch: The side of the square that a cell becomes; it divides both sides.
        pace: How many times as far a step moves it, from 0.001 to 1,000.

    Raises:
        TypeError: If a size is not an integer.
        ValueError: If a size is out of range, or ``patch`` does not divide the sides.

    Reference:
        A. Radford, L. Metz and S. Chintala, "Unsupervised representation learning with
        deep convolutional generative adversarial networks", 2016, arXiv:1511.06434;
        T. Karras et al., "Progressive growing of GANs", 2018, arXiv:1710.10196, who
        store weights at another size than they use; M. Heusel et al., "GANs trained by
        a two time-scale update rule", 2017, arXiv:1706.08500.

    Example:
        >>> net = ConvolutionalGenerator((1, 14, 14), inputs=26, width=8)
        >>> net(torch.zeros(3, 26)).shape
        torch.Size([3, 1, 14, 14])
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        inputs: int,
        *,
        width: int = 32,
        patch: int = 2,
        pace: float = 2.0,
    ) -> None:
        super().__init__()
        self.event_shape, self.patch = _check_fits(event_shape, patch)
        self.pace = check_positive(pace, "pace", maximum=1_000)
        if self.pace < 1e-3:
            raise ValueError(f"pace must be at least 0.001, got {pace}")
        inputs = check_count(inputs, "inputs", 1, 65_536)
        width = check_count(width, "width", 1, MOST_WIDTH)
        self.config = {
            "event_shape": list(self.event_shape),
            "inputs": inputs,
            "width": width,
            "patch": self.patch,
            "pace": self.pace,
        }
        channels, *sides = self.event_shape
        self.cells = (*(side // self.patch for side in sides), width)
        self.first = nn.Linear(inputs, prod(self.cells))
        self.talk = nn.Conv2d(width, width, 3, padding=1)
        self.last = nn.Conv2d(width, channels * self.patch**2, 3, padding=1)
        with torch.no_grad():
            for p in self.parameters():
                p.div_(self.pace)

    def forward(self, z: Tensor) -> Tensor:
        """Return images, ``(n, *event_shape)``.

        Args:
            z: Vectors, ``(n, inputs)``; NaN and infinity give NaN.

        Raises:
            TypeError: If ``z`` is of another type.
            ValueError: If it has another shape.
        """
        check_rows(z, self.first.weight, name="z")
        if not len(z):
            return z.new_empty(0, *self.event_shape)
        h = self.pace * self.first(z)
        h = h.unflatten(1, self.cells)  # (n, cells a side, cells a side, width)
        h = h.permute(0, 3, 1, 2)
        h = h + self.pace * self.talk(relu(h))
        return pixel_shuffle(self.pace * self.last(relu(h)), self.patch)


class ConvolutionalDiscriminator(nn.Module):
    r"""A network that judges images beside labels.

    It gives an image one score for each label, and the score of the label that stands
    beside it counts.

    Args:
        event_shape: The shape of an image, ``(channels, height, width)``, each at most
            4,096.
        classes: How many labels there are, at most a million; 0 for images alone.
        width: The channels of a cell, at most 2,048; every second cell has twice as
            many.
        patch: The side of the square that becomes a cell; it divides both sides.

    Raises:
        TypeError: If a size is not an integer.
        ValueError: If a size is out of range, or ``patch`` does not divide the sides.

    Reference:
        T. Miyato and M. Koyama, "cGANs with projection discriminator", 2018,
        arXiv:1802.05637.

    Example:
        >>> net = ConvolutionalDiscriminator((1, 14, 14), classes=10, width=8)
        >>> net(torch.zeros(3, 14 * 14 + 10)).shape
        torch.Size([3, 1])
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        classes: int = 0,
        *,
        width: int = 32,
        patch: int = 2,
    ) -> None:
        super().__init__()
        self.event_shape, self.patch = _check_fits(event_shape, patch)
        self.classes = check_count(classes, "classes", 0, 1_000_000)
        width = check_count(width, "width", 1, MOST_WIDTH // 2)
        self.config = {
            "event_shape": list(self.event_shape),
            "classes": self.classes,
            "width": width,
            "patch": self.patch,
        }
        channels, *sides = self.event_shape
        halves = [(side // self.patch + 1) // 2 for side in sides]
        self.first = nn.Conv2d(channels * self.patch**2, width, 3, padding=1)
        self.halve = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.score = nn.Linear(2 * width * prod(halves), max(self.classes, 1))

    def forward(self, seen: Tensor) -> Tensor:
        """Return one score an image, ``(n, 1)``.

        Args:
            seen: The pixels of each image and its label, one-hot, after one another,
                ``(n, pixels + classes)``; NaN and infinity give NaN.

        Raises:
            TypeError: If ``seen`` is of another type.
            ValueError: If it has another shape.
        """
        pixels = prod(self.event_shape)
        check_vectors(seen, "seen", pixels + self.classes, self.score.weight.dtype)
        if not len(seen):
            return seen.new_empty(0, 1)  # PyTorch cannot cut what is not there
        x, label = seen.split([pixels, self.classes], 1)
        x = x.unflatten(1, self.event_shape)
        h = pixel_unshuffle(x, self.patch)  # (n, channels patch², cells a side, …)
        h = h.contiguous(memory_format=torch.channels_last)
        h = leaky_relu(self.first(h), 0.2)
        h = leaky_relu(self.halve(h), 0.2)  # (n, 2 width, half of the cells, …)
        scores = self.score(h.flatten(1))  # (n, classes)
        return (scores * label).sum(1, keepdim=True) if self.classes else scores


def _check_fits(shape: Sequence[int], patch: int) -> tuple[tuple[int, ...], int]:
    """Return both, or refuse images that cannot be cut."""
    shape = check_sizes(shape, "event_shape", maximum=4_096)
    return shape, check_patch(shape, patch)
