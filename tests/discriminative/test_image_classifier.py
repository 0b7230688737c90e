"""The judge: against the formula, and on images it was and was not trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from genbook.data.digits import load_digits
from genbook.discriminative.image_classifier import (
    ImageClassifier,
    negative_images,
    train_image_classifier,
)
from seeding import seeded


def halves(n: int = 400) -> tuple[Tensor, Tensor]:
    """Return images whose class is the half that is brighter."""
    x = torch.rand(n, 1, 6, 6, generator=seeded(0))
    return x, (x[..., :3].sum((1, 2, 3)) > x[..., 3:].sum((1, 2, 3))).long()


def test_loss_and_probabilities_are_the_formula() -> None:
    x, y = halves(20)
    classifier = ImageClassifier((1, 6, 6), 2, hidden=5)
    B, b, A, a = (p.detach().numpy() for p in classifier.parameters())
    score = np.maximum(x.flatten(1).numpy() @ B.T + b, 0) @ A.T + a
    assert np.allclose(classifier.logits(x).detach(), score, atol=1e-6)
    assert classifier.logits(x).requires_grad
    p = np.exp(score) / np.exp(score).sum(1, keepdims=True)
    assert np.allclose(classifier.predict_proba(x), p, atol=1e-6)
    assert classifier.loss(x, y).item() == pytest.approx(
        -np.log(p[np.arange(20), y]).mean()
    )
    assert classifier.accuracy(x, y) == (p.argmax(1) == y.numpy()).mean()


def test_it_learns_and_follows_its_seed() -> None:
    x, y = halves()
    before = torch.get_rng_state()
    a, b = (train_image_classifier(x, y, 2, steps=200, seed=3) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(a.predict_proba(x), b.predict_proba(x))
    assert a.accuracy(x, y) > 0.95


def test_noise_makes_it_read_through_noise() -> None:
    digits, test = load_digits("train", size=14), load_digits("test", size=14)
    noisy = (test.x + 0.3 * torch.randn(test.x.shape, generator=seeded(1))).clamp(0, 1)
    plain = train_image_classifier(digits.x, digits.y, 10, steps=200)
    robust = train_image_classifier(digits.x, digits.y, 10, steps=200, noise=0.3)
    assert robust.accuracy(noisy, test.y) > plain.accuracy(noisy, test.y) + 0.02


def test_nothing_is_of_four_kinds() -> None:
    x = load_digits("test", size=14).x
    made = negative_images(x, 400, generator=seeded(0))
    ink, grey, shuffled, laid = (made[k::4] for k in range(4))
    assert set(ink.unique().tolist()) == {0.0, 1.0}
    assert ink.mean((1, 2, 3)).std() > 0.2  # some pale, some dark
    assert grey.mean().item() == pytest.approx(0.5, abs=0.02)
    sums = x.sum((1, 2, 3))
    nearest = (shuffled.sum((1, 2, 3))[:, None] - sums).abs().min(1).values
    assert nearest.max() < 1e-3  # the pixels of a real image, elsewhere
    assert laid.max() <= 1
    assert 2 * laid.mean().item() == pytest.approx(2 * x.mean().item(), rel=0.1)


def test_channels_are_shuffled_together() -> None:
    x = torch.rand(20, 1, 4, 4, generator=seeded(0)).expand(-1, 3, -1, -1)
    shuffled = negative_images(x, 40, generator=seeded(1))[2::4]
    assert torch.equal(shuffled[:, 0], shuffled[:, 2])


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(3, 4, 4), "x must be"),
        (torch.full((3, 1, 4, 4), 2.0), r"x must lie in \[0, 1\], got values from 2"),
    ],
)
def test_bad_images_are_refused(x: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        negative_images(x, 3)


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (None, TypeError, "y must be a torch.Tensor, got NoneType"),
        (torch.zeros(400), TypeError, "y must hold integer labels"),
        (torch.full((400,), 2), ValueError, "y must hold labels 0 to 1, got 2"),
    ],
)
def test_bad_labels_are_refused(y: Any, error: type[Exception], message: str) -> None:
    x, _ = halves()
    with pytest.raises(error, match=message):
        train_image_classifier(x, y, 2)
