"""What belongs to diffusion alone, against closed forms."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from doors import check_limits, check_path_doors
from genbook.data.toy_mixtures import GaussianMixture2D
from genbook.models.diffusion.diffusion import Diffusion
from genbook.models.diffusion.schedules import Cosine, LinearBeta, Schedule
from genbook.training import fit
from seeding import seeded


def test_score_is_the_closed_form(known: Any) -> None:
    model = known.diffusion("eps")
    x = torch.randn(20, 2, generator=seeded(2)).double()
    t = torch.full((20,), 0.4).double()
    a, b = model.schedule.alpha(t)[:, None], model.schedule.sigma(t)[:, None]
    variance = a**2 * known.std**2 + b**2
    wanted = -(x - a * known.mean) / variance
    assert torch.allclose(model.score(x, t), wanted, atol=1e-10)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_walks_reach_the_moments(known: Any, eta: float) -> None:
    model = known.diffusion("eps")
    n = 20_000
    x = model.sample_ancestral(n, steps=200, eta=eta, generator=seeded(3))
    error = 4 * known.std / n**0.5
    assert ((x.mean(0) - known.mean).abs() < error + 0.01).all()
    assert torch.allclose(x.std(0), known.std, rtol=0.025)


def test_no_noise_at_the_last_step(known: Any) -> None:
    """One step from noise mixes the guesses of data and noise, and adds nothing."""
    # The first time of this schedule still holds some noise.
    model = known.diffusion("eps", "linear-beta")
    x = model.sample_ancestral(5, steps=1, generator=seeded(4))
    noise = torch.randn(5, 2, generator=seeded(4), dtype=torch.float64)
    one = torch.ones(5).double()
    x0, eps = model.predict_x0_eps(noise, model.net(noise, one), one)
    start, end = model.time_grid(1)
    scale = model.posterior_std(start, end)
    kept = (model.schedule.sigma(start).square() - scale.square()).sqrt()
    wanted = model.schedule.alpha(start) * x0 + kept * eps
    assert torch.allclose(x, wanted, atol=1e-12)


@pytest.mark.parametrize("schedule", ["cosine", "linear-beta"])
def test_the_posterior_is_that_of_the_joint_gaussian(known: Any, schedule: str) -> None:
    model = known.diffusion("eps", schedule)
    s, t = torch.tensor([0.3, 0.4]).double()
    a, b = model.schedule.alpha, model.schedule.sigma
    step = a(t) / a(s)  # of the chain from s to t
    covariance = torch.stack([b(s) ** 2, step * b(s) ** 2, b(t) ** 2])
    wanted = covariance[0] - covariance[1] ** 2 / covariance[2]
    assert model.posterior_std(s, t).square().item() == pytest.approx(
        wanted.item(), abs=1e-12
    )


def test_a_step_back_has_the_moments_of_the_joint_gaussian() -> None:
    """With the data known, the earlier point's mean is the regression on the later."""

    class Knows(nn.Module):
        def __init__(self, x0: Tensor) -> None:
            super().__init__()
            self.register_buffer("x0", x0)

        def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
            return self.x0

    x0, xt = torch.randn(2, 6, 2, generator=seeded(21)).double()
    model = Diffusion((2,), prediction="x0", network=Knows(x0))
    s, t = torch.tensor([0.3, 0.4]).double()
    alpha, sigma = model.schedule.alpha, model.schedule.sigma
    step = alpha(t) / alpha(s)
    gain = step * sigma(s) ** 2 / sigma(t) ** 2
    wanted = alpha(s) * x0 + gain * (xt - alpha(t) * x0)
    mean, tau = model.reverse_step(xt, t, s)
    assert torch.allclose(mean, wanted, atol=1e-12)
    assert model.reverse_step(xt, t, s, eta=0.0)[1] == 0
    assert torch.equal(tau, model.posterior_std(s, t))


@pytest.mark.parametrize(("t", "s"), [(0.4, 0.3), (0.3, 0.4)])
def test_a_step_without_noise_mixes_data_and_noise_anew(
    known: Any, t: float, s: float
) -> None:
    """DDIM, by its formula, towards the data and towards the noise."""
    model, network = known.diffusion("x0"), known.network("eps")
    x = torch.randn(6, 2, generator=seeded(23)).double()
    before, after = torch.tensor([t, s]).double()
    x0, eps = model.net(x, before[None]), network(x, before[None])
    angle = model.schedule.max_angle * after  # of the cosine schedule
    mean, tau = model.reverse_step(x, before, after, eta=0.0)
    assert torch.allclose(mean, angle.cos() * x0 + angle.sin() * eps, atol=1e-12)
    assert tau == 0


def test_the_bound_is_below_the_exact_likelihood(known: Any) -> None:
    model = known.diffusion("eps")
    target = torch.distributions.Normal(known.mean, known.std)
    z = torch.randn(2000, 2, generator=seeded(13))
    x = known.mean + known.std * z
    gap = target.log_prob(x).sum(1) - model.elbo(x, draws=8, generator=seeded(5))
    error = gap.std().item() / 2000**0.5
    assert gap.mean() > -3 * error
    assert gap.mean() < 0.2 + 3 * error


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
    model = Diffusion((2,), prediction="eps", network=KnownNoise(Cosine()))
    x = RING.sample(100, generator=seeded(17), dtype=torch.float64)
    got = model.log_prob(x, steps=40, method="rk4").detach()
    assert (got - RING.log_prob(x)).abs().max() < 1e-3


def test_a_trained_score_is_near_that_of_a_mixture() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Diffusion((2,), width=48, depth=2, sigma_data=1.4)
    x = RING.sample(10_000, generator=seeded(18))
    fit(model, x, steps=250, batch_size=256, lr=5e-3)
    wrong = size = 0.0
    for t in torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9]):
        a, b = model.schedule.alpha(t), model.schedule.sigma(t)
        x = a * RING.sample(1000, generator=seeded(19))
        x = x + b * torch.randn(1000, 2, generator=seeded(20))
        wanted = ring_score(x.double(), a, b).detach()
        got = model.score(x, t.expand(1000)).detach()
        wrong += (b**2 * (got - wanted).square().sum(1)).mean().item()
        size += (b**2 * wanted.square().sum(1)).mean().item()
    assert wrong / size < 0.1


@pytest.mark.parametrize("classes", [0, 2])
def test_every_method_names_what_it_refuses(classes: int) -> None:
    check_path_doors(Diffusion, classes)


def test_the_bound_counts_the_end_and_the_last_step() -> None:
    """Of a network that knows the data, and a path that ends far from the noise."""
    x = torch.tensor([[0.3, -0.8]]).double().expand(40_000, 2)
    model = Diffusion((2,), prediction="x0", sigma_data=0.0, network=Known(x))
    model = model.double()
    model.schedule = LinearBeta(beta_max=0.2)
    first, last = (torch.tensor(t).double() for t in (0.01, 1.0))
    alpha, sigma = model.schedule.alpha, model.schedule.sigma
    likelihood = Normal(0, sigma(first) / alpha(first)).entropy() * 2
    end = kl_divergence(Normal(alpha(last) * x[0], sigma(last)), Normal(0.0, 1.0)).sum()
    bound = model.elbo(x, steps=1, generator=seeded(0)).mean()
    assert bound == pytest.approx(-(likelihood + end).item(), abs=0.03)


class Known(nn.Module):
    """Says what the data are, whatever it sees."""

    def __init__(self, x: Tensor) -> None:
        super().__init__()
        self.register_buffer("x", x)

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return self.x


def test_there_is_no_score_where_there_is_no_noise() -> None:
    model, x = Diffusion((2,), width=8, depth=1), torch.zeros(3, 2)
    with pytest.raises(ValueError, match="t must be above 0, where there is no noise"):
        model.score(x, torch.tensor(0.0))
    with pytest.raises(ValueError, match="t must be above 0"):
        model.score(x, torch.tensor([0.5, 0.0, 1.0]))
    assert model.score(x, torch.tensor(1e-3)).isfinite().all()


def test_the_score_names_a_time_that_is_none() -> None:
    model, x = Diffusion((2,), width=8, depth=1), torch.zeros(3, 2)
    for bad, message in (
        (torch.tensor(1.1), "t must lie from"),
        (torch.tensor([0.5, 0.5]), r"t must be \(\) or \(3,\), got \(2,\)"),
        (torch.tensor([0.5, torch.nan, 1.0]), "t must be finite"),
    ):
        with pytest.raises(ValueError, match=f"^{message}"):
            model.score(x, bad)
    with pytest.raises(TypeError, match=r"^t must be torch\.float32"):
        model.score(x, torch.tensor(0.5).double())


def test_draws_and_steps_of_the_bound_have_limits() -> None:
    model = Diffusion((2,), width=8, depth=1)
    check_limits(
        lambda **n: model.elbo(torch.zeros(2, 2), **n),
        {"draws": 100_000, "steps": 100_000},
        draws=1,
        steps=1,
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"eta": 1.5}, "^eta must be"),
        ({"eta": -0.1}, "^eta must be"),
        ({"guidance": 2.0}, "^guidance must be 1"),
        ({"steps": 0}, "^steps must be"),
        ({"n": -1}, "^n must be"),
        ({"y": torch.zeros(5)}, "^y must be"),
    ],
)
def test_a_walk_that_is_refused_draws_nothing(
    change: dict[str, Any], message: str
) -> None:
    model, g = Diffusion((2,), width=8, depth=1, steps=2), seeded(3)
    before = g.get_state()
    with pytest.raises(ValueError, match=message):
        model.sample_ancestral(**{"n": 5, "generator": g} | change)
    assert torch.equal(g.get_state(), before)


def labelled(prediction: Any = "v", **options: Any) -> Diffusion:
    """Return a model with labels whose network says something."""
    with torch.random.fork_rng():
        torch.manual_seed(4)
        model = Diffusion(
            (2,),
            prediction=prediction,
            width=8,
            depth=1,
            classes=2,
            **{"steps": 4, "schedule": "linear-beta"} | options,
        ).double()
        nn.init.normal_(model.net.output.weight, std=0.5)
    return model.requires_grad_(False)


@pytest.mark.parametrize("prediction", ["eps", "v", "x0"])
def test_the_bound_is_its_terms_by_the_dice(prediction: str) -> None:
    model, x = labelled(prediction), torch.randn(6, 2, generator=seeded(1)).double()
    y, s, g = torch.arange(6) % 2, model.schedule, seeded(2)
    times = 10 ** torch.linspace(-2, 0, 6, dtype=torch.float64)
    total = torch.zeros(6).double()
    for _ in range(3):
        i = torch.randint(5, (6,), generator=g)
        early, late = times[i][:, None], times[i + 1][:, None]
        eps = torch.randn(6, 2, generator=g, dtype=torch.float64)
        xt = s.alpha(late) * x + s.sigma(late) * eps
        x0, _ = model.predict_x0_eps(xt, model.net(xt, late[:, 0], y), late[:, 0])
        snr = [(s.alpha(t) / s.sigma(t)).square()[:, 0] for t in (early, late)]
        total += 0.5 * 5 * (snr[0] - snr[1]) * (x0 - x).square().sum(1) / 3
    a, b = s.alpha(times[0]), s.sigma(times[0])
    eps = torch.randn(6, 2, generator=g, dtype=torch.float64)
    near = Normal(0.0, 1.0).log_prob(eps).sum(1) - 2 * (b / a).log()
    a, b = s.alpha(times[-1]), s.sigma(times[-1])
    prior = kl_divergence(Normal(a * x, b), Normal(0.0 * x, 1.0)).sum(1)
    found = model.elbo(x, y, draws=3, steps=5, generator=seeded(2))
    assert torch.allclose(found, near - total - prior, atol=1e-6)
    short = model.elbo(x, y, generator=seeded(3))
    assert torch.equal(short, model.elbo(x, y, draws=1, steps=4, generator=seeded(3)))


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("guidance", [1.0, 2.5])
def test_a_walk_is_its_steps_with_noise_between_them(
    eta: float, guidance: float
) -> None:
    model, y, g = labelled(), torch.arange(5) % 2, seeded(6)
    s = model.schedule
    u = torch.linspace(1, 0, 4, dtype=torch.float64).square()
    times = s.t_min + (1 - s.t_min) * u
    x = torch.randn(5, 2, generator=g, dtype=torch.float64)
    for k, (t, r) in enumerate(itertools.pairwise(times)):
        said = model.net(x, t[None], y)
        free = model.net(x, t[None], torch.full((5,), 2))
        said = free + guidance * (said - free)
        x0, eps = model.predict_x0_eps(x, said, t)
        ratio = s.alpha(t) * s.sigma(r) / (s.alpha(r) * s.sigma(t))
        tau = eta * s.sigma(r) * (1 - ratio**2).sqrt()
        x = s.alpha(r) * x0 + (s.sigma(r) ** 2 - tau**2).sqrt() * eps
        if k < 2:
            x = x + tau * torch.randn(5, 2, generator=g, dtype=torch.float64)
    found = model.sample_ancestral(
        5, y, steps=3, eta=eta, guidance=guidance, generator=seeded(6)
    )
    assert torch.allclose(found, x, atol=1e-9)


def test_a_score_is_the_noise_over_its_size() -> None:
    model, x = labelled("eps"), torch.randn(6, 2, generator=seeded(1)).double()
    y, t = torch.arange(6) % 2, torch.linspace(0.1, 1, 6).double()
    wanted = -model.net(x, t, y) / model.schedule.sigma(t)[:, None]
    assert torch.allclose(model.score(x, t, y), wanted)
    one = torch.tensor(0.4).double()
    assert torch.allclose(model.score(x, one, y), model.score(x, one.expand(6), y))
    plain = Diffusion((2,), width=8, depth=1)
    for bad in (0.0, -1e-7):
        with pytest.raises(ValueError, match=r"^t must be above 0, where there is no"):
            plain.score(torch.zeros(3, 2), torch.tensor(bad))
