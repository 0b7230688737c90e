"""A judge of images with eyes: a small convolutional classifier, and its features.

A judge of one hidden layer knows where ink lies on average; it reads a veiled digit as
surely as a crisp one. This one looks through small windows, learns from shifted, turned
and slanted copies, and is calibrated on images that it did not learn from. What it sees
before it decides, its *features*, is where sets of images are compared
(:func:`~genbook.metrics.frechet.frechet_distance`,
:func:`~genbook.metrics.precision_recall.precision_recall`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from genbook._validate import (
    check_count,
    check_labels,
    check_positive,
    check_seed,
    check_sizes,
    check_tensor,
)
from genbook.discriminative.base import Classifier, train_classifier
from genbook.models.networks.augmentation import random_affine
from genbook.training import fit

SMALLEST = 8  # pixels a side: three are left of it before the last layers
LARGE = 20  # pixels a side: from here on the first layer looks at every second pixel


class ConvolutionalClassifier(Classifier):
    r"""A classifier of four convolutions and two linear layers, p(y | x).

    Each convolution is followed by batch normalisation and a ReLU; after the second and
    the third, a pooling keeps the largest of four pixels. The first linear layer gives
    the features :math:`\mathbf h(\mathbf x)`, the second the logits:

    .. math:: p_\theta(y \mid \mathbf x)
              = \operatorname{softmax}\bigl(A\,\mathbf h(\mathbf x) + \mathbf a\bigr)_y

    Of an image unlike all that it learned from, noise or a digit on grey, it may be
    sure and wrong: what is no image must be asked of its features.

    Args:
        event_shape: The shape of one image, ``(channels, height, width)``.
        classes: How many classes.
        width: The channels of the first convolution; later ones have two and four
            times as many.
        features: The length of the feature vector.
        augment: How far the images of a training step are moved, resized and slanted:
            the ``strength`` of :func:`.random_affine`.

    Raises:
        TypeError: If a size is not an integer.
        ValueError: If a size is below one, a side below 8 pixels, or ``augment`` is
            negative.

    Reference:
        LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998;
        Ioffe and Szegedy, "Batch Normalization", 2015, arXiv:1502.03167.

    Example:
        >>> classifier = ConvolutionalClassifier((1, 28, 28), classes=10).eval()
        >>> x = torch.rand(5, 1, 28, 28)
        >>> classifier.predict_proba(x).shape, classifier.features(x).shape
        (torch.Size([5, 10]), torch.Size([5, 64]))
    """

    network: nn.Sequential

    def __init__(
        self,
        event_shape: Sequence[int],
        classes: int,
        *,
        width: int = 16,
        features: int = 64,
        augment: float = 0.2,
    ) -> None:
        super().__init__()
        self.event_shape = check_sizes(event_shape, "event_shape")
        if len(self.event_shape) != 3 or min(self.event_shape[1:]) < SMALLEST:
            raise ValueError(
                f"event_shape must be (channels, height, width) with {SMALLEST} pixels "
                f"a side or more, got {self.event_shape}"
            )
        self.classes = check_count(classes, "classes", minimum=1)
        width = check_count(width, "width", minimum=1)
        features = check_count(features, "features", minimum=1)
        self.augment = check_positive(augment, "augment", zero=True, maximum=1000)
        self.config = {
            "event_shape": self.event_shape,
            "classes": classes,
            "width": width,
            "features": features,
            "augment": augment,
        }
        channels, *sides = self.event_shape
        stride = 2 if min(sides) >= LARGE else 1
        height, width_ = (-(-side // stride) // 4 for side in sides)
        c1, c2, c3 = width, 2 * width, 4 * width
        self.network = nn.Sequential(
            *_convolution(channels, c1, 5, stride),
            *_convolution(c1, c2),
            nn.MaxPool2d(2),
            *_convolution(c2, c3),
            nn.MaxPool2d(2),
            *_convolution(c3, c3),
            nn.Flatten(),
            nn.Linear(c3 * height * width_, features),
            nn.ReLU(),
            nn.Linear(features, classes),
        )
        # A third faster on a processor.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the mean of -log p(y | x) in nats, in training over moved copies."""
        if self.training:
            self._check_x(x)
            x = random_affine(x, self.augment, padding="border", generator=generator)
        return super().loss(x, y)

    def logits(self, x: Tensor) -> Tensor:
        """Return what the softmax makes probabilities of, ``(n, classes)``."""
        self._check_x(x)
        return self._through(self.network, x)

    @torch.no_grad()
    def features(self, x: Tensor) -> Tensor:
        """Return what the last layer decides from, without gradient, ``(n, k)``.

        Args:
            x: Images, ``(n, channels, height, width)``.

        Returns:
            Numbers that are zero or positive.
        """
        self._check_x(x)
        return self._through(self.network[:-1], x)

    @torch.no_grad()
    def calibrate(self, x: Tensor, y: Tensor) -> float:
        r"""Divide the logits by the temperature that fits images it did not learn from.

        .. math:: \hat T = \operatorname*{arg\,min}_T\; -\frac1n \sum_i
                  \log \operatorname{softmax}\bigl(f(\mathbf x_i) / T\bigr)_{y_i}

        To these ``n`` images comes one that anybody might have labelled, so that the
        temperature stays above zero when all are read correctly. The likeliest class
        does not change; the last layer's weights take the temperature in.

        Args:
            x: Images, ``(n, channels, height, width)``; never those of a test.
            y: Their classes, ``(n,)``.

        Returns:
            The temperature; above 1 where the probabilities were too bold.

        Reference:
            Guo et al., "On Calibration of Modern Neural Networks", 2017,
            arXiv:1706.04599.
        """
        from scipy.optimize import minimize_scalar  # slow to import

        self._check_x(x, allow_empty=False)
        y = check_labels(y, "y", self.classes, len(x))
        logits, share = self.logits(x).double(), 1 / (len(x) + 1)

        def loss(log_t: float) -> float:
            return cross_entropy(logits / exp(log_t), y, label_smoothing=share).item()

        found = minimize_scalar(
            loss, bounds=(-5, 5), method="bounded", options={"xatol": 1e-8}
        )
        temperature = exp(found.x)
        for weights in self.network[-1].parameters():
            weights.div_(temperature)
        return temperature

    def _through(self, layers: nn.Module, x: Tensor) -> Tensor:
        """Apply layers: to a few images at a time, unless they look at the batch."""
        if self.training:
            return layers(x)
        return torch.cat([layers(part) for part in x.split(500)])


def _convolution(a: int, b: int, size: int = 3, stride: int = 1) -> list[nn.Module]:
    """Return a convolution that keeps the border, its normalisation and a ReLU."""
    conv = nn.Conv2d(a, b, size, stride, padding=size // 2, bias=False)
    return [conv, nn.BatchNorm2d(b), nn.ReLU()]


def train_convolutional_classifier(
    x: Tensor,
    y: Tensor,
    classes: int,
    *,
    augment: float = 0.2,
    held_out: float = 0.125,
    steps: int = 600,
    seed: int = 0,
    trainer: Callable[..., object] = fit,
) -> ConvolutionalClassifier:
    """Return a judge trained on images and their labels, and calibrated.

    A share of the images is kept back for the calibration. The 4,000 digits at 28×28
    take some 14 seconds of one core.

    Args:
        x: Images, ``(n, channels, height, width)``.
        y: Their classes, ``(n,)``.
        classes: How many classes there are.
        augment: How far the images of a step are moved, resized and slanted.
        held_out: The share of images that the weights do not learn from; 0 for none,
            and no calibration.
        steps: How long it learns, a hundred images a step.
        seed: Decides which images are kept back, the first weights, the batches and
            how images are moved.
        trainer: Trains it, called as :func:`~genbook.training.fit.fit` is.

    Raises:
        TypeError: If ``x`` is not a floating-point tensor, or ``y`` holds no integers.
        ValueError: If there are no images, or not as many labels, or ``held_out`` is
            not between 0 and 1 or leaves nothing to learn from.

    Example:
        >>> x = torch.rand(200, 1, 8, 8, generator=torch.Generator().manual_seed(0))
        >>> y = (x.mean(dim=(1, 2, 3)) > 0.5).long()
        >>> model = train_convolutional_classifier(x, y, 2, augment=0, steps=60)
        >>> model.accuracy(x, y) > 0.8
        True
    """
    check_tensor(x, "x", ("n", "channels", "height", "width"))
    classes = check_count(classes, "classes", minimum=1)
    y = check_labels(y, "y", classes, len(x))
    held_out = check_positive(held_out, "held_out", zero=True)
    kept = round(held_out * len(x))
    if held_out and not 0 < kept < len(x):
        raise ValueError(
            f"held_out must keep back some of the {len(x)} images and leave some, got "
            f"{held_out}: {kept}"
        )
    g = torch.Generator().manual_seed(check_seed(seed))
    order = torch.randperm(len(x), generator=g)
    order = order.to(x.device)
    unseen, seen = order[:kept], order[kept:]
    classifier = train_classifier(
        lambda: ConvolutionalClassifier(x.shape[1:], classes, augment=augment),
        x[seen],
        y[seen],
        steps=steps,
        batch_size=100,
        weight_decay=0.05,
        seed=seed,
        trainer=trainer,
    )
    if kept:
        classifier.calibrate(x[unseen], y[unseen])
    return classifier
