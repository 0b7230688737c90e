"""Schedules, solvers, diffusion and flow matching against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from genbook.data.toy import GaussianMixture2D
from genbook.models.bridge import cycle_error, translate
from genbook.models.diffusion import Diffusion
from genbook.models.flow_matching import FlowMatching
from genbook.models.networks import waves
from genbook.models.paths import PathModel
from genbook.models.schedules import SCHEDULES, Schedule
from genbook.models.solvers import solve
from genbook.training import fit


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Oracle(nn.Module):
    """The best network for Gaussian data of a given mean and variance, in each way."""

    def __init__(self, model: PathModel, mean: list[float], std: list[float]) -> None:
        super().__init__()
        self.schedule, self.prediction = model.schedule, model.prediction
        self.register_buffer("mean", torch.tensor(mean).double())
        self.register_buffer("std", torch.tensor(std).double())

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the conditional expectation of what is predicted."""
        s = self.schedule
        a, b = s.alpha(t)[:, None], s.sigma(t)[:, None]
        gain = a * self.std**2 / (a**2 * self.std**2 + b**2)
        x0 = self.mean + gain * (x - a * self.mean)
        # Not (x - a x0) / b, which is nothing over nothing where the noise vanishes.
        eps = b * (x - a * self.mean) / (a**2 * self.std**2 + b**2)
        if self.prediction == "x0":
            return x0
        if self.prediction == "eps":
            return eps
        return s.d_alpha(t)[:, None] * x0 + s.d_sigma(t)[:, None] * eps


MEAN, STD = [0.5, -1.0], [0.4, 1.5]


def exact(prediction: str = "v", schedule: str = "cosine", **kind: object) -> Diffusion:
    """Return a diffusion that knows the answer for ``N(MEAN, STD**2)``."""
    model = Diffusion((2,), prediction=prediction, schedule=schedule, steps=200, **kind)
    model = model.double()  # type: ignore[arg-type]
    model.net = Oracle(model, MEAN, STD)  # type: ignore[assignment]
    return model


@pytest.mark.parametrize("schedule", [cls() for cls in SCHEDULES.values()])
def test_derivatives_of_schedules_are_those_of_autograd(schedule: Schedule) -> None:
    t = torch.linspace(schedule.start, 1, 50, dtype=torch.float64)
    for f, df in (
        (schedule.alpha, schedule.d_alpha),
        (schedule.sigma, schedule.d_sigma),
    ):
        time = t.clone().requires_grad_()
        (wanted,) = torch.autograd.grad(f(time).sum(), time, allow_unused=True)
        assert torch.allclose(df(t), wanted, rtol=1e-10, atol=1e-10)
    assert schedule.alpha(t)[0].item() == pytest.approx(1, abs=1e-3)
    assert schedule.sigma(t)[-1].item() == pytest.approx(1, abs=1e-3)
    assert (schedule.alpha(t).diff() < 0).all()


@pytest.mark.parametrize("prediction", ["eps", "x0", "v"])
@pytest.mark.parametrize("schedule", ["cosine", "linear-beta"])
def test_what_the_network_says_is_split_into_data_and_noise(
    prediction: str, schedule: str
) -> None:
    model = exact(prediction, schedule)
    x0, eps = (torch.randn(30, 2, generator=seeded(i)).double() for i in (0, 1))
    t = torch.linspace(0.05, 0.95, 30, dtype=torch.float64)
    x = model.blend(x0, eps, t)
    again = model.split(x, model.target(x0, eps, t), t)
    assert torch.allclose(again[0], x0, rtol=0, atol=1e-10)
    assert torch.allclose(again[1], eps, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("method", "order"), [("euler", 1), ("adams", 2), ("heun", 2), ("rk4", 4)]
)
def test_solvers_have_their_order(method: str, order: int) -> None:
    def error(steps: int) -> float:
        t = torch.linspace(1, 0, steps + 1, dtype=torch.float64)
        x = torch.ones(1, dtype=torch.float64)
        end = solve(lambda x, t: -2 * t * x, x, t, method)  # type: ignore[arg-type]
        return abs(end.item() - math.e)

    ratio = error(20) / error(40)
    assert ratio == pytest.approx(2**order, rel=0.3)


@pytest.mark.parametrize("prediction", ["eps", "v"])
@pytest.mark.parametrize("schedule", ["cosine", "linear-beta"])
def test_likelihood_of_the_ode_is_the_closed_form(
    prediction: str, schedule: str
) -> None:
    model = exact(prediction, schedule)
    target = torch.distributions.Normal(torch.tensor(MEAN), torch.tensor(STD))
    z = torch.randn(50, 2, generator=seeded(12))
    x = (torch.tensor(MEAN) + torch.tensor(STD) * z).double()
    wanted = target.log_prob(x).sum(1)
    got = model.log_prob(x, method="rk4")
    # linear-beta ends with 0.7 % of the data still there: its end is not quite noise.
    tolerance = 1e-3 if schedule == "cosine" else 5e-2
    assert torch.allclose(got, wanted.double(), atol=tolerance)


def test_score_is_the_closed_form() -> None:
    model = exact("eps")
    x = torch.randn(20, 2, generator=seeded(2)).double()
    t = torch.full((20,), 0.4).double()
    a, b = model.schedule.alpha(t)[:, None], model.schedule.sigma(t)[:, None]
    variance = a**2 * torch.tensor(STD).double() ** 2 + b**2
    wanted = -(x - a * torch.tensor(MEAN).double()) / variance
    assert torch.allclose(model.score(x, t), wanted, atol=1e-10)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_walks_reach_the_moments(eta: float) -> None:
    model = exact("eps")
    n = 20_000
    x = model.walk(n, steps=200, eta=eta, generator=seeded(3))
    mean, std = torch.tensor(MEAN).double(), torch.tensor(STD).double()
    assert ((x.mean(0) - mean).abs() < 4 * std / n**0.5 + 0.01).all()
    assert torch.allclose(x.std(0), std, rtol=0.025)


def test_no_noise_at_the_last_step() -> None:
    """One step from noise mixes the guesses of data and noise, and adds nothing."""
    model = exact("eps", "linear-beta")  # its first time still holds some noise
    x = model.walk(5, steps=1, generator=seeded(4))
    noise = torch.randn(5, 2, generator=seeded(4), dtype=torch.float64)
    one = torch.ones(5).double()
    x0, eps = model.split(noise, model.net(noise, one), one)
    start, end = model.times(1)
    scale = model.posterior_scale(start, end)
    kept = (model.schedule.sigma(start).square() - scale.square()).sqrt()
    wanted = model.schedule.alpha(start) * x0 + kept * eps
    assert torch.allclose(x, wanted, atol=1e-12)


@pytest.mark.parametrize("schedule", ["cosine", "linear-beta"])
def test_the_posterior_is_that_of_the_joint_gaussian(schedule: str) -> None:
    model = exact("eps", schedule)
    s, t = torch.tensor([0.3, 0.4]).double()
    a, b = model.schedule.alpha, model.schedule.sigma
    step = a(t) / a(s)  # of the chain from s to t
    covariance = torch.stack([b(s) ** 2, step * b(s) ** 2, b(t) ** 2])
    wanted = covariance[0] - covariance[1] ** 2 / covariance[2]
    assert model.posterior_scale(s, t).square().item() == pytest.approx(
        wanted.item(), abs=1e-12
    )


def test_the_bound_is_below_the_exact_likelihood() -> None:
    model = exact("eps")
    target = torch.distributions.Normal(torch.tensor(MEAN), torch.tensor(STD))
    z = torch.randn(2000, 2, generator=seeded(13))
    x = (torch.tensor(MEAN) + torch.tensor(STD) * z).double()
    gap = target.log_prob(x).sum(1) - model.elbo(x, k=8, generator=seeded(5))
    error = gap.std().item() / 2000**0.5
    assert gap.mean() > -3 * error
    assert gap.mean() < 0.2 + 3 * error


def test_bridge_between_gaussians_is_the_known_map() -> None:
    source, target = exact(), exact()
    target.net = Oracle(target, [-2.0, 3.0], [1.0, 0.5])  # type: ignore[assignment]
    x = torch.tensor(MEAN) + torch.tensor(STD) * torch.randn(50, 2, generator=seeded(6))
    x = x.double()
    standard = (x - torch.tensor(MEAN)) / torch.tensor(STD)
    wanted = torch.tensor([-2.0, 3.0]) + torch.tensor([1.0, 0.5]) * standard
    moved = translate(source, target, x, method="rk4")
    assert torch.allclose(moved, wanted.double(), atol=5e-3)
    again = translate(source, source, x, method="rk4")
    assert torch.allclose(again, x, atol=1e-6)


def test_a_second_order_cycle_needs_a_fortieth_of_the_evaluations() -> None:
    source, target = exact(), exact()
    target.net = Oracle(target, [-2.0, 3.0], [1.0, 0.5])  # type: ignore[assignment]
    x = torch.randn(20, 2, generator=seeded(7)).double()
    first = cycle_error(source, target, x, steps=4000, method="euler")
    second = cycle_error(source, target, x, steps=100, method="adams")
    assert second <= first


class Labelled(nn.Module):
    """A network whose velocity is its label; the last label stands for none."""

    def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        """Return the label, everywhere."""
        return torch.ones_like(x) * y[:, None].to(x.dtype)


@pytest.mark.parametrize("spread", [0.0, 0.5])
@pytest.mark.parametrize("classes", [0, 3])
def test_one_time_for_all_is_that_time_for_each(classes: int, spread: float) -> None:
    model = Diffusion((2,), octaves=2, classes=classes, spread=spread).double()
    nn.init.normal_(model.net.last.weight, generator=seeded(0))
    x = torch.randn(5, 2, dtype=torch.float64, generator=seeded(1))
    t = torch.tensor(0.3, dtype=torch.float64)
    labels = torch.tensor([0, 2, 1, 1, 0]) if classes else None
    for y in (None, labels):
        options = {"guidance": 1.5} if y is not None else {}
        together = model.velocity(x, t, y, **options)
        each = model.velocity(x, t.expand(5), y, **options)
        assert torch.allclose(together, each, rtol=0, atol=1e-12)
        assert model.velocity(x[:0], t, y if y is None else y[:0]).shape == (0, 2)


def test_more_times_than_points_are_refused() -> None:
    with pytest.raises(RuntimeError, match="expand"):
        Diffusion((2,)).velocity(torch.zeros(1, 2), torch.full((5,), 0.3))


def test_guidance_of_zero_and_one() -> None:
    model = FlowMatching((2,), classes=3)
    model.net = Labelled()  # type: ignore[assignment]
    x, t, y = torch.zeros(2, 2), torch.tensor(0.5), torch.tensor([0, 1])
    assert torch.equal(
        model.velocity(x, t, y, guidance=0.0), model.velocity(x, t, None)
    )
    assert torch.equal(model.velocity(x, t, y, guidance=1.0)[:, 0], y.float())
    assert torch.equal(
        model.velocity(x, t, y, guidance=2.0)[:, 0], torch.tensor([-3.0, -1.0])
    )


def test_a_label_is_dropped_as_often_as_asked() -> None:
    model = FlowMatching((2,), classes=3, drop=0.25)
    seen: list[Tensor] = []

    class Spy(nn.Module):
        def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
            seen.append(y)
            return x

    model.net = Spy()  # type: ignore[assignment]
    y = torch.zeros(4000, dtype=torch.long)
    model.register_buffer("keep", torch.zeros(1))
    model.loss(torch.zeros(4000, 2), y, generator=seeded(8))
    assert (seen[0] == 3).double().mean().item() == pytest.approx(0.25, abs=0.03)


def test_loss_of_the_best_network_is_the_conditional_variance() -> None:
    model = exact("eps")
    x = torch.tensor(MEAN) + torch.tensor(STD) * torch.randn(
        40_000, 2, generator=seeded(9)
    )
    u = (torch.arange(2000, dtype=torch.float64)[:, None] + 0.5) / 2000
    t = model.NEAR * ((1 + 1 / model.NEAR) ** u - 1)  # equally likely times
    a, b = model.schedule.alpha(t), model.schedule.sigma(t)
    variance = torch.tensor(STD).double() ** 2
    wanted = (a**2 * variance / (a**2 * variance + b**2)).mean()
    got = model.loss(x.double(), generator=seeded(10)).item()
    assert got == pytest.approx(wanted.item(), abs=0.01)


def test_flow_matching_carries_the_mean() -> None:
    model = FlowMatching((2,), steps=100).double()
    model.net = Oracle(model, MEAN, STD)  # type: ignore[assignment]
    z = torch.randn(100, 2, generator=seeded(11)).double()
    wanted = torch.tensor(MEAN) + torch.tensor(STD) * z
    assert torch.allclose(model.decode(z, method="rk4"), wanted, atol=1e-4)
    assert torch.allclose(model.encode(wanted, method="rk4"), z, atol=1e-4)


def test_the_target_is_the_slope_of_the_path() -> None:
    model = FlowMatching((2,)).double()
    x0, eps = torch.randn(2, 5, 2, generator=seeded(14)).double()
    t = torch.full((5,), 0.3).double()
    step = 1e-6
    slope = (model.blend(x0, eps, t + step) - model.blend(x0, eps, t - step)) / (
        2 * step
    )
    assert torch.allclose(model.target(x0, eps, t), slope, atol=1e-8)


@pytest.mark.parametrize("prediction", ["eps", "x0", "v"])
def test_with_a_spread_an_untrained_model_knows_the_gaussian(prediction: str) -> None:
    """The network says nothing at first; the rest is right for Gaussian data."""
    model = Diffusion((2,), prediction=prediction, spread=0.4).double()  # type: ignore[arg-type]
    wanted = exact(prediction)
    wanted.net = Oracle(wanted, [0.0, 0.0], [0.4, 0.4])  # type: ignore[assignment]
    x = torch.randn(20, 2, generator=seeded(15)).double()
    t = torch.linspace(0.05, 0.95, 20).double()
    assert torch.allclose(model.velocity(x, t), wanted.velocity(x, t), atol=1e-12)


def test_times_are_drawn_with_the_density_that_is_said() -> None:
    model = Diffusion((2,)).double()
    c = model.NEAR
    t = model.draw_times(1000, generator=seeded(16))
    share = ((t + c) / c).log() / math.log((1 + c) / c)  # the distribution function
    wanted = (torch.arange(1000) + 0.5) / 1000
    assert torch.allclose(share, wanted.double(), rtol=0, atol=0.5 / 1000 + 1e-9)


RING = GaussianMixture2D()


def ring_score(x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """Return the score of the corrupted ring, by autograd of its density."""
    noisy = GaussianMixture2D(
        RING.weights,
        alpha * RING.means,
        alpha**2 * RING.covariances + sigma**2 * torch.eye(2).double(),
    )
    with torch.enable_grad():
        x = x if x.requires_grad else x.detach().requires_grad_()
        return torch.autograd.grad(noisy.log_prob(x).sum(), x, create_graph=True)[0]


class KnownNoise(nn.Module):
    """What the best network says about the noise, for the ring of eight Gaussians."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self.schedule = schedule
        self.register_buffer("kind", torch.zeros(()).double())

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Return minus the score, times the size of the noise."""
        a, b = self.schedule.alpha(t[0]), self.schedule.sigma(t[0])
        return -b * ring_score(x, a, b)


def test_likelihood_of_the_ode_is_that_of_a_mixture() -> None:
    model = Diffusion((2,), prediction="eps").double()
    model.net = KnownNoise(model.schedule)  # type: ignore[assignment]
    x = RING.sample(100, generator=seeded(17), dtype=torch.float64)
    got = model.log_prob(x, steps=40, method="rk4").detach()
    assert (got - RING.log_prob(x)).abs().max() < 1e-3


def test_a_trained_score_is_near_that_of_a_mixture() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Diffusion((2,), width=48, depth=2, spread=1.4)
    x = RING.sample(10_000, generator=seeded(18))
    fit(model, x, steps=250, batch_size=256, lr=5e-3)
    wrong = size = 0.0
    for t in torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9]):
        a, b = model.schedule.alpha(t), model.schedule.sigma(t)
        blend = a * RING.sample(1000, generator=seeded(19))
        blend = blend + b * torch.randn(1000, 2, generator=seeded(20))
        wanted = ring_score(blend.double(), a, b).detach()
        got = model.score(blend, t.expand(1000)).detach()
        wrong += (b**2 * (got - wanted).square().sum(1)).mean().item()
        size += (b**2 * wanted.square().sum(1)).mean().item()
    assert wrong / size < 0.1


def test_waves_fade_to_their_mean_over_the_noise() -> None:
    x = torch.linspace(-1, 1, 7, dtype=torch.float64)[:, None]
    z = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    weight = (-z.square() / 2).exp() / (-z.square() / 2).exp().sum()
    noise = torch.full((7,), 0.2, dtype=torch.float64)
    many = torch.stack([waves(x + 0.2 * k, 4) for k in z])
    wanted = (weight[:, None, None] * many).sum(0)
    assert torch.allclose(waves(x, 4, noise=noise), wanted, atol=1e-12)


def test_a_step_back_has_the_moments_of_the_joint_gaussian() -> None:
    """With the data known, the earlier point's mean is the regression on the later."""
    model = exact("x0")

    class Knows(nn.Module):
        def __init__(self, x0: Tensor) -> None:
            super().__init__()
            self.register_buffer("x0", x0)

        def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
            return self.x0

    x0, xt = torch.randn(2, 6, 2, generator=seeded(21)).double()
    model.net = Knows(x0)  # type: ignore[assignment]
    s, t = torch.tensor([0.3, 0.4]).double()
    alpha, sigma = model.schedule.alpha, model.schedule.sigma
    step = alpha(t) / alpha(s)
    gain = step * sigma(s) ** 2 / sigma(t) ** 2
    wanted = alpha(s) * x0 + gain * (xt - alpha(t) * x0)
    mean, tau = model.earlier(xt, t, s)
    assert torch.allclose(mean, wanted, atol=1e-12)
    assert model.earlier(xt, t, s, eta=0.0)[1] == 0
    assert torch.equal(tau, model.posterior_scale(s, t))


def test_where_the_network_says_the_data_samples_are_finite() -> None:
    """The velocity divides by the noise, so the path stops where some is left."""
    model = Diffusion((2,), prediction="x0", width=8, depth=1)
    assert model.times(10)[0] == pytest.approx(model.start)
    assert 0 < model.start < 0.05
    x = model.sample(20, steps=10, generator=seeded(22))
    assert x.isfinite().all()
    assert x.abs().max() < 1  # an untrained network says 0
