"""What all models share: the doors for observations, labels, noise and their type."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from genbook.models.base import TractableModel
from seeding import seeded


class Shifted(TractableModel):
    """A Gaussian around a linear function of the label."""

    def __init__(self, classes: int = 0) -> None:
        super().__init__()
        self.event_shape, self.classes = (2,), classes
        self.register_buffer("count", torch.zeros(1).long())  # of no floating type
        self.shift = nn.Parameter(torch.zeros(max(classes, 1), 2))

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        h = self._label_features(y, len(x))
        mean = self.shift if h is None else h @ self.shift
        return -0.5 * (x - mean).square().sum(1) - math.log(2 * math.pi)

    def sample(self, n, y=None, *, generator=None):  # type: ignore[no-untyped-def]
        self._refuse_condition(y)
        return self.shift + self._normal(n, 2, generator=generator)


X, Y = torch.randn(3, 2, generator=seeded(0)), torch.tensor([1, 0, 1])


def test_labels_stand_beside_vectors_one_hot() -> None:
    seen = Shifted(2)._with_label(X, Y)
    assert torch.equal(seen[:, :2], X)
    assert seen[:, 2:].tolist() == [[0, 1], [1, 0], [0, 1]]
    assert torch.equal(Shifted()._with_label(X, None), X)
    assert Shifted(2).double()._with_label(X.double(), Y.byte()).dtype == torch.float64


def test_labels_are_wanted_where_there_are_classes_and_nowhere_else() -> None:
    with pytest.raises(ValueError, match="y must hold 3 labels, got None"):
        Shifted(2)._label_features(None, 3)
    with pytest.raises(ValueError, match=r"y must be \(2,\), got \(3,\)"):
        Shifted(2)._label_features(Y, 2)
    with pytest.raises(ValueError, match="y must hold labels 0 to 1, got 2"):
        Shifted(2)._label_features(Y + 1, 3)
    for call in (
        Shifted()._refuse_condition,
        lambda y: Shifted()._label_features(y, 3),
    ):
        with pytest.raises(
            ValueError, match="y must be None: Shifted takes no condition"
        ):
            call(Y)
        call(None)


def test_the_loss_is_the_mean_of_what_is_not_likely() -> None:
    wanted = 0.5 * X.square().sum(1).mean() + math.log(2 * math.pi)
    assert torch.allclose(Shifted().loss(X), wanted)
    with pytest.raises(ValueError, match="x must hold at least one observation"):
        Shifted().loss(X[:0])
    with pytest.raises(TypeError, match="generator must be"):
        Shifted().loss(X, generator=3)  # type: ignore[arg-type]


def test_observations_are_looked_at() -> None:
    model = Shifted()
    assert model._check_x(X) is X
    assert len(model._check_x(X[:0])) == 0
    model._check_x(X / 0, finite=False)
    for bad, error, message in (
        (X / 0, ValueError, "x must be finite"),
        (X[0], ValueError, r"x must be \(n, 2\)"),
        (X.double(), TypeError, "x must be torch.float32 like the model"),
    ):
        with pytest.raises(error, match=message):
            model._check_x(bad)


def test_type_and_place_are_those_of_the_first_floating_numbers() -> None:
    assert Shifted().double().dtype == torch.float64
    assert Shifted().to("meta").device == torch.device("meta")
    model = Shifted()
    del model.shift
    assert model.dtype == torch.get_default_dtype()
    model.register_buffer("late", torch.zeros(1).double())
    assert model.dtype == torch.float64


def test_noise_follows_the_generator() -> None:
    model = Shifted().double()
    for draw, f in ((model._normal, torch.randn), (model._uniform, torch.rand)):
        got = draw(3, 2, generator=seeded(1))
        assert torch.equal(got, f(3, 2, generator=seeded(1), dtype=torch.float64))
        with pytest.raises(TypeError, match="generator must be"):
            draw(3, generator=3)  # type: ignore[arg-type]
