"""The kernel estimate against sums written out, SciPy and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import logsumexp
from sklearn.neighbors import KernelDensity as Sklearn
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from doors import check_doors, check_limits
from genbook.data.toy import TwoMoons
from genbook.models.density._kernel_gradient import PAIRS
from genbook.models.density._kernel_sums import gaussian_kernel_logsumexp
from genbook.models.density.kernel import (
    KernelDensity,
    scott,
    select_bandwidth,
)
from seeding import seeded


def points(n: int, dim: int = 2, seed: int = 0) -> Tensor:
    return torch.randn(n, dim, generator=seeded(seed)).double()


def brute_force(q: Tensor, x: Tensor, h: float) -> np.ndarray:
    """Return the log density by a sum over all pairs, in NumPy."""
    z = (q.numpy()[:, None] - x.numpy()) / h
    n, d = x.shape
    constant = math.log(n) + d * math.log(h) + 0.5 * d * math.log(2 * math.pi)
    return logsumexp(-0.5 * (z**2).sum(-1), axis=1) - constant


@given(
    dim=st.integers(1, 5),
    m=st.integers(1, 400),
    n=st.integers(1, 200),
    h=st.sampled_from([0.01, 0.1, 1.0, 10.0]),
    spread=st.sampled_from([0.5, 1.0, 3.0, 30.0]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_log_prob_equals_the_sum_written_out(
    dim: int, m: int, n: int, h: float, spread: float, seed: int
) -> None:
    x, q = points(m, dim, seed), spread * points(n, dim, seed + 1)
    model = KernelDensity(dim, h).double().fit(x)
    wanted = brute_force(q, x, h)
    assert np.allclose(model.log_prob(q), wanted, rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("h", [0.02, 0.2, 2.0])
def test_log_prob_equals_scikit_learn(h: float) -> None:
    # All points in one leaf: with several, scikit-learn loses the tails (it subtracts
    # bounds of nodes from one another), where one leaf equals the sum written out.
    x, q = points(3000), points(500, seed=1)
    exact = Sklearn(bandwidth=h, rtol=0, atol=0, leaf_size=len(x)).fit(x.numpy())
    model = KernelDensity(2, h).double().fit(x)
    wanted = exact.score_samples(q.numpy())
    assert np.allclose(model.log_prob(q), wanted, rtol=0, atol=1e-10)


def test_log_prob_equals_scipy() -> None:
    x, q = points(500, 1), points(100, 1, seed=1)
    theirs = stats.gaussian_kde(x.numpy().T)
    ours = KernelDensity(1, math.sqrt(theirs.covariance.item())).double().fit(x)
    assert np.allclose(ours.log_prob(q), theirs.logpdf(q.numpy().T), atol=1e-10)


@pytest.mark.parametrize("h", [0.03, 0.1])
def test_nothing_that_counts_is_left_out(h: float) -> None:
    # So many points that groups are small beside the kernel, and many are left out.
    x = torch.rand(8000, 1, generator=seeded(0)).double()
    q = torch.rand(1000, 1, generator=seeded(1)).double()
    model = KernelDensity(1, h).double().fit(x)
    wanted = brute_force(q, x, h)
    assert np.allclose(model.log_prob(q), wanted, rtol=0, atol=1e-11)


@pytest.mark.parametrize("far", [10.0, 1e3, 1e6])
def test_log_prob_is_exact_far_away(far: float) -> None:
    x = points(2000)
    q = torch.tensor([[far, 0.0], [0.0, -far], [far, far]]).double()
    model = KernelDensity(2, 0.05).double().fit(x)
    log_p = model.log_prob(q)
    assert log_p.isfinite().all()
    assert np.allclose(log_p, brute_force(q, x, 0.05), rtol=1e-12)


def test_near_and_far_queries_do_not_disturb_each_other() -> None:
    x = points(1000)
    q = torch.cat([points(20, seed=1), points(20, seed=2) * 1e4])
    for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-4)):
        model = KernelDensity(2, 0.1).to(dtype).fit(x.to(dtype))
        alone = torch.cat([model.log_prob(row[None].to(dtype)) for row in q])
        together = model.log_prob(q.to(dtype))
        assert torch.allclose(together, alone, rtol=1e-6, atol=tolerance)


def test_data_far_from_the_origin_keep_their_digits() -> None:
    x, q = points(1000), points(200, seed=1)
    model = KernelDensity(2, 0.1).double()
    here, there = model.fit(x).log_prob(q), model.fit(x + 1e6).log_prob(q + 1e6)
    assert torch.allclose(here, there, atol=1e-6)


def test_equal_points_count_each() -> None:
    x = torch.zeros(300, 2).double()
    model = KernelDensity(2, 1.0).double().fit(x)
    q = points(10)
    wanted = stats.multivariate_normal([0, 0]).logpdf(q.numpy())
    assert np.allclose(model.log_prob(q), wanted, atol=1e-12)


def test_selected_bandwidth_predicts_best() -> None:
    x = TwoMoons(noise=0.1).sample(1000, generator=seeded(0), dtype=torch.float64)
    h = select_bandwidth(x)

    def left_out(h: float) -> float:
        own = torch.arange(len(x))
        log_sum = gaussian_kernel_logsumexp(x, x, h, own)
        return (log_sum.mean() - 2 * math.log(h)).item()

    grid = h * torch.linspace(0.3, 3, 30).double()
    best = max(left_out(t) for t in grid.tolist())
    assert left_out(h) > best - 1e-3
    assert 0.2 < h / scott(x) < 1  # Scott's rule is too wide for two moons


@pytest.mark.parametrize("dim", [1, 2, 5])
@pytest.mark.parametrize("gap", [1e-3, 1.0, 40.0])
@pytest.mark.parametrize("apart", [6, 15, 40])
def test_selected_bandwidth_equals_the_closed_form(
    dim: int, gap: float, apart: float
) -> None:
    """Each point has one neighbour near enough to count: the best width is known."""
    x = torch.zeros(8, dim).double()
    x[:, 0] = gap * (apart * torch.arange(4).repeat_interleave(2) + torch.arange(8) % 2)
    assert select_bandwidth(x) == pytest.approx(gap / math.sqrt(dim), rel=0.02)


def test_selected_bandwidth_suits_new_points() -> None:
    moons = TwoMoons(noise=0.1)
    x = moons.sample(1000, generator=seeded(0), dtype=torch.float64)
    new = moons.sample(2000, generator=seeded(1), dtype=torch.float64)
    model = KernelDensity(2).double().fit(x)
    h = model.h.item()
    for other in (h / 2, h * 2):
        assert KernelDensity(2, other).double().fit(x).loss(new) > model.loss(new)


def test_bandwidth_needs_no_more_than_some_queries() -> None:
    x = points(2000)
    assert select_bandwidth(x, queries=500) == pytest.approx(
        select_bandwidth(x, queries=2000), rel=0.3
    )


def test_bandwidth_does_not_depend_on_the_order_of_rows() -> None:
    x = torch.cat([0.1 * points(1500), 5 + points(1500, seed=1)])  # two halves
    h = select_bandwidth(x, queries=100)
    for seed in range(3):
        order = torch.randperm(3000, generator=seeded(seed))
        assert select_bandwidth(x[order], queries=100) == pytest.approx(h, rel=1e-9)
    assert h == pytest.approx(select_bandwidth(x, queries=3000), rel=0.3)


@pytest.mark.parametrize("unit", [1e-30, 1e-20, 1e20, 1e30])
@pytest.mark.parametrize("rule", [None, "scott"])
def test_float32_takes_units_whose_squares_it_cannot_hold(
    unit: float, rule: str | None
) -> None:
    x = points(300).float()
    here = KernelDensity(2, rule).fit(x).log_prob(x)
    there = KernelDensity(2, rule).fit(unit * x).log_prob(unit * x)
    assert torch.allclose(there + 2 * math.log(unit), here, atol=1e-3)


def test_rounded_data_are_refused() -> None:
    x = points(2000).round()
    with pytest.raises(ValueError, match="x must hold few equal points"):
        KernelDensity(2).double().fit(x)
    assert KernelDensity(2, "scott").double().fit(x).h > 0


def test_constant_data_are_refused() -> None:
    model = KernelDensity(2)
    for rule in (None, "scott"):
        model = KernelDensity(2, rule)
        with pytest.raises(ValueError, match="x must not be constant, got 9 times"):
            model.fit(torch.full((9, 2), 0.7))
        assert len(model.points) == 0


def test_scott_equals_the_formula() -> None:
    x = points(400, 3) * torch.tensor([1.0, 2.0, 3.0]).double()
    sigma = math.sqrt(np.var(x.numpy(), axis=0).mean())
    assert scott(x) == pytest.approx(sigma * 400 ** (-1 / 7))
    assert KernelDensity(3, "scott").double().fit(x).h.item() == scott(x)


def test_score_points_to_the_data() -> None:
    model = KernelDensity(2, 0.5).double().fit(torch.zeros(1, 2).double())
    x = points(5).requires_grad_()
    (score,) = torch.autograd.grad(model.log_prob(x).sum(), x)
    assert torch.allclose(score, -x.detach() / 0.25)


def dense(model: KernelDensity, q: Tensor) -> Tensor:
    """Return the log density from all pairs at once, differentiable."""
    m, d = model.points.shape
    z = (q[:, None] - model.points) / model.h
    constant = math.log(m) + d * (model.h.log() + 0.5 * math.log(2 * math.pi))
    return (-0.5 * z.square().sum(2)).logsumexp(1) - constant


@pytest.mark.parametrize("h", [0.05, 0.3, 3.0])
def test_derivatives_equal_those_of_all_pairs(h: float) -> None:
    model = KernelDensity(2, h).double().fit(points(700))
    q = torch.cat([points(90, seed=1), 40 * points(10, seed=2)]).requires_grad_()
    weights = points(100, 1, seed=3)[:, 0]

    def derivatives(log_p: Tensor) -> list[Tensor]:
        (first,) = torch.autograd.grad((weights * log_p).sum(), q, create_graph=True)
        (second,) = torch.autograd.grad(first.sin().sum(), q, create_graph=True)
        (third,) = torch.autograd.grad(second.tanh().sum(), q)
        return [first, second, third]

    ours, wanted = derivatives(model.log_prob(q)), derivatives(dense(model, q))
    for a, b in zip(ours, wanted, strict=True):
        assert torch.allclose(a, b, rtol=1e-8, atol=1e-8 * b.abs().max().item())


def test_hessian_is_that_of_one_kernel() -> None:
    model = KernelDensity(3, 0.5).double().fit(torch.zeros(1, 3).double())
    hessian = torch.autograd.functional.hessian(
        lambda v: model.log_prob(v[None])[0], points(1, 3)[0]
    )
    assert torch.allclose(hessian, -4 * torch.eye(3).double())
    assert torch.autograd.gradgradcheck(
        KernelDensity(2, 0.5).double().fit(points(9)).log_prob,
        points(4, seed=1).requires_grad_(),
    )


def test_gradient_of_float32_is_float32() -> None:
    model = KernelDensity(2, 0.3).fit(points(500).float())
    q = points(50, seed=1).float().requires_grad_()
    log_p = model.log_prob(q)
    assert torch.equal(log_p, model.log_prob(q.detach()))
    (score,) = torch.autograd.grad(log_p.sum(), q)
    (wanted,) = torch.autograd.grad(dense(model, q).sum(), q)
    assert score.dtype == torch.float32
    assert torch.allclose(score, wanted, atol=1e-4)
    nothing = model.log_prob(q[:0])
    assert nothing.shape == (0,)
    assert torch.autograd.grad(nothing.sum(), q)[0].eq(0).all()


class Largest(TorchDispatchMode):
    """Note the most numbers that any tensor of a computation has."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        found = func(*args, **(kwargs or {}))
        if isinstance(found, Tensor):
            self.numbers = max(self.numbers, found.numel())
        return found


@pytest.mark.parametrize("h", [0.1, 10.0])
def test_derivatives_never_hold_all_pairs(h: float) -> None:
    n, m = 600, 3000
    model = KernelDensity(2, h).fit(points(m).float())
    q = points(n, seed=1).float().requires_grad_()
    kept = 0

    def keep(t: Tensor) -> Tensor:
        nonlocal kept
        kept += t.numel()
        return t

    with Largest() as largest:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
            log_p = model.log_prob(q)
        (first,) = torch.autograd.grad(log_p.sum(), q, create_graph=True)
        torch.autograd.grad(first.square().sum(), q)
    assert kept < 50 * n
    assert largest.numbers <= PAIRS < n * m


def test_state_carries_the_points() -> None:
    model = KernelDensity(2, "scott").fit(points(50).float())
    twin = KernelDensity(2, "scott")
    twin.load_state_dict(model.state_dict())
    assert torch.equal(twin.points, model.points)
    assert twin.h == model.h
    wrong = KernelDensity(3, "scott")
    with pytest.raises(RuntimeError, match="size mismatch"):
        wrong.load_state_dict(model.state_dict())


def test_unfitted_kernel_says_so() -> None:
    model = KernelDensity(2, 0.1)
    for call in (lambda: model.log_prob(torch.zeros(1, 2)), lambda: model.sample(1)):
        with pytest.raises(ValueError, match="KernelDensity is not fitted: call fit"):
            call()


@pytest.mark.parametrize(
    ("bandwidth", "error", "message"),
    [
        (0.0, ValueError, "bandwidth must be positive"),
        (-1.0, ValueError, "bandwidth must be positive"),
        (math.nan, ValueError, "bandwidth must be positive"),
        ("silverman", ValueError, 'bandwidth must be a number, "scott" or None'),
        ([1.0], TypeError, "bandwidth must be a number"),
    ],
)
def test_bad_bandwidths_are_refused(
    bandwidth: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        KernelDensity(2, bandwidth)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="queries must be at least 1"):
        select_bandwidth(points(10), queries=0)


def test_every_method_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_doors(lambda: KernelDensity(2, 0.5).fit(x), x)


def test_counts_have_limits() -> None:
    check_limits(lambda **n: KernelDensity(**n), dim=1)


def test_a_query_is_enough_and_a_width_is_positive() -> None:
    x = torch.randn(20, 1, generator=seeded(0))
    check_limits(lambda queries: select_bandwidth(x, queries=queries), queries=1)
    for bad in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match=r"^bandwidth must be"):
            KernelDensity(2, bad)
    for rows in (x[0], x.long()):
        with pytest.raises((TypeError, ValueError), match=r"^x must be"):
            select_bandwidth(rows)


def test_before_a_fit_there_is_no_density() -> None:
    for ask in (
        lambda model: model.log_prob(torch.zeros(3, 2)),
        lambda model: model.sample(3),
    ):
        with pytest.raises(ValueError, match="KernelDensity is not fitted"):
            ask(KernelDensity(2))


def test_samples_are_points_with_noise_by_the_dice() -> None:
    x = torch.randn(9, 2, generator=seeded(1)).double()
    model = KernelDensity(2, 0.3).double().fit(x)
    g = seeded(2)
    i = torch.randint(9, (20,), generator=g)
    eps = torch.randn(20, 2, generator=g, dtype=torch.float64)
    drawn = model.sample(20, generator=seeded(2))
    assert torch.allclose((drawn - x[i]).abs(), (0.3 * eps).abs())


def test_which_points_ask_for_a_bandwidth(monkeypatch: pytest.MonkeyPatch) -> None:
    """The middle one of each of as many parts as there are queries, in their order."""
    asked: list[Tensor] = []

    def sums(q: Tensor, x: Tensor, h: float, own: Tensor) -> Tensor:
        asked.append(own)
        assert torch.equal(q, x[own])
        return torch.zeros(len(q))

    name = "genbook.models.density.kernel.gaussian_kernel_logsumexp"
    monkeypatch.setattr(name, sums)
    x = torch.arange(12.0)[:, None] ** 1.5
    select_bandwidth(x, queries=4)
    assert asked[0].tolist() == [1, 4, 7, 10]
    select_bandwidth(x, queries=5)
    assert asked[-1].tolist() == [1, 3, 6, 8, 10]
    select_bandwidth(x, queries=12)
    assert asked[-1].tolist() == list(range(12))
    select_bandwidth(x, queries=99)
    assert asked[-1].tolist() == list(range(12))
    select_bandwidth(x.flip(0), queries=4)
    assert asked[-1].tolist() == [10, 7, 4, 1]


def test_a_tenth_of_twins_is_let_pass() -> None:
    x = torch.randn(20, 1, generator=seeded(3))
    x[1], x[3] = x[0].clone(), x[2].clone()  # 2 of 20 repeat another
    assert select_bandwidth(x) > 0
    x[5] = x[4].clone()
    with pytest.raises(ValueError, match="got 15% that repeat another"):
        select_bandwidth(x)


def test_a_bandwidth_is_sought_from_a_fiftieth_to_twice_scott_s() -> None:
    apart = torch.tensor([[0.0], [1.0], [2.0], [3.0]]) * 1.0
    near = torch.cat([apart, apart + 1e-6])
    wide = scott(near)
    assert select_bandwidth(near) == pytest.approx(wide / 50, rel=0.03)
