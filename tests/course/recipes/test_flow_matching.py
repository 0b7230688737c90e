"""A copy of a flow learns from pairs, and the flow stays as it is."""

from __future__ import annotations

import pytest
import torch

from genbook.course.recipes.flow_matching import straightened
from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.models.diffusion.reflow import Reflow, draw_pairs
from genbook.training import fit

from ...support.seeding import seeded


def flow() -> FlowMatching:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return FlowMatching((2,), width=8, depth=1)


@pytest.mark.parametrize("start", ["everywhere", "noise"])
def test_the_copy_is_trained_on_the_pairs_and_the_flow_is_not(start: str) -> None:
    teacher = flow()
    pairs = draw_pairs(teacher, 90, generator=seeded(1)) + 1.0
    student, history = straightened(teacher, pairs, start=start, steps=5, seed=4)
    assert history.steps == 5
    same = flow()
    for a, b in zip(teacher.parameters(), same.parameters(), strict=True):
        assert torch.equal(a, b)
    options = {"betas": (0.9, 0.99), "ema": 0.99, "seed": 4, "progress": False}
    fit(Reflow(same, start=start), pairs, steps=5, batch_size=64, lr=1e-3, **options)
    for a, b in zip(student.parameters(), same.parameters(), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(TypeError, match="flow must be"):
        straightened(torch.nn.Linear(2, 2), pairs)  # type: ignore[arg-type]
