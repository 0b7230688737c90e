"""Chains and annealing: their targets, their known bias, the partition function."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from doors import check_function_doors
from genbook.metrics import energy_test
from genbook.models.energy._slopes import check_numbers, check_step
from genbook.models.energy._walls import redraw
from genbook.models.energy.mcmc import (
    annealed_importance_sampling,
    energy_and_grad,
    independence_metropolis,
    langevin,
)
from seeding import seeded

COVARIANCE = torch.tensor([[1.0, 0.6], [0.6, 0.5]]).double()


def bowl(x: Tensor) -> Tensor:
    """The energy of a correlated Gaussian."""
    return 0.5 * ((x @ COVARIANCE.inverse()) * x).sum(1)


def test_the_gradient_comes_beside_the_energy() -> None:
    x = torch.randn(5, 2, generator=seeded(1)).double()
    e, g = energy_and_grad(bowl, x)
    assert torch.allclose(e, bowl(x))
    assert torch.allclose(g, x @ COVARIANCE.inverse())


def test_adjusted_chains_reach_the_moments() -> None:
    n = 10_000
    x = langevin(
        bowl, torch.zeros(n, 2).double(), steps=120, step_size=0.5, generator=seeded(2)
    )
    error = COVARIANCE.diagonal().sqrt() / n**0.5
    assert (x.mean(0).abs() < 4 * error).all()
    assert torch.allclose(x.T.cov(), COVARIANCE, atol=0.06)


def test_unadjusted_chains_have_the_known_bias() -> None:
    """For a unit Gaussian the variance at rest is 1 / (1 - h**2 / 4)."""
    h, n = 1.0, 20_000
    x = langevin(
        lambda x: 0.5 * x.square().sum(1),
        torch.zeros(n, 1).double(),
        steps=60,
        step_size=h,
        adjusted=False,
        generator=seeded(3),
    )
    wanted = 1 / (1 - h**2 / 4)
    assert x.var().item() == pytest.approx(wanted, abs=4 * wanted * (2 / n) ** 0.5)


def test_annealing_finds_the_normaliser_and_the_target() -> None:
    g = seeded(4)
    base = torch.distributions.Normal(torch.zeros(2).double(), 2.0)
    x = 2 * torch.randn(4000, 2, generator=g, dtype=torch.float64)
    x, log_w = annealed_importance_sampling(
        bowl,
        x,
        lambda v: base.log_prob(v).sum(1),
        anneal_steps=60,
        step_size=0.5,
        generator=g,
    )
    log_z = (log_w.logsumexp(0) - math.log(4000)).item()
    exact = math.log(2 * math.pi) + 0.5 * COVARIANCE.logdet().item()
    assert log_z == pytest.approx(exact, abs=0.05)
    w = log_w.softmax(0)[:, None]
    assert torch.allclose((w * x).T @ x, COVARIANCE, atol=0.1)


def test_chains_and_annealing_pass_the_two_sample_test() -> None:
    """The ends of chains cannot be told from draws of the target."""
    n, g = 800, seeded(23)
    base = torch.distributions.Normal(torch.zeros(2).double(), 2.0)
    start = 2 * torch.randn(n, 2, generator=g, dtype=torch.float64)
    true = torch.randn(n, 2, generator=g).double() @ torch.linalg.cholesky(COVARIANCE).T
    ends = langevin(bowl, start, steps=80, step_size=0.6, generator=g)
    assert energy_test(ends, true, generator=g).p_value > 0.005
    x, log_w = annealed_importance_sampling(
        bowl,
        start,
        lambda v: base.log_prob(v).sum(1),
        anneal_steps=60,
        step_size=0.6,
        generator=g,
    )
    drawn = redraw(x, log_w, n, g)
    assert energy_test(drawn, true, generator=g).p_value > 0.005


def test_jumps_reach_a_target_with_two_far_hills() -> None:
    """From one hill alone, jumps put the right share on each."""
    n = 10_000

    def hills(x: Tensor) -> Tensor:
        ends = torch.tensor([-4.0, 4.0]).double()
        heights = torch.tensor([0.3, 0.7]).double().log()
        return -(heights - 0.5 * (x - ends).square() / 0.09).logsumexp(1)

    x = torch.full((n, 1), -4.0).double()
    ends = torch.tensor([[-6.0], [6.0]]).double()
    g = seeded(9)
    for _ in range(80):
        x = independence_metropolis(hills, x, *ends, generator=g)
    share = (x > 0).double().mean().item()
    assert share == pytest.approx(0.7, abs=4 * (0.21 / n) ** 0.5)
    right = x[x > 0]
    assert right.std().item() == pytest.approx(
        0.3, abs=4 * 0.3 / (2 * len(right)) ** 0.5
    )


def test_jumps_leave_chains_outside_the_box_alone() -> None:
    """No offer leads out of the box, so none may lead in from outside."""
    x = torch.tensor([[1.5, 0.0], [0.0, 0.0]]).double()
    low, high = -torch.ones(2).double(), torch.ones(2).double()
    moved = independence_metropolis(
        lambda x: x.square().sum(1) * 0, x, low, high, generator=seeded(10)
    )
    assert torch.equal(moved[0], x[0])
    assert not torch.equal(moved[1], x[1])


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_chains_walk_in_every_mode(mode: Callable) -> None:
    """Slopes are taken where gradients are off, from tensors that were made there."""
    start = torch.randn(50, 2, generator=seeded(11)).double()
    options = {"step_size": 0.5, "anneal_steps": 3}

    def walk() -> tuple[Tensor, ...]:
        x = start.clone()
        e, g = energy_and_grad(bowl, x)
        ends = langevin(bowl, x, steps=3, step_size=0.5, generator=seeded(12))
        far, log_w = annealed_importance_sampling(
            bowl, x, lambda v: -0.5 * v.square().sum(1), **options, generator=seeded(13)
        )
        box = torch.full((2,), 9.0).double()
        here = independence_metropolis(bowl, x, -box, box, generator=seeded(14))
        return e, g, ends, far, log_w, here

    with mode():
        found = walk()
    for a, b in zip(found, walk(), strict=True):
        assert torch.equal(a, b)
        assert not a.requires_grad


X = torch.zeros(4, 2)
ENDS = -torch.ones(2), torch.ones(2)


def hill(x: Tensor) -> Tensor:
    return x.square().sum(1)


def walk_from(x: Any = X, energy: Any = hill, **change: Any) -> Tensor:
    return langevin(energy, x, **({"steps": 2, "step_size": 0.1} | change))


def anneal(x: Any = X, energy: Any = hill, base: Any = hill, **change: Any) -> object:
    options = {"anneal_steps": 2, "step_size": 0.1} | change
    return annealed_importance_sampling(energy, x, base, **options)


def offer(x: Any = X, energy: Any = hill, **change: Any) -> Tensor:
    options = dict(zip(("low", "high"), ENDS, strict=True)) | change
    return independence_metropolis(energy, x, **options)


STARTS = [
    ({"x": None}, TypeError, "x must be a torch.Tensor, got NoneType"),
    ({"x": [[0.0, 0.0]]}, TypeError, "x must be a torch.Tensor, got list"),
    ({"x": X.long()}, TypeError, "x must be floating point"),
    ({"x": X[0]}, ValueError, r"x must be \(n, dim\), got \(2,\)"),
    ({"x": X / 0}, ValueError, "x must be finite"),
    ({"energy": 3}, TypeError, "energy must be a function of x, got int 3"),
    ({"energy": lambda x: 1.0}, ValueError, r"energy must give \(\d,\) .* got float"),
    ({"energy": lambda x: x}, ValueError, r"energy must give \(\d,\) for \d points"),
    ({"energy": lambda x: hill(x) / 0 * 0}, ValueError, "energy must be a number for"),
    ({"generator": 0}, TypeError, r"generator must be a torch\.Generator or None"),
]


@pytest.mark.parametrize(("change", "error", "message"), STARTS)
@pytest.mark.parametrize("door", [walk_from, anneal, offer])
def test_chains_refuse_what_is_no_start(
    door: Callable, change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        door(**change)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: walk_from(steps=-1), ValueError, "steps must be at least 0, got -1"),
        (lambda: walk_from(steps=10**12), ValueError, "steps must be at most"),
        (lambda: walk_from(step_size=0), ValueError, "step_size must be positive"),
        (lambda: walk_from(step_size=1e300), ValueError, "step_size must be 1e-19 to"),
        (lambda: walk_from(step_size=1e-30), ValueError, "step_size must be 1e-19 to"),
        (lambda: walk_from(adjusted="no"), TypeError, "adjusted must be True or False"),
        (
            lambda: walk_from(energy=lambda x: hill(x).detach()),
            ValueError,
            "energy must depend on x by operations that autograd follows",
        ),
        (lambda: anneal(anneal_steps=0), ValueError, "anneal_steps must be at least 1"),
        (lambda: anneal(anneal_steps=10**12), ValueError, "anneal_steps must be at mo"),
        (lambda: anneal(langevin_steps=-1), ValueError, "langevin_steps must be at le"),
        (lambda: anneal(step_size="a"), TypeError, "step_size must be a number"),
        (lambda: anneal(base=None), TypeError, "base_log_prob must be a function of"),
        (lambda: anneal(base=lambda x: x), ValueError, "base_log_prob must give"),
        (lambda: offer(low=ENDS[1]), ValueError, "low must be below high"),
        (lambda: offer(high=torch.ones(3)), ValueError, "low and high must be alike"),
        (lambda: offer(X[:, :1]), ValueError, r"low and high must be \(1,\) like"),
        (lambda: offer(low="abc"), TypeError, "low must be a tensor or a sequence"),
    ],
)
def test_bad_arguments_of_chains_are_named(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


def test_no_chains_are_no_trouble() -> None:
    none = X[:0]
    assert walk_from(none).shape == offer(none).shape == (0, 2)
    x, log_w = anneal(none)  # type: ignore[misc]
    assert x.shape == (0, 2)
    assert log_w.shape == (0,)


def test_a_wall_that_is_infinitely_high_is_an_energy() -> None:
    """Chains never leave a box whose outside has no mass."""

    def walled(x: Tensor) -> Tensor:
        return torch.where((x.abs() <= 1).all(1), hill(x), torch.inf)

    x = walk_from(X, walled, steps=50, step_size=0.8, generator=seeded(15))
    assert (x.abs() <= 1).all()
    assert not torch.equal(x, X)


def test_langevin_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_function_doors(
        langevin,
        energy=lambda x: x.square().sum(1),
        x=x,
        steps=1,
        step_size=0.1,
        adjusted=True,
        generator=seeded(1),
    )


def test_independence_metropolis_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_function_doors(
        independence_metropolis,
        energy=lambda x: x.square().sum(1),
        x=x,
        low=[-9.0, -9.0],
        high=[9.0, 9.0],
        generator=seeded(1),
    )


def test_annealed_importance_sampling_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_function_doors(
        annealed_importance_sampling,
        energy=lambda x: x.square().sum(1),
        x=x,
        base_log_prob=lambda x: x.square().sum(1),
        anneal_steps=1,
        step_size=0.1,
        langevin_steps=1,
        generator=seeded(1),
    )


@pytest.mark.parametrize("adjusted", [True, False])
def test_a_move_is_what_its_formula_says(adjusted: bool) -> None:
    h, x = 0.9, torch.randn(60, 2, generator=seeded(1)).double()
    options = {"steps": 3, "step_size": h, "adjusted": adjusted}
    found = langevin(bowl, x, **options, generator=seeded(2))
    g, precision, kept = seeded(2), COVARIANCE.inverse(), 0
    for _ in range(3):
        eps = torch.randn(60, 2, generator=g, dtype=torch.float64)
        there = x - h**2 / 2 * x @ precision + h * eps
        if adjusted:
            forth = torch.distributions.Normal(x - h**2 / 2 * x @ precision, h)
            back = torch.distributions.Normal(there - h**2 / 2 * there @ precision, h)
            ratio = bowl(x) - bowl(there)
            ratio += back.log_prob(x).sum(1) - forth.log_prob(there).sum(1)
            u = torch.rand(60, generator=g, dtype=torch.float64)
            taken = u.log() < ratio
            kept += int((~taken).sum())
            there = torch.where(taken[:, None], there, x)
        x = there
    assert torch.allclose(found, x, atol=1e-10)
    assert kept > 10 or not adjusted
    assert torch.equal(langevin(bowl, x, steps=0, step_size=h), x)


def test_an_offer_is_taken_as_its_formula_says() -> None:
    x = torch.randn(60, 2, generator=seeded(1)).double()
    low, high = torch.tensor([-1.5, -2.0]).double(), torch.tensor([2.5, 1.0]).double()
    found = independence_metropolis(bowl, x, low, high, generator=seeded(3))
    g = seeded(3)
    there = low + torch.rand(60, 2, generator=g, dtype=torch.float64) * (high - low)
    v = torch.rand(60, generator=g, dtype=torch.float64)
    inside = ((x >= low) & (x <= high)).all(1)
    taken = inside & (v < (bowl(x) - bowl(there)).exp())
    assert torch.equal(found, torch.where(taken[:, None], there, x))
    assert 5 < taken.sum() < 55
    on_the_border = torch.stack([low, high])
    moved = independence_metropolis(
        lambda x: x.sum(1) * 0, on_the_border, low, high, generator=seeded(4)
    )
    assert (moved != on_the_border).all()


@pytest.mark.parametrize("inner", [0, 2])
def test_weights_of_annealing_are_summed_before_each_walk(inner: int) -> None:
    x = torch.randn(30, 2, generator=seeded(1)).double()

    def base(v: Tensor) -> Tensor:
        return -0.3 * v.square().sum(1)

    found, log_w = annealed_importance_sampling(
        bowl,
        x,
        base,
        anneal_steps=4,
        step_size=0.4,
        langevin_steps=inner,
        generator=seeded(5),
    )
    g, wanted = seeded(5), torch.zeros(30).double()
    for k in range(1, 5):
        wanted = wanted - (bowl(x) + base(x)) / 4

        def bridge(v: Tensor, b: float = k / 4) -> Tensor:
            return b * bowl(v) - (1 - b) * base(v)

        x = langevin(bridge, x, steps=inner, step_size=0.4, generator=g)
    assert torch.allclose(log_w, wanted, atol=1e-12)
    assert torch.allclose(found, x, atol=1e-12)


def test_a_step_may_be_as_long_as_its_square_is_a_number() -> None:
    info = torch.finfo(torch.float32)
    for good in (info.tiny**0.5, info.max**0.5):
        assert check_step(good, torch.float32) == good
    for bad in (0.999 * info.tiny**0.5, 1.001 * info.max**0.5):
        with pytest.raises(ValueError, match="step_size must be 1e-19 to 2e"):
            check_step(bad, torch.float32)
    assert check_step(1e-30, torch.float64) == 1e-30


def test_points_without_an_energy_are_counted() -> None:
    e = torch.tensor([0.0, torch.nan, 1.0, torch.nan])
    with pytest.raises(ValueError, match="got NaN for 2 of 4 points"):
        check_numbers(e, "energy")
    check_numbers(e[::2], "energy")


def test_slopes_are_taken_of_whatever_comes() -> None:
    x = torch.tensor([[0.5, 1.0], [torch.nan, 0.0], [torch.inf, 1.0]]).double()
    e, g = energy_and_grad(bowl, x)
    assert e.isfinite().tolist() == [True, False, False]
    assert g[0].isfinite().all()
    assert energy_and_grad(bowl, x[:0])[1].shape == (0, 2)
    for bad, error in ((x[0], ValueError), (x.tolist(), TypeError)):
        with pytest.raises(error, match=r"^x must be"):
            energy_and_grad(bowl, bad)
    with pytest.raises(TypeError, match=r"^energy must be a function of x"):
        energy_and_grad(None, x)  # type: ignore[arg-type]
