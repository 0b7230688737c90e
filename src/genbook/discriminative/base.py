"""What all classifiers of images can do, whatever network reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from genbook._validate import (
    check_function,
    check_generator,
    check_labels,
    check_tensor,
)
from genbook.models.base import Model
from genbook.training import fit, isolated_rng

C = TypeVar("C", bound="Classifier")


class Classifier(Model):
    r"""A model of the class of an image, p(y | x).

    .. math:: p_\theta(y \mid \mathbf x)
              = \operatorname{softmax}\bigl(f_\theta(\mathbf x)\bigr)_y

    Attributes:
        network: The network f, from images ``(n, *event_shape)`` to logits
            ``(n, classes)``.
    """

    network: nn.Module

    def logits(self, x: Tensor) -> Tensor:
        """Return what the softmax makes probabilities of, ``(n, classes)``.

        Raises:
            TypeError: If ``x`` is not of the model's floating-point type.
            ValueError: If ``x`` has another shape or is not finite.
        """
        self._check_x(x)
        return self.network(x)

    def loss(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the mean of -log p(y | x) over the batch, in nats."""
        if y is None:
            raise ValueError("y must be the labels, (n,), got None")
        check_generator(generator)
        self._check_x(x, allow_empty=False)
        y = check_labels(y, "y", self.classes, len(x))
        return cross_entropy(self.logits(x), y)

    @torch.no_grad()
    def predict_proba(self, x: Tensor) -> Tensor:
        """Return p(y | x), ``(n, classes)``, without gradient; the logits have one."""
        return self.logits(x).softmax(dim=1)

    def predict(self, x: Tensor) -> Tensor:
        """Return the likeliest class of each image, ``(n,)``."""
        return self.predict_proba(x).argmax(dim=1)

    def accuracy(self, x: Tensor, y: Tensor) -> float:
        """Return the share of images whose likeliest class is ``y``."""
        found = self.predict(x)
        y = check_labels(y, "y", self.classes, len(x))
        return (found == y).double().mean().item()


def train_classifier(
    make: Callable[[], C],
    x: Tensor,
    y: Tensor,
    *,
    steps: int,
    batch_size: int,
    weight_decay: float,
    seed: int,
    trainer: Callable[..., object] = fit,
) -> C:
    """Return a classifier trained on images and labels, from its first weights on.

    Args:
        make: Makes the classifier; its first weights follow from ``seed``.
        x: Images, ``(n, *event_shape)``; the classifier takes their type and device.
        y: Their classes, ``(n,)``.
        steps: How many updates.
        batch_size: Images a step.
        weight_decay: See :func:`~genbook.training.fit.fit`.
        seed: Decides the first weights, the batches and the randomness of the loss.
        trainer: Trains it, called as :func:`~genbook.training.fit.fit` is.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a shape is wrong or a number out of range.

    Example:
        >>> from genbook.discriminative.image_classifier import ImageClassifier
        >>> x, y = torch.rand(8, 1, 4, 4), torch.arange(8) % 2
        >>> make = lambda: ImageClassifier((1, 4, 4), classes=2)
        >>> model = train_classifier(
        ...     make, x, y, steps=1, batch_size=8, weight_decay=0.1, seed=0
        ... )
        >>> model.predict(x).shape
        torch.Size([8])
    """
    check_function(make, "make")
    check_function(trainer, "trainer")
    check_tensor(x, "x")
    with isolated_rng(seed):
        classifier = make().to(x)
    trainer(
        classifier,
        x,
        y,
        steps=steps,
        batch_size=batch_size,
        lr=3e-3,
        weight_decay=weight_decay,
        seed=seed,
    )
    return classifier
