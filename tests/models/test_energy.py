"""Energies: Langevin's target, the normaliser, both objectives."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from genbook.metrics import energy_test
from genbook.models._walls import redraw
from genbook.models.energy import EnergyNetwork
from genbook.models.langevin import annealed_importance, jump, langevin, slope
from genbook.models.noise_energy import NoiseEnergy
from genbook.training import fit


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


COVARIANCE = torch.tensor([[1.0, 0.6], [0.6, 0.5]]).double()


def bowl(x: Tensor) -> Tensor:
    """The energy of a correlated Gaussian."""
    return 0.5 * ((x @ COVARIANCE.inverse()) * x).sum(1)


def network(**config: object) -> EnergyNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = {"hidden": (16,), "octaves": 2, "chains": 256} | config
        return EnergyNetwork([-1.0, -1.0], [1.0, 1.0], **config)  # type: ignore[arg-type]


def test_slope_is_the_gradient() -> None:
    x = torch.randn(5, 2, generator=seeded(1)).double()
    e, g = slope(bowl, x)
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
    x, log_w = annealed_importance(
        bowl,
        x,
        lambda v: base.log_prob(v).sum(1),
        temperatures=60,
        step_size=0.5,
        generator=g,
    )
    log_z = (log_w.logsumexp(0) - math.log(4000)).item()
    exact = math.log(2 * math.pi) + 0.5 * COVARIANCE.logdet().item()
    assert log_z == pytest.approx(exact, abs=0.05)
    w = log_w.softmax(0)[:, None]
    assert torch.allclose((w * x).T @ x, COVARIANCE, atol=0.1)


def test_both_normalisers_agree() -> None:
    model = network().double()
    grid = model.log_normaliser()
    chains = model.log_normaliser(
        method="annealed", points=2000, temperatures=40, generator=seeded(5)
    )
    assert chains == pytest.approx(grid, abs=0.05)
    fine = model.log_normaliser(points=1024)
    assert grid == pytest.approx(fine, abs=1e-3)
    with pytest.raises(ValueError, match="method must be annealed"):
        EnergyNetwork([0.0] * 3, [1.0] * 3).log_normaliser()


def test_contrastive_gradient_is_data_minus_chains() -> None:
    model = network(moves=1).double().eval()
    x = torch.zeros(10, 2).double()
    loss = model.loss(x)
    wanted = model.energy(x).mean() - model.energy(model.buffer).mean()
    assert torch.equal(loss, wanted)
    before = model.buffer.clone()
    model.train()
    model.loss(x, generator=seeded(6))
    assert not torch.equal(before, model.buffer)


@pytest.mark.parametrize("objective", ["contrastive", "score"])
def test_training_finds_a_gaussian(objective: str) -> None:
    x = 0.25 * torch.randn(2000, 2, generator=seeded(7))
    model = network(
        objective=objective, octaves=0, hidden=(32, 32), step_size=0.1, noise=0.1
    )
    fit(model, x, steps=400, batch_size=256, lr=5e-3)
    model.double().requires_grad_(False)
    s = model.sample(2000, temperatures=60, generator=seeded(8))
    wanted = 0.25 if objective == "contrastive" else math.hypot(0.25, 0.1)
    assert s.mean(0).abs().max() < 0.05
    assert s.std(0).mean().item() == pytest.approx(wanted, abs=0.035)


def test_score_loss_is_least_at_the_blurred_density() -> None:
    """Of all Gaussian energies, the one of data and noise together has least loss.

    What is left is the variance of the noise given what is seen.
    """
    n, spread, sigma = 40_000, 0.15, 0.1
    x = spread * torch.randn(n, 2, generator=seeded(21)).double()
    model = network(objective="score", octaves=0, noise=sigma).double()
    losses = {}
    for width in (0.8, 1.0, 1.25):
        total = width * (spread**2 + sigma**2)
        model.f = Bowl(total)
        losses[width] = model.loss(x, generator=seeded(22)).item()
    left = 2 * spread**2 / (spread**2 + sigma**2)
    assert losses[1.0] == pytest.approx(left, abs=4 * left * n**-0.5)
    assert losses[1.0] == min(losses.values())


class Bowl(torch.nn.Module):
    """The energy of a round Gaussian, in place of a network."""

    def __init__(self, variance: float) -> None:
        super().__init__()
        self.variance = variance

    def forward(self, x: Tensor) -> Tensor:
        return x.square().sum(1, keepdim=True) / (2 * self.variance)


def test_chains_and_annealing_pass_the_two_sample_test() -> None:
    """The ends of chains cannot be told from draws of the target."""
    n, g = 800, seeded(23)
    base = torch.distributions.Normal(torch.zeros(2).double(), 2.0)
    start = 2 * torch.randn(n, 2, generator=g, dtype=torch.float64)
    true = torch.randn(n, 2, generator=g).double() @ torch.linalg.cholesky(COVARIANCE).T
    ends = langevin(bowl, start, steps=80, step_size=0.6, generator=g)
    assert energy_test(ends, true, generator=g).p_value > 0.005
    x, log_w = annealed_importance(
        bowl,
        start,
        lambda v: base.log_prob(v).sum(1),
        temperatures=60,
        step_size=0.6,
        generator=g,
    )
    drawn = redraw(x, log_w, n, g)
    assert energy_test(drawn, true, generator=g).p_value > 0.005


def test_unknown_objective_is_named() -> None:
    with pytest.raises(ValueError, match="objective must be contrastive or score"):
        network(objective="likelihood")


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
        x = jump(hills, x, *ends, generator=g)
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
    moved = jump(lambda x: x.square().sum(1) * 0, x, low, high, generator=seeded(10))
    assert torch.equal(moved[0], x[0])
    assert not torch.equal(moved[1], x[1])


def test_samples_follow_the_density_of_the_quadrature() -> None:
    """Counts in the cells of a grid agree with the integrals over them."""
    torch.manual_seed(0)
    model = network(hidden=(16,)).double()
    with torch.no_grad():
        model.f[-1].weight *= 8  # hills of a few nats
    model.requires_grad_(False)
    n, side = 20_000, 4
    s = model.sample(n, generator=seeded(11))
    t = (torch.arange(400).double() + 0.5) / 200 - 1
    grid = torch.cartesian_prod(t, t)
    mass = (-model.energy(grid) - model.log_normaliser()).exp() * (2 / 400) ** 2

    def cells(x: Tensor, w: Tensor) -> Tensor:
        at = ((x + 1) / 2 * side).long().clamp(0, side - 1)
        return torch.zeros(side**2).double().index_add(0, at[:, 0] * side + at[:, 1], w)

    inside = (s.abs() <= 1).all(1)
    counts = cells(s[inside], torch.ones(int(inside.sum())).double())
    wanted = cells(grid, mass)
    assert wanted.max() / wanted.min() > 3
    # Redrawn samples come in copies, so the counts vary a little more than chance.
    z = (counts - n * wanted) / (n * wanted).sqrt()
    assert z.abs().max() < 6


def test_noise_energy_starts_at_the_gaussian_of_the_data() -> None:
    """Before training the energy is that of the data's Gaussian with the noise."""
    x = torch.randn(500, 3, generator=seeded(13)).double() @ torch.randn(
        3, 3, generator=seeded(14), dtype=torch.float64
    )
    model = NoiseEnergy((3,), x, width=8, depth=1).double()
    sigma = torch.full((500,), 0.7).double()
    c = (x - x.mean(0)).T @ (x - x.mean(0)) / 500 + 0.49 * torch.eye(3)
    gauss = torch.distributions.MultivariateNormal(x.mean(0), c)
    difference = model.energy(x, sigma) + gauss.log_prob(x)
    assert (difference - difference[0]).abs().max() < 1e-5


def test_noise_loss_is_the_score_error_against_the_noise() -> None:
    """Autograd of the public energy, by hand, gives the same loss."""
    x = torch.rand(20, 2, generator=seeded(15)).double()
    model = NoiseEnergy((2,), x, width=8, depth=1).double()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=seeded(16)))
    loss = model.loss(x, generator=seeded(17))
    g = seeded(17)
    top, bottom = model.sigmas[0].log(), model.sigmas[-1].log()
    t = torch.rand(20, generator=g, dtype=torch.float64)
    sigma = (bottom + t * (top - bottom)).exp()
    eps = torch.randn(20, 2, generator=g, dtype=torch.float64) @ model.axes.T
    noisy = (x + sigma[:, None] * eps).requires_grad_()
    (score,) = torch.autograd.grad(-model.energy(noisy, sigma).sum(), noisy)
    weight = 1 + sigma**2 / model.variances.mean()
    wanted = weight[:, None] * (sigma[:, None] * score + eps).square()
    assert loss.item() == pytest.approx(wanted.mean().item(), rel=1e-9)


def test_noise_chains_draw_two_hills() -> None:
    """Trained on two hills, the chains find both, and their width."""
    side = (torch.rand(2000, 1, generator=seeded(18)) < 0.5) * 2.0 - 1
    x = side + 0.1 * torch.randn(2000, 1, generator=seeded(19))
    torch.manual_seed(0)
    model = NoiseEnergy((1,), x, width=32, depth=1, highest=3.0)
    fit(model, x, steps=600, batch_size=512, lr=1e-2)
    s = model.sample(2000, generator=seeded(20))
    assert (s > 0).double().mean().item() == pytest.approx(0.5, abs=0.15)
    assert s.abs().mean().item() == pytest.approx(1, abs=0.08)
    assert s[s > 0].std().item() == pytest.approx(0.1, abs=0.05)


def test_noise_levels_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match="highest must be above lowest"):
        NoiseEnergy((2,), lowest=2.0, highest=1.0)
