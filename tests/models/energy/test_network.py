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
from genbook.models.energy.network import EnergyNetwork
from genbook.training import fit
from seeding import seeded


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
