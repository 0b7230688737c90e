"""The mixture against scikit-learn, SciPy and what is known about EM."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.mixture import GaussianMixture as Sklearn
from torch import Tensor

from doors import check_doors, check_function_doors, check_limits
from genbook.data.toy import TwoMoons
from genbook.data.toy_mixtures import Pinwheel
from genbook.models.density._em import initialise
from genbook.models.density.gaussian import Gaussian
from genbook.models.density.mixture import GaussianMixture
from seeding import seeded


def moons(n: int = 1500, seed: int = 0) -> Tensor:
    return TwoMoons(noise=0.1).sample(n, generator=seeded(seed), dtype=torch.float64)


def random_mixture(dim: int, k: int, seed: int = 0) -> GaussianMixture:
    g = seeded(seed)
    a = torch.randn(k, dim, dim, generator=g).double()
    return GaussianMixture.from_parameters(
        torch.rand(k, generator=g).double().softmax(0),
        2 * torch.randn(k, dim, generator=g).double(),
        a @ a.mT + 0.1 * torch.eye(dim).double(),
    )


def sklearn_twin(model: GaussianMixture) -> Sklearn:
    """Return scikit-learn's mixture with the same parameters."""
    twin = Sklearn(len(model.means), covariance_type="full")
    twin.weights_ = model.weights.numpy()
    twin.means_ = model.means.detach().numpy()
    twin.covariances_ = model.covariances.numpy()
    twin.precisions_cholesky_ = np.linalg.inv(
        np.linalg.cholesky(twin.covariances_)
    ).transpose(0, 2, 1)
    return twin


@pytest.mark.parametrize(("dim", "k"), [(1, 3), (2, 1), (2, 5), (5, 4)])
def test_density_and_codes_equal_scikit_learn(dim: int, k: int) -> None:
    model = random_mixture(dim, k)
    twin = sklearn_twin(model)
    x = 3 * torch.randn(200, dim, generator=seeded(1)).double()
    log_p = model.log_prob(x).detach().numpy()
    assert np.allclose(log_p, twin.score_samples(x.numpy()), rtol=0, atol=1e-6)
    r = model.responsibilities(x).detach()
    assert torch.equal(model.encode(x), r)
    assert np.allclose(r, twin.predict_proba(x.numpy()), rtol=0, atol=1e-6)


def test_density_equals_scipy() -> None:
    model = random_mixture(2, 4)
    x = 3 * torch.randn(100, 2, generator=seeded(1)).double()
    p = sum(
        w * stats.multivariate_normal(m, c).pdf(x.numpy())
        for w, m, c in zip(
            model.weights.numpy(),
            model.means.detach().numpy(),
            model.covariances.numpy(),
            strict=True,
        )
    )
    assert np.allclose(model.log_prob(x).detach().exp(), p, rtol=1e-9)


def test_em_equals_scikit_learn_step_by_step() -> None:
    x, k = moons(), 6
    first = initialise(x - x.mean(0), k, 1e-9, seeded(2))
    model = GaussianMixture.from_parameters(
        first.pi, first.means + x.mean(0), first.tril @ first.tril.mT
    )
    twin = Sklearn(
        k,
        reg_covar=0,
        tol=0,
        max_iter=12,
        weights_init=model.weights.numpy(),
        means_init=model.means.detach().numpy(),
        precisions_init=np.linalg.inv(model.covariances.numpy()),
    )
    with pytest.warns(match="did not converge"):
        twin.fit(x.numpy())
    model.fit(x, iterations=12, tolerance=0, warm_start=True, min_variance=1e-12)
    assert model.history[-1] == pytest.approx(twin.score(x.numpy()), abs=1e-6)
    assert np.allclose(model.means.detach(), twin.means_, atol=1e-6)
    assert np.allclose(model.covariances, twin.covariances_, atol=1e-6)
    assert np.allclose(model.weights, twin.weights_, atol=1e-6)


@pytest.mark.parametrize("min_variance", [1e-9, 1e-6, 0.05])
def test_likelihood_never_falls(min_variance: float) -> None:
    model = GaussianMixture(2, 12).double()
    x = Pinwheel().sample(1500, generator=seeded(3), dtype=torch.float64)
    model.fit(
        x, iterations=80, tolerance=0, min_variance=min_variance, generator=seeded(4)
    )
    gains = [b - a for a, b in pairwise(model.history)]
    assert len(model.history) == 81 or gains[-1] < 1e-12
    assert min(gains) > -1e-9
    assert model.history[-1] == pytest.approx(-model.loss(x).item(), abs=1e-9)


def test_variance_stays_above_its_bound() -> None:
    # Twenty copies of one point would draw a component onto them, without a bound.
    x = torch.cat([moons(300), torch.full((20, 2), 1.5).double()])
    model = GaussianMixture(2, 10).double()
    model.fit(x, iterations=200, generator=seeded(5), min_variance=1e-3)
    unit = x.std(0, correction=0)  # in which each column has variance 1
    smallest = torch.linalg.eigvalsh(model.covariances / unit.outer(unit)).min().item()
    assert smallest == pytest.approx(1e-3, rel=1e-6)


def test_columns_of_small_unit_keep_their_width() -> None:
    # A floor for all columns alike would blur the second, whose clusters would vanish.
    x = torch.randn(4000, 2, generator=seeded(0)).double()
    x[:2000, 1] += 20
    x = x * torch.tensor([1e4, 0.1]).double()
    one = GaussianMixture(2, 1).double().fit(x)
    assert one.covariances[0].diagonal().sqrt().tolist() == pytest.approx(
        x.std(0, correction=0).tolist()
    )
    two = GaussianMixture(2, 2).double().fit(x, generator=seeded(1))
    twin = Sklearn(2, reg_covar=0, random_state=0).fit(x / x.std(0))
    theirs = twin.score(x / x.std(0)) - x.std(0).log().sum().item()
    assert two.history[-1] == pytest.approx(theirs, abs=1e-3)
    assert torch.allclose(
        two.covariances[:, 1, 1].sqrt(), torch.tensor(0.1).double(), rtol=0.05
    )


def test_a_constant_column_is_named() -> None:
    x = moons()
    x[:, 1] = 7.0
    model = GaussianMixture(2, 3).double()
    before = [p.clone() for p in model.parameters()]
    with pytest.raises(ValueError, match="got only 7 in column 1"):
        model.fit(x)
    assert all(map(torch.equal, before, model.parameters()))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_float32_climbs_as_float64_does(seed: int) -> None:
    # Features that are all zero or one in a component lie at the bound, where float32
    # sums are wrong by as much as the bound: the likelihood fell, and EM stopped.
    x = (torch.rand(2000, 10, generator=seeded(seed)) < 0.3).float()
    single = GaussianMixture(10, 8).fit(x, tolerance=1e-9, generator=seeded(1))
    double = GaussianMixture(10, 8).double()
    double.fit(x.double(), tolerance=1e-9, generator=seeded(1))
    assert min(b - a for a, b in pairwise(single.history)) > -1e-9
    assert single.history == pytest.approx(double.history, abs=1e-9)
    assert single.history[-1] == pytest.approx(-single.loss(x).item(), abs=1e-3)


def test_one_component_is_the_gaussian() -> None:
    x = moons()
    model = GaussianMixture(2, 1).double().fit(x, generator=seeded(0))
    wanted = Gaussian(2).double().fit(x)
    assert torch.allclose(model.log_prob(x), wanted.log_prob(x), atol=1e-9)


def test_parameters_are_found_again() -> None:
    truth = GaussianMixture.from_parameters(
        torch.tensor([0.2, 0.3, 0.5]).double(),
        torch.tensor([[-4.0, 0.0], [4.0, 1.0], [0.0, 5.0]]).double(),
        torch.eye(2).double() * torch.tensor([1.0, 0.5, 0.3]).double()[:, None, None],
    )
    x = truth.sample(20_000, generator=seeded(6))
    model = GaussianMixture(2, 3).double()
    model.fit(x, restarts=3, tolerance=1e-9, generator=seeded(7))
    order = model.weights.argsort()
    assert torch.allclose(model.weights[order], truth.weights, atol=0.015)
    assert torch.allclose(model.means[order], truth.means, atol=0.05)
    assert torch.allclose(model.covariances[order], truth.covariances, atol=0.05)


def test_restarts_keep_the_likeliest() -> None:
    x = moons()
    one = GaussianMixture(2, 8).double().fit(x, generator=seeded(8), iterations=30)
    five = GaussianMixture(2, 8).double()
    five.fit(x, generator=seeded(8), iterations=30, restarts=5)
    assert five.history[-1] >= one.history[-1]


def test_fit_follows_the_generator() -> None:
    x = moons()
    a, b, c = (GaussianMixture(2, 5).double() for _ in range(3))
    a.fit(x, generator=seeded(1), iterations=5)
    b.fit(x, generator=seeded(1), iterations=5)
    c.fit(x, generator=seeded(2), iterations=5)
    assert torch.equal(a.log_prob(x), b.log_prob(x))
    assert not torch.equal(a.log_prob(x), c.log_prob(x))


def test_warm_start_goes_on() -> None:
    x = moons()
    whole = GaussianMixture(2, 5).double()
    whole.fit(x, generator=seeded(1), iterations=20, tolerance=0)
    parts = GaussianMixture(2, 5).double()
    parts.fit(x, generator=seeded(1), iterations=12, tolerance=0)
    parts.fit(x, warm_start=True, iterations=8, tolerance=0)
    assert parts.history[-1] == pytest.approx(whole.history[-1], abs=1e-9)


@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_float32_fits_as_well(offset: float) -> None:
    x = moons() + offset
    single = GaussianMixture(2, 8).fit(x.float(), generator=seeded(9), iterations=40)
    double = GaussianMixture(2, 8).double()
    double.fit(x, generator=seeded(9), iterations=40)
    assert single.history[-1] == pytest.approx(double.history[-1], abs=5e-3)


def test_gradient_descent_agrees_with_em() -> None:
    # At a maximum the gradient vanishes: EM and the loss must mean the same density.
    x = moons()
    model = GaussianMixture(2, 3).double()
    model.fit(x, generator=seeded(1), iterations=3000, tolerance=1e-14)
    model.loss(x).backward()
    for p in model.parameters():
        assert p.grad is not None
        assert p.grad.abs().max() < 1e-5


def test_samples_use_every_component() -> None:
    model = random_mixture(2, 3, seed=5)
    far = GaussianMixture.from_parameters(
        model.weights,
        torch.tensor([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]]).double(),
        model.covariances,
    )
    x = far.sample(50_000, generator=seeded(1))
    j = far.responsibilities(x).argmax(1)
    counts = torch.bincount(j, minlength=3).numpy()
    assert stats.chisquare(counts, far.weights.numpy() * len(x)).pvalue > 1e-3
    for k in range(3):
        assert torch.allclose(x[j == k].T.cov(), far.covariances[k], rtol=0.06)


def test_decode_gives_the_means() -> None:
    model = random_mixture(2, 3)
    assert torch.equal(model.decode(torch.eye(3).double()), model.means)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"iterations": -1}, ValueError, "iterations must be at least 0"),
        ({"iterations": 1.5}, TypeError, "iterations must be an integer"),
        ({"tolerance": -1.0}, ValueError, "tolerance must be zero or positive"),
        ({"restarts": 0}, ValueError, "restarts must be at least 1"),
        ({"min_variance": 0.0}, ValueError, "min_variance must be positive"),
        ({"min_variance": 1e-20}, ValueError, "min_variance must be at least 1e-12"),
        ({"warm_start": "no"}, TypeError, "warm_start must be True or False"),
        ({"generator": 0}, TypeError, "generator must be a torch.Generator"),
    ],
)
def test_bad_options_are_refused(
    options: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        GaussianMixture(2, 3).fit(moons().float(), **options)  # type: ignore[arg-type]


def test_too_few_points_are_refused() -> None:
    model = GaussianMixture(2, 5)
    with pytest.raises(ValueError, match="at least one point for each of the 5 comp"):
        model.fit(torch.rand(4, 2))
    with pytest.raises(ValueError, match="x must not be constant, got 9 times"):
        model.fit(torch.full((9, 2), 0.7))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (torch.tensor([0.5, 0.6]), "weights must be positive and sum to 1"),
        (torch.tensor([-0.5, 1.5]), "weights must be positive and sum to 1"),
        (torch.tensor([1.0]), r"weights must be \(2,\)"),
        (torch.tensor([0.5, torch.nan]), "weights must be finite"),
    ],
)
def test_bad_weights_are_refused(weights: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GaussianMixture.from_parameters(
            weights, torch.zeros(2, 2), torch.eye(2).repeat(2, 1, 1)
        )


def test_restarts_compare_where_they_end(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = iter([[-3.0, -2.0], [-5.0, -1.0], [-1.5, -1.4], [-1.0, -1.2]])

    def climb(x: Tensor, theta: object, *rest: object) -> object:
        return next(ends), theta

    monkeypatch.setattr("genbook.models.density.mixture.climb", climb)
    model = GaussianMixture(2, 2).fit(moons().float(), restarts=4)
    gain = model.history[1] - model.history[0]
    assert gain == pytest.approx(4.0)  # of the second start, which ends highest


@pytest.mark.parametrize(
    ("x", "error"),
    [
        (torch.zeros(9, 3), ValueError),
        (torch.zeros(9), ValueError),
        (torch.zeros(9, 2) / 0, ValueError),
        (torch.zeros(9, 2).double(), TypeError),
        ([[0.0, 0.0]] * 9, TypeError),
    ],
)
def test_bad_observations_are_refused(x: Tensor, error: type[Exception]) -> None:
    model = GaussianMixture(2, 2)
    before = model.means.clone()
    with pytest.raises(error, match="x must be"):
        model.fit(x)
    assert torch.equal(model.means, before)


def test_every_method_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_doors(lambda: GaussianMixture(2, 2).fit(x, iterations=1), x)


def test_fit_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_function_doors(
        GaussianMixture(2, 2).fit,
        x=x,
        iterations=2,
        tolerance=0.1,
        restarts=1,
        min_variance=0.1,
        warm_start=False,
        generator=seeded(1),
    )


def test_counts_have_limits() -> None:
    check_limits(
        lambda **n: GaussianMixture(**{"dim": 2, "components": 2} | n),
        dim=1,
        components=1,
    )


def test_parameters_and_codes_are_looked_at() -> None:
    good = {
        "weights": torch.full((2,), 0.5),
        "means": torch.zeros(2, 3),
        "covariances": torch.eye(3).expand(2, 3, 3).clone(),
    }
    check_function_doors(GaussianMixture.from_parameters, **good)
    for name, t in good.items():
        for bad in (t[:1], t / 0, t.double() if name != "means" else t[0]):
            with pytest.raises((TypeError, ValueError), match="must"):
                GaussianMixture.from_parameters(**good | {name: bad})
    model = GaussianMixture.from_parameters(**good)
    check_function_doors(model.decode, z=torch.ones(4, 2))
    for bad in (torch.ones(4, 3), torch.ones(2)):
        with pytest.raises(ValueError, match=r"z must be \(n, 2\)"):
            model.decode(bad)
    assert model.decode(torch.ones(0, 2)).shape == (0, 3)


def test_weights_sum_to_one_within_a_ten_thousandth() -> None:
    means, covariances = torch.zeros(2, 1).double(), torch.ones(2, 1, 1).double()
    for off in (0.9e-4, -0.9e-4):
        weights = torch.tensor([0.5, 0.5 + off]).double()
        model = GaussianMixture.from_parameters(weights, means, covariances)
        assert model.weights.sum().item() == pytest.approx(1)
    for bad in ([0.5, 0.5 + 1.1e-4], [0.5, 0.5 - 1.1e-4], [1.0, 0.0], [1.5, -0.5]):
        with pytest.raises(ValueError, match="weights must be positive and sum to 1"):
            GaussianMixture.from_parameters(
                torch.tensor(bad).double(), means, covariances
            )


def test_samples_are_those_of_the_dice() -> None:
    model, g = random_mixture(2, 3), seeded(4)
    u = torch.rand(20, generator=g, dtype=torch.float64)
    eps = torch.randn(20, 2, generator=g, dtype=torch.float64)
    j = (model.weights.cumsum(0) <= u[:, None]).sum(1)
    tril = torch.linalg.cholesky(model.covariances)
    wanted = model.means[j] + torch.einsum("nij,nj->ni", tril[j], eps)
    assert torch.allclose(model.sample(20, generator=seeded(4)), wanted)
    assert len(j.unique()) == 3


def test_a_new_mixture_has_round_components_of_equal_weight() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = GaussianMixture(3, 400)
    assert torch.allclose(model.weights, torch.full((400,), 1 / 400))
    assert torch.equal(model.covariances, torch.eye(3).expand(400, 3, 3))
    assert model.means.std().item() == pytest.approx(1, abs=0.1)
    assert model.means.shape == (400, 3)
    assert model.history == []


def test_the_bound_on_variances_has_an_end() -> None:
    x = moons(50)
    GaussianMixture(2, 2).double().fit(x, iterations=1, min_variance=1e-12)
    for bad in (0.9e-12, 0.0):
        with pytest.raises(ValueError, match=r"^min_variance must be"):
            GaussianMixture(2, 2).double().fit(x, min_variance=bad)
    model = GaussianMixture(2, 3).double()
    model.fit(x[:3], iterations=0, generator=seeded(1))  # a point each is enough
    with pytest.raises(ValueError, match="one point for each of the 3 components, g"):
        model.fit(x[:2])
