"""A network as an energy: its normaliser, both objectives, its samples."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from doors import check_doors, check_limits
from genbook.models.energy import _walls
from genbook.models.energy.mcmc import (
    annealed_importance_sampling,
    independence_metropolis,
    langevin,
)
from genbook.models.energy.network import EnergyNetwork
from genbook.training import fit
from seeding import seeded
from starts import check_start


def network(**config: object) -> EnergyNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = {"hidden": (16,), "frequencies": 2, "chains": 256} | config
        return EnergyNetwork([-1.0, -1.0], [1.0, 1.0], **config)  # type: ignore[arg-type]


def test_both_partition_functions_agree() -> None:
    model = network().double()
    grid = model.log_partition()
    chains = model.log_partition(
        method="annealed", points=2000, anneal_steps=40, generator=seeded(5)
    )
    assert chains == pytest.approx(grid, abs=0.05)
    fine = model.log_partition(points=1024)
    assert grid == pytest.approx(fine, abs=1e-3)
    with pytest.raises(ValueError, match="method must be annealed"):
        EnergyNetwork([0.0] * 3, [1.0] * 3).log_partition()


def test_contrastive_gradient_is_data_minus_chains() -> None:
    model = network(langevin_steps=1).double().eval()
    x = torch.zeros(10, 2).double()
    loss = model.loss(x)
    wanted = model.energy(x).mean() - model.energy(model.replay_buffer).mean()
    assert torch.equal(loss, wanted)
    before = model.replay_buffer.clone()
    model.train()
    model.loss(x, generator=seeded(6))
    assert not torch.equal(before, model.replay_buffer)


@pytest.mark.parametrize("objective", ["pcd", "dsm"])
def test_training_finds_a_gaussian(objective: str) -> None:
    x = 0.25 * torch.randn(2000, 2, generator=seeded(7))
    model = network(
        objective=objective,
        frequencies=0,
        hidden=(32, 32),
        step_size=0.1,
        noise_std=0.1,
    )
    fit(model, x, steps=400, batch_size=256, lr=5e-3)
    model.double().requires_grad_(False)
    s = model.sample(2000, anneal_steps=60, generator=seeded(8))
    wanted = 0.25 if objective == "pcd" else math.hypot(0.25, 0.1)
    assert s.mean(0).abs().max() < 0.05
    assert s.std(0).mean().item() == pytest.approx(wanted, abs=0.035)


def test_score_loss_is_least_at_the_blurred_density() -> None:
    """Of all Gaussian energies, the one of data and noise together has least loss.

    What is left is the variance of the noise given what is seen.
    """
    n, spread, sigma = 40_000, 0.15, 0.1
    x = spread * torch.randn(n, 2, generator=seeded(21)).double()
    model = network(objective="dsm", frequencies=0, noise_std=sigma).double()
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


def test_unknown_objective_is_named() -> None:
    with pytest.raises(ValueError, match="objective must be pcd or dsm"):
        network(objective="likelihood")


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
    mass = (-model.energy(grid) - model.log_partition()).exp() * (2 / 400) ** 2

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


@pytest.mark.parametrize("objective", ["pcd", "dsm"])
def test_everything_works_under_inference_mode(objective: str) -> None:
    model = network(objective=objective, langevin_steps=1).train()
    x = torch.rand(20, 2, generator=seeded(30)) - 0.5
    few = {"anneal_steps": 3, "generator": seeded(31)}

    def use() -> list[Tensor]:
        few["generator"] = seeded(31)
        model.replay_buffer.copy_(network().replay_buffer)
        z = model.log_partition(method="annealed", points=50, **few)
        loss = model.loss(x.clone(), generator=seeded(32)).detach()
        return [model.sample(20, **few), loss, torch.tensor(z)]

    with torch.inference_mode():
        found = use()
    for a, b in zip(found, use(), strict=True):
        assert torch.equal(a, b)
    assert not model.sample(2, anneal_steps=2).is_inference()
    model.loss(x).backward()  # what was left behind can still be trained


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: network(step_size=1.5), ValueError, "step_size must be between 0 and"),
        (lambda: network(noise_std=0.0), ValueError, "noise_std must be between 0 and"),
        (
            lambda: network(wall=float("nan")),
            ValueError,
            "wall must be between 0 and 1",
        ),
        (lambda: network(frequencies=25), ValueError, "frequencies must be at most 24"),
        (lambda: network(chains=10**12), ValueError, "chains must be at most"),
        (lambda: network(langevin_steps=0), ValueError, "langevin_steps must be at le"),
        (
            lambda: network(objective=["pcd"]),
            ValueError,
            "objective must be pcd or dsm",
        ),
        (lambda: network().sample(10**12), ValueError, "n must be at most"),
        (lambda: network().sample(2, anneal_steps=0), ValueError, "anneal_steps must"),
        (
            lambda: network().sample(2, langevin_steps=-1),
            ValueError,
            "langevin_steps m",
        ),
        (
            lambda: network().loss(torch.zeros(2, 2), generator=0),
            TypeError,
            "generator",
        ),
        (lambda: network().log_partition(points=0), ValueError, "points must be at le"),
        (lambda: network().log_partition(points=10**6), ValueError, "points must be a"),
        (lambda: network().log_partition(method=3), ValueError, "method must be annea"),
    ],
)
def test_bad_arguments_are_named(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


def test_numbers_of_numpy_are_kept_as_numbers() -> None:
    model = network(
        frequencies=np.int64(1),
        chains=np.int32(8),
        langevin_steps=np.int64(2),
        independence_steps=np.int64(1),
        step_size=np.float32(0.5),
        noise_std=np.float64(0.5),
        wall=np.float32(0.5),
    )
    again = EnergyNetwork(**json.loads(json.dumps(model.config)))
    assert again.config == model.config


def test_corners_decide_the_type() -> None:
    model = EnergyNetwork(-torch.ones(2).double(), torch.ones(2).double(), chains=8)
    assert {t.dtype for t in model.state_dict().values()} == {torch.float64}
    assert model.sample(3, anneal_steps=2).dtype == torch.float64


@pytest.mark.parametrize("objective", ["pcd", "dsm"])
@pytest.mark.parametrize(
    ("x", "error"),
    [
        (torch.zeros(4, 3), ValueError),
        (torch.zeros(0, 2), ValueError),
        (torch.zeros(4, 2) / 0, ValueError),
        (torch.zeros(4, 2).double(), TypeError),
    ],
)
def test_the_loss_refuses_bad_observations(
    objective: str, x: Tensor, error: type[Exception]
) -> None:
    model = network(objective=objective)
    before = model.replay_buffer.clone()
    with pytest.raises(error, match="x must"):
        model.loss(x)
    assert torch.equal(model.replay_buffer, before)


def test_annealing_walks_in_steps_of_twice_the_chains(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It starts far away and has the whole box to cross."""
    steps: list[float] = []

    def anneal(energy: object, x: Tensor, base: object, **options: float) -> object:
        steps.append(options["step_size"])
        return x, torch.zeros(len(x))

    name = "genbook.models.energy.network.annealed_importance_sampling"
    monkeypatch.setattr(name, anneal)
    network(step_size=0.03).sample(4, generator=seeded(0))
    assert steps == [0.06]


def test_every_method_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_doors(
        lambda: EnergyNetwork([-1.0, -1.0], [1.0, 1.0], hidden=(4,), chains=4),
        x,
        anneal_steps=1,
    )


def test_samples_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    def anneal(model: object, n: int, *rest: object) -> object:
        return torch.zeros(1, 2).expand(n, 2), torch.zeros(1).expand(n)

    monkeypatch.setattr(EnergyNetwork, "_anneal", anneal)
    with pytest.raises(ValueError, match="n must be at most 10,000,000"):
        network().sample(10_000_001)


def test_counts_have_limits() -> None:
    check_limits(
        lambda **n: EnergyNetwork([-1.0, -1.0], [1.0, 1.0], **n),
        {"frequencies": 24, "chains": 1000000},
        frequencies=0,
        langevin_steps=1,
        independence_steps=0,
        chains=1,
    )


def test_both_partition_functions_agree_on_a_wide_region() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = EnergyNetwork([0.0, -2.0], [6.0, 8.0], hidden=(16,)).double()
    grid = model.log_partition()
    assert grid > 3  # the logarithm of an area of 60 is 4.1
    chains = model.log_partition(
        method="annealed", points=1000, anneal_steps=40, generator=seeded(5)
    )
    assert chains == pytest.approx(grid, abs=0.1)


def test_points_and_steps_of_the_integral_have_limits() -> None:
    with torch.random.fork_rng():
        model = EnergyNetwork([-1.0], [1.0], hidden=(4,))
    check_limits(model.log_partition, {"points": 4096}, points=1)
    check_limits(
        lambda **n: model.log_partition(
            **{"method": "annealed", "points": 2, "anneal_steps": 1} | n  # type: ignore[arg-type]
        ),
        {"points": 1_000_000},
        points=1,
        anneal_steps=1,
    )


@pytest.mark.parametrize("name", ["step_size", "noise_std", "wall"])
def test_shares_lie_between_nothing_and_all(name: str) -> None:
    for bad in (0.0, 1.0, -0.1, float("nan")):
        with pytest.raises(ValueError, match=f"^{name} must be"):
            EnergyNetwork([-1.0], [1.0], hidden=(4,), **{name: bad})  # type: ignore[arg-type]


CORNERS = torch.tensor([0.0, -2.0]).double(), torch.tensor([6.0, 8.0]).double()


def wide(**config: object) -> EnergyNetwork:
    """Return an energy of a box of sides 6 and 10."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        config = {"hidden": (5,), "frequencies": 2, "chains": 12, "wall": 0.1} | config
        model = EnergyNetwork(*CORNERS, **config)  # type: ignore[arg-type]
        for p in model.parameters():
            torch.nn.init.normal_(p, std=0.5)
    return model.requires_grad_(False)


@pytest.mark.parametrize("objective", ["pcd", "dsm"])
def test_the_energy_is_the_network_s_and_the_walls(objective: str) -> None:
    model = wide(objective=objective)
    x = torch.tensor([[3.0, 3.0], [1.0, 7.5], [-0.6, 3.0], [6.3, -3.0]]).double()
    unit = torch.stack([x[:, 0] / 3 - 1, (x[:, 1] - 3) / 5], 1)
    near = unit.clamp(-1, 1)
    angle = near[..., None] * torch.pi / 2 * torch.tensor([1.0, 2.0])
    seen = torch.cat([near, angle.sin().flatten(1), angle.cos().flatten(1)], 1)
    v = model.f[0](seen)
    v = v.clamp(min=0) if objective == "pcd" else v * v.sigmoid()
    wall = 0.5 * ((unit.abs() - 1).clamp(min=0) / 0.1).square().sum(1)
    wanted = model.f[2](v)[:, 0] + wall
    assert torch.allclose(model.energy(x), wanted, atol=1e-6)
    assert wall.count_nonzero() == 2
    assert model.half_width.tolist() == [3.0, 5.0]


def test_chains_start_anywhere_in_the_box_and_always_alike() -> None:
    unit = torch.rand(12, 2, generator=seeded(0), dtype=torch.float64)
    wanted = CORNERS[0] + unit * torch.tensor([6.0, 10.0])
    assert torch.allclose(wide().replay_buffer, wanted)


@pytest.mark.parametrize("jumps", [0, 2])
def test_chains_walk_in_units_of_the_box_and_then_jump(jumps: int) -> None:
    model = wide(langevin_steps=3, independence_steps=jumps, step_size=0.2)
    g, x = seeded(7), model.replay_buffer.clone()
    half, middle = torch.tensor([3.0, 5.0]).double(), torch.tensor([3.0, 3.0]).double()
    unit = langevin(
        lambda u: model.energy(middle + u * half),
        (x - middle) / half,
        steps=3,
        step_size=0.2,
        generator=g,
    )
    x = middle + unit * half
    for _ in range(jumps):
        x = independence_metropolis(model.energy, x, *CORNERS, generator=g)
    model.train().loss(x[:3], generator=seeded(7))
    assert torch.allclose(model.replay_buffer, x, atol=1e-9)


def test_the_score_loss_is_the_slope_against_the_noise() -> None:
    model = wide(objective="dsm", noise_std=0.1)
    x = torch.rand(9, 2, generator=seeded(1)).double() * 5
    sigma = 0.1 * torch.tensor([3.0, 5.0]).double()
    eps = torch.randn(9, 2, generator=seeded(2), dtype=torch.float64)
    noisy = (x + sigma * eps).requires_grad_()
    (slope,) = torch.autograd.grad(model.energy(noisy).sum(), noisy)
    wanted = (sigma * slope - eps).square().sum(1).mean()
    assert model.loss(x, generator=seeded(2)).item() == pytest.approx(wanted.item())


def test_samples_and_their_weights_come_from_annealing() -> None:
    model = wide(step_size=0.1)
    half, middle = torch.tensor([3.0, 5.0]).double(), torch.tensor([3.0, 3.0]).double()

    def anneal(
        n: int, steps: int, inner: int
    ) -> tuple[Tensor, Tensor, torch.Generator]:
        g = seeded(8)
        u = torch.rand(n, 2, generator=g, dtype=torch.float64)
        z = torch.randn(n, 2, generator=g, dtype=torch.float64)
        x, log_w = annealed_importance_sampling(
            lambda v: model.energy(middle + v * half),
            _walls.inside_and_tails(u, z, 0.1),
            lambda v: -_walls.rise(v, 0.1),
            anneal_steps=steps,
            step_size=0.2,
            langevin_steps=inner,
            generator=g,
        )
        return middle + x * half, log_w, g

    x, log_w, g = anneal(7, 3, 2)
    wanted = _walls.redraw(x, log_w, 7, g)
    drawn = model.sample(7, anneal_steps=3, langevin_steps=2, generator=seeded(8))
    assert torch.allclose(drawn, wanted, atol=1e-9)
    _, log_w, _ = anneal(11, 4, 2)
    size = math.log(2 + 0.1 * math.sqrt(2 * math.pi))
    log_z = log_w.exp().mean().log().item() + 2 * size + math.log(15)
    found = model.log_partition(
        method="annealed", points=11, anneal_steps=4, generator=seeded(8)
    )
    assert found == pytest.approx(log_z, abs=1e-9)


def test_the_quadrature_reaches_six_walls_beyond_the_box() -> None:
    model = wide()
    margin = torch.tensor([6 * 0.1 * 3, 6 * 0.1 * 5]).double()
    ends = CORNERS[0] - margin, CORNERS[1] + margin
    wanted = _walls.log_integral(model.energy, *ends, 9)
    assert model.log_partition(points=9) == pytest.approx(wanted, abs=1e-6)


def test_a_new_network_starts_as_its_layers_do() -> None:
    model = EnergyNetwork([-1.0, -1.0], [1.0, 1.0], hidden=(16, 8), frequencies=3)
    check_start(
        model,
        {
            "f.0.weight": (16, 2 * 7),
            "f.0.bias": (16,),
            "f.2.weight": (8, 16),
            "f.2.bias": (8,),
            "f.4.weight": (1, 8),
            "f.4.bias": (1,),
        },
    )
    assert model.replay_buffer.shape == (2048, 2)
