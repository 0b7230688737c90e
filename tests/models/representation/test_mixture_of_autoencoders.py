"""The mixture of autoencoders against sums by hand, SciPy and two obvious clusters."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from doors import check_doors, check_event_shape, check_limits
from genbook.metrics import clustering_accuracy
from genbook.models.base import GenerativeModel
from genbook.models.networks.augmentation import random_affine
from genbook.models.representation.autoencoder import Autoencoder
from genbook.models.representation.mixture_of_autoencoders import (
    MixtureOfAutoencoders,
)
from genbook.training import fit, load, save
from seeding import seeded

SHAPE = (1, 4, 4)
WEIGHTS = {"sample_entropy_weight": 0.7, "batch_entropy_weight": 1.3}


def images(n: int = 12, seed: int = 0) -> Tensor:
    return torch.rand(n, *SHAPE, generator=seeded(seed), dtype=torch.float64)


def small(seed: int = 1, **change: Any) -> MixtureOfAutoencoders:
    settings = {"clusters": 3, "latent_dim": 2, "hidden": 5} | WEIGHTS
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = MixtureOfAutoencoders(SHAPE, **(settings | change)).double()
        with torch.no_grad():  # first weights hardly tell observations apart
            for weight in model.parameters():
                weight.mul_(3)
    return model


def by_hand(model: MixtureOfAutoencoders, x: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities and errors with plain matrix products, in NumPy."""
    state = {k: v.numpy() for k, v in model.state_dict().items()}
    rows = x.flatten(1).numpy()
    codes, drawn = [], []
    for k in range(model.clusters):

        def layer(name: str, a: np.ndarray, k: int = k) -> np.ndarray:
            return a @ state[f"{name}.weight"][k] + state[f"{name}.bias"][k]

        code = layer("encoders.2", np.maximum(layer("encoders.0", rows), 0))
        logits = layer("decoders.2", np.maximum(layer("decoders.0", code), 0))
        codes.append(code)
        drawn.append(1 / (1 + np.exp(-logits)))
    z = np.concatenate(codes, axis=1)
    h = np.maximum(z @ state["assigner.0.weight"].T + state["assigner.0.bias"], 0)
    logits = h @ state["assigner.2.weight"].T + state["assigner.2.bias"]
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    wrong = np.stack([((d - rows) ** 2).mean(1) for d in drawn], axis=1)
    return p, wrong


# --- the loss -------------------------------------------------------------------------


def test_loss_equals_sums_by_hand() -> None:
    model, x = small(), images()
    p, wrong = by_hand(model, x)
    doubt = stats.entropy(p, axis=1).mean()
    spread = stats.entropy(p.mean(0))
    assert doubt < spread - 0.01  # otherwise the two could stand for one another
    wanted = (p * wrong).sum(1).mean() + 0.7 * doubt - 1.3 * spread
    assert model.loss(x).item() == pytest.approx(wanted, abs=1e-10)
    assert np.allclose(model.predict_proba(x).detach().numpy(), p, rtol=0, atol=1e-12)


@pytest.mark.parametrize("term", ["drawing", *WEIGHTS])
def test_each_term_has_its_weight(term: str) -> None:
    x = images()
    p, wrong = by_hand(small(), x)
    wanted = (p * wrong).sum(1).mean()
    weights = dict.fromkeys(WEIGHTS, 0.0)
    if term == "sample_entropy_weight":
        wanted += stats.entropy(p, axis=1).mean()
    if term == "batch_entropy_weight":
        wanted -= stats.entropy(p.mean(0))
    model = small(**(weights | ({} if term == "drawing" else {term: 1.0})))
    assert model.loss(x).item() == pytest.approx(wanted, abs=1e-10)


def test_loss_with_bent_copies_is_a_cross_entropy() -> None:
    model, x = small(augment=0.3), images()
    copies = random_affine(x, 0.3, generator=seeded(5))
    p, wrong = by_hand(model, x)
    q, _ = by_hand(model, copies)
    doubt = (stats.entropy(p, axis=1) + stats.entropy(p, q, axis=1)).mean()
    spread = stats.entropy((p.mean(0) + q.mean(0)) / 2)
    wanted = (p * wrong).sum(1).mean() + 0.7 * doubt - 1.3 * spread
    loss = model.loss(x, generator=seeded(5)).item()
    assert loss == pytest.approx(wanted, abs=1e-10)


def test_one_cluster_is_a_plain_autoencoder() -> None:
    mixture, x = small(clusters=1, augment=0.2), images()
    plain = Autoencoder(SHAPE, latent_dim=2, hidden=(5,)).double()
    ours = mixture.state_dict()
    for mine, layer in (
        ("encoders.0", plain.encoder[1]),
        ("encoders.2", plain.encoder[3]),
        ("decoders.0", plain.decoder[0]),
        ("decoders.2", plain.decoder[2]),
    ):
        layer.weight.data = ours[f"{mine}.weight"][0].T
        layer.bias.data = ours[f"{mine}.bias"][0]
    z = plain.encode(x)
    assert mixture.loss(x).item() == pytest.approx(plain.loss(x).item(), abs=1e-12)
    assert torch.allclose(mixture.encode(x), z)
    assert torch.allclose(mixture.decode(z), plain.decode(z))


def test_gradient_of_the_loss() -> None:
    model, x = small(augment=0.2), images(5)
    names = [n for n, _ in model.named_parameters()]

    class Loss(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: Tensor) -> Tensor:
            return self.model.loss(x, generator=seeded(0))

    call = Loss()

    def loss(*theta: Tensor) -> Tensor:
        named = {f"model.{n}": t for n, t in zip(names, theta, strict=True)}
        return torch.func.functional_call(call, named, (x,))

    theta = [p.detach().clone().requires_grad_() for p in model.parameters()]
    assert torch.autograd.gradcheck(loss, theta, fast_mode=True)


# --- codes, drawings, clusters --------------------------------------------------------


def test_decode_takes_the_most_probable_autoencoder() -> None:
    model, x = small(), images()
    z = model.encode(x)
    drawn, clusters = model.draw(z), model.predict(x)
    assert drawn.shape == (12, 3, *SHAPE)
    assert len(clusters.unique()) > 1
    for one, each, k in zip(model.decode(z), drawn, clusters, strict=True):
        assert torch.equal(one, each[k])
    _, wrong = by_hand(model, x)
    errors = (drawn - x[:, None]).square().flatten(2).mean(2)
    assert np.allclose(errors.detach().numpy(), wrong, rtol=0, atol=1e-12)


def test_clusters_are_the_largest_probabilities() -> None:
    model, x = small(), images()
    p = model.predict_proba(x)
    assert torch.allclose(p.sum(1), torch.ones(12).double())
    assert torch.equal(model.predict(x), p.argmax(1))
    assert not model.predict(x).is_floating_point()
    assert not isinstance(model, GenerativeModel)


def test_two_obvious_clusters_are_separated() -> None:
    labels = torch.arange(200) % 2
    x = 0.1 * torch.rand(200, *SHAPE, generator=seeded(0))
    x[labels == 0, :, :2] += 0.8  # bright above or bright below
    x[labels == 1, :, 2:] += 0.8
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = MixtureOfAutoencoders(SHAPE, clusters=2, latent_dim=1, hidden=8)
    fit(model, x, steps=300, batch_size=64, seed=0)
    found = model.predict(x)
    assert clustering_accuracy(labels, found) == 1
    assert model.predict_proba(x).amax(1).min() > 0.9
    errors = (model.draw(model.encode(x)) - x[:, None]).square().flatten(2).mean(2)
    for k in (0, 1):  # each draws its own; of 8 seeds the least ratio was 5
        own, other = errors[found == k].mean(0)[[k, 1 - k]]
        assert 2 * own < other


# --- doors ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n", [0, 1, 7])
def test_shapes_and_types(dtype: torch.dtype, n: int) -> None:
    model, x = small(augment=0.2).to(dtype), images(n).to(dtype)
    assert model.encode(x).shape == (n, 6)
    assert model.decode(model.encode(x)).shape == x.shape
    assert model.predict_proba(x).dtype == model.decode(model.encode(x)).dtype == dtype
    assert model.predict(x).shape == (n,)
    if n:
        assert model.loss(x).dtype == dtype


def test_loss_follows_the_generator() -> None:
    model, x = small(augment=0.2), images()
    before = torch.get_rng_state()
    a, b, other = (model.loss(x, generator=seeded(s)).item() for s in (3, 3, 4))
    assert a == b != other
    assert torch.equal(before, torch.get_rng_state())
    still = small()
    assert still.loss(x, generator=seeded(3)) == still.loss(x, generator=seeded(4))


def test_save_and_load(tmp_path: Path) -> None:
    model, x = small(augment=0.2), images()
    save(model, tmp_path / "model.safetensors")
    twin = load(small(seed=9, augment=0.2), tmp_path / "model.safetensors")
    assert torch.equal(twin.predict_proba(x), model.predict_proba(x))
    assert torch.equal(twin.decode(twin.encode(x)), model.decode(model.encode(x)))
    with pytest.raises(ValueError, match="clusters"):
        load(small(clusters=4, augment=0.2), tmp_path / "model.safetensors")


def test_certain_assignments_have_finite_loss_and_gradient() -> None:
    model, x = small(augment=0.2).float(), images().float()
    with torch.no_grad():
        model.assigner[2].bias.copy_(torch.tensor([500.0, 0.0, -500.0]))
    loss = model.loss(x, generator=seeded(0))
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"clusters": 0}, ValueError, "clusters must be at least 1, got 0"),
        ({"latent_dim": 2.0}, TypeError, "latent_dim must be an integer, got float"),
        ({"hidden": 0}, ValueError, "hidden must be at least 1, got 0"),
        (
            {"sample_entropy_weight": -1.0},
            ValueError,
            "sample_entropy_weight must be zero or positive",
        ),
        (
            {"batch_entropy_weight": float("nan")},
            ValueError,
            "batch_entropy_weight must be zero or positive",
        ),
        ({"augment": "much"}, TypeError, "augment must be a number, got str"),
    ],
)
def test_bad_arguments_are_refused(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        MixtureOfAutoencoders(SHAPE, **change)


def test_only_images_can_be_bent() -> None:
    with pytest.raises(ValueError, match="augment must be zero unless"):
        MixtureOfAutoencoders((16,), augment=0.1)
    assert MixtureOfAutoencoders((16,)).loss(torch.rand(3, 16)).isfinite()


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (images()[:, 0], ValueError, "x must be"),
        (images().float(), TypeError, "x must be"),
        (images() * torch.nan, ValueError, "x must be finite"),
        (images()[:0], ValueError, "x must hold at least one observation"),
        (2 * images() - 1, ValueError, r"x must lie in \[0, 1\], got values from -"),
    ],
)
def test_bad_observations_are_refused(
    x: Tensor, error: type[Exception], message: str
) -> None:
    model = small(augment=0.2)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(error, match=message):
        model.loss(x)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_labels_bare_seeds_and_bad_codes_are_refused() -> None:
    model, x = small(), images()
    with pytest.raises(ValueError, match="y must be None"):
        model.loss(x, torch.zeros(12, dtype=torch.long))
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator"):
        model.loss(x, generator=3)  # type: ignore[arg-type]
    for door in (model.decode, model.draw):
        with pytest.raises(ValueError, match="z must be"):
            door(torch.zeros(4, 2).double())


def test_every_method_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_doors(
        lambda: MixtureOfAutoencoders((2,), clusters=2, hidden=4),
        x,
        z=torch.zeros(6, 2),
        rows=["terms"],
    )


def test_counts_have_limits() -> None:
    check_limits(
        lambda **n: MixtureOfAutoencoders((2,), **{"clusters": 2} | n),
        clusters=1,
        latent_dim=1,
        hidden=1,
    )


def test_the_shape_of_observations_is_made_of_counts() -> None:
    check_event_shape(lambda shape: MixtureOfAutoencoders(shape, 2))
