"""Images are trained at times that are all equally likely, and the map is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from genbook.course.recipes.diffusion import (
    diffusion_digits,
    diffusion_images,
    diffusion_world,
)
from genbook.course.recipes.flow_matching import (
    flow_matching_digits,
    flow_matching_images,
)

from ...support.seeding import seeded

RECIPES = [
    diffusion_digits,
    diffusion_images,
    flow_matching_digits,
    flow_matching_images,
]


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_times_of_images_are_spread_evenly(recipe: Callable) -> None:
    x = torch.rand(20, 1, 8, 8, generator=seeded(0))
    model, _ = recipe(x, torch.arange(20) % 10, steps=1)
    times = model.sample_times(4_000, generator=seeded(1)).sort().values
    even = (torch.arange(4_000) + 0.5) / 4_000
    assert (times - even).abs().max() < 0.04


def test_the_times_of_the_map_lie_near_the_data() -> None:
    model, _ = diffusion_world(torch.rand(600, 2, generator=seeded(0)), steps=1)
    assert model.sample_times(4_000, generator=seeded(1)).median() < 0.2
