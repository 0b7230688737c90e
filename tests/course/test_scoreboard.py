"""The scoreboard measures what it says, on models whose answers are known."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from genbook.course import scoreboard, taxonomy
from genbook.course.recipes import World, world_data
from genbook.course.scoreboard import (
    CANDIDATES,
    Candidate,
    TrainedModel,
    estimate_log_prob,
    evaluate,
    train_all,
)
from genbook.metrics.cost import nfe
from genbook.models.density.box import UniformBox
from genbook.models.density.mixture import GaussianMixture
from genbook.models.energy.network import EnergyNetwork
from genbook.models.variational.vae import VAE


def G(n: int) -> torch.Generator:
    return torch.Generator().manual_seed(n)


@pytest.fixture(scope="module")
def world() -> World:
    return world_data(2_000, 300)


def test_a_box_over_the_map_is_measured_exactly(world: World) -> None:
    box = UniformBox.from_corners([-1, -1], [1, 1])
    row = scoreboard.evaluate(TrainedModel("box", box, 0.5), world, n=10_000)
    land = world.p_data.land_area / 4
    assert row["nats"] == pytest.approx(-math.log(land), abs=1e-6)
    assert row["land"] == pytest.approx(land, abs=0.02)
    assert row["train"] == 0.5
    assert row["missed"] == ()
    assert len(row["log_prob"]) == len(world.held_out)
    assert scoreboard.read_codes(box, world.p_data) is None, "a box has no code"


def test_the_tax_of_the_sea(world: World) -> None:
    """A model that is even over the land and loses a share to the sea pays its log."""

    class Wet(UniformBox):
        def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
            return world.p_data.log_prob(x).float() + math.log(0.8)

        def sample(self, n: int, y: Any = None, *, generator: Any = None) -> Tensor:
            x = world.p_data.sample(n, generator=generator)
            wet = torch.rand(n, generator=generator) > 0.8
            return torch.where(wet[:, None], torch.tensor([-0.9, 0.0]), x)

    wet = Wet.from_corners([-1, -1], [1, 1])
    row = scoreboard.evaluate(TrainedModel("wet", wet, 0.0), world, n=10_000)
    assert row["nats"] == pytest.approx(-math.log(0.8), abs=1e-5)
    assert -math.log(row["land"]) == pytest.approx(row["nats"], abs=0.02)


def test_codes_are_read_beside_random_ones_of_their_width(world: World) -> None:
    model = GaussianMixture(2, 30).fit(world.x, generator=G(0))
    read = scoreboard.read_codes(model, world.p_data, n=2_000)
    assert read is not None
    assert read["width"] == 30
    assert 0.7 < read["r2_random"] < read["r2"] < 1

    class Deaf(GaussianMixture):
        def encode(self, x: Tensor) -> Tensor:
            return torch.rand(len(x), 30, generator=G(1))

    deaf = Deaf(2, 30).fit(world.x, generator=G(0))
    said = scoreboard.read_codes(deaf, world.p_data, n=2_000)
    assert said is not None
    assert said["r2"] < 0.1
    codes = scoreboard.random_codes(world.held_out, 5, generator=G(2))
    assert codes.sum(1).allclose(torch.ones(len(world.held_out)))


def test_every_family_takes_part_once() -> None:
    names = [c.name for c in CANDIDATES]
    assert len(names) == len(set(names)) == 11
    assert {c.recipe.__name__ for c in CANDIDATES} >= {
        "made_world",
        "spline_world",
        "realnvp_world",
        "vae_world",
        "energy_world",
        "diffusion_world",
        "flow_matching_world",
        "gan_world",
    }


@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda c: c.name)
def test_a_candidate_is_trained_and_draws(candidate: Candidate, world: World) -> None:
    (entry,) = scoreboard.train_all(world, [candidate], steps=2)
    assert entry.seconds > 0
    model = entry.model
    if nfe(model) < 100:
        drawn = model.sample(5, generator=torch.Generator().manual_seed(0))
        assert drawn.shape == (5, 2)
    values = scoreboard.estimate_log_prob(model, world.held_out[:20])
    if taxonomy.density_kind(type(model)) == "none":
        assert values is None
    else:
        assert values is not None
        assert values.shape == (20,)


def test_an_energy_is_normalised_and_a_bound_is_tight() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        energy = EnergyNetwork([-1.0, -1.0], [1.0, 1.0], hidden=(8,))
        vae = VAE((2,), hidden=(8,))
    side = 1.1 * ((torch.arange(200) + 0.5) / 100 - 1)  # beyond the soft walls
    grid = torch.cartesian_prod(side, side)
    values = scoreboard.estimate_log_prob(energy, grid)
    assert values is not None
    assert values.exp().mean().item() * 2.2**2 == pytest.approx(1, abs=2e-3)
    x = torch.zeros(50, 2)
    g = torch.Generator().manual_seed(0)
    bound = scoreboard.estimate_log_prob(vae, x, generator=g)
    assert bound is not None
    assert bound.mean() >= vae.elbo(x, generator=g).mean()


def test_evaluations_count_the_runs_of_a_network() -> None:
    class Steps(UniformBox):
        def __init__(self) -> None:
            super().__init__(2)
            self.net = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Linear(4, 2))

        def sample(self, n: int, y: Any = None, *, generator: Any = None) -> Tensor:
            x = torch.zeros(n, 2)
            for _ in range(7):
                x = self.net(x)
            return x.detach()

    assert nfe(Steps()) == 7
    assert nfe(UniformBox.from_corners([0, 0], [1, 1])) == 0


def test_what_is_no_model_no_task_and_no_entry_is_refused() -> None:
    x = torch.zeros(3, 2)
    for model in (None, "abc", torch.nn.Linear(2, 2)):
        with pytest.raises(TypeError, match="model must be a GenerativeModel, got"):
            estimate_log_prob(model, x)  # type: ignore[arg-type]
    box = UniformBox.from_corners([-1, -1], [1, 1])
    with pytest.raises(ValueError, match=r"x must be \(n, 2\), got \(3,\)"):
        estimate_log_prob(box, x[:, 0])
    with pytest.raises(TypeError, match="generator must be a torch"):
        estimate_log_prob(box, x, generator=0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="world must be a World, got NoneType"):
        train_all(None)  # type: ignore[arg-type]
    world = world_data(5, 5)
    with pytest.raises(TypeError, match="candidates must be a sequence of Candidate"):
        train_all(world, ["box"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="entry must be a TrainedModel of train_all"):
        evaluate(box, world)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="p_data must be a WorldMap, got str"):
        scoreboard.read_codes(box, "world")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="model must be a GenerativeModel, got str"):
        scoreboard.read_codes("box", world.p_data)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="world must be a World, got str"):
        evaluate(TrainedModel("box", box, 0.0), "world")  # type: ignore[arg-type]
