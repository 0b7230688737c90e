"""The box of an energy: its walls, the mass that they hold, and points drawn there."""

from __future__ import annotations

import math

import pytest
import torch

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
