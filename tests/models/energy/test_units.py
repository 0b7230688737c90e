"""A change of units, or of the order of rows, changes nothing else about an energy."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genbook.models.energy.network import EnergyNetwork
from genbook.models.energy.noise_conditional import NoiseConditionalEnergy
from genbook.training import fit
from seeding import seeded

OBJECTIVES = pytest.mark.parametrize("objective", ["pcd", "dsm"])
UNITS = {
    "tiny": ([1e-4, 1e-4], [0.0, 0.0]),
    "huge": ([1e4, 1e4], [0.0, 0.0]),
    "each its own": ([1e-4, 1e4], [0.0, 0.0]),
    "far away": ([1.0, 1e-2], [-300.0, 3.0]),
}


@pytest.fixture
def x() -> Tensor:
    """Points of the square from -1 to 1, ``(300, 2)``."""
    return torch.rand(300, 2, generator=seeded(0)).double().square() - 0.4


def boxed(x: Tensor, low: Tensor, high: Tensor, objective: str) -> EnergyNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = EnergyNetwork(
            low,
            high,
            hidden=(16,),
            frequencies=1,
            chains=64,
            independence_steps=1,
            objective=objective,  # type: ignore[arg-type]
        )
    fit(model, x, steps=20, lr=1e-2)
    return model.requires_grad_(False)


@pytest.mark.parametrize("units", UNITS.values(), ids=UNITS)
@OBJECTIVES
def test_units_move_the_log_density_by_themselves(
    objective: str, units: tuple[list[float], list[float]], x: Tensor
) -> None:
    scale, shift = (torch.tensor(u).double() for u in units)
    low, high = -torch.ones(2).double(), torch.ones(2).double()
    plain = boxed(x, low, high, objective)
    there = x * scale + shift
    moved = boxed(there, low * scale + shift, high * scale + shift, objective)
    log_p = -plain.energy(x) - plain.log_partition(points=64)
    log_q = -moved.energy(there) - moved.log_partition(points=64)
    assert torch.allclose(log_q + scale.log().sum(), log_p, rtol=0, atol=1e-5)
    drawn = [m.sample(50, anneal_steps=5, generator=seeded(2)) for m in (plain, moved)]
    back = (drawn[1] - shift) / scale
    assert torch.allclose(back, drawn[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_levels_of_noise_move_with_the_unit(scale: float, x: Tensor) -> None:
    """Noise is in the unit of the data, and with it all that is learnt."""
    models = []
    for s in (1.0, scale):
        with torch.random.fork_rng():
            torch.manual_seed(1)
            model = NoiseConditionalEnergy(
                (2,), s * x, width=8, depth=1, sigma_min=0.05 * s, sigma_max=1.5 * s
            )
        fit(model, s * x, steps=20, lr=1e-2)
        models.append(model.requires_grad_(False))
    plain, moved = models
    assert torch.allclose(moved.energy(scale * x), plain.energy(x), atol=1e-5)
    a, b = (m.sample(20, langevin_steps=2, generator=seeded(3)) for m in models)
    assert torch.allclose(b / scale, a, atol=1e-5)


def test_the_order_of_rows_does_not_matter(x: Tensor) -> None:
    low, high = -torch.ones(2).double(), torch.ones(2).double()
    log_p = boxed(x, low, high, "pcd").energy(x)
    for order in (x[:, 0].argsort(), torch.randperm(300, generator=seeded(4))):
        other = boxed(x[order], low, high, "pcd").energy(x)
        assert torch.allclose(other, log_p, rtol=0, atol=1e-6)


def test_noise_does_not_know_the_rows(x: Tensor) -> None:
    """Sorted rows and shuffled ones have the same loss, up to the chance of noise."""
    low, high = -torch.ones(2).double(), torch.ones(2).double()
    by_noise = NoiseConditionalEnergy((2,), x, width=8, depth=1)
    for model in (boxed(x, low, high, "dsm"), by_noise):
        losses = [
            torch.stack(
                [model.loss(r, generator=seeded(k)).detach() for k in range(60)]
            )
            for r in (x[x[:, 0].argsort()], x[torch.randperm(300, generator=seeded(5))])
        ]
        gap = losses[0] - losses[1]
        assert gap.mean().abs() < 4 * gap.std() / 60**0.5
