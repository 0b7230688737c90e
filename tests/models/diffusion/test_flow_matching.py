"""Flow matching against closed forms: mixtures of Gaussians, and known paths."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from doors import check_doors, check_function_doors
from genbook.models.density.mixture import GaussianMixture
from genbook.models.diffusion.closed_form import mixture_velocity
from genbook.models.diffusion.flow_matching import (
    FlowMatching,
    straightness,
    trajectory,
)
from genbook.models.diffusion.solvers import EVALUATIONS, odeint
from genbook.training import fit
from seeding import seeded


def mixture() -> GaussianMixture:
    """Return three Gaussians of unequal weight and shape, in double precision."""
    factor = torch.randn(3, 2, 2, generator=seeded(0)).double() / 2
    return GaussianMixture.from_parameters(
        torch.tensor([0.2, 0.3, 0.5]).double(),
        torch.tensor([[-1.5, 0.0], [1.0, 1.0], [0.5, -1.5]]).double(),
        factor @ factor.mT + 0.1 * torch.eye(2),
    )


class Exact(FlowMatching):
    """A model that knows the velocity of a mixture and has nothing to learn."""

    known: GaussianMixture

    def _velocity(
        self, x: Tensor, t: Tensor, y: Tensor | None, guidance: float
    ) -> Tensor:
        """Return the closed form."""
        return mixture_velocity(self.known, x, t)


def exact(steps: int = 200) -> Exact:
    model = Exact((2,), width=4, depth=0, steps=steps).double()
    model.known = mixture()
    return model


@pytest.mark.parametrize("t", [0.0, 0.2, 0.7, 1.0])
def test_mixture_velocity_is_the_conditional_mean(t: float) -> None:
    """Brute force: Bayes' rule over a fine grid of x0, noise following from it."""
    known = mixture()
    x = torch.tensor([[0.3, -0.4], [-1.0, 0.8]]).double()
    got = mixture_velocity(known, x, torch.tensor(t).double())
    if t == 0:  # the data are known, the noise is not: its mean is zero
        assert torch.allclose(got, -x, atol=1e-12)
        return
    side = torch.linspace(-7, 7, 701, dtype=torch.float64)
    x0 = torch.cartesian_prod(side, side)
    log_p = known.log_prob(x0).detach()
    for point, v in zip(x, got, strict=True):
        eps = (point - (1 - t) * x0) / t
        weight = (log_p - 0.5 * eps.square().sum(1)).softmax(0)
        wanted = (weight[:, None] * (eps - x0)).sum(0)
        assert torch.allclose(v, wanted, atol=1e-6)


@pytest.mark.parametrize("t", [0.1, 0.5, 0.9])
def test_mixture_velocity_obeys_the_continuity_equation(t: float) -> None:
    """The density of x_t, known too, must change by minus the divergence of p v."""
    known = mixture()

    def density(x: Tensor, t: Tensor) -> Tensor:
        cov = (1 - t) ** 2 * known.covariances + t**2 * torch.eye(2).double()
        mu = (1 - t) * known.means
        parts = torch.distributions.MultivariateNormal(mu, cov)
        return parts.log_prob(x[:, None]).exp() @ known.weights

    x = torch.randn(20, 2, generator=seeded(1)).double().requires_grad_()
    time = torch.tensor(t, dtype=torch.float64)
    h = 1e-5
    change = (density(x, time + h) - density(x, time - h)) / (2 * h)
    stream = density(x, time)[:, None] * mixture_velocity(known, x, time)
    divergence = sum(
        torch.autograd.grad(stream[:, i].sum(), x, retain_graph=True)[0][:, i]
        for i in range(2)
    )
    assert torch.allclose(change, -divergence, atol=1e-7)


def test_likelihood_of_the_exact_velocity_is_the_mixture_s() -> None:
    model = exact()
    x = model.known.sample(50, generator=seeded(2))
    got = model.log_prob(x, method="rk4")
    assert torch.allclose(got, model.known.log_prob(x), atol=1e-3)


def test_samples_of_the_exact_velocity_have_the_mixture_s_moments() -> None:
    model, n = exact(50), 20_000
    x = model.sample(n, generator=seeded(3))
    known = model.known
    mean = known.weights @ known.means
    second = known.covariances + known.means[:, :, None] * known.means[:, None]
    cov = torch.einsum("k,kij->ij", known.weights, second) - torch.outer(mean, mean)
    assert ((x.mean(0) - mean).abs() < 4 * (cov.diagonal() / n).sqrt()).all()
    assert torch.allclose(x.T.cov(), cov.detach(), rtol=0.05, atol=0.03)


def test_a_trained_velocity_comes_close_to_the_closed_form() -> None:
    known = mixture().float()
    x = known.sample(20_000, generator=seeded(4))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = FlowMatching((2,), width=64, depth=2)
    fit(model, x, steps=600, batch_size=512, lr=5e-3, seed=0)
    new = known.sample(2000, generator=seeded(5))
    eps = torch.randn(2000, 2, generator=seeded(6))
    error, size = 0.0, 0.0
    for t in torch.linspace(0.05, 0.95, 10):
        at = (1 - t) * new + t * eps
        wanted = mixture_velocity(known, at, t)
        with torch.no_grad():
            error += (model.velocity(at, t) - wanted).square().mean().item()
        size += wanted.square().mean().item()
    assert error / size < 0.03
    gap = known.log_prob(new) - model.log_prob(new, steps=20)
    assert -0.02 < gap.mean() < 0.06


def test_the_data_as_prediction_give_the_same_velocity() -> None:
    """A network that says the mean of the data moves the crowd as the velocity does."""
    known = exact()

    class Says(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.known = known.known  # of double precision, and so is the model

        def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
            """Return the mean of the data, from x_t = x0 + t v."""
            return x - t[:, None] * mixture_velocity(self.known, x, t[0])

    model = FlowMatching((2,), prediction="x0", network=Says())
    x = torch.randn(9, 2, generator=seeded(9)).double()
    t = torch.tensor(0.3).double()
    assert torch.allclose(model.velocity(x, t), known.velocity(x, t), atol=1e-12)
    x0, eps = x, x.flip(0)
    assert model.target(x0, eps, t.expand(9)) is x0
    with pytest.raises(ValueError, match="prediction must be v or x0, got 'eps'"):
        FlowMatching((2,), prediction="eps")  # type: ignore[arg-type]


def test_trajectory_ends_where_decode_does() -> None:
    model = exact(20)
    z = torch.randn(7, 2, generator=seeded(7)).double()
    for method in EVALUATIONS:
        times, path = trajectory(model, z, method=method)  # type: ignore[arg-type]
        assert times[[0, -1]].tolist() == [1, 0]
        assert torch.equal(path[0], z)
        wanted = model.decode(z, method=method)  # type: ignore[arg-type]
        assert torch.equal(path[-1], wanted)


def test_straightness_of_known_paths() -> None:
    t = torch.linspace(0, 1, 20_001, dtype=torch.float64)
    straight = torch.stack([3 * t, -t], 1)[:, None]
    assert straightness(t, straight) < 1e-12
    assert straightness(t.flip(0), straight.flip(0)) < 1e-12
    # A half circle of radius one: speed pi all along, distance two.
    circle = torch.stack([(torch.pi * t).cos(), (torch.pi * t).sin()], 1)[:, None]
    assert straightness(t, circle) == pytest.approx((torch.pi**2 - 4) / 4, abs=1e-6)
    # A straight line walked at a changing speed is not free either.
    slow = torch.stack([t**2, 0 * t], 1)[:, None]
    assert straightness(t, slow) == pytest.approx(1 / 3, abs=1e-6)
    # The same line again, with short steps near its end: each counts by its length.
    u = t**3
    slow = torch.stack([u**2, 0 * u], 1)[:, None]
    assert straightness(u, slow) == pytest.approx(1 / 3, abs=1e-6)
    with pytest.raises(ValueError, match="one point for each of the 20001 times"):
        straightness(t, straight[:-1])
    with pytest.raises(ValueError, match=r"times must be \(steps \+ 1,\)"):
        straightness(t[:, None], straight)


def test_paths_of_one_gaussian_bend_as_known() -> None:
    """Data N(0, s^2): every path is z times the standard deviation at its time."""
    s = 0.25
    one = GaussianMixture.from_parameters(
        torch.ones(1).double(),
        torch.zeros(1, 2).double(),
        s**2 * torch.eye(2)[None].double(),
    )
    times = torch.linspace(1, 0, 401, dtype=torch.float64)
    z = torch.randn(5, 2, generator=seeded(8)).double()
    path = [z]
    for a, b in pairwise(times):
        step = torch.stack([a, b])
        path.append(
            odeint(lambda x, t: mixture_velocity(one, x, t), path[-1], step, "rk4")
        )
    std = ((1 - times) ** 2 * s**2 + times**2).sqrt()
    assert torch.allclose(torch.stack(path), std[:, None, None] * z, atol=1e-6)
    rate = std.diff() / times.diff()
    wanted = ((rate - (1 - s)).square() * times.diff().abs()).sum() / (1 - s) ** 2
    assert straightness(times, torch.stack(path)) == pytest.approx(
        wanted.item(), rel=1e-4
    )


def test_flow_matching_carries_the_mean(known: Any) -> None:
    network = known.network(schedule="straight")
    model = FlowMatching((2,), steps=100, network=network)
    z = torch.randn(100, 2, generator=seeded(11)).double()
    wanted = known.mean + known.std * z
    assert torch.allclose(model.decode(z, method="rk4"), wanted, atol=1e-4)
    assert torch.allclose(model.encode(wanted, method="rk4"), z, atol=1e-4)


def test_the_target_is_the_slope_of_the_path() -> None:
    model = FlowMatching((2,)).double()
    x0, eps = torch.randn(2, 5, 2, generator=seeded(14)).double()
    t = torch.full((5,), 0.3).double()
    step = 1e-6
    later, earlier = (model.add_noise(x0, eps, t + s) for s in (step, -step))
    slope = (later - earlier) / (2 * step)
    assert torch.allclose(model.target(x0, eps, t), slope, atol=1e-8)


def test_every_method_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_doors(
        lambda: FlowMatching((2,), width=8, depth=1, steps=2), x, z=torch.zeros(6, 2)
    )


def test_trajectory_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    model = FlowMatching((2,), width=8, depth=1, steps=2)
    check_function_doors(trajectory, model=model, z=x)


def test_a_path_has_a_point_for_each_time_and_observation() -> None:
    t = torch.linspace(0, 1, 5)
    with pytest.raises(ValueError, match=r"path must be \(5, n, ...\)"):
        straightness(t, t)


def test_what_is_predicted_is_named() -> None:
    for bad in ("eps", 3, None):
        with pytest.raises((TypeError, ValueError), match=r"^prediction must be"):
            FlowMatching((2,), prediction=bad)  # type: ignore[arg-type]
