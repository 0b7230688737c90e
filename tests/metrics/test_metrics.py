"""The metrics against closed forms, brute force, SciPy and scikit-learn."""

from __future__ import annotations

import copy
import itertools
import math
import pickle
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression
from torch import Tensor, nn

from genbook.data.base import KnownDensity
from genbook.data.world import CONTINENTS, WorldMap
from genbook.metrics import (
    Estimate,
    classifier_two_sample_test,
    clustering_accuracy,
    coverage,
    energy_distance,
    energy_test,
    linear_probe_r2,
    mean_log_prob,
    memorisation_power,
    nats_above_entropy,
    nearest_neighbour_memorisation,
    noise_floor,
    support_share,
)
from genbook.metrics.cost import nfe
from genbook.models.base import TractableModel
from genbook.models.density.box import UniformBox
from genbook.models.density.gaussian import Gaussian
from seeding import seeded


class Normal(KnownDensity):
    """The standard normal in the plane, by SciPy."""

    name = "normal"
    event_shape = (2,)
    low, high = torch.full((2,), -7.0), torch.full((2,), 7.0)
    entropy = 1 + math.log(2 * math.pi)

    def _draw(
        self, n: int, generator: torch.Generator | None, dtype: torch.dtype
    ) -> Tensor:
        return torch.randn(n, 2, generator=generator, dtype=dtype)

    def log_prob(self, x: Tensor) -> Tensor:
        log_p = scipy.stats.norm.logpdf(x.double().numpy()).sum(1)
        return torch.from_numpy(log_p).to(x.dtype)


class Halves(KnownDensity):
    """Uniform on the right half of the square [-1, 1]²."""

    name = "halves"
    event_shape = (2,)
    low, high = torch.tensor([0.0, -1.0]), torch.ones(2)
    entropy = math.log(2)

    def _draw(
        self, n: int, generator: torch.Generator | None, dtype: torch.dtype
    ) -> Tensor:
        u = torch.rand(n, 2, generator=generator, dtype=dtype)
        return torch.stack([u[:, 0], 2 * u[:, 1] - 1], 1)

    def log_prob(self, x: Tensor) -> Tensor:
        inside = (x[:, 0] >= 0) & (x[:, 0] <= 1) & (x[:, 1].abs() <= 1)
        return torch.where(inside, -self.entropy, -torch.inf)


def gaussian(mu: list[float], scale: float = 1.0) -> Gaussian:
    return Gaussian.from_moments(torch.tensor(mu), scale**2 * torch.eye(2))


# --- accuracy -------------------------------------------------------------------------


def test_an_estimate_is_a_number() -> None:
    e = Estimate(0.30127, 0.0041)
    assert e == 0.30127
    assert e + 1 == 1.30127
    assert f"{e:.3f}" == "0.301"
    assert repr(e) == str(e) == "0.3013 ± 0.0041"
    for twin in (pickle.loads(pickle.dumps(e)), copy.deepcopy(e)):
        assert (twin, twin.se) == (e, e.se)


@pytest.mark.parametrize("chunk", [1, 7, 1000, 4096])
def test_mean_log_prob_equals_scipy(chunk: int) -> None:
    x = torch.randn(1000, 2, generator=seeded(0))
    got = mean_log_prob(gaussian([0.5, 0.0]), x, chunk=chunk)
    values = scipy.stats.multivariate_normal([0.5, 0.0]).logpdf(x.double().numpy())
    assert got == pytest.approx(values.mean(), abs=1e-6)
    assert got.se == pytest.approx(values.std(ddof=1) / math.sqrt(1000), rel=1e-5)


def test_the_mean_is_taken_in_double_precision() -> None:
    class Constant(TractableModel):
        event_shape = (1,)

        def log_prob(self, x, y=None):  # type: ignore[no-untyped-def]
            return torch.full((len(x),), -1e4 + 0.1)

        def sample(self, n, y=None, *, generator=None):  # type: ignore[no-untyped-def]
            raise NotImplementedError

    single = float(torch.tensor(-1e4 + 0.1))
    assert mean_log_prob(Constant(), torch.zeros(100_003, 1)) == pytest.approx(
        single, rel=1e-15
    )


def test_impossible_observations_cost_everything() -> None:
    box = UniformBox.from_corners([0, 0], [1, 1])
    x = torch.full((5, 2), 0.5)
    assert mean_log_prob(box, x) == 0
    x[3] = 2
    got = mean_log_prob(box, x)
    assert got == -math.inf
    assert math.isnan(got.se)
    assert math.isnan(mean_log_prob(box, x[:1]).se)  # one value has no spread


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_model_that_gives_no_number_is_refused(value: float) -> None:
    class Broken(Gaussian):
        def log_prob(self, x, y=None):  # type: ignore[no-untyped-def]
            return super().log_prob(x).index_fill(0, torch.tensor([1]), value)

    with pytest.raises(ValueError, match=r"Broken gave NaN or .inf for 1 of 4"):
        mean_log_prob(Broken(2), torch.zeros(4, 2))


def test_conditions_are_cut_like_the_observations() -> None:
    class Conditional(Gaussian):
        def log_prob(self, x, y=None):  # type: ignore[no-untyped-def]
            assert torch.equal(x[:, 0], y)
            return super().log_prob(x)

    x = torch.randn(10, 2)
    mean_log_prob(Conditional(2), x, x[:, 0], chunk=3)


@pytest.mark.parametrize("scale", [1.0, 1.3])
@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_nats_above_entropy_equals_the_closed_form(shift: float, scale: float) -> None:
    model = gaussian([shift, 0.0], scale)
    exact = 2 * math.log(scale) + (2 + shift**2) / (2 * scale**2) - 1
    got = nats_above_entropy(model, Normal(), 20_000, generator=seeded(0))
    assert abs(got - exact) <= 4 * got.se + 1e-6
    assert got.se < 0.01
    x = Normal().sample(20_000, generator=seeded(0))
    assert nats_above_entropy(model, Normal(), x) == got


def test_pairs_cost_no_variance() -> None:
    """The loss minus the entropy is the same number, far less certain."""
    x = Normal().sample(5000, generator=seeded(1))
    close = gaussian([0.01, 0.0])
    paired = nats_above_entropy(close, Normal(), x)
    assert paired.se < 0.02 * mean_log_prob(close, x).se
    exact = nats_above_entropy(gaussian([0.0, 0.0]), Normal(), x)
    assert abs(exact) < 1e-6


def test_a_box_is_the_logarithm_of_its_spare_area_above_the_land() -> None:
    world, square = WorldMap(), UniformBox.from_corners([-1, -1], [1, 1])
    got = nats_above_entropy(square, world, 2000, generator=seeded(0))
    assert got == pytest.approx(math.log(4 / world.land_area), abs=1e-6)
    half = UniformBox.from_corners([-1, -1], [0, 1])
    assert nats_above_entropy(half, world, 2000, generator=seeded(0)) == math.inf


def test_observations_that_cannot_be_are_refused() -> None:
    x = torch.tensor([[0.5, 0.0], [-0.5, 0.0]])
    with pytest.raises(ValueError, match="x must come from p_data, got 1 of 2 points"):
        nats_above_entropy(gaussian([0.0, 0.0]), Halves(), x)


# --- generation: support and coverage -------------------------------------------------


def test_support_share_of_the_square_is_the_share_of_land() -> None:
    world, square = WorldMap(), UniformBox.from_corners([-1, -1], [1, 1])
    got = support_share(world, square.sample(20_000, generator=seeded(0)))
    assert abs(got - world.land_area / 4) <= 4 * got.se
    assert got.se == pytest.approx(math.sqrt(got * (1 - got) / 20_000))


def test_support_share_by_hand() -> None:
    x = torch.tensor([[0.5, 0.0], [-0.5, 0.0], [0.1, 0.2], [3.0, 0.0]])
    assert support_share(Halves(), x) == 0.5
    assert support_share(Halves(), x[:1]) == 1
    assert support_share(Halves(), x[1:2]).se == 0


def test_coverage_by_hand() -> None:
    x = torch.tensor([0.0, 0, 0, 2, 2, -1, -1, -1])[:, None]
    data = torch.tensor([0.0, 0, 1, 2])[:, None]

    def label(x: Tensor) -> Tensor:
        return x[:, 0].long()

    got = coverage(x, label, ["a", "b", "c", "d"], data=data)
    assert got.shares.tolist() == [0.6, 0, 0.4, 0]
    assert got.data_shares is not None
    assert got.data_shares.tolist() == [0.5, 0.25, 0.25, 0]
    assert got.unlabelled == 3 / 8
    assert got.missed == ("b",)  # the data have no d either
    assert got.reached == pytest.approx(2 / 3)
    assert got.total_variation == pytest.approx(0.25)
    assert repr(got) == "Coverage(3 of 4 classes, missed b)"
    blind = coverage(x, label, 4)
    assert blind.missed == ("1", "3")
    assert blind.reached == 0.5
    with pytest.raises(ValueError, match="pass data= to coverage"):
        _ = blind.total_variation
    lost = coverage(-torch.ones(3, 1), label, 2)
    assert lost.unlabelled == 1
    assert lost.shares.tolist() == [0, 0]


def test_coverage_of_the_continents() -> None:
    world = WorldMap()
    data = world.sample(3000, generator=seeded(0))
    got = coverage(
        world.sample(3000, generator=seeded(1)), world.continent, CONTINENTS, data=data
    )
    assert got.missed == ()
    assert got.unlabelled == 0
    assert got.total_variation < 0.05
    eurasia = UniformBox.from_corners([0.1, 0.3], [0.9, 1.0])
    got = coverage(
        eurasia.sample(3000, generator=seeded(2)),
        world.continent,
        CONTINENTS,
        data=data,
    )
    assert {"Antarctica", "Oceania", "North America", "South America"} <= set(
        got.missed
    )


# --- generation: energy ---------------------------------------------------------------


def brute_energy(x: Tensor, y: Tensor, unbiased: bool) -> float:
    """Return the energy distance by three sums over all pairs, in plain Python."""

    def mean(a: list, b: list, same: bool) -> float:
        pairs = len(a) * (len(b) - (same and unbiased))
        return sum(math.dist(p, q) for p in a for q in b) / pairs

    a, b = x.flatten(1).double().tolist(), y.flatten(1).double().tolist()
    return 2 * mean(a, b, False) - mean(a, a, True) - mean(b, b, True)


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("event", [(1,), (2,), (16,), (17,), (3, 4, 4)])
def test_energy_distance_equals_brute_force(event: tuple, unbiased: bool) -> None:
    x = torch.randn(13, *event, generator=seeded(0))
    y = torch.randn(8, *event, generator=seeded(1)) * 2 + 0.5
    got = energy_distance(x, y, unbiased=unbiased)
    assert got == pytest.approx(brute_energy(x, y, unbiased), abs=1e-7)
    assert got == pytest.approx(energy_distance(y, x, unbiased=unbiased), abs=1e-9)


def test_energy_distance_in_pieces_equals_scipy() -> None:
    x = torch.randn(1500, 1, generator=seeded(0))
    y = torch.rand(1100, 1, generator=seeded(1))
    oracle = scipy.stats.energy_distance(x[:, 0].numpy(), y[:, 0].numpy()) ** 2
    assert energy_distance(x, y, unbiased=False) == pytest.approx(oracle, rel=1e-6)


def test_energy_distance_of_gaussians_equals_the_closed_form() -> None:
    """The difference of two Gaussians is one, and its mean size a folded normal's."""

    def mean_size(mu: float, sigma: float) -> float:
        return scipy.stats.foldnorm.mean(mu / sigma, scale=sigma)

    shift, scale = 0.6, 1.5
    exact = (
        2 * mean_size(shift, math.hypot(1, scale))
        - mean_size(0, math.sqrt(2))
        - mean_size(0, scale * math.sqrt(2))
    )
    g = seeded(0)
    estimates = []
    biased = []
    for _ in range(200):
        x = torch.randn(30, 1, generator=g)
        y = shift + scale * torch.randn(20, 1, generator=g)
        estimates.append(energy_distance(x, y))
        biased.append(energy_distance(x, y, unbiased=False))
    se = np.std(estimates, ddof=1) / math.sqrt(200)
    assert abs(np.mean(estimates) - exact) < 4 * se
    excess = mean_size(0, math.sqrt(2)) / 30 + mean_size(0, scale * math.sqrt(2)) / 20
    assert abs(np.mean(biased) - exact - excess) < 4 * se


def test_energy_distance_is_zero_only_for_equals() -> None:
    x = torch.randn(40, 3, generator=seeded(0))
    assert energy_distance(x, x, unbiased=False) == pytest.approx(0, abs=1e-12)
    assert energy_distance(x, x) < 0  # the price of being right on average
    assert energy_distance(x, x + 1) > 0.1


def test_energy_test_statistic_is_the_energy_distance() -> None:
    x = torch.randn(300, 2, generator=seeded(0))
    y = torch.randn(200, 2, generator=seeded(1))
    got = energy_test(x, y, 9, generator=seeded(2))
    assert got.statistic == pytest.approx(energy_distance(x, y, unbiased=False))


def test_energy_test_equals_all_permutations() -> None:
    """On few points every split can be listed: the p-value is then known."""
    x = torch.tensor([[0.0], [0.3], [1.1], [0.2]])
    y = torch.tensor([[1.0], [0.9], [2.0]])
    pooled = torch.cat([x, y])
    observed = brute_energy(x, y, False)
    larger = total = 0
    for first in itertools.combinations(range(7), 4):
        rest = [i for i in range(7) if i not in first]
        split = brute_energy(pooled[list(first)], pooled[rest], False)
        larger += split >= observed - 1e-12
        total += 1
    got = energy_test(x, y, 4000, generator=seeded(0)).p_value
    exact = larger / total
    assert abs(got - exact) < 4 * math.sqrt(exact * (1 - exact) / 4000) + 1 / 4000


def calibrated(p_values: list[float], alpha: float = 0.1) -> None:
    """Under the null p-values are uniform, or larger (their steps are coarse)."""
    n = len(p_values)
    small = sum(p <= alpha for p in p_values)
    assert scipy.stats.binom.sf(small - 1, n, alpha) > 1e-3
    assert small > 0  # a test that never rejects has no use
    assert np.mean(p_values) == pytest.approx(0.5, abs=4 * math.sqrt(1 / 12 / n) + 0.03)


def test_energy_test_is_calibrated() -> None:
    g = seeded(0)
    p_values = []
    for _ in range(300):
        x = torch.randn(20, 2, generator=g)
        y = torch.randn(12, 2, generator=g)
        p_values.append(energy_test(x, y, 39, generator=g).p_value)
    calibrated(p_values)
    assert min(p_values) >= 1 / 40
    assert scipy.stats.kstest(p_values, "uniform").pvalue > 1e-3


def test_energy_test_of_equal_splits_is_one() -> None:
    x = torch.zeros(5, 1)
    assert energy_test(x, x, 19, generator=seeded(0)) == (0, 1)
    y = torch.tensor([[0.0], [1.0], [2.0]])
    assert energy_test(y, y, 19, generator=seeded(0)).p_value == 1


ALTERNATIVES: dict[str, Callable[[Tensor], Tensor]] = {
    "shift": lambda x: x + 0.4,
    "scale": lambda x: x * 1.5,
    "correlation": lambda x: torch.stack([x[:, 0], (x[:, 0] + x[:, 1] / 4)], 1),
}


@pytest.mark.parametrize("name", ALTERNATIVES)
def test_both_tests_see_a_difference(name: str) -> None:
    g = seeded(0)
    x = torch.randn(600, 2, generator=g)
    y = ALTERNATIVES[name](torch.randn(600, 2, generator=g))
    assert energy_test(x, y, 199, generator=g).p_value == 1 / 200
    found = classifier_two_sample_test(x, y, generator=g)
    assert found.p_value < 0.01
    assert found.statistic > 0.54


# --- generation: classifier -----------------------------------------------------------


def test_classifier_accuracy_comes_near_the_best_possible() -> None:
    """Two Gaussians at distance d: the best accuracy is Phi(d / 2)."""
    g = seeded(0)
    x = torch.randn(4000, 2, generator=g)
    y = torch.randn(4000, 2, generator=g) + torch.tensor([2.0, 0.0])
    got = classifier_two_sample_test(x, y, generator=g).statistic
    best = scipy.stats.norm.cdf(1)
    assert best - 0.03 < got < best + 4 * math.sqrt(best * (1 - best) / 4000)


def test_classifier_is_calibrated() -> None:
    g = seeded(3)
    p_values = []
    for _ in range(120):
        x = torch.randn(60, 2, generator=g)
        y = torch.randn(75, 2, generator=g)
        p_values.append(classifier_two_sample_test(x, y, steps=20, generator=g).p_value)
    calibrated(p_values)


def test_classifier_p_value_is_the_binomial_tail() -> None:
    x = torch.randn(50, 2, generator=seeded(0))
    for shift in (0.0, 0.3, 1.0):
        y = torch.randn(50, 2, generator=seeded(1)) + shift
        got = classifier_two_sample_test(x, y, steps=50, generator=seeded(2))
        hits = round(got.statistic * 50)
        assert got.statistic == hits / 50
        tail = sum(math.comb(50, k) for k in range(hits, 51)) / 2**50
        assert got.p_value == pytest.approx(tail)


def test_classifier_reads_images_and_constant_pixels() -> None:
    g = seeded(0)
    x = torch.rand(300, 1, 8, 8, generator=g)
    x[:, :, 0] = 0
    y = x.flip(3).clone()
    y[:, :, 4, 4] += 0.5
    assert classifier_two_sample_test(x, y, generator=g).p_value < 1e-3


# --- generation: memorisation ---------------------------------------------------------


@pytest.mark.parametrize("event", [(2,), (5, 5)])
def test_memorisation_share_equals_brute_force(event: tuple) -> None:
    g = seeded(0)
    s, a, b = (torch.randn(n, *event, generator=g) for n in (30, 25, 40))
    near = [
        min(math.dist(p, q) for q in a.flatten(1).tolist())
        < min(math.dist(p, q) for q in b.flatten(1).tolist())
        for p in s.flatten(1).tolist()
    ]
    got = nearest_neighbour_memorisation(s, a, b, generator=g)
    assert got.share == pytest.approx(sum(near) / 30)
    assert got.expected == pytest.approx(25 / 65)


def test_memorisation_is_calibrated_when_samples_crowd() -> None:
    """Many samples around few observations: a binomial p-value would be far off."""
    g = seeded(0)
    p_values, naive = [], []
    for _ in range(300):
        s, a, b = (torch.randn(n, 1, generator=g) for n in (400, 15, 15))
        got = nearest_neighbour_memorisation(s, a, b, permutations=99, generator=g)
        p_values.append(got.p_value)
        naive.append(scipy.stats.binom.sf(round(got.share * 400) - 1, 400, 0.5))
    calibrated(p_values)
    assert np.mean(np.array(naive) < 0.1) > 0.25


def test_memorisation_finds_copies_and_clears_the_honest() -> None:
    g = seeded(1)
    train, held_out, fresh = (torch.randn(300, 2, generator=g) for _ in range(3))
    copies = train + 0.01 * torch.randn(300, 2, generator=g)
    found = nearest_neighbour_memorisation(copies, train, held_out, generator=g)
    assert found.share > 0.9
    assert found.p_value == 1e-3
    honest = nearest_neighbour_memorisation(fresh, train, held_out, generator=g)
    assert honest.p_value > 0.01
    # One sample in five copied is enough to be seen.
    some = torch.cat([copies[:60], fresh[:240]])
    found = nearest_neighbour_memorisation(some, train, held_out, generator=g)
    assert found.p_value < 0.05


def test_an_observation_in_both_sets_is_no_ones() -> None:
    x = torch.randn(400, 2, generator=seeded(0))
    got = nearest_neighbour_memorisation(x, x, x, generator=seeded(1))
    assert abs(got.share - 0.5) < 4 * math.sqrt(0.25 / 400)


# --- representation -------------------------------------------------------------------


def test_linear_r2_equals_scikit_learn() -> None:
    g = seeded(0)
    codes = torch.randn(200, 4, generator=g)
    noise = torch.randn(200, 3, generator=g)
    factors = codes[:, :3] * torch.tensor([1.0, 0.5, 0.0]) + noise + 7
    got = linear_probe_r2(codes, factors, held_out=0.25, generator=seeded(5))
    order = torch.randperm(200, generator=seeded(5))
    train, test = order[:150], order[150:]
    oracle = LinearRegression().fit(codes[train], factors[train])
    guess = oracle.predict(codes[test])
    for i in range(3):
        f = factors[test, i].double().numpy()
        r2 = 1 - ((f - guess[:, i]) ** 2).sum() / ((f - f.mean()) ** 2).sum()
        assert got[i].item() == pytest.approx(r2, abs=1e-5)


def test_linear_r2_of_a_line_a_curve_and_noise() -> None:
    g = seeded(0)
    z = torch.randn(4000, 2, generator=g)
    factors = torch.stack(
        [3 * z[:, 0] - z[:, 1] + 5, z[:, 0] ** 2, torch.randn(4000, generator=g)], 1
    )
    codes = torch.cat([z, z[:, :1]], 1)  # a column twice: still one answer
    line, curve, noise = linear_probe_r2(codes, factors, generator=g).tolist()
    assert line == pytest.approx(1, abs=1e-9)
    assert abs(curve) < 0.02
    assert -0.02 < noise < 0.01
    half = linear_probe_r2(
        z[:, :1], z[:, :1] + torch.randn(4000, 1, generator=g), generator=g
    )
    assert half.item() == pytest.approx(0.5, abs=0.06)


@settings(max_examples=50, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=1),
)
def test_clustering_accuracy_with_clusters_to_spare(
    pairs: list[tuple[int, int]],
) -> None:
    labels, clusters = torch.tensor(pairs).T
    table = np.zeros((6, 6), dtype=int)
    np.add.at(table, (clusters.numpy(), labels.numpy()), 1)
    namings = np.array(list(itertools.permutations(range(6))))  # (720, 6)
    oracle = table[np.arange(6), namings].sum(1).max() / len(pairs)
    assert clustering_accuracy(labels, clusters) == pytest.approx(oracle)


def test_clustering_accuracy_by_trying_every_naming() -> None:
    g = seeded(0)
    for _ in range(20):
        labels = torch.randint(5, (40,), generator=g)
        clusters = torch.randint(5, (40,), generator=g)
        best = max(
            (torch.tensor(names)[clusters] == labels).double().mean().item()
            for names in itertools.permutations(range(5))
        )
        assert clustering_accuracy(labels, clusters) == pytest.approx(best)


def test_clustering_accuracy_ignores_names() -> None:
    labels = torch.arange(10).repeat(20)
    names = torch.randperm(10, generator=seeded(0))
    assert clustering_accuracy(labels, names[labels]) == 1
    assert clustering_accuracy(labels, torch.zeros_like(labels)) == 0.1


# --- randomness and bad input ---------------------------------------------------------

X = torch.randn(40, 2, generator=seeded(8))
Y = torch.randn(30, 2, generator=seeded(9))
LABELS = torch.arange(4)

RANDOM: dict[str, Callable[[torch.Generator | None], object]] = {
    "nats": lambda g: nats_above_entropy(
        gaussian([0.0, 1.0]), Normal(), 9, generator=g
    ),
    "energy": lambda g: energy_test(X, Y, 19, generator=g),
    "classifier": lambda g: classifier_two_sample_test(X, Y, steps=5, generator=g),
    "memorisation": lambda g: nearest_neighbour_memorisation(X, X, Y, generator=g),
    "power": lambda g: memorisation_power(
        X, X, Y, shares=[0.2], noise=0.1, repetitions=3, permutations=19, generator=g
    ),
    "floor": lambda g: noise_floor(X, energy_distance, 9, 3, generator=g),
    "r2": lambda g: linear_probe_r2(X, X[:, :1] + X**2, generator=g).tolist(),
}


@pytest.mark.parametrize("name", RANDOM)
def test_a_generator_decides_and_the_global_state_is_untouched(name: str) -> None:
    before = torch.get_rng_state()
    assert RANDOM[name](seeded(1)) == RANDOM[name](seeded(1))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(5)
    first = RANDOM[name](None)
    torch.manual_seed(5)
    assert RANDOM[name](None) == first


NAN = torch.tensor([[0.0, math.nan]])
EMPTY = torch.zeros(0, 2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mean_log_prob(object(), X), TypeError, "model must have a log_prob"),
        (lambda: mean_log_prob(Gaussian(2), X.T), ValueError, r"x must be \(n, 2\)"),
        (lambda: mean_log_prob(Gaussian(2), EMPTY), ValueError, "x must hold at least"),
        (lambda: mean_log_prob(Gaussian(2), NAN), ValueError, "x must be finite"),
        (lambda: mean_log_prob(Gaussian(2), [1]), TypeError, "x must be a torch.Tens"),
        (lambda: mean_log_prob(Gaussian(2), X, Y), ValueError, "y must have 40 rows"),
        (lambda: mean_log_prob(Gaussian(2), X, chunk=0), ValueError, "chunk must be"),
        (lambda: mean_log_prob(Gaussian(2), X.double()), TypeError, "torch.float32"),
        (
            lambda: nats_above_entropy(Gaussian(2), Gaussian(2), X),
            TypeError,
            "p_data must be a KnownDensity, got Gaussian",
        ),
        (
            lambda: nats_above_entropy(Gaussian(2), Normal(), 0),
            ValueError,
            "x must be at least 1",
        ),
        (
            lambda: nats_above_entropy(Gaussian(2), Normal(), 5, generator=3),
            TypeError,
            "generator must be a torch.Generator",
        ),
        (lambda: support_share(X, X), TypeError, "p_data must be a KnownDensity"),
        (lambda: support_share(Normal(), NAN), ValueError, "samples must be finite"),
        (lambda: support_share(Normal(), EMPTY), ValueError, "samples must hold"),
        (lambda: support_share(Normal(), X[:, :1]), ValueError, r"samples must be \(n"),
        (
            lambda: coverage(X, lambda x: x[:, 0].long(), "ab"),
            TypeError,
            "classes must",
        ),
        (lambda: coverage(X, lambda x: x[:, 0].long(), []), ValueError, "number of cl"),
        (lambda: coverage(X, lambda x: x[:, 0].long(), 0), ValueError, "classes must"),
        (lambda: coverage(EMPTY, lambda x: x[:, 0].long(), 2), ValueError, "samples"),
        (
            lambda: coverage(X, lambda x: torch.full((40,), 2), 2),
            ValueError,
            r"labeller\(samples\) must hold labels -1 to 1, got 2",
        ),
        (lambda: coverage(X, lambda x: x[:, 0], 2), TypeError, "integer labels"),
        (lambda: coverage(X, lambda x: LABELS, 4), ValueError, r"must be \(40,\)"),
        (lambda: energy_distance(X, Y[:, :1]), ValueError, r"y must have observations"),
        (lambda: energy_distance(X, EMPTY), ValueError, "y must hold at least one"),
        (lambda: energy_distance(NAN, X), ValueError, "x must be finite"),
        (lambda: energy_distance(X, Y[:1]), ValueError, "y must have 2 points or more"),
        (lambda: energy_distance(X[:, 0], Y[:, 0]), ValueError, r"pass x\[:, None\]"),
        (lambda: energy_distance(X.numpy(), Y), TypeError, "x must be a torch.Tensor"),
        (lambda: energy_test(X, Y, 0), ValueError, "permutations must be at least 1"),
        (lambda: energy_test(X, Y, generator=0), TypeError, "generator must be"),
        (lambda: energy_test(X, Y.long()), TypeError, "y must be floating point"),
        (lambda: classifier_two_sample_test(X, Y[:3]), ValueError, "y must have 4"),
        (lambda: classifier_two_sample_test(X, Y, steps=0), ValueError, "steps must"),
        (lambda: classifier_two_sample_test(X, Y, hidden=0), ValueError, "hidden must"),
        (
            lambda: nearest_neighbour_memorisation(X, EMPTY, Y),
            ValueError,
            "train must hold at least one",
        ),
        (
            lambda: nearest_neighbour_memorisation(X, Y, Y[:, :1]),
            ValueError,
            "held_out must have observations",
        ),
        (
            lambda: nearest_neighbour_memorisation(NAN, Y, Y),
            ValueError,
            "samples must be finite",
        ),
        (lambda: linear_probe_r2(X, Y), ValueError, r"factors must be \(40, f\)"),
        (
            lambda: linear_probe_r2(X[:4], X[:4]),
            ValueError,
            "codes must have more than 2",
        ),
        (
            lambda: linear_probe_r2(X, X, held_out=1.0),
            ValueError,
            "held_out must be between",
        ),
        (
            lambda: linear_probe_r2(X, torch.ones(40, 2)),
            ValueError,
            "column 0 has one value",
        ),
        (lambda: linear_probe_r2(NAN, NAN), ValueError, "codes must be finite"),
        (lambda: clustering_accuracy(X, LABELS), TypeError, "labels must hold integer"),
        (
            lambda: clustering_accuracy(LABELS, LABELS[:3]),
            ValueError,
            r"clusters must be \(4,\), got \(3,\)",
        ),
        (lambda: clustering_accuracy(-LABELS, LABELS), ValueError, "labels must hold"),
        (
            lambda: clustering_accuracy(LABELS[:0], LABELS[:0]),
            ValueError,
            "labels must hold at least one",
        ),
        (
            lambda: clustering_accuracy(torch.arange(6000), torch.arange(6000)),
            ValueError,
            "at most 25,000,000 pairs, got 6,000 labels and 6,000 clusters",
        ),
        (
            lambda: coverage(X, lambda x: torch.full((40,), -1), 2, data=X),
            ValueError,
            "data must hold some observations of a class, the labeller finds none for",
        ),
        (lambda: coverage(X, None, 2), TypeError, "labeller must be a function"),
        (lambda: coverage(X, lambda x: [0] * 40, 2), TypeError, "must be a torch.Te"),
        (lambda: coverage(X, lambda x: x[:, 0].long(), None), TypeError, "classes mu"),
        (
            lambda: energy_distance(X, Y, unbiased="no"),
            TypeError,
            "unbiased must be True or False, got str 'no'",
        ),
        (
            lambda: energy_test(torch.tensor(1.0), X),
            ValueError,
            r"x must be \(n, \*event_shape\), got \(\)$",
        ),
        (
            lambda: energy_test(X, Y, 10**12),
            ValueError,
            "permutations must be at most 100,000,000, got 1000000000000",
        ),
        (lambda: linear_probe_r2(X, X, held_out="a"), TypeError, "held_out must be a"),
        (lambda: mean_log_prob(Gaussian(2), X, [0]), TypeError, "y must be a torch"),
        (
            lambda: mean_log_prob(Gaussian(2), torch.tensor(1.0)),
            ValueError,
            r"x must be \(n, size\), got \(\)",
        ),
        (lambda: nfe(5), TypeError, "module that can be sampled, got int"),
        (lambda: nfe(nn.Linear(2, 2)), TypeError, "can be sampled, got Linear"),
    ],
)
def test_bad_input(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


def test_clusters_far_apart_need_no_more_room() -> None:
    """Labels 0 and 60000 are two labels, whatever lies between their numbers."""
    labels = torch.tensor([0, 60_000, 60_000, 0, 2**40])
    clusters = torch.tensor([2**50, 7, 7, 7, 3])
    tracemalloc.start()
    assert clustering_accuracy(labels, clusters) == 0.8
    assert tracemalloc.get_traced_memory()[1] < 1e7
    tracemalloc.stop()


def test_unlabelled_samples_reach_nothing() -> None:
    def none(x: Tensor) -> Tensor:
        return torch.full((len(x),), -1)

    found = coverage(X, none, 3)
    assert found.reached == 0
    assert found.unlabelled == 1
    assert found.missed == ("0", "1", "2")
