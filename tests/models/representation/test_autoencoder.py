"""PCA against scikit-learn and NumPy, the autoencoder against loops by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA as SklearnPCA
from torch import Tensor, nn

from doors import check_doors, check_event_shape, check_limits
from genbook.data.tins import sample_tins
from genbook.models.representation.autoencoder import Autoencoder
from genbook.models.representation.pca import PCA
from genbook.training import fit, load, save
from seeding import seeded


def network(**options) -> Autoencoder:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Autoencoder((1, 4, 4), 2, hidden=(9, 5), **options)


@pytest.fixture(scope="module")
def x() -> Tensor:
    mix = torch.randn(3, 16, generator=seeded(0), dtype=torch.float64)
    z = torch.randn(60, 3, generator=seeded(1), dtype=torch.float64)
    noise = torch.randn(60, 16, generator=seeded(2), dtype=torch.float64)
    return (z @ mix + 0.1 * noise + 2).reshape(60, 1, 4, 4)


# Principal components


@pytest.mark.parametrize("components", [1, 3, 16])
def test_pca_equals_scikit_learns(x: Tensor, components: int) -> None:
    ours = PCA((1, 4, 4), components).double().fit(x)
    theirs = SklearnPCA(components, svd_solver="full").fit(x.flatten(1).numpy())
    signs = torch.from_numpy(theirs.components_.T).mul(ours.V).sum(0).sign()
    z = torch.from_numpy(theirs.transform(x.flatten(1).numpy()))
    assert torch.allclose(ours.encode(x) * signs, z, atol=1e-10)
    again = theirs.inverse_transform(z.numpy()).reshape(x.shape)
    assert torch.allclose(ours.decode(ours.encode(x)), torch.tensor(again), atol=1e-10)
    left = np.linalg.eigvalsh(np.cov(x.flatten(1).numpy().T, bias=True))[::-1]
    assert ours.loss(x).item() == pytest.approx(left[components:].sum() / 16, abs=1e-12)


def test_pca_codes_are_nested(x: Tensor) -> None:
    few, many = (PCA((1, 4, 4), k).double().fit(x) for k in (2, 5))
    assert torch.allclose(few.encode(x), many.encode(x)[:, :2])
    short = many.encode(x) * (torch.arange(5) < 2)
    assert torch.allclose(many.decode(short), few.decode(few.encode(x)))


def test_pca_keeps_its_type_and_its_file(x: Tensor, tmp_path) -> None:
    model = PCA((1, 4, 4), 3).fit(x.float())
    assert model.encode(x.float()).dtype == torch.float32
    save(model, tmp_path / "pca.safetensors")
    twin = load(PCA(**model.config), tmp_path / "pca.safetensors")
    assert torch.equal(twin.encode(x.float()), model.encode(x.float()))


@pytest.mark.parametrize(
    ("do", "words"),
    [
        (lambda: PCA((2,), 3), "at most the 2 features, got 3"),
        (lambda: PCA((2,), 0), "components"),
        (lambda: PCA((2,), 2).fit(torch.zeros(1, 2)), "at least 2 observations"),
        (lambda: PCA((2,), 1).fit(torch.zeros(0, 2)), "x must"),
        (lambda: PCA((2,), 1).encode(torch.zeros(4, 3)), r"x must be \(n, 2\)"),
        (lambda: PCA((2,), 1).decode(torch.zeros(4, 2)), r"z must be \(n, 1\)"),
        (lambda: PCA((2,), 1).loss(torch.zeros(4, 2), torch.zeros(4)), "y must be"),
        (lambda: PCA((2,), 1).loss(torch.zeros(4, 2), generator=0), "generator must"),
        (lambda: PCA((-1, -1), 1), "event_shape must be at least 1"),
        (lambda: PCA("ab", 1), "event_shape must be a sequence of integers"),
    ],
)
def test_pca_bad_input(do, words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        do()


def test_pca_takes_units_whose_squares_float32_cannot_hold(x: Tensor) -> None:
    x = x.float()
    for unit in (2.0**-70, 2.0**70):
        here, there = PCA((1, 4, 4), 3).fit(x), PCA((1, 4, 4), 3).fit(unit * x)
        signs = (here.V * there.V).sum(0).sign()
        assert torch.allclose(there.V * signs, here.V, atol=1e-4)
        assert torch.allclose(
            there.encode(unit * x) * signs / unit, here.encode(x), atol=1e-3
        )


# The autoencoder


def by_hand(model: Autoencoder, x: Tensor, bend, z_noise=0.0) -> tuple[Tensor, Tensor]:
    """Return codes and drawings from the layers' weights alone."""
    halves = [
        [m for m in half if isinstance(m, nn.Linear)]
        for half in (model.encoder, model.decoder)
    ]
    v = x.reshape(len(x), -1)
    for i, layer in enumerate(halves[0]):
        v = v @ layer.weight.T + layer.bias
        v = bend(v) if i < len(halves[0]) - 1 else v
    if model.standardise_code:
        v = (v - v.mean(0)) / (v.var(0, unbiased=False) + 1e-5).sqrt()
    z = v
    v = z + z_noise
    for i, layer in enumerate(halves[1]):
        v = v @ layer.weight.T + layer.bias
        v = bend(v) if i < len(halves[1]) - 1 else v
    v = 1 / (1 + (-v).exp()) if model.output == "sigmoid" else v
    return z, v.reshape(x.shape)


BENDS = {"relu": lambda v: v * (v > 0), "silu": lambda v: v / (1 + (-v).exp())}


@pytest.mark.parametrize("activation", ["relu", "silu"])
@pytest.mark.parametrize("output", ["sigmoid", "linear"])
@pytest.mark.parametrize("standard", [False, True])
def test_loss_equals_a_loop_by_hand(activation, output, standard) -> None:
    model = network(
        activation=activation, output=output, standardise_code=standard
    ).double()
    x = torch.rand(7, 1, 4, 4, generator=seeded(3), dtype=torch.float64)
    z, again = by_hand(model, x, BENDS[activation])
    assert torch.allclose(model.encode(x), z)
    assert torch.allclose(model.decode(z), again)
    total = sum(
        (again[i, 0, r, c] - x[i, 0, r, c]) ** 2
        for i in range(7)
        for r in range(4)
        for c in range(4)
    )
    assert torch.allclose(model.loss(x), total / (7 * 16))


def test_noise_on_the_code_comes_from_the_generator() -> None:
    model = network(latent_noise=0.5).double()
    x = torch.rand(7, 1, 4, 4, generator=seeded(3), dtype=torch.float64)
    eps = torch.empty(7, 2, dtype=torch.float64).normal_(generator=seeded(4))
    _, again = by_hand(model, x, BENDS["relu"], 0.5 * eps)
    wanted = (again - x).square().mean()
    before = torch.get_rng_state()
    assert torch.allclose(model.loss(x, generator=seeded(4)), wanted)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.allclose(model.loss(x, generator=seeded(5)), wanted)


def test_a_corrupted_image_is_compared_with_the_clean_one() -> None:
    model = network(input_noise=0.3, output="linear").double()
    x = torch.rand(7, 1, 4, 4, generator=seeded(3), dtype=torch.float64)
    eps = torch.empty_like(x).normal_(generator=seeded(4))
    _, again = by_hand(model, x + 0.3 * eps, BENDS["relu"])
    wanted = (again - x).square().mean()
    assert torch.allclose(model.loss(x, generator=seeded(4)), wanted)


def test_corruption_may_leave_the_range_of_a_sigmoid() -> None:
    model = network(input_noise=3.0)
    assert model.loss(torch.zeros(4, 1, 4, 4), generator=seeded(0)).isfinite()


def test_a_trained_code_is_standard() -> None:
    x = sample_tins(400, size=8, generator=seeded(0)).x
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Autoencoder(
            (1, 8, 8), 2, hidden=(16,), standardise_code=True, latent_noise=0.1
        )
    fit(model, x, steps=300, batch_size=100, lr=1e-2, progress=False)
    z = model.encode(x)  # in evaluation mode: from the statistics of training
    assert z.mean(0).abs().max() < 0.15
    assert (z.std(0) - 1).abs().max() < 0.15
    assert torch.equal(model.encode(x[:1]), z[:1]) or torch.allclose(
        model.encode(x[:1]), z[:1], atol=1e-6
    )
    constant = (x - x.mean(0)).square().mean()
    assert model.loss(x, generator=seeded(1)) < 0.3 * constant


def test_gradients_reach_every_weight() -> None:
    model = network(
        activation="silu", standardise_code=True, latent_noise=0.1, input_noise=0.1
    ).double()
    x = torch.rand(7, 1, 4, 4, generator=seeded(3), dtype=torch.float64)
    model.loss(x, generator=seeded(0)).backward()
    for name, p in model.named_parameters():
        if name != "encoder.5.bias":  # a shift before standardising changes nothing
            assert p.grad is not None
            assert p.grad.abs().max() > 0, name


@pytest.mark.parametrize(
    "options", [{}, {"standardise_code": True, "activation": "silu"}]
)
def test_file_and_config(options, tmp_path) -> None:
    model = network(**options, latent_noise=0.2, input_noise=0.1)
    x = torch.rand(9, 1, 4, 4, generator=seeded(0))
    fit(model, x, steps=3, batch_size=4, progress=False)
    save(model, tmp_path / "model.safetensors")
    twin = load(Autoencoder(**model.config), tmp_path / "model.safetensors").eval()
    assert torch.equal(twin.decode(twin.encode(x)), model.decode(model.encode(x)))
    assert twin.config == model.config


def test_empty_batches_and_types() -> None:
    model = network().double()
    z = model.encode(torch.zeros(0, 1, 4, 4, dtype=torch.float64))
    assert z.shape == (0, 2)
    assert model.decode(z).shape == (0, 1, 4, 4)
    with pytest.raises((TypeError, ValueError), match="float64"):
        model.encode(torch.zeros(3, 1, 4, 4))


@pytest.mark.parametrize(
    ("do", "words"),
    [
        (
            lambda: network(output="tanh"),
            "output must be sigmoid or linear, got 'tanh'",
        ),
        (lambda: network(activation="gelu"), "activation must be one of .* got 'gelu'"),
        (lambda: network(latent_noise=-1.0), "latent_noise"),
        (lambda: network(input_noise=-1.0), "input_noise"),
        (lambda: Autoencoder((4,), 0), "latent_dim"),
        (lambda: Autoencoder((-1, -1)), "event_shape must be at least 1, got -1"),
        (lambda: Autoencoder(()), "event_shape must hold at least one"),
        (lambda: Autoencoder((4,), hidden=(0,)), "hidden must be at least 1"),
        (lambda: Autoencoder((4,), hidden=8), "hidden must be a sequence"),
        (lambda: network(standardise_code="no"), "standardise_code must be True or"),
        (lambda: network(activation=["relu"]), "activation must be one of"),
        (
            lambda: network().loss(torch.zeros(3, 1, 4, 4), generator=0),
            "generator must be a torch",
        ),
        (lambda: network().loss(torch.full((3, 1, 4, 4), -0.5)), r"lie in \[0, 1\]"),
        (lambda: network().loss(torch.full((3, 1, 4, 4), 1.5)), "output='linear'"),
        (lambda: network().loss(torch.zeros(0, 1, 4, 4)), "x must"),
        (lambda: network().encode(torch.zeros(3, 16)), r"x must be \(n, 1, 4, 4\)"),
        (lambda: network().decode(torch.zeros(3, 3)), r"z must be \(n, 2\)"),
        (
            lambda: network().loss(torch.zeros(3, 1, 4, 4), torch.zeros(3)),
            "y must be None",
        ),
        (
            lambda: network(standardise_code=True).loss(torch.zeros(1, 1, 4, 4)),
            "at least 2 observations, got 1",
        ),
    ],
)
def test_bad_input(do, words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        do()


def test_a_linear_output_takes_any_range() -> None:
    assert network(output="linear").loss(torch.full((3, 1, 4, 4), -5.0)).isfinite()


def test_every_method_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_doors(lambda: Autoencoder((2,), hidden=(4,)), x, z=torch.zeros(6, 2))


def test_counts_have_limits() -> None:
    check_limits(lambda **n: Autoencoder((2,), **n), latent_dim=1)


def test_the_shape_of_observations_is_made_of_counts() -> None:
    check_event_shape(Autoencoder)
