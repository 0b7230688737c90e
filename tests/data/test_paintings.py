"""The painter keeps to its rule, and what is measured follows what was painted."""

from __future__ import annotations

import re

import pytest
import torch

from genbook.data.paintings import (
    FEATURES,
    bayes_accuracy,
    draw_paintings,
    measure_paintings,
    painter_probability,
    sample_paintings,
)
from genbook.data.palettes import PALETTES, palette_colours


def seed(n: int) -> torch.Generator:
    return torch.Generator().manual_seed(n)


def test_same_generator_same_paintings() -> None:
    state = torch.get_rng_state()
    a, b = (sample_paintings(4, generator=seed(1)) for _ in range(2))
    assert torch.equal(a.x, b.x)
    assert torch.equal(a.y, b.y)
    assert torch.equal(torch.get_rng_state(), state)
    assert a.x.min() >= 0
    assert a.x.max() <= 1


def test_bayes_accuracy_equals_that_of_the_rule_on_many_draws() -> None:
    f = (torch.pi / 2 * torch.rand(200_000, 3, generator=seed(2))).sin().square()
    p = painter_probability(f)
    y = torch.rand(len(p), generator=seed(3)) < p
    right = ((p > 0.5) == y).double().mean().item()
    assert abs(right - bayes_accuracy(60)) < 0.004  # four standard errors


def test_labels_follow_the_probability() -> None:
    p = sample_paintings(2_000, size=16, generator=seed(4))
    z = (p.y - p.probability).sum() / (p.probability * (1 - p.probability)).sum().sqrt()
    assert z.abs() < 4


@pytest.mark.parametrize(("factor", "measure"), [(0, 0), (1, 3), (2, 5)])
def test_a_factor_moves_its_measure_and_the_others_less(
    factor: int, measure: int
) -> None:
    f = torch.full((3, 40, 3), 0.5)
    f[1, :, factor], f[2, :, factor] = 0.1, 0.9
    x = measure_paintings(draw_paintings(f.flatten(0, 1), generator=seed(5)))
    middle, low, high = x.view(3, 40, len(FEATURES)).unbind(0)
    spread = middle.std(0)
    moved = ((high.mean(0) - low.mean(0)) / spread).abs()
    assert moved[measure] > 2
    assert moved[measure] >= moved[[0, 3, 5]].max()


def test_a_picture_in_his_colours_alone() -> None:
    colour = palette_colours("VanGogh1")[0]
    x = colour[None, :, None, None].expand(1, 3, 16, 16)
    assert measure_paintings(x)[0, 0] > 0.99
    other = palette_colours("Hokusai1")[0]
    assert (
        measure_paintings(other[None, :, None, None].expand(1, 3, 16, 16))[0, 0] < 0.1
    )


def test_palettes_are_six_digit_codes() -> None:
    for name, codes in PALETTES.items():
        for code in codes.split():
            assert re.fullmatch("#[0-9a-f]{6}", code), name
    assert palette_colours("Monet").shape == (9, 3)
    assert torch.allclose(
        palette_colours("Monet")[0] * 255, torch.tensor([0x4E, 0x6D, 0x58]).float()
    )


def test_measures_have_gradients() -> None:
    x = torch.rand(2, 3, 16, 16, dtype=torch.float64, generator=seed(6))
    x = (0.1 + 0.8 * x).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda v: measure_paintings(v)[:, 3:], (x,), fast_mode=True
    )


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match=r"factors must lie in \[0, 1\]"):
        draw_paintings(torch.full((1, 3), 1.5))
    with pytest.raises(ValueError, match="size must be at least 16"):
        draw_paintings(torch.zeros(1, 3), size=8)
    with pytest.raises(ValueError, match="x must be square"):
        measure_paintings(torch.zeros(1, 3, 20, 30))
    with pytest.raises(ValueError, match="names must be of"):
        palette_colours("Picasso")
