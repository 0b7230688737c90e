"""Tokens of pictures: each of its own place, and pictures that come back from them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from doors import check_doors, check_limits
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


def test_the_loss_is_the_error_of_what_comes_back() -> None:
    made, x = code().double(), pictures(7).double()
    c = ((made._cut(x) - made.mu) @ made.V) / made.scale
    z = made.to_code(c) + made.encoder(c)
    q = made.quantiser(z.view(-1, 2, 2)).view(-1, 4)
    again = made.from_code(q) + made.decoder(q)
    error = ((again - c) * made.scale).square().sum(1) / (2 * made.sigma**2)
    assert made.loss(x).item() == pytest.approx(error.mean().item() / 10, rel=1e-9)


def test_sizes_and_doors() -> None:
    small = {"event_shape": SHAPE, "components": 9, "width": 2, "margin": 1}
    check_limits(
        lambda tokens: TokenAutoencoder([2], tokens, **small),
        {"tokens": 65_536},
        tokens=1,
    )
    made = code()
    assert made.encoder[-1].out_features == 4
    assert made.token_shape == (6,)
    assert made.vocab_size == 12
    assert "latent_dim" not in made.config
    assert made.config["tokens"] == 2
    check_doors(
        code,
        pictures(6),
        skip=["tokens", "pictures"],
        rows=["fit_components"],
        z=torch.zeros(6, 3, 4),
    )
    for bad, error in ((torch.zeros(2, 6), TypeError), (torch.ones(6), ValueError)):
        with pytest.raises(error, match=r"^tokens must"):
            made.pictures(bad if error is TypeError else bad.long())
    with pytest.raises(ValueError, match=r"^indices must hold tokens 0 to 11, got"):
        made.pictures(torch.full((2, 6), 12))
    assert made.tokens(pictures(2)[:0]).shape == (0, 6)
