"""Codes of places, and the pair of encoders that match captions and pictures."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from doors import check_doors, check_event_shape, check_limits
from genbook.models.networks.words import WordEncoder
from genbook.models.representation.contrastive import ContrastivePair
from genbook.models.representation.pca import PCA
from genbook.models.representation.places import PlaceAutoencoder
from genbook.training import fit, isolated_rng
from seeding import seeded
from starts import check_start

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


def awake(margin: int = 2) -> PlaceAutoencoder:
    """Return a code in float64 whose networks say something."""
    made = code(margin=margin).double()
    for p in made.parameters():
        nn.init.normal_(p, std=0.3, generator=seeded(p.numel()))
    return made.requires_grad_(False)


def parts_by_hand(x: torch.Tensor, margin: int) -> torch.Tensor:
    """Cut pictures of width 12 into three, with what lies beside, pixel by pixel."""
    parts = []
    for place in range(3):
        columns = range(4 * place - margin, 4 * place + 4 + margin)
        parts.append(x[..., [min(max(c, 0), 11) for c in columns]])
    return torch.stack(parts, 1).flatten(2)  # (n, places, features)


@pytest.mark.parametrize("margin", [0, 2])
def test_a_part_is_shown_with_its_neighbours(margin: int) -> None:
    x, made = pictures(5).double(), awake(margin)
    assert made.features == 3 * 4 * (4 + 2 * margin)
    assert torch.equal(made._cut(x), parts_by_hand(x, margin).flatten(0, 1))


def test_where_parts_overlap_the_nearer_counts_more() -> None:
    made = awake(2)
    rows = torch.randn(6, made.features, generator=seeded(3)).double()
    joined = made._join(rows)
    parts = rows.view(2, 3, 3, 4, 8)
    for column in range(12):
        total, weight = 0.0, 0.0
        for place in range(3):
            at = column + 2 - 4 * place  # within the part
            if 0 <= at < 8:
                w = min(at + 1, 8 - at, 5)
                total, weight = total + w * parts[:, place, ..., at], weight + w
        assert torch.allclose(joined[..., column], total / weight, atol=1e-12)


def test_components_are_those_of_the_parts() -> None:
    x, made = pictures().double(), code(margin=2).double()
    rows = parts_by_hand(pictures(), 2).flatten(0, 1).double()
    assert torch.allclose(made.mu, rows.mean(0), atol=1e-6)
    values = torch.linalg.eigvalsh(torch.cov(rows.T, correction=0)).flip(0)[:10]
    assert torch.allclose(made.scale**4, values.clamp(min=1e-9), rtol=0.02, atol=2e-9)
    c = made._components(x)
    assert torch.allclose((c * made.scale).var(0, correction=0)[:3], values[:3], 0.01)
    spread = values.sqrt()[:3] / made.scale[:3]
    for layer, wanted in ((made.to_code, 1 / spread), (made.from_code, spread)):
        assert torch.allclose(layer.weight[range(3), range(3)], wanted, rtol=0.02)
        assert layer.weight.count_nonzero() == 3
        assert not layer.bias.any()


def test_components_of_nothing_have_a_least_size() -> None:
    with isolated_rng(0):
        made = PlaceAutoencoder(SHAPE, latent_dim=2, components=90, width=4, margin=2)
    made.double().fit_components(pictures(4).double())  # 12 parts have 11 directions
    assert torch.allclose(made.scale[11:], torch.tensor(1e-9**0.25).double())
    assert (made.scale[:10] > 2 * made.scale[-1]).all()


def test_its_networks_begin_small_and_its_codes_narrow() -> None:
    with isolated_rng(0):
        made = PlaceAutoencoder(SHAPE, latent_dim=3, components=10, width=8, margin=2)
    check_start(
        made,
        {
            "encoder.0.weight": (8, 10),
            "encoder.2.weight": (8, 8),
            "encoder.4.weight": (6, 8),
            "encoder.4.bias": (6,),
            "decoder.0.weight": (8, 3),
            "decoder.2.weight": (8, 8),
            "decoder.4.weight": (10, 8),
            "decoder.4.bias": (10,),
            "?ncoder.*.bias": (8,),
            "decoder.*.bias": (8,),
            "to_code.weight": (3, 10),
            "to_code.bias": (3,),
            "from_code.weight": (10, 3),
            "from_code.bias": (10,),
        },
    )
    before = {k: v.clone() for k, v in made.state_dict().items()}
    assert torch.equal(before["V"], torch.eye(3 * 4 * 8, 10))
    assert not before["mu"].any()
    assert (before["scale"] == 1).all()
    after = made.fit_components(pictures()).state_dict()
    for name in ("encoder", "decoder"):
        key = f"{name}.4.weight"
        assert torch.allclose(after[key], 0.1 * before[key])
        assert torch.equal(after[f"{name}.2.weight"], before[f"{name}.2.weight"])
    assert after["encoder.4.bias"][3:].tolist() == [-3.0] * 3
    assert torch.equal(after["encoder.4.bias"][:3], before["encoder.4.bias"][:3])
    assert torch.equal(after["decoder.4.bias"], before["decoder.4.bias"])


@pytest.mark.parametrize("far", [1.0, 100.0])
def test_the_loss_is_the_bound_by_hand(far: float) -> None:
    x, made = pictures(7).double(), awake()
    made.encoder[-1].bias *= far  # so that log-variances meet their bounds
    c = ((parts_by_hand(x, 2).flatten(0, 1) - made.mu) @ made.V) / made.scale
    mean, log_variance = made.encoder(c).split(3, 1)
    mean, log_variance = made.to_code(c) + mean, log_variance.clamp(-10, 2)
    if far > 1:
        assert {-10.0, 2.0} <= set(log_variance.flatten().tolist())
    noise = torch.randn(mean.shape, generator=seeded(5), dtype=torch.float64)
    z = mean + (log_variance / 2).exp() * noise
    again = made.from_code(z) + made.decoder(z)
    error = ((again - c) * made.scale).square().sum(1) / (2 * 0.03**2)
    kl = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(1)
    wanted = (error + kl).mean() / 10
    found = made.loss(x, generator=seeded(5))
    assert found.item() == pytest.approx(wanted.item(), rel=1e-9)


def test_codes_and_pictures_are_what_the_layers_say() -> None:
    x, made = pictures(4).double(), awake()
    c = ((parts_by_hand(x, 2) - made.mu) @ made.V) / made.scale
    z = made.to_code(c) + made.encoder(c)[..., :3]
    assert torch.allclose(made.encode(x), z, atol=1e-10)
    made.from_code.weight *= 0.01
    rows = ((made.from_code(z) + made.decoder(z)) * made.scale) @ made.V.T + made.mu
    wanted = made._join(rows.flatten(0, 1))
    assert torch.allclose(made.decode(z), wanted.clamp(0, 1), atol=1e-10)
    many = x.repeat(251, 1, 1, 1)  # more than are coded at once
    assert torch.allclose(made.encode(many), z.repeat(251, 1, 1), atol=1e-10)
    assert made.decode(made.encode(many)).shape == many.shape


def test_every_method_names_what_it_refuses() -> None:
    x = pictures(6)
    check_doors(
        lambda: code(margin=2), x, rows=["fit_components"], z=torch.zeros(6, 3, 3)
    )
    check_event_shape(
        lambda shape: PlaceAutoencoder(shape, 1, latent_dim=1, components=1, margin=0)
    )
    for name, most in (("places", 12), ("margin", 4), ("components", 96)):
        with pytest.raises(ValueError, match=f"^{name} must be at most {most}, got"):
            PlaceAutoencoder(
                SHAPE, **{"margin": 2, "components": 9, "latent_dim": 9, name: most + 1}
            )
    with pytest.raises(ValueError, match=r"^latent_dim must be at most 9, got 10"):
        PlaceAutoencoder(SHAPE, components=9, latent_dim=10)
    with pytest.raises(ValueError, match=r"^width must be at most 65,536, got"):
        PlaceAutoencoder(SHAPE, components=9, latent_dim=9, width=65_537)
    for sigma in (0.0, -1.0):
        with pytest.raises(ValueError, match=r"^sigma must be positive"):
            PlaceAutoencoder(SHAPE, sigma=sigma)
