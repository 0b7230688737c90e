"""One density a class: against scikit-learn, against counting, and on fruit."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from torch import Tensor

from doors import check_doors, check_function_doors, check_limits
from genbook.data.fruit import FRUIT, sample_fruit
from genbook.discriminative.image_classifier import (
    negative_images,
    train_image_classifier,
)
from genbook.models.density.class_conditional import ClassConditional
from seeding import seeded


def labelled(n: int = 600) -> tuple[Tensor, Tensor]:
    """Return three overlapping classes of unequal size."""
    g = seeded(0)
    y = torch.multinomial(torch.tensor([0.2, 0.3, 0.5]), n, True, generator=g)
    centres = torch.tensor([[0.0, 0, 0], [1.5, 0, 1], [0, 2, 0]]).double()
    return centres[y] + torch.randn(n, 3, generator=g).double(), y


def fitted() -> ClassConditional:
    # Two components of three features and their noise are a full covariance.
    model = ClassConditional((3,), 3, 1, 2).double().fit(*labelled())
    return model.requires_grad_(False)


def test_one_plane_a_class_is_quadratic_discriminant_analysis() -> None:
    x, y = labelled()
    twin = QuadraticDiscriminantAnalysis(store_covariance=True)
    twin.fit(x.numpy(), y.numpy())
    model = fitted()
    groups = [x[y == j].numpy() for j in range(3)]
    log_p = np.stack(
        [
            stats.multivariate_normal(g.mean(0), np.cov(g.T, bias=True)).logpdf(x)
            for g in groups
        ],
        axis=1,
    )
    joint = np.log(twin.priors_) + log_p
    wanted = np.exp(joint - joint.max(1, keepdims=True))
    wanted /= wanted.sum(1, keepdims=True)
    assert np.allclose(model.predict_proba(x), wanted, atol=1e-9)
    assert np.allclose(model.class_prior, twin.priors_)
    assert np.allclose(model.log_prob(x, y), log_p[np.arange(len(y)), y], atol=1e-9)
    assert np.allclose(model.log_prob(x), np.logaddexp.reduce(joint, 1), atol=1e-9)
    surest = model.predict_proba(x).argmax(1).numpy()
    assert (surest == twin.predict(x.numpy())).mean() > 0.99  # it divides by n - 1


def test_the_classes_add_up() -> None:
    model, (x, _) = fitted(), labelled(50)
    each = torch.stack(
        [model.log_prob(x, torch.full((50,), j)) for j in range(3)], dim=1
    )
    total = (each.exp() * model.class_prior).sum(1)
    assert torch.allclose(total, model.log_prob(x).exp())
    assert torch.allclose(model.predict_proba(x).sum(1), torch.ones(50).double())


def test_samples_are_of_the_class_that_was_asked_for() -> None:
    x, y = labelled()
    far = ClassConditional((3,), 3, 1, 2).double().fit(x + 50 * y[:, None], y)
    asked = torch.tensor([2, 0, 1, 2, 0]).repeat(200)
    got = far.sample(1000, asked, generator=seeded(1))
    assert torch.equal(far.predict_proba(got).argmax(1), asked)


def test_unasked_samples_come_by_their_frequency() -> None:
    x, y = labelled()
    far = ClassConditional((3,), 3, 1, 2).double().fit(x + 50 * y[:, None], y)
    got = far.sample(20_000, generator=seeded(1))
    counts = torch.bincount(far.predict_proba(got).argmax(1), minlength=3).numpy()
    assert stats.chisquare(counts, far.class_prior.numpy() * 20_000).pvalue > 1e-3


def test_loss_with_labels_is_of_the_conditional_density() -> None:
    model, (x, y) = fitted(), labelled()
    assert model.loss(x, y).item() == pytest.approx(-model.log_prob(x, y).mean().item())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_fruit_comes_as_asked(seed: int) -> None:
    g = seeded(seed)
    fruit, other = (sample_fruit(600, size=16, generator=g) for _ in range(2))
    model = ClassConditional((3, 16, 16), len(FRUIT), clusters=4, components=8)
    model.fit(fruit.x, fruit.y, iterations=8, generator=g)
    nothing = negative_images(other.x, 600, generator=g)
    labels = torch.cat([other.y, torch.full((600,), 8)])
    images = torch.cat([other.x, nothing])
    judge = train_image_classifier(images, labels, 9, noise=0.05, steps=300, seed=seed)
    asked = torch.arange(8).repeat(50)
    drawn = model.sample(400, asked, generator=g).clamp(0, 1)
    assert judge.accuracy(drawn, asked) >= 0.95


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (torch.zeros(600), TypeError, "y must hold integer labels"),
        (torch.zeros(5, dtype=torch.long), ValueError, r"y must be \(600,\)"),
        (torch.full((600,), 3), ValueError, "y must hold labels 0 to 2, got 3"),
        (torch.zeros(600).long(), ValueError, "each class at least 2 times, got class"),
        (None, TypeError, "y must be a torch.Tensor"),
    ],
)
def test_bad_labels_are_refused(y: Any, error: type[Exception], message: str) -> None:
    x, _ = labelled()
    model = fitted()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(error, match=message):
        model.fit(x, y)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_a_class_without_variety_is_refused() -> None:
    x, y = labelled()
    x[y == 1] = 7.0
    model = fitted()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match="x must not be constant within class 1"):
        model.fit(x, y)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_bad_conditions_are_refused() -> None:
    model, (x, _) = fitted(), labelled(4)
    for y in (torch.tensor([0, 1, 2, 3]), torch.tensor([0, 1])):
        with pytest.raises(ValueError, match="y must"):
            model.log_prob(x, y)
        with pytest.raises(ValueError, match="y must"):
            model.sample(4, y)


def test_every_method_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    y = torch.arange(6) % 2
    check_doors(lambda: ClassConditional((2,), 2, 1, 1).fit(x, y), x, y=y)


def test_fit_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_function_doors(
        ClassConditional((2,), 2, 1, 1).fit,
        x=x,
        y=torch.arange(6) % 2,
        iterations=2,
        generator=seeded(1),
    )


def test_counts_have_limits() -> None:
    check_limits(
        lambda **n: ClassConditional(
            (2,), **{"classes": 2, "clusters": 1, "components": 1} | n
        ),
        classes=1,
        clusters=1,
        components=0,
    )
