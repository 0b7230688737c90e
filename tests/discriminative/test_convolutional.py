"""The convolutional judge: its layers, its calibration, and digits it never saw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from genbook.data.digits import load_digits
from genbook.discriminative.convolutional import (
    ConvolutionalClassifier,
    train_convolutional_classifier,
)
from genbook.metrics import calibration_error, frechet_distance, noise_floor
from genbook.training import isolated_rng, load, save
from seeding import seeded

TEST = load_digits("test")


def halves(n: int = 400) -> tuple[Tensor, Tensor]:
    """Return images whose class is the half that is brighter."""
    x = torch.rand(n, 1, 8, 8, generator=seeded(0))
    return x, (x[..., :4].sum((1, 2, 3)) > x[..., 4:].sum((1, 2, 3))).long()


def untrained(*shape: int, classes: int = 3, seed: int = 0) -> ConvolutionalClassifier:
    with isolated_rng(seed):
        return ConvolutionalClassifier(shape, classes, width=4, features=7).eval()


@pytest.fixture(scope="module")
def judge() -> ConvolutionalClassifier:
    """The judge of digits after four tenths of its usual time."""
    digits = load_digits("train")
    return train_convolutional_classifier(digits.x, digits.y, 10, steps=240)


# --- digits ---------------------------------------------------------------------------


def test_it_reads_digits_that_it_never_saw(judge: ConvolutionalClassifier) -> None:
    assert judge.accuracy(TEST.x, TEST.y) >= 0.97


def test_its_probabilities_mean_what_they_say(judge: ConvolutionalClassifier) -> None:
    p, guess = judge.predict_proba(TEST.x).max(1)
    assert calibration_error(p, (guess == TEST.y).long()) <= 0.02
    assert abs(p.mean() - judge.accuracy(TEST.x, TEST.y)) < 0.015


def test_its_features_see_what_it_reads_past(judge: ConvolutionalClassifier) -> None:
    """Blurred digits are read correctly, and are far from real ones."""
    blurred = torch.nn.functional.avg_pool2d(TEST.x, 3, 1, 1)
    assert judge.accuracy(blurred, TEST.y) > 0.95
    real, other = judge.features(TEST.x), judge.features(blurred[500:])
    floor = noise_floor(real, frechet_distance, 500, generator=seeded(0))
    assert frechet_distance(real[:500], other) > floor.mean + 5 * floor.spread


# --- layers ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape", [(1, 28, 28), (1, 14, 14), (3, 28, 28), (3, 24, 48), (2, 8, 9)]
)
def test_shapes(shape: tuple[int, ...]) -> None:
    model, x = untrained(*shape), torch.rand(5, *shape, generator=seeded(1))
    features = model.features(x)
    assert features.shape == (5, 7)
    assert features.min() >= 0
    last = model.network[-1]
    logits = features @ last.weight.T + last.bias
    assert torch.allclose(model.logits(x), logits, atol=1e-6)
    assert torch.allclose(model.predict_proba(x), logits.softmax(1), atol=1e-6)
    assert model.features(x[:0]).shape == (0, 7)
    assert model.predict(x[:0]).shape == (0,)
    loss = cross_entropy(logits, torch.tensor([0, 1, 2, 0, 1]))
    got = model.loss(x, torch.tensor([0, 1, 2, 0, 1]))
    assert got.item() == pytest.approx(loss.item(), rel=1e-5)


def test_many_images_are_read_like_few() -> None:
    model = untrained(1, 8, 8).double()
    x = torch.rand(1203, 1, 8, 8, generator=seeded(1), dtype=torch.float64)
    for read in (model.logits, model.features, model.predict_proba):
        few = torch.cat([read(part) for part in x.split(7)])
        assert torch.allclose(read(x), few, rtol=0, atol=1e-12)


def test_logits_have_a_gradient_and_features_do_not() -> None:
    model = untrained(1, 8, 8)
    x = torch.rand(4, 1, 8, 8, generator=seeded(1)).requires_grad_()
    [gradient] = torch.autograd.grad(model.logits(x)[:, 0].sum(), x)
    assert gradient.abs().sum() > 0
    assert not model.features(x).requires_grad
    assert not model.predict_proba(x).requires_grad


def test_images_move_in_training_only() -> None:
    x, y = halves(50)
    model = untrained(1, 8, 8)
    first = model.loss(x, y, generator=seeded(0))
    assert torch.equal(model.loss(x, y, generator=seeded(1)), first)
    model.train()
    first = model.loss(x, y, generator=seeded(0))
    assert torch.equal(model.loss(x, y, generator=seeded(0)), first)
    assert not torch.equal(model.loss(x, y, generator=seeded(1)), first)


# --- calibration ----------------------------------------------------------------------


def sharpened(factor: float) -> ConvolutionalClassifier:
    """Return a classifier whose logits have this standard deviation over images."""
    model = untrained(1, 8, 8).double()
    x = torch.rand(500, 1, 8, 8, generator=seeded(5), dtype=torch.float64)
    with torch.no_grad():
        last, logits = model.network[-1], model.logits(x)
        scale = factor / (logits - logits.mean(0)).std()
        last.bias -= logits.mean(0)
        last.weight *= scale
        last.bias *= scale
    return model


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_calibration_finds_the_temperature_of_the_labels(temperature: float) -> None:
    x = torch.rand(6000, 1, 8, 8, generator=seeded(1), dtype=torch.float64)
    model = sharpened(2.0)
    before = model.logits(x)
    p = (before / temperature).softmax(1)
    y = torch.multinomial(p, 1, generator=seeded(2))[:, 0]
    found = model.calibrate(x, y)
    assert found == pytest.approx(temperature, rel=0.1)
    assert torch.allclose(model.logits(x), before / found)
    assert torch.equal(model.predict(x), before.argmax(1))
    assert model.calibrate(x, y) == pytest.approx(1, abs=1e-3)


def test_calibration_is_the_best_of_a_grid() -> None:
    x = torch.rand(80, 1, 8, 8, generator=seeded(1), dtype=torch.float64)
    model = sharpened(4.0)
    logits = model.logits(x).detach()
    y = torch.multinomial((logits / 1.5).softmax(1), 1, generator=seeded(2))[:, 0]

    def cost(t: float) -> float:
        """As if one more image stood for each class by a third."""
        right = cross_entropy(logits / t, y).item()
        any_ = -(logits / t).log_softmax(1).mean().item()
        return (80 * right + any_) / 81

    grid = torch.logspace(-1, 2, 3001).tolist()
    assert model.calibrate(x, y) == pytest.approx(min(grid, key=cost), rel=2e-3)


def test_images_that_are_all_read_correctly_leave_a_doubt() -> None:
    x = torch.rand(99, 1, 8, 8, generator=seeded(1), dtype=torch.float64)
    model = sharpened(30.0)
    y = model.predict(x)
    temperature = model.calibrate(x, y)
    assert temperature > 0.05
    assert 0.9 < model.predict_proba(x).max(1).values.mean() < 1


def test_it_is_calibrated_on_images_that_it_did_not_learn_from() -> None:
    """Labels without a reason are learned by heart, and say nothing of new images."""
    x = torch.rand(200, 1, 8, 8, generator=seeded(0))
    y = torch.randint(2, (200,), generator=seeded(1))
    bold, honest = (
        train_convolutional_classifier(
            x, y, 2, augment=0, held_out=share, steps=60, seed=1
        )
        for share in (0.0, 0.25)
    )
    new = torch.rand(200, 1, 8, 8, generator=seeded(2))
    assert bold.predict_proba(new).max(1).values.mean() > 0.8
    assert honest.predict_proba(new).max(1).values.mean() < 0.7


# --- training -------------------------------------------------------------------------


def test_it_learns_and_follows_its_seed() -> None:
    x, y = halves()
    before = torch.get_rng_state()
    a, b, c = (
        train_convolutional_classifier(x, y, 2, augment=0.05, steps=60, seed=seed)
        for seed in (3, 3, 4)
    )
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(a.predict_proba(x), b.predict_proba(x))
    assert not torch.equal(a.predict_proba(x), c.predict_proba(x))
    assert a.accuracy(x, y) > 0.85
    assert not a.training


def test_a_file_brings_it_back(tmp_path: Path) -> None:
    x, y = halves(60)
    model = train_convolutional_classifier(x, y, 2, steps=5, held_out=0.5)
    save(model, tmp_path / "judge")
    twin = load(ConvolutionalClassifier((1, 8, 8), 2), tmp_path / "judge").eval()
    assert torch.equal(twin.predict_proba(x), model.predict_proba(x))


X, Y = halves(20)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ConvolutionalClassifier((64,), 2), ValueError, "event_shape must be"),
        (lambda: untrained(1, 7, 28), ValueError, r"8 pixels a side or more, got \(1,"),
        (lambda: untrained(0, 8, 8), ValueError, "event_shape must be at least 1"),
        (lambda: untrained(1, 8, 8, classes=0), ValueError, "classes must be"),
        (
            lambda: ConvolutionalClassifier((1, 8, 8), 2, width=0),
            ValueError,
            "width must be",
        ),
        (
            lambda: ConvolutionalClassifier((1, 8, 8), 2, features=0),
            ValueError,
            "features must be",
        ),
        (
            lambda: ConvolutionalClassifier((1, 8, 8), 2, augment=-1.0),
            ValueError,
            "augment must be",
        ),
        (lambda: untrained(1, 8, 8).features(X[0]), ValueError, r"x must be \(n, 1, 8"),
        (lambda: untrained(1, 8, 8).logits(X.double()), TypeError, "like the model"),
        (lambda: untrained(1, 8, 8).predict(X / 0), ValueError, "x must be finite"),
        (lambda: untrained(1, 8, 8).loss(X), ValueError, "y must be the labels"),
        (lambda: untrained(1, 8, 8).loss(X[:0], Y[:0]), ValueError, "x must hold"),
        (lambda: untrained(1, 8, 8).accuracy(X, Y[:3]), ValueError, r"y must be \(20"),
        (lambda: untrained(1, 8, 8).calibrate(X, Y + 2), ValueError, "y must hold lab"),
        (
            lambda: untrained(1, 8, 8).calibrate(X[:0], Y[:0]),
            ValueError,
            "x must hold at least one",
        ),
        (
            lambda: train_convolutional_classifier(X[:, 0], Y, 2),
            ValueError,
            r"x must be \(n, channels, height, width\)",
        ),
        (
            lambda: train_convolutional_classifier(X, Y, 2, held_out=1.0),
            ValueError,
            "held_out must keep back some of the 20 images and leave some, got 1.0: 20",
        ),
        (
            lambda: train_convolutional_classifier(X, Y, 2, held_out=0.01),
            ValueError,
            "held_out must keep back some",
        ),
        (
            lambda: train_convolutional_classifier(X, Y.double(), 2),
            TypeError,
            "y must hold integer labels",
        ),
    ],
)
def test_bad_input(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()
