"""Convolutional networks of images, written out, and a model with known sums."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from doors import check_doors, check_event_shape, check_limits
from genbook.models.variational.closed_form import (
    log_prob_by_quadrature,
    to_autoencoder,
)
from genbook.models.variational.convolutional import ImageDecoder, ImageEncoder
from genbook.models.variational.vae import VAE
from genbook.training import fit, load, save
from seeding import seeded


def made(
    shape: tuple[int, int, int] = (1, 8, 8),
    latent_dim: int = 3,
    *,
    likelihood: Any = "bernoulli",
    classes: int = 0,
    seed: int = 0,
    **options: Any,
) -> VAE:
    """Return a small model whose weights follow from a seed, in float64."""
    options = {"patch": 2, "width": 4, "hidden": 6, "classes": classes} | options
    encoder = ImageEncoder(shape, latent_dim, **options)
    outputs = 2 if likelihood == "gaussian" else 1
    decoder = ImageDecoder(shape, latent_dim, outputs=outputs, **options)
    g = seeded(seed)
    for net in (encoder, decoder):
        for p in net.parameters():
            with torch.no_grad():
                p.copy_(0.5 * torch.randn(p.shape, generator=g))
    model = VAE(
        shape,
        latent_dim,
        likelihood=likelihood,
        classes=classes,
        networks=(encoder, decoder),
    )
    return model.double()


def ink(n: int, *shape: int, seed: int = 1) -> Tensor:
    return (torch.rand(n, *shape, generator=seeded(seed)) < 0.4).double()


def silu(x: Tensor) -> Tensor:
    return x / (1 + (-x).exp())


def normalised(x: Tensor, norm: nn.GroupNorm) -> Tensor:
    """Return what group normalisation is: each group of 4 channels standardised."""
    groups = x.unflatten(1, (-1, 4))
    mean = groups.mean((2, 3, 4), keepdim=True)
    var = groups.var((2, 3, 4), unbiased=False, keepdim=True)
    z = ((groups - mean) / (var + 1e-5).sqrt()).flatten(1, 2)
    return z * norm.weight[:, None, None] + norm.bias[:, None, None]


def convolved(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """Return a convolution as nine matrix products, one for each neighbour."""
    high, wide = x.shape[2:]
    padded = torch.zeros(*x.shape[:2], high + 2, wide + 2, dtype=x.dtype)
    padded[:, :, 1:-1, 1:-1] = x
    out = conv.bias[:, None, None]
    for i in range(3):
        for j in range(3):
            seen = padded[:, :, i : i + high, j : j + wide]
            out = out + torch.einsum("oc,nchw->nohw", conv.weight[:, :, i, j], seen)
    return out


def test_the_encoder_is_what_its_formula_says() -> None:
    model = made((2, 4, 6), classes=3)
    net, x, y = model.encoder, ink(5, 2, 4, 6), torch.tensor([0, 2, 1, 1, 0])
    cells = x.view(5, 2, 2, 2, 3, 2).permute(0, 1, 3, 5, 2, 4).reshape(5, 8, 2, 3)
    h = silu(normalised(convolved(cells, net.input), net.norm)).flatten(1)
    h = torch.cat([h, torch.eye(3).double()[y]], 1)
    h = silu(h @ net.middle.weight.T + net.middle.bias)
    wanted = h @ net.output.weight.T + net.output.bias
    mu, log_scale = model.posterior(x, y)
    assert torch.allclose(mu, wanted[:, :3], rtol=0, atol=1e-10)
    assert torch.allclose(log_scale, wanted[:, 3:].clamp(-6, 4), rtol=0, atol=1e-10)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_the_decoder_is_what_its_formula_says(likelihood: str) -> None:
    model = made((2, 4, 6), classes=3, likelihood=likelihood)
    net, y = model.decoder, torch.tensor([0, 2, 1, 1, 0])
    z = torch.randn(5, 3, generator=seeded(2)).double()
    h = torch.cat([z, torch.eye(3).double()[y]], 1)
    h = silu(h @ net.middle.weight.T + net.middle.bias)
    h = (h @ net.place.weight.T + net.place.bias).view(5, 4, 2, 3)
    h = convolved(silu(normalised(h, net.norm)), net.output)  # (5, k 8, 2, 3)
    pixels = h.view(5, -1, 2, 2, 2, 2, 3).permute(0, 1, 2, 5, 3, 6, 4)
    wanted = pixels.reshape(5, -1, 2, 4, 6)  # (5, outputs, *event_shape)
    found = model.likelihood_params(z, y)
    assert torch.allclose(found, wanted.flatten(1), rtol=0, atol=1e-10)
    mean = wanted[:, 0] if likelihood == "gaussian" else wanted[:, 0].sigmoid()
    assert torch.allclose(model.decode(z, y), mean, rtol=0, atol=1e-10)


@pytest.mark.parametrize("classes", [0, 2])
def test_all_images_together_have_probability_one(classes: int) -> None:
    model = made((1, 2, 2), 1, classes=classes)
    with torch.no_grad():  # guesses as wide as the prior: no weight is very large
        model.encoder.output.weight.mul_(0.1)
        model.encoder.output.bias.zero_()
    every = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 4).double()
    y = torch.ones(16).long() if classes else None
    with torch.no_grad():
        log_p = log_prob_by_quadrature(model, every.view(16, 1, 2, 2), y, nodes=400)
        many = every.view(16, 1, 2, 2).repeat_interleave(500, 0)
        labels = None if y is None else y.repeat_interleave(500, 0)
        bound = model.elbo(many, labels, generator=seeded(3)).view(16, 500)
        close = model.elbo(many, labels, k=50, generator=seeded(4)).view(16, 500)
    assert log_p.exp().sum().item() == pytest.approx(1, abs=1e-6)
    error = bound.std(1) / 500**0.5
    assert (bound.mean(1) < log_p + 4 * error).all()
    assert (close.mean(1) > bound.mean(1) - 4 * error).all()
    assert torch.allclose(close.mean(1), log_p, rtol=0, atol=0.01)


def test_given_connected_networks_it_is_the_connected_model() -> None:
    plain = VAE((1, 2, 3), 2, hidden=(5,), likelihood="bernoulli").double()
    pair = plain.encoder, plain.decoder
    given = VAE((1, 2, 3), 2, likelihood="bernoulli", networks=pair)
    x = ink(7, 1, 2, 3)
    for k in (1, 4):
        wanted = plain.elbo(x, k=k, generator=seeded(5))
        assert torch.equal(given.elbo(x, k=k, generator=seeded(5)), wanted)
    wanted = plain.sample(5, generator=seeded(6))
    assert torch.equal(given.sample(5, generator=seeded(6)), wanted)
    assert "networks" not in plain.config  # files of before can be read


@pytest.mark.parametrize(
    ("shape", "patch"),
    [((1, 28, 28), 4), ((1, 14, 14), 2), ((3, 5, 7), 1), ((2, 4, 12), 4)],
)
def test_any_side_that_the_patch_divides(
    shape: tuple[int, int, int], patch: int
) -> None:
    model = made(shape, patch=patch)
    x = ink(3, *shape)
    assert model.decode(model.encode(x)).shape == x.shape
    assert model.sample(2, generator=seeded(0)).shape == (2, *shape)
    assert model.encode(x[:0]).shape == (0, 3)
    assert model.decode(torch.zeros(0, 3).double()).shape == (0, *shape)
    assert model.elbo(x[:0]).shape == (0,)


def test_an_image_is_answered_as_if_it_were_alone() -> None:
    model, x, y = made(classes=3), ink(4, 1, 8, 8), torch.tensor([2, 0, 1, 2])
    order = torch.tensor([3, 1, 0, 2])
    mu, log_scale = model.posterior(x, y)
    moved = model.posterior(x[order], y[order])
    assert torch.allclose(moved[0], mu[order], rtol=0, atol=1e-12)
    assert torch.allclose(moved[1], log_scale[order], rtol=0, atol=1e-12)
    drawn = model.likelihood_params(mu, y)
    for i in range(4):
        alone = model.likelihood_params(mu[i : i + 1], y[i : i + 1])
        assert torch.allclose(alone[0], drawn[i], rtol=0, atol=1e-12)


def test_a_gradient_reaches_every_weight_and_every_label_matters() -> None:
    model, x, y = made(classes=2), ink(6, 1, 8, 8), torch.arange(6) % 2
    model.loss(x, y, generator=seeded(7)).backward()
    for name, p in model.named_parameters():
        assert p.grad is not None, name
        assert p.grad.any(), name
    assert not torch.allclose(model.encode(x, y), model.encode(x, 1 - y))
    z = torch.zeros(6, 3).double()
    assert not torch.allclose(model.decode(z, y), model.decode(z, 1 - y))


def test_both_networks_start_awake() -> None:
    encoder = ImageEncoder((1, 8, 8), 5, patch=2)
    decoder = ImageDecoder((1, 8, 8), 5, outputs=2, patch=2)
    x, z = torch.rand(50, 64, generator=seeded(8)), torch.randn(50, 5)
    assert encoder(x)[:, 5:].exp().mean().item() < 0.25
    assert encoder(x)[:, :5].mean().abs().item() < 0.5
    assert decoder(z)[:, 64:].exp().mean().item() < 0.25
    assert decoder(z)[:, :64].mean().abs().item() < 0.5


def test_it_is_saved_and_read_and_another_is_refused(tmp_path: Path) -> None:
    model, path = made(classes=2), tmp_path / "model.safetensors"
    save(model, path)
    twin, x, y = (
        load(made(classes=2, seed=9), path),
        ink(4, 1, 8, 8),
        torch.arange(4) % 2,
    )
    wanted = model.elbo(x, y, generator=seeded(0))
    assert torch.equal(twin.elbo(x, y, generator=seeded(0)), wanted)
    for other in ({"width": 8}, {"hidden": 7}, {"patch": 4}):
        with pytest.raises(ValueError, match=next(iter(other))):
            load(made(classes=2, **other), path)
    plain = VAE((1, 8, 8), 3, likelihood="bernoulli", classes=2).double()
    with pytest.raises(ValueError, match="networks"):
        load(plain, path)


def test_a_run_that_was_killed_ends_in_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, options = ink(40, 1, 8, 8), {"steps": 8, "batch_size": 10, "ema": 0.9}
    unbroken, broken, path = made(), made(), tmp_path / "run.safetensors"
    fit(unbroken, x, **options)
    options |= {"checkpoint": path, "checkpoint_every": 2}
    loss, calls = broken.loss, iter(range(100))

    def killed(*args: Any, **more: Any) -> Tensor:
        if next(calls) == 5:
            raise KeyboardInterrupt
        return loss(*args, **more)

    monkeypatch.setattr(broken, "loss", killed)
    with pytest.raises(KeyboardInterrupt):
        fit(broken, x, **options)
    again = made(seed=4)
    history = fit(again, x, **options)
    assert history.steps == 8
    for a, b in zip(again.parameters(), unbroken.parameters(), strict=True):
        assert torch.equal(a, b)


def test_it_learns_more_than_how_black_each_pixel_is() -> None:
    """Bars that lie or stand: pixels by themselves need about 20 nats for them."""
    which, where = torch.arange(200) % 2, torch.arange(200) // 2 % 8
    x = torch.zeros(200, 1, 8, 8)
    x[torch.arange(200), 0, where] = (which == 0).float()[:, None]
    for i in torch.nonzero(which).flatten().tolist():
        x[i, 0, :, where[i]] = 1
    torch.manual_seed(0)
    pair = ImageEncoder((1, 8, 8), 2, patch=2), ImageDecoder((1, 8, 8), 2, patch=2)
    model = VAE((1, 8, 8), 2, likelihood="bernoulli", networks=pair)
    fit(model, x, steps=150, batch_size=100)
    each = torch.distributions.Bernoulli(x.mean(0)).log_prob(x).flatten(1).sum(1)
    with torch.no_grad():
        bound = model.elbo(x, generator=seeded(1)).mean().item()
    assert bound > each.mean().item() + 8


@pytest.mark.parametrize("kind", [ImageEncoder, ImageDecoder])
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"event_shape": (8, 8)}, ValueError, r"event_shape must be \(channels, heig"),
        ({"event_shape": (1, 6, 8)}, ValueError, r"patch must divide the sides \(6, 8"),
        ({"width": 6}, ValueError, "width must be a multiple of 4, got 6"),
        ({"width": 10**6}, ValueError, "width must be at most 4,096"),
        ({"width": 8.0}, TypeError, "width must be an integer"),
        ({"latent_dim": 0}, ValueError, "latent_dim must be at least 1"),
        ({"classes": -1}, ValueError, "classes must be at least 0"),
    ],
)
def test_what_cannot_be_built_is_refused(
    kind: Any, change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        kind(**({"event_shape": (1, 8, 8), "latent_dim": 2} | change))


@pytest.mark.parametrize("kind", [ImageEncoder, ImageDecoder])
def test_sizes_have_limits(kind: Any) -> None:
    most = {"latent_dim": 65_536, "hidden": 65_536, "patch": 64, "classes": 65_536}
    check_limits(
        lambda **n: kind((1, 4, 4), **{"latent_dim": 2, "patch": 2} | n),
        most,
        latent_dim=1,
        hidden=1,
        patch=1,
        classes=0,
    )
    check_event_shape(lambda shape: kind(shape, 2))


def test_a_pixel_gets_one_number_or_two() -> None:
    check_limits(
        lambda outputs: ImageDecoder((1, 4, 4), 2, outputs=outputs),
        {"outputs": 2},
        outputs=1,
    )


def test_rows_of_another_size_or_type_are_refused() -> None:
    encoder, decoder = ImageEncoder((1, 4, 4), 2), ImageDecoder((1, 4, 4), 2)
    for net, name, size in ((encoder, "x", 16), (decoder, "z", 2)):
        with pytest.raises(ValueError, match=rf"^{name} must be \(n, {size}\)"):
            net(torch.zeros(3, size + 1))
        with pytest.raises(TypeError, match=f"^{name} must be torch.float32"):
            net(torch.zeros(3, size).double())


class Odd(nn.Module):
    def forward(self, x: Tensor) -> list[Tensor]:
        return [x]


@pytest.mark.parametrize(
    ("networks", "error", "message"),
    [
        (3, TypeError, "networks must be an encoder and a decoder, two modules, got i"),
        ((nn.Linear(2, 2),), TypeError, "networks must be an encoder and a decoder"),
        ((nn.Linear(2, 2), 3), TypeError, "networks must be an encoder and a decoder"),
        ((nn.Linear(2, 3), nn.Linear(1, 4)), ValueError, r"an encoder .* \(1, 3\)"),
        ((nn.Linear(2, 2), nn.Linear(1, 2)), ValueError, r"a decoder .* \(1, 2\)"),
        ((nn.Linear(3, 2), nn.Linear(1, 4)), ValueError, "encoder .* RuntimeError"),
        ((Odd(), nn.Linear(1, 4)), ValueError, "an encoder .* answers list"),
    ],
)
def test_networks_that_do_not_fit_are_refused(
    networks: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        VAE((2,), 1, networks=networks)


def test_looking_at_networks_leaves_them_as_they_were() -> None:
    encoder = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(), nn.Linear(2, 2))
    encoder[1].eval()
    decoder, state = nn.Linear(1, 4), torch.get_rng_state()
    VAE((2,), 1, networks=(encoder, decoder))
    assert torch.equal(torch.get_rng_state(), state)
    assert [m.training for m in encoder] == [True, False, True]
    assert encoder[0].num_batches_tracked == 0


def test_what_own_networks_cannot_be_joined_with_is_refused() -> None:
    with pytest.raises(ValueError, match="frequencies must be 0 with networks, got 2"):
        VAE((2,), 1, networks=(nn.Linear(2, 2), nn.Linear(1, 4)), frequencies=2)
    with pytest.raises(ValueError, match="no networks of its own"):
        to_autoencoder(made())


@pytest.mark.parametrize("classes", [0, 2])
def test_every_method_names_what_it_refuses(classes: int) -> None:
    def model() -> VAE:
        return made(classes=classes).float()

    x = ink(6, 1, 8, 8).float()
    y = torch.arange(6) % 2 if classes else None
    z = torch.zeros(6, 3)
    check_doors(model, x, y=y, z=z, skip=["likelihood_params", "log_likelihood"])
