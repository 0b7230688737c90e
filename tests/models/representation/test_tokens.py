"""Tokens of pictures: each of its own place, and pictures that come back from them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genbook.models.representation.places import PlaceAutoencoder
from genbook.models.representation.tokens import TokenAutoencoder
from genbook.training import fit, isolated_rng
from seeding import seeded

SHAPE = (3, 4, 12)


def pictures(n: int = 80) -> Tensor:
    base = torch.rand(6, *SHAPE, generator=seeded(0))
    mix = torch.rand(n, 6, generator=seeded(1)).mul(4).softmax(1)
    return torch.einsum("nk,kchw->nchw", mix, base)


def code() -> TokenAutoencoder:
    with isolated_rng(0):
        made = TokenAutoencoder(
            [4, 3], 2, event_shape=SHAPE, components=10, width=8, margin=2
        )
    return made.fit_components(pictures())


def test_the_decoder_sees_what_tokens_say() -> None:
    made, x = code(), pictures()
    tokens = made.tokens(x)
    assert tokens.shape == (80, 6)
    assert tokens.min() >= 0
    assert tokens.max() < 12
    assert torch.allclose(made.pictures(tokens), made.decode(made.encode(x)))


def test_tokens_describe_their_own_place() -> None:
    made, x = code(), pictures(2)
    other = torch.cat([x[:1, ..., :2], x[1:, ..., 2:]], 3)  # the outer left changed
    same = made.tokens(other)[0, 4:] == made.tokens(x[1:])[0, 4:]
    assert same.all()


def test_learning_beats_rounding_alone() -> None:
    made, x = code(), pictures()

    def error() -> float:
        return (made.pictures(made.tokens(x)) - x).square().mean().item()

    before = error()
    fit(made, x, steps=300, batch_size=40, lr=5e-3)
    assert error() < 0.8 * before


def test_it_can_begin_from_a_code_of_any_numbers() -> None:
    sizes = {"components": 10, "width": 8, "margin": 2}
    with isolated_rng(1):
        start = PlaceAutoencoder(SHAPE, latent_dim=4, **sizes)
    start.fit_components(pictures())
    made, x = code().begin_from(start), pictures()
    z = start.encode(x)
    wanted = made.quantiser(z.unflatten(2, (2, 2))).flatten(2)
    assert torch.equal(made.encode(x), wanted)
    assert torch.allclose(made.pictures(made.tokens(x)), start.decode(wanted))
    with isolated_rng(1):
        other = PlaceAutoencoder(SHAPE, latent_dim=5, **sizes)
    with pytest.raises(ValueError, match="code must have the sizes"):
        code().begin_from(other)
    with pytest.raises(TypeError, match="code must be a PlaceAutoencoder"):
        code().begin_from(code())
    with pytest.raises(ValueError, match=r"tokens must be \(n, 6\)"):
        code().pictures(torch.zeros(2, 5, dtype=torch.long))
