"""A judge of images: a classifier that never sees a generated one.

Asked for an apple, did the model draw an apple? A small network that was trained on
real images only says what it sees. It can also be taught that most images show nothing:
see :func:`negative_images`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

from genbook._validate import (
    check_count,
    check_generator,
    check_labels,
    check_positive,
    check_seed,
    check_sizes,
    check_tensor,
    check_unit_interval,
)
from genbook.discriminative.base import Classifier, train_classifier


class ImageClassifier(Classifier):
    r"""A classifier of one hidden layer, p(y | x).

    .. math:: p_\theta(y \mid \mathbf x) = \operatorname{softmax}\bigl(
              A \max(B\mathbf x + \mathbf b, 0) + \mathbf a\bigr)_y

    Args:
        event_shape: The shape of one image.
        classes: How many classes.
        hidden: The width of the hidden layer.

    Raises:
        TypeError: If a size is not an integer.
        ValueError: If a size is below one.

    Example:
        >>> classifier = ImageClassifier((1, 8, 8), classes=3)
        >>> classifier.predict_proba(torch.rand(5, 1, 8, 8)).shape
        torch.Size([5, 3])
    """

    def __init__(
        self, event_shape: Sequence[int], classes: int, hidden: int = 128
    ) -> None:
        super().__init__()
        self.event_shape = check_sizes(event_shape, "event_shape")
        self.classes = check_count(classes, "classes", minimum=1)
        hidden = check_count(hidden, "hidden", minimum=1)
        self.config = {
            "event_shape": self.event_shape,
            "classes": self.classes,
            "hidden": hidden,
        }
        self.network = nn.Sequential(
            nn.Flatten(),
            nn.Linear(prod(self.event_shape), hidden),
            nn.ReLU(),
            nn.Linear(hidden, self.classes),
        )


def train_image_classifier(
    x: Tensor,
    y: Tensor,
    classes: int,
    *,
    noise: float = 0.0,
    steps: int = 600,
    seed: int = 0,
) -> ImageClassifier:
    """Return a judge trained on images and their labels.

    Args:
        x: Images, ``(n, *event_shape)``.
        y: Their classes, ``(n,)``.
        classes: How many classes there are.
        noise: Each image is also shown with Gaussian noise of this standard deviation
            on its pixels, so that the judge reads through a little of it.
        steps: How long it learns.
        seed: Decides the first weights and the batches.

    Raises:
        TypeError: If ``x`` is not a floating-point tensor, or ``y`` holds no integers.
        ValueError: If there are no images, or not as many labels.

    Example:
        >>> x = torch.rand(200, 1, 4, 4, generator=torch.Generator().manual_seed(0))
        >>> y = (x.mean(dim=(1, 2, 3)) > 0.5).long()
        >>> train_image_classifier(x, y, classes=2, steps=200).accuracy(x, y) > 0.9
        True
    """
    check_tensor(x, "x")
    if x.ndim < 2:
        raise ValueError(f"x must be (n, *event_shape), got {tuple(x.shape)}")
    classes = check_count(classes, "classes", minimum=1)
    y = check_labels(y, "y", classes, len(x))
    check_seed(seed)
    noise = check_positive(noise, "noise", zero=True)
    if noise:
        g = torch.Generator().manual_seed(seed)
        eps = torch.randn(x.shape, generator=g, dtype=x.dtype)
        noisy = (x + noise * eps).clamp(x.min(), x.max())
        x, y = torch.cat([x, noisy]), torch.cat([y, y])
    return train_classifier(
        lambda: ImageClassifier(x.shape[1:], classes),
        x,
        y,
        steps=steps,
        batch_size=256,
        weight_decay=0.1,
        seed=seed,
    )


def negative_images(
    x: Tensor, n: int, *, generator: torch.Generator | None = None
) -> Tensor:
    """Return images that show nothing, for the class "none of these".

    Four kinds in turn: noise with some share of ink, black or white; even grey noise;
    real images with all pixels shuffled; and two real images laid over one another.

    Args:
        x: Real images with values in [0, 1], ``(m, channels, height, width)``.
        n: How many to make.
        generator: The source of randomness; the global one when ``None``.

    Returns:
        Images of the shape of ``x``, ``(n, channels, height, width)``.

    Raises:
        ValueError: If ``x`` has another shape or leaves [0, 1].

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> negative_images(torch.rand(10, 1, 8, 8, generator=g), 6, generator=g).shape
        torch.Size([6, 1, 8, 8])
    """
    check_tensor(x, "x", ("m", "channels", "height", "width"))
    n = check_count(n, "n")
    check_generator(generator)
    check_unit_interval(x, "x")
    one, two = torch.randint(len(x), (2, n), generator=generator)
    u = torch.rand(n, *x.shape[1:], generator=generator, dtype=x.dtype)
    share = torch.rand(n, 1, 1, 1, generator=generator, dtype=x.dtype)
    order = u[:, :1].flatten(1).argsort(dim=1)[:, None]  # one shuffle for all channels
    shuffled = x[one].flatten(2).gather(2, order.expand(-1, x.shape[1], -1))
    kinds = [(u < share).to(x.dtype), u, shuffled.view_as(u), (x[one] + x[two]) / 2]
    kind = torch.arange(n) % len(kinds)
    return torch.stack(kinds)[kind, torch.arange(n)]
