"""What principal components refuse; their numbers stand in ``test_autoencoder.py``."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from doors import check_doors, check_event_shape, check_limits
from genbook.models.representation.pca import PCA
from seeding import seeded

SPOILED = torch.ones(4, 2)
SPOILED[0, 0] = torch.nan


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (SPOILED, "x must be finite"),
        (torch.ones(4, 3), r"x must be \(n, 2\), got \(4, 3\)"),
        (torch.ones(4), r"x must be \(n, 2\), got \(4,\)"),
    ],
)
def test_fit_refuses_what_it_cannot_learn_from(x: Tensor, words: str) -> None:
    model = PCA((2,), 1)
    before = model.V.clone()
    with pytest.raises(ValueError, match=words):
        model.fit(x)
    assert torch.equal(model.V, before)


def test_codes_decode_and_others_are_refused() -> None:
    x = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    model = PCA((3,), 2).fit(x)
    z = model.encode(x)
    assert torch.allclose(model.decode(z), model.mu + z @ model.V.T)
    assert model.decode(z[:0]).shape == (0, 3)
    for bad, error in (
        (x, ValueError),
        (z[:, :1], ValueError),
        (z.double(), TypeError),
        (z / 0, ValueError),
        (3, TypeError),
    ):
        with pytest.raises(error, match="z must be"):
            model.decode(bad)


def test_every_method_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_doors(lambda: PCA((2,), 1).fit(x), x, z=torch.zeros(6, 1))


def test_there_is_a_component_at_least() -> None:
    check_limits(lambda components: PCA((3,), components), components=1)


def test_the_shape_of_observations_is_made_of_counts() -> None:
    check_event_shape(lambda shape: PCA(shape, 1))


def test_components_are_the_directions_of_most_variance() -> None:
    x = torch.randn(50, 2, 2, generator=seeded(1)).double().cumsum(1).cumsum(2) + 3
    model = PCA((2, 2), 3).double().fit(x)
    values, vectors = torch.linalg.eigh(torch.cov(x.flatten(1).T))
    for i in range(3):
        assert (model.V[:, i] @ vectors[:, 3 - i]).abs().item() == pytest.approx(1)
    assert torch.allclose(model.mu, x.flatten(1).mean(0))
    lost = values[0].item() * 49 / 50 / 4  # of the direction that was left out
    assert model.loss(x).item() == pytest.approx(lost)
    assert model.encode(x).shape == (50, 3)
    assert model.decode(model.encode(x)).shape == (50, 2, 2)


def test_a_fresh_model_keeps_the_first_numbers() -> None:
    model = PCA((2, 2), 3)
    x = torch.randn(4, 2, 2, generator=seeded(2))
    assert torch.equal(model.encode(x), x.flatten(1)[:, :3])
    assert model.config == {"event_shape": (2, 2), "components": 3}


def test_there_are_no_more_components_than_numbers_or_observations() -> None:
    assert PCA((2, 2), 4).V.shape == (4, 4)
    with pytest.raises(ValueError, match="components must be at most the 4 features"):
        PCA((2, 2), 5)
    x = torch.randn(3, 2, 2, generator=seeded(3))
    PCA((2, 2), 3).fit(x)
    with pytest.raises(ValueError, match=r"x must hold at least 3 observations, .* 2"):
        PCA((2, 2), 3).fit(x[:2])
