"""Fruit follow the rules that are written beside them."""

from __future__ import annotations

import colorsys

import pytest
import torch

from genbook.data.fruit import FRUIT, HUE, _hsv, sample_fruit


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("hue", [0, 33, 95, 170, 240, 285, 359])
def test_colour_agrees_with_the_standard_library(hue: float) -> None:
    s, v = torch.tensor([[0.7]]), torch.tensor([[0.9]])
    ours = _hsv(hue, s, v).flatten().tolist()
    assert ours == pytest.approx(colorsys.hsv_to_rgb(hue / 360, 0.7, 0.9), abs=1e-6)


@pytest.mark.parametrize("kind", range(len(FRUIT)))
def test_each_kind_has_its_hue(kind: int) -> None:
    fruit = sample_fruit(20, torch.full((20,), kind), generator=generator())
    for image, hue in zip(fruit.x, fruit.hue.tolist(), strict=True):
        r, g, b = (c.flatten() for c in image)
        saturation = torch.stack([r, g, b]).amax(0) - torch.stack([r, g, b]).amin(0)
        i = saturation.argmax()
        seen = colorsys.rgb_to_hsv(r[i].item(), g[i].item(), b[i].item())[0] * 360
        assert abs((seen - hue + 180) % 360 - 180) < 6
        assert abs((hue - HUE[kind] + 180) % 360 - 180) < 25


def test_kinds_are_told_apart_by_their_neighbours() -> None:
    train = sample_fruit(600, size=16, generator=generator(0))
    test = sample_fruit(200, size=16, generator=generator(1))
    nearest = torch.cdist(test.x.flatten(1), train.x.flatten(1)).argmin(1)
    assert (train.y[nearest] == test.y).float().mean() > 0.97


def test_larger_fruit_cover_more_paper() -> None:
    fruit = sample_fruit(60, torch.full((60,), 5), generator=generator(2))
    covered = (fruit.x.amin(1) < 0.9).float().mean((1, 2))
    assert torch.corrcoef(torch.stack([covered, fruit.scale]))[0, 1] > 0.98


def test_border_is_paper() -> None:
    x = sample_fruit(200, generator=generator(3)).x
    assert x[..., 0, 0].min() == 1
    assert x.min() >= 0
    assert x.max() <= 1


def test_types_generators_and_empty_batches() -> None:
    a = sample_fruit(4, generator=generator(7), dtype=torch.float64)
    b = sample_fruit(4, generator=generator(7), dtype=torch.float64)
    assert torch.equal(a.x, b.x)
    assert a.x.dtype == a.hue.dtype == torch.float64
    before = torch.get_rng_state()
    assert sample_fruit(0, generator=generator()).x.shape == (0, 3, 32, 32)
    assert torch.equal(before, torch.get_rng_state())


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="y must hold labels 0 to 7, got 8"):
        sample_fruit(1, torch.tensor([8]))
    with pytest.raises(ValueError, match=r"y must be \(2,\), got \(1,\)"):
        sample_fruit(2, torch.tensor([1]))
    with pytest.raises(TypeError, match="integer labels"):
        sample_fruit(1, torch.tensor([1.0]))
    with pytest.raises(ValueError, match="size must be at least 8"):
        sample_fruit(1, size=4)
