"""Pictures of still lifes: what stands where it should, by pixels alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genbook.data.still_life.render import check_scenes, render
from seeding import seeded

EMPTY = [-1, -1, -1]


def scene(*places: list[int], cloth: int = 1, light: int = 0) -> Tensor:
    return torch.tensor([[n for p in places for n in p] + [cloth, light]])


def many(one: Tensor, n: int = 40, seed: int = 0) -> Tensor:
    return render(one.expand(n, -1), generator=seeded(seed))


def test_the_same_generator_draws_the_same_pictures() -> None:
    one = scene([0, 0, 1], EMPTY, [5, 1, 0])
    assert torch.equal(many(one), many(one))
    assert not torch.equal(many(one), many(one, seed=1))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_thing_is_seen_at_its_place_only(place: int) -> None:
    places = [EMPTY] * 3
    places[place] = [0, 0, 0]  # a small red apple on white by day
    x = many(scene(*places))
    red = (x[:, 0] - x[:, 1:].amax(1) > 0.3).double().mean((0, 1))  # by column
    at = (red * torch.arange(48)).sum() / red.sum()
    assert abs(at - (16 * place + 7.5)) < 1
    outside = torch.ones(48, dtype=torch.bool)
    outside[16 * place : 16 * place + 16] = False
    assert red[outside].max() < 0.01


def test_a_large_thing_is_larger_by_its_size() -> None:
    def area(size: int) -> float:
        x = many(scene(EMPTY, [0, 0, size], EMPTY), 200)
        return (
            (x[:, 0] - x[:, 1:].amax(1)).clamp(min=0.0).gt(0.25).double().mean().item()
        )

    assert area(1) / area(0) == pytest.approx((0.54 / 0.36) ** 2, rel=0.2)


@pytest.mark.parametrize(
    ("colour", "most"), [(0, [0]), (1, [1]), (2, [0, 1]), (3, [2]), (4, [0, 2])]
)
def test_a_colour_is_that_colour(colour: int, most: list[int]) -> None:
    bare = many(scene(EMPTY, EMPTY, EMPTY))
    x = many(scene(EMPTY, [2, colour, 1], EMPTY))
    body = x[:, :, 15:18, 22:26].mean((0, 2, 3))
    least = [c for c in range(3) if c not in most]
    assert body[most].min() > body[least].max() + 0.05
    assert (bare[:, :, 15:18, 22:26].mean((0, 2, 3)) - body).abs().max() > 0.2


def test_edges_are_smooth() -> None:
    x = many(scene(EMPTY, [0, 0, 1], EMPTY), 200)
    red = (x[:, 0] - x[:, 2])[:, 15]  # a row through the middle
    between = ((red > 0.2) & (red < 0.45)).double().mean()
    assert 0.01 < between < 0.15


def test_what_is_no_scene_is_refused() -> None:
    with pytest.raises(ValueError, match="half empty"):
        check_scenes(scene([0, -1, 0], EMPTY, EMPTY))
    with pytest.raises(ValueError, match="out of range"):
        render(scene([6, 0, 0], EMPTY, EMPTY))
    with pytest.raises(ValueError, match=r"scenes must be \(n, 11\)"):
        render(torch.zeros(2, 10, dtype=torch.long))
    assert render(torch.zeros(0, 11, dtype=torch.long)).shape == (0, 3, 24, 48)
