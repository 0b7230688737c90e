"""Energy distance and two-sample tests against brute force, SciPy and calibration."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor

from doors import check_function_doors, check_limits
from genbook.metrics import (
    classifier_two_sample_test,
    energy_distance,
    energy_test,
)
from genbook.metrics.two_sample import _classifier
from seeding import seeded


def brute_energy(x: Tensor, y: Tensor, unbiased: bool) -> float:
    """Return the energy distance by three sums over all pairs, in plain Python."""

    def mean(a: list, b: list, same: bool) -> float:
        pairs = len(a) * (len(b) - (same and unbiased))
        return sum(math.dist(p, q) for p in a for q in b) / pairs

    a, b = x.flatten(1).double().tolist(), y.flatten(1).double().tolist()
    return 2 * mean(a, b, False) - mean(a, a, True) - mean(b, b, True)


def calibrated(p_values: list[float], alpha: float = 0.1) -> None:
    """Under the null p-values are uniform, or larger (their steps are coarse)."""
    n = len(p_values)
    small = sum(p <= alpha for p in p_values)
    assert scipy.stats.binom.sf(small - 1, n, alpha) > 1e-3
    assert small > 0  # a test that never rejects has no use
    assert np.mean(p_values) == pytest.approx(0.5, abs=4 * math.sqrt(1 / 12 / n) + 0.03)


ALTERNATIVES: dict[str, Callable[[Tensor], Tensor]] = {
    "shift": lambda x: x + 0.4,
    "scale": lambda x: x * 1.5,
    "correlation": lambda x: torch.stack([x[:, 0], (x[:, 0] + x[:, 1] / 4)], 1),
}


X = torch.randn(40, 2, generator=seeded(8))


Y = torch.randn(30, 2, generator=seeded(9))


NAN = torch.tensor([[0.0, math.nan]])


EMPTY = torch.zeros(0, 2)


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


@pytest.mark.parametrize("name", ALTERNATIVES)
def test_both_tests_see_a_difference(name: str) -> None:
    g = seeded(0)
    x = torch.randn(600, 2, generator=g)
    y = ALTERNATIVES[name](torch.randn(600, 2, generator=g))
    assert energy_test(x, y, 199, generator=g).p_value == 1 / 200
    found = classifier_two_sample_test(x, y, generator=g)
    assert found.p_value < 0.01
    assert found.statistic > 0.54


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


# --- randomness ----------------------------------------------------------------------

RANDOM: dict[str, Callable[[torch.Generator | None], object]] = {
    "energy": lambda g: energy_test(X, Y, 19, generator=g),
    "classifier": lambda g: classifier_two_sample_test(X, Y, steps=5, generator=g),
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


# --- bad input -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
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
    ],
)
def test_bad_input(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


def test_the_classifier_starts_as_a_network_with_one_hidden_layer() -> None:
    x = torch.randn(9, 3, generator=seeded(0))
    score = _classifier(x, torch.arange(9) % 2, 0, 5, seeded(1))
    g = seeded(1)
    w1, b1, w2 = (torch.randn(s, generator=g) for s in ((3, 5), (5,), (5,)))
    hidden = (x @ w1 * math.sqrt(2 / 3) + b1).clamp(min=0)
    assert torch.allclose(score(x), hidden @ w2 / math.sqrt(5), atol=1e-6)


def test_energy_test_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_function_doors(energy_test, x=x, y=x + 1, permutations=2, generator=seeded(1))


def test_classifier_two_sample_test_names_what_it_refuses() -> None:
    x = torch.randn(40, 2, generator=seeded(0))
    check_function_doors(
        classifier_two_sample_test, x=x, y=x + 1, steps=2, hidden=4, generator=seeded(1)
    )


def test_counts_have_limits() -> None:
    x = torch.randn(8, 2, generator=seeded(0))
    check_limits(
        lambda permutations: energy_test(x, x + 1, permutations), permutations=1
    )
    check_limits(
        lambda **n: classifier_two_sample_test(
            x, x + 1, **{"steps": 1, "hidden": 2} | n
        ),
        steps=1,
        hidden=1,
    )


@pytest.mark.parametrize("n", [9, 256, 257])
def test_the_classifier_learns_by_steps_of_a_hundredth(n: int) -> None:
    """The first step of AdamW goes as far for every weight, and weights fade a bit."""
    x, label = torch.randn(n, 3, generator=seeded(0)), torch.arange(n) % 2
    g = seeded(1)
    w = [torch.randn(s, generator=g) for s in ((3, 5), (5,), (5,))]
    w[0] *= math.sqrt(2 / 3)
    w[2] /= math.sqrt(5)
    w = [v.requires_grad_() for v in (*w, torch.zeros(()))]
    rows = torch.randint(n, (256,), generator=g) if n > 256 else torch.arange(n)

    def score(x: Tensor) -> Tensor:
        return (x @ w[0] + w[1]).relu() @ w[2] + w[3]

    s, y = score(x[rows]), label[rows]
    loss = (torch.log1p(s.exp()) - y * s).mean()
    slopes = torch.autograd.grad(loss, w)
    with torch.no_grad():
        for v, slope in zip(w, slopes, strict=True):
            v.mul_(1 - 0.01 * 0.01).sub_(0.01 * slope / (slope.abs() + 1e-8))
        wanted = score(x)
    found = _classifier(x, label, 1, 5, seeded(1))(x)
    assert torch.allclose(found, wanted, atol=1e-5)
    assert not found.requires_grad


def test_one_half_is_learned_from_and_the_other_is_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Tensor] = []

    def classifier(x: Tensor, label: Tensor, *rest: object) -> Callable:
        assert rest[:2] == (7, 5)
        seen.extend((x, label))
        return lambda test: seen.append(test) or test[:, 0]

    monkeypatch.setattr("genbook.metrics.two_sample._classifier", classifier)
    x = torch.cat([torch.arange(9.0)[:, None], torch.ones(9, 1)], 1)  # one is constant
    y = torch.cat([torch.arange(100.0, 107)[:, None], torch.ones(7, 1)], 1)
    got = classifier_two_sample_test(x, y, steps=7, hidden=5, generator=seeded(3))
    g = seeded(3)
    a, b = (t[torch.randperm(len(t), generator=g)[:7]] for t in (x, y))
    train, test = torch.cat([a[:3], b[:3]]), torch.cat([a[3:], b[3:]])
    mean, scale = train.double().mean(0), train.double().std(0).clamp(min=1e-12)
    assert torch.allclose(seen[0], ((train - mean) / scale).float())
    assert torch.allclose(seen[2], ((test - mean) / scale).float())
    assert seen[1].tolist() == [0, 0, 0, 1, 1, 1]
    assert got.statistic == 1.0
    assert got.p_value == pytest.approx(0.5**8)
    for n in (4, 3):
        few = torch.randn(n, 2, generator=seeded(4))
        if n == 4:
            monkeypatch.undo()
            classifier_two_sample_test(few, few + 1)
        else:
            with pytest.raises(ValueError, match="x must have 4 points or more, got 3"):
                classifier_two_sample_test(few, few)


def test_the_shuffles_are_those_of_the_generator() -> None:
    x, y = X[:5], Y[:7] + 0.5
    pooled, g, larger = torch.cat([x, y]), seeded(4), 0
    observed = brute_energy(x, y, False)
    for _ in range(19):
        order = torch.randperm(12, generator=g)
        where = order < 5  # these places of the pool are the first set's
        larger += brute_energy(pooled[where], pooled[~where], False) >= observed - 1e-9
    got = energy_test(x, y, 19, generator=seeded(4))
    assert got.p_value == pytest.approx((1 + larger) / 20)
    assert energy_test(X[:1], Y[:1], 3).p_value == 1  # both splits are as far apart


def test_one_point_is_enough_with_a_bias_and_two_without() -> None:
    assert energy_distance(X[:1], Y[:1], unbiased=False) == pytest.approx(
        2 * (X[0] - Y[0]).norm().item(), rel=1e-6
    )
    energy_distance(X[:2], Y[:2])
    with pytest.raises(ValueError, match="x must have 2 points or more, got 1"):
        energy_distance(X[:1], Y)
