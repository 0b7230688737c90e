"""The reader of digits that judges what the chapters draw.

It has seen real digits only. All chapters that draw at one size ask the same one, so
that their numbers can be compared, and it is trained once.
"""

from __future__ import annotations

from torch import Tensor

from genbook._validate import check_count, check_labels, check_seed
from genbook.course.cached_fit import cached_fit
from genbook.course.recipes._data import check_images
from genbook.discriminative.convolutional import (
    ConvolutionalClassifier,
    train_convolutional_classifier,
)


def digit_reader(
    x: Tensor, y: Tensor, *, steps: int = 400, seed: int = 0
) -> ConvolutionalClassifier:
    """Return a reader of digits, in whose features drawn digits are compared.

    Args:
        x: Images of digits, ``(n, 1, height, width)``, with values in [0, 1].
        y: The digits, ``(n,)``.
        steps: How many updates, at most a million.
        seed: Decides all randomness.

    Returns:
        A convolutional classifier of ten digits, calibrated on an eighth of the images.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If one is out of range, or there is not one label an image.

    Example:
        >>> from torch import arange, zeros
        >>> digit_reader(zeros(50, 1, 8, 8), arange(50) % 10, steps=2).classes
        10
    """
    check_images(x)
    y = check_labels(y, "y", 10, len(x))
    return train_convolutional_classifier(
        x,
        y,
        10,
        steps=check_count(steps, "steps", 1, 1_000_000),
        seed=check_seed(seed),
        trainer=cached_fit,
    )
