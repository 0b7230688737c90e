"""Codes of places, and the pair of encoders that match captions and pictures."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from doors import check_limits
from genbook.models.networks.words import WordEncoder
from genbook.models.representation.contrastive import ContrastivePair
from genbook.models.representation.pca import PCA
from genbook.models.representation.places import PlaceAutoencoder
from genbook.training import fit, isolated_rng
from seeding import seeded

SHAPE = (3, 4, 12)


def pictures(n: int = 80) -> torch.Tensor:
    base = torch.rand(6, *SHAPE, generator=seeded(0))
    return torch.einsum(
        "nk,kchw->nchw", torch.rand(n, 6, generator=seeded(1)).softmax(1), base
    )


def code(**options) -> PlaceAutoencoder:
    with isolated_rng(0):
        made = PlaceAutoencoder(
            SHAPE, latent_dim=3, components=10, width=8, **{"margin": 2} | options
        )
    return made.fit_components(pictures())


def test_parts_joined_again_are_the_picture() -> None:
    x = pictures()
    made = code()
    assert torch.allclose(made._join(made._cut(x)), x, atol=1e-6)


def test_it_begins_as_principal_components() -> None:
    x, made = pictures(), code(margin=0)
    for network in (made.encoder, made.decoder):
        for p in network[-1].parameters():
            nn.init.zeros_(p)
    parts = torch.cat(x.chunk(3, dim=3)).double()
    twin = PCA((3, 4, 4), 3).double().fit(parts)
    again = torch.cat(twin.decode(twin.encode(parts)).chunk(3), dim=3)
    got = made.decode(made.encode(x)).double()
    assert torch.allclose(got, again.clamp(0, 1), atol=2e-3)


def test_learning_beats_the_linear_code() -> None:
    x, made = pictures(), code()

    def error() -> float:
        return (made.decode(made.encode(x)) - x).square().mean().item()

    before = error()
    fit(made, x, steps=300, batch_size=40, lr=5e-3)
    assert error() < before


def test_codes_are_about_standard() -> None:
    x = pictures()
    z = code().encode(x)
    assert z.shape == (80, 3, 3)
    assert 0.8 < z.flatten(0, 1).std(0).max() < 1.4


def test_pairs_find_one_another() -> None:
    with isolated_rng(0):
        pair = ContrastivePair(WordEncoder(12, 4, width=8), (2, 2), width=16, dim=8)
    y = torch.tensor([[1, k, 0, 0] for k in range(2, 12)])
    z = torch.randn(10, 2, 2, generator=seeded(2))
    fit(pair, z, y, steps=150, lr=1e-2)
    s = pair.scores(z, y)
    assert (s.argmax(1) == torch.arange(10)).all()
    assert s.abs().max() <= 1 + 1e-6


def test_the_loss_of_two_equal_pairs_is_a_coin() -> None:
    with isolated_rng(0):
        pair = ContrastivePair(
            WordEncoder(5, 4, width=8), (2, 2), width=16, dim=8, noise=0.0
        )
    z, y = torch.ones(2, 2, 2), torch.tensor([[1, 2, 0, 0]] * 2)
    assert pair.loss(z, y).item() == pytest.approx(torch.tensor(2.0).log().item())


def test_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="places must divide"):
        PlaceAutoencoder((3, 4, 10), 3)
    with pytest.raises(TypeError, match="words must be a WordEncoder"):
        ContrastivePair(nn.Linear(2, 2), (2,))


def test_one_place_is_the_whole_picture() -> None:
    made = PlaceAutoencoder(SHAPE, 1, latent_dim=3, components=10, width=8, margin=2)
    assert made.part == SHAPE[2]
    small = {"places": 3, "latent_dim": 1, "components": 1, "width": 1, "margin": 0}
    check_limits(
        lambda **n: PlaceAutoencoder(SHAPE, **small | n),
        places=1,
        latent_dim=1,
        components=1,
        width=1,
        margin=0,
    )
