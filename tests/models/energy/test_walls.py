"""The box of an energy: its walls, the mass that they hold, and points drawn there."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from genbook.models.energy import _walls
from seeding import seeded


def test_a_wall_rises_as_a_square_and_only_outside() -> None:
    unit = torch.tensor([[0.5, -1.0], [1.3, 0.0], [-1.2, 1.4]]).double()
    wanted = torch.tensor([0.0, 0.5 * 9.0, 0.5 * (4.0 + 16.0)]).double()
    assert torch.allclose(_walls.rise(unit, 0.1), wanted)


@pytest.mark.parametrize("wall", [0.05, 0.4])
def test_the_size_is_the_integral_and_the_draws_follow_it(wall: float) -> None:
    low, high = torch.full((1,), -5.0).double(), torch.full((1,), 5.0).double()
    found = _walls.log_integral(lambda x: _walls.rise(x, wall), low, high, 200_000)
    assert found == pytest.approx(_walls.log_size(1, wall), abs=1e-4)
    assert _walls.log_size(3, wall) == pytest.approx(3 * found, abs=1e-3)
    u, g = torch.rand(20_000, 1, generator=seeded(0)).double(), seeded(1)
    drawn = _walls.inside_and_tails(u, torch.randn(20_000, 1, generator=g), wall)
    outside = (drawn.abs() > 1).double().mean().item()
    tail = wall * math.sqrt(2 * math.pi)
    assert outside == pytest.approx(tail / (2 + tail), abs=0.015)
    beyond = drawn[drawn.abs() > 1].abs() - 1
    assert beyond.square().mean().sqrt().item() == pytest.approx(wall, rel=0.1)
    assert drawn.mean().abs() < 0.03


def test_points_spread_evenly_over_the_box_and_its_walls() -> None:
    wall = 0.2
    tail = wall * math.sqrt(2 * math.pi)
    u = torch.tensor([[0.0], [0.25], [0.5], [1.0]]).double()
    z = torch.tensor([[-1.5], [1.0], [1.0], [0.5]]).double()
    drawn = _walls.inside_and_tails(u, z, wall)[:, 0].tolist()
    wanted = [-1 - wall * 1.5, -(2 + tail) / 4, 0.0, 1 + wall * 0.5]
    assert drawn == pytest.approx(wanted, abs=1e-12)


def test_an_integral_in_the_plane_is_a_sum_over_cells() -> None:
    low, high = torch.tensor([0.0, -1.0]).double(), torch.tensor([2.0, 2.0]).double()

    def energy(x: Tensor) -> Tensor:
        return x[:, 0] + 0.5 * x[:, 1].square()

    found = _walls.log_integral(energy, low, high, 4)
    total = 0.0
    for i in range(4):
        for j in range(4):
            a, b = (i + 0.5) * 2 / 4, -1 + (j + 0.5) * 3 / 4
            total += math.exp(-a - 0.5 * b**2) * (2 / 4) * (3 / 4)
    assert found == pytest.approx(math.log(total), abs=1e-12)


@pytest.mark.parametrize("n", [0, 1, 7])
def test_points_are_drawn_again_in_proportion_and_shuffled(n: int) -> None:
    x = torch.arange(4.0)[:, None]
    log_w = torch.tensor([0.1, 0.4, 0.0, 0.5]).log() + 3
    found = _walls.redraw(x, log_w, n, seeded(5))
    g = seeded(5)
    u = torch.rand(1, generator=g).item()
    ends = [0.1, 0.5, 0.5, 1.0]
    rows = [
        next(i for i, end in enumerate(ends) if (u + k) / max(n, 1) <= end + 1e-6)
        for k in range(n)
    ]
    order = torch.rand(n, generator=g).argsort().tolist()
    assert found[:, 0].tolist() == [float(rows[k]) for k in order]
    assert 2.0 not in found
