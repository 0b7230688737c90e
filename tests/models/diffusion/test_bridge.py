"""Bridges against the maps that are known, and their parts against other code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, Normal

from doors import check_function_doors, check_limits
from genbook.course.recipes.bridges import diffusion_1d, exact_diffusion
from genbook.models.diffusion.bridge import (
    cycle_error,
    ddim,
    translate,
    translation_path,
)
from genbook.models.diffusion.closed_form import GaussianMixtureVelocity
from genbook.models.diffusion.diffusion import Diffusion
from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.models.diffusion.schedules import SCHEDULES
from genbook.models.flows.flow import Flow
from seeding import seeded

SOURCE = ([0.5, 0.5], [-1.0, 1.2], [0.3, 0.4])
TARGET = ([0.3, 0.5, 0.2], [-1.6, 0.0, 1.6], [0.2, 0.35, 0.2])


def mixture(w: list[float], mu: list[float], sd: list[float]) -> MixtureSameFamily:
    w, mu, sd = (torch.tensor(v).double() for v in (w, mu, sd))  # type: ignore[assignment]
    return MixtureSameFamily(Categorical(w), Normal(mu, sd))


def on_a_line(w: list[float], mu: list[float], sd: list[float]) -> Diffusion:
    return exact_diffusion(
        torch.tensor(w),
        torch.tensor(mu)[:, None],
        torch.tensor(sd).square()[:, None, None],
    )


def covariance(angle: float, sd: tuple[float, float] = (2.0, 0.3)) -> Tensor:
    c, s = np.cos(angle), np.sin(angle)
    axes = torch.tensor([[c, -s], [s, c]])
    return axes @ torch.diag(torch.tensor(sd).double() ** 2) @ axes.T


def gaussian(sigma: Tensor, mean: tuple[float, float] = (0.0, 0.0)) -> Diffusion:
    return exact_diffusion(torch.ones(1), torch.tensor([mean]), sigma[None])


def root(m: Tensor) -> Tensor:
    values, axes = torch.linalg.eigh(m)
    return axes @ torch.diag(values.sqrt()) @ axes.T


def test_on_a_line_the_bridge_is_the_quantile_map() -> None:
    x = torch.linspace(-1.8, 2.2, 41).double()[:, None]
    grid = torch.linspace(-4, 4, 100_001).double()
    share = mixture(*SOURCE).cdf(x[:, 0])
    wanted = torch.tensor(np.interp(share, mixture(*TARGET).cdf(grid), grid))
    got = translate(on_a_line(*SOURCE), on_a_line(*TARGET), x, method="rk4", steps=100)
    assert torch.allclose(got[:, 0], wanted, atol=2e-3)
    assert (got.diff(dim=0) > 0).all()


@pytest.mark.parametrize("angle", [0.0, 0.7])
def test_between_gaussians_the_bridge_is_the_product_of_roots(angle: float) -> None:
    start, end = covariance(0.0), covariance(angle, (1.0, 0.5))
    x = torch.randn(50, 2, generator=seeded(0)).double() @ root(start)
    source, target = gaussian(start), gaussian(end, (3.0, -1.0))
    got = translate(source, target, x, method="rk4")
    wanted = x @ (root(end) @ torch.linalg.inv(root(start))).T
    wanted = wanted + torch.tensor([3.0, -1.0])
    assert torch.allclose(got, wanted, atol=2e-3)


def test_the_bridge_is_optimal_exactly_if_the_axes_are_shared() -> None:
    start = covariance(0.0)
    x = torch.randn(4000, 2, generator=seeded(1)).double() @ root(start)
    for angle, excess in ((0.0, 0.0), (np.pi / 2, 0.0), (np.pi / 3, 0.2)):
        end = covariance(angle)
        # The optimal map between Gaussians, by another formula than the bridge's.
        inner = root(root(start) @ end @ root(start))
        inverse = torch.linalg.inv(root(start))
        best = x @ (inverse @ inner @ inverse) - x
        got = translate(gaussian(start), gaussian(end), x, method="rk4") - x
        costs = [v.square().sum(1).mean().item() for v in (got, best)]
        assert costs[0] >= costs[1] - 1e-3
        assert costs[0] == pytest.approx((1 + excess) * costs[1], rel=0.05, abs=1e-3)


@pytest.mark.parametrize("schedule", ["cosine", "linear-beta"])
def test_the_known_velocity_is_that_of_the_score(schedule: str) -> None:
    """The velocity from autograd's score of the noisy mixture."""
    s = SCHEDULES[schedule]()
    w, mu = torch.tensor([0.3, 0.7]), torch.tensor([[1.0, 0.0], [-1.0, 2.0]])
    sigma = torch.stack([covariance(0.4, (0.9, 0.2)), covariance(1.0, (0.5, 0.4))])
    net = GaussianMixtureVelocity(s, w.double(), mu.double(), sigma)
    x = torch.randn(20, 2, generator=seeded(2)).double().requires_grad_()
    for t in torch.tensor([0.1, 0.5, 0.9]).double():
        a, b = s.alpha(t), s.sigma(t)
        noisy = torch.distributions.MultivariateNormal(
            a * mu.double(), a**2 * sigma + b**2 * torch.eye(2).double()
        )
        log_p = MixtureSameFamily(Categorical(w.double()), noisy).log_prob(x)
        (score,) = torch.autograd.grad(log_p.sum(), x)
        eps = -b * score
        wanted = s.d_alpha(t) * (x - b * eps) / a + s.d_sigma(t) * eps
        assert torch.allclose(net(x, t.expand(20)), wanted, atol=1e-10)


def test_source_to_source_is_the_identity() -> None:
    x = torch.linspace(-2, 2, 20).double()[:, None]
    model = on_a_line(*SOURCE)
    assert torch.allclose(translate(model, model, x, method="rk4"), x, atol=1e-3)
    flow = Flow(2)
    x = torch.randn(20, 2, generator=seeded(3))
    assert torch.allclose(translate(flow, flow, x), x, atol=1e-5)


def test_labels_go_to_their_side() -> None:
    model = Diffusion((2,), classes=3, width=8, depth=1)
    torch.nn.init.normal_(model.net.output.weight, generator=seeded(4))
    x, y = torch.randn(5, 2, generator=seeded(5)), torch.arange(5) % 3
    got = translate(model, model, x, y_source=y, y_target=2 - y, steps=5)
    assert torch.equal(got, model.decode(model.encode(x, y, steps=5), 2 - y, steps=5))
    back = translate(model, model, got, y_source=2 - y, y_target=y, steps=5)
    error = cycle_error(model, model, x, y_source=y, y_target=2 - y, steps=5)
    assert error == pytest.approx((back - x).square().sum(1).mean().sqrt().item())


def test_a_journey_passes_the_codes() -> None:
    source, target = on_a_line(*SOURCE), on_a_line(*TARGET)
    x = torch.linspace(-1, 1, 5).double()[:, None]
    places = translation_path(source, target, x, steps=20)
    assert places.shape == (41, 5, 1)
    assert torch.equal(places[0], x)
    assert torch.equal(places[20], source.encode(x, steps=20))
    assert torch.equal(places[-1], translate(source, target, x, steps=20))


@pytest.mark.parametrize("prediction", ["v", "eps"])
def test_ddim_takes_the_steps_of_the_walk_without_noise(prediction: str) -> None:
    model = Diffusion((2,), prediction=prediction, width=8, depth=1)  # type: ignore[arg-type]
    torch.nn.init.normal_(model.net.output.weight, std=0.1, generator=seeded(6))
    z = torch.randn(4, 2, generator=seeded(7))
    walked = model.sample_ancestral(4, steps=10, eta=0.0, generator=seeded(7))
    assert torch.allclose(
        ddim(model, z, model.time_grid(10).flip(0)), walked, atol=1e-5
    )


def test_orders_of_the_cycle_error() -> None:
    source, target = on_a_line(*SOURCE), on_a_line(*TARGET)
    x = torch.linspace(-1.6, 2.0, 30).double()[:, None]

    def stepped(steps: int) -> float:
        up = source.time_grid(steps)
        there = ddim(target, ddim(source, x, up), up.flip(0))
        back = ddim(source, ddim(target, there, up), up.flip(0))
        return (back - x).square().mean().sqrt().item()

    assert stepped(200) / stepped(400) == pytest.approx(2.0, rel=0.25)
    for method in ("adams", "heun"):
        error = [
            cycle_error(source, target, x, steps=n, method=method) for n in (60, 120)
        ]
        assert error[0] / error[1] >= 4


def test_bad_input_is_refused() -> None:
    line, plane = Diffusion((1,), width=8), Diffusion((2,), width=8)
    with pytest.raises(ValueError, match="x must"):
        cycle_error(line, line, torch.zeros(0, 1))
    with pytest.raises(ValueError, match="z must be"):
        translate(line, plane, torch.zeros(3, 1))
    with pytest.raises(ValueError, match="target must have observations"):
        translation_path(line, plane, torch.zeros(3, 1))
    s, one = line.schedule, torch.ones(1)
    with pytest.raises(ValueError, match="weights must be positive"):
        GaussianMixtureVelocity(s, 0 * one, torch.zeros(1, 1), torch.ones(1, 1, 1))
    with pytest.raises(ValueError, match="positive semidefinite"):
        GaussianMixtureVelocity(s, one, torch.zeros(1, 1), -torch.ones(1, 1, 1))


def test_recipes_repeat_themselves() -> None:
    x = torch.randn(300, 1, generator=seeded(8))
    (a, history), (b, _) = (diffusion_1d(x, steps=5, seed=3) for _ in range(2))
    assert history.steps == 5
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        assert torch.equal(p, q)


def test_bridge_between_gaussians_is_the_known_map(
    known: Any, known_gaussian: Any
) -> None:
    source = known.diffusion()
    target = known_gaussian([-2.0, 3.0], [1.0, 0.5]).diffusion()
    x = known.mean + known.std * torch.randn(50, 2, generator=seeded(6))
    standard = (x - known.mean) / known.std
    wanted = torch.tensor([-2.0, 3.0]) + torch.tensor([1.0, 0.5]) * standard
    moved = translate(source, target, x, method="rk4")
    assert torch.allclose(moved, wanted, atol=5e-3)
    again = translate(source, source, x, method="rk4")
    assert torch.allclose(again, x, atol=1e-6)


def test_a_second_order_cycle_needs_a_fortieth_of_the_evaluations(
    known: Any, known_gaussian: Any
) -> None:
    source = known.diffusion()
    target = known_gaussian([-2.0, 3.0], [1.0, 0.5]).diffusion()
    x = torch.randn(20, 2, generator=seeded(7)).double()
    first = cycle_error(source, target, x, steps=4000, method="euler")
    second = cycle_error(source, target, x, steps=100, method="adams")
    assert second <= first


def test_bridges_name_what_they_refuse() -> None:
    x = torch.zeros(3, 2)
    model = Diffusion((2,), width=8, depth=1, steps=2)
    both = {"source": model, "target": model, "x": x}
    check_function_doors(translate, **both)
    check_function_doors(translation_path, **both, steps=1)
    check_function_doors(ddim, model=model, x=x, times=model.time_grid(2))
    check_function_doors(cycle_error, source=model, target=model, x=x + 1)
    for call in (
        lambda x: translation_path(model, model, x, steps=1),
        lambda x: ddim(model, x, model.time_grid(2)),
    ):
        assert call(x[:0]).shape[-2:] == (0, 2)
        for bad, error in (
            (torch.zeros(3, 1), ValueError),
            (x / 0, ValueError),
            (x.double(), TypeError),
        ):
            with pytest.raises(error, match=r"^x must be"):
                call(bad)
    with pytest.raises(TypeError, match="steps must be an integer"):
        translation_path(model, model, x, steps=None)  # type: ignore[arg-type]
    for times in (torch.tensor([0.0, 1.5]), torch.zeros(1), torch.zeros(2)):
        with pytest.raises(ValueError, match=r"^times must"):
            ddim(model, x, times)


def test_a_path_has_a_step() -> None:
    with torch.random.fork_rng():
        model = FlowMatching((2,), width=8, depth=1)
    check_limits(
        lambda steps: translation_path(model, model, torch.zeros(3, 2), steps=steps),
        steps=1,
    )
    for bad in (None, 2.5):
        with pytest.raises(TypeError, match="steps must be an integer"):
            translation_path(model, model, torch.zeros(3, 2), steps=bad)  # type: ignore[arg-type]
