"""The mixture of probabilistic PCAs against scikit-learn and its own planes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture as Sklearn
from torch import Tensor

from doors import check_doors, check_function_doors, check_limits
from genbook.data.tins import sample_tins
from genbook.models.density.ppca import ProbabilisticPCA
from genbook.models.density.ppca_mixture import RARE, Plane, PPCAMixture, _m_step
from seeding import seeded


def data(n: int = 300, features: int = 6, seed: int = 0) -> Tensor:
    """Return correlated points, ``(n, features)``, float64."""
    g = seeded(seed)
    a = torch.randn(features, features, generator=g).double()
    return torch.randn(n, features, generator=g).double() @ a + 3.0


def random_mixture(k: int = 3, features: int = 5, q: int = 2) -> PPCAMixture:
    model = PPCAMixture((features,), k, q).double()
    g = seeded(0)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=g))
    return model.requires_grad_(False)


def covariances(model: PPCAMixture) -> np.ndarray:
    eye = torch.eye(model.means.shape[1]).double()
    noise = model.log_variance.exp()[:, None, None] * eye
    return (model.W @ model.W.mT + noise).detach().numpy()


def test_mixture_equals_scikit_learn() -> None:
    model = random_mixture()
    twin = Sklearn(3)
    twin.weights_ = model.weights.numpy()
    twin.means_ = model.means.numpy()
    twin.covariances_ = covariances(model)
    twin.precisions_cholesky_ = np.linalg.inv(
        np.linalg.cholesky(twin.covariances_)
    ).transpose(0, 2, 1)
    x = 2 * torch.randn(200, 5, generator=seeded(1)).double()
    assert np.allclose(model.log_prob(x), twin.score_samples(x.numpy()), atol=1e-9)
    r = twin.predict_proba(x.numpy())
    assert np.allclose(model.responsibilities(x), r, atol=1e-9)
    assert np.allclose(model.encode(x)[:, :3], r, atol=1e-9)


def test_decoding_a_code_gives_the_mean_of_what_made_it() -> None:
    model = random_mixture()
    x = torch.randn(20, 5, generator=seeded(1)).double()
    r = model.responsibilities(x)
    wanted = torch.zeros_like(x)
    for j in range(3):
        plane = ProbabilisticPCA((5,), 2).double()
        with torch.no_grad():
            plane.mu.copy_(model.means[j])
            plane.W.copy_(model.W[j])
            plane.log_variance.copy_(model.log_variance[j])
        wanted += r[:, j : j + 1] * plane.decode(plane.encode(x)).detach()
    assert torch.allclose(model.decode(model.encode(x)), wanted)


@pytest.mark.parametrize("q", [0, 1, 4])
def test_likelihood_never_falls(q: int) -> None:
    x = sample_tins(400, size=14, generator=seeded(0)).x.double()
    model = PPCAMixture((1, 14, 14), 6, q).double()
    model.fit(x, iterations=25, tolerance=0, generator=seeded(2))
    assert min(b - a for a, b in pairwise(model.history)) > -1e-8
    assert model.history[-1] == pytest.approx(-model.loss(x).item(), abs=1e-8)
    assert model.history[-1] > model.history[0]


def test_history_is_the_mean_before_each_step_and_after_the_last() -> None:
    x = data().float()
    whole = PPCAMixture((6,), 4, 2).fit(
        x, iterations=5, tolerance=0, generator=seeded(5)
    )
    assert len(whole.history) == 6
    for step, found in enumerate(whole.history):
        part = PPCAMixture((6,), 4, 2)
        part.fit(x, iterations=step, tolerance=0, generator=seeded(5))
        assert found == part.history[-1]
        exact = part.double().log_prob(x.double()).sum().item() / len(x)
        assert found == pytest.approx(exact, abs=1e-4)


def test_float32_climbs_as_float64_does() -> None:
    x = (torch.rand(500, 12, generator=seeded(0)) < 0.3).float()
    x[:, :3] = x[:, :1]  # directions without any width
    single = PPCAMixture((12,), 5, 2).fit(x, tolerance=1e-9, generator=seeded(1))
    double = PPCAMixture((12,), 5, 2).double()
    double.fit(x.double(), tolerance=1e-9, generator=seeded(1))
    assert min(b - a for a, b in pairwise(single.history)) > -1e-9
    assert single.history == pytest.approx(double.history, abs=1e-9)


def test_one_plane_is_the_closed_form() -> None:
    x = data()
    mixture = PPCAMixture((6,), 1, 3).double().fit(x, generator=seeded(0))
    plane = ProbabilisticPCA((6,), 3).double().fit(x)
    assert torch.allclose(mixture.log_prob(x), plane.log_prob(x), atol=1e-9)


def test_planes_are_found_again() -> None:
    truth = random_mixture()
    truth.log_variance.fill_(-3.0)
    truth.logits.zero_()
    truth.means.copy_(20 * torch.eye(3, 5))
    x = truth.sample(9_000, generator=seeded(3))
    model = PPCAMixture((5,), 3, 2).double()
    model.fit(x, iterations=100, tolerance=1e-9, generator=seeded(4))
    assert model.loss(x).item() == pytest.approx(truth.loss(x).item(), abs=0.02)
    order = model.means.argmax(dim=1).argsort()
    assert torch.allclose(model.weights[order], truth.weights, atol=0.02)
    assert np.allclose(covariances(model)[order], covariances(truth), atol=0.5)


def test_fewer_points_than_directions_do_no_harm() -> None:
    x = torch.cat([data(3, 8), data(200, 8) + 500])
    model = PPCAMixture((8,), 2, 5).double().fit(x, generator=seeded(0))
    assert model.log_prob(x).isfinite().all()
    assert model.sample(100, generator=seeded(1)).isfinite().all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"iterations": -1}, ValueError, "iterations must be at least 0"),
        ({"tolerance": -1.0}, ValueError, "tolerance must be zero or positive"),
        ({"min_variance": 0.0}, ValueError, "min_variance must be positive"),
        ({"generator": 0}, TypeError, r"generator must be a torch\.Generator"),
    ],
)
def test_bad_options_are_refused(
    options: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        PPCAMixture((6,), 2, 1).double().fit(data(), **options)


def test_data_without_variety_are_refused() -> None:
    with pytest.raises(ValueError, match="x must not be constant, got 5 times"):
        PPCAMixture((3,), 2, 1).fit(torch.ones(5, 3))
    with pytest.raises(ValueError, match="at least one point for each of the 2 planes"):
        PPCAMixture((3,), 2, 1).fit(torch.ones(1, 3))


def test_every_method_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_doors(
        lambda: PPCAMixture((2,), 2, 1).fit(x, iterations=1), x, z=torch.zeros(6, 1)
    )


def test_weights_are_the_shares_and_an_empty_plane_keeps_its_place() -> None:
    rows, planes = data(), [Plane(*p) for p in random_mixture(3, 6)._planes()]
    r = torch.zeros(300, 3).double()
    r[:90, 0], r[90:, 1] = 1, 1
    found, log_pi = _m_step(rows, r, planes, 1e-6)
    wanted = torch.tensor([0.3, 0.7, RARE], dtype=torch.float64).log()
    assert torch.allclose(log_pi, wanted, rtol=0, atol=1e-9)
    assert all(map(torch.equal, found[2], planes[2]))
    assert torch.allclose(found[0].mu, rows[:90].mean(0))


def test_fit_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_function_doors(
        PPCAMixture((2,), 2, 1).fit,
        x=x,
        iterations=2,
        tolerance=0.1,
        min_variance=0.1,
        generator=seeded(1),
    )


def test_counts_have_limits() -> None:
    check_limits(
        lambda **n: PPCAMixture((2,), **{"clusters": 1, "components": 1} | n),
        clusters=1,
        components=0,
    )


def test_samples_and_codes_are_those_of_their_planes() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = PPCAMixture((2, 2), 3, 2).double()
        for p in model.parameters():
            torch.nn.init.normal_(p)
    g = seeded(4)
    u = torch.rand(20, generator=g, dtype=torch.float64)
    z = torch.randn(20, 2, generator=g, dtype=torch.float64)
    eps = torch.randn(20, 4, generator=g, dtype=torch.float64)
    j = (model.weights.cumsum(0) <= u[:, None]).sum(1)
    wanted = model.means[j] + torch.einsum("nfq,nq->nf", model.W[j], z)
    wanted = wanted + (model.log_variance[j] / 2).exp()[:, None] * eps
    found = model.sample(20, generator=seeded(4))
    assert torch.allclose(found.flatten(1), wanted)
    joint = []
    for k in range(3):
        C = model.W[k] @ model.W[k].mT + model.log_variance[k].exp() * torch.eye(4)
        plane = torch.distributions.MultivariateNormal(model.means[k], C)
        joint.append(plane.log_prob(wanted) + model.weights[k].log())
    joint = torch.stack(joint, 1)
    assert torch.allclose(model.log_joint(found), joint)
    r = joint.softmax(1)
    code = model.encode(found)
    assert torch.allclose(code[:, :3], r)
    for k in range(3):
        M = model.W[k].mT @ model.W[k] + model.log_variance[k].exp() * torch.eye(2)
        each = (wanted - model.means[k]) @ model.W[k] @ M.inverse()
        part = code[:, 3 + 2 * k : 5 + 2 * k]
        assert torch.allclose(part, r[:, k : k + 1] * each, atol=1e-9)
    back = sum(
        code[:, k : k + 1] * model.means[k]
        + code[:, 3 + 2 * k : 5 + 2 * k] @ model.W[k].mT
        for k in range(3)
    )
    assert torch.allclose(model.decode(code).flatten(1), back)


def test_a_new_mixture_has_nearly_flat_planes() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = PPCAMixture((2, 3), 50, 2)
    assert torch.allclose(model.W, 1e-3 * torch.eye(6, 2).expand(50, 6, 2))
    assert not model.log_variance.any()
    assert torch.allclose(model.weights, torch.full((50,), 0.02))
    assert model.means.std().item() == pytest.approx(1, abs=0.15)
    assert model.means.shape == (50, 6)
