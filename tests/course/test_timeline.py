"""The methods replayed: in order, reproducible, and judged as the chapter says."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch

from genbook.course import timeline
from genbook.course.digit_contenders import DIGIT_CONTENDERS
from genbook.course.recipes.reading import digit_reader
from genbook.course.timeline import METHODS, Method, evaluate, replay
from genbook.data.digits import Digits, load_digits

OLD = [m for m in METHODS if m.year < 2014]
BY_NAME = {m.name: m for m in METHODS}


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every method see forty images of each digit."""

    def load(part: Any, size: int) -> Digits:
        digits = load_digits(part, size=size)
        return Digits(digits.x[:400], digits.y[:400])

    monkeypatch.setattr(timeline, "load_digits", load)


def test_methods_are_in_the_order_of_their_invention() -> None:
    assert all(a.year <= b.year for a, b in pairwise(METHODS))
    assert len(BY_NAME) == len(METHODS)
    assert all(m.year == m.contender.year for m in METHODS)


def test_networks_are_those_of_the_board_and_none_is_trained_twice() -> None:
    board = {id(c): c.name for c in DIGIT_CONTENDERS}
    new = {m.name: board.get(id(m.contender)) for m in METHODS if m.year >= 2014}
    assert new == {
        "variational autoencoder": "VAE",
        "adversarial network": "GAN",
        "PixelCNN": "PixelCNN",
        "normalizing flow": "flow",
        "diffusion": None,  # the board's has no convolutions
        "flow matching": "U-Net flow",
    }


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("method", OLD, ids=lambda m: m.name)
def test_each_old_method_learns_and_draws(method: Method) -> None:
    before = torch.get_rng_state()
    (a,), (b,), (c,) = (
        replay(20, methods=[method], repeats=2, seed=s) for s in (0, 0, 1)
    )
    assert torch.equal(before, torch.get_rng_state())
    assert a.samples.shape == (2, 20, 1, 14, 14)
    assert 0 <= a.samples.min() <= a.samples.max() <= 1
    assert torch.equal(a.samples, b.samples)
    assert not torch.equal(a.samples, c.samples)
    assert not torch.equal(*a.samples), "the same dice twice"


@pytest.mark.usefixtures("few")
def test_kernels_draw_images_of_the_digit_that_is_asked_for() -> None:
    (result,) = replay(200, methods=[BY_NAME["kernel estimate"]], repeats=1)
    seen = load_digits("train", size=14)
    x, y = seen.x[:400].flatten(1), seen.y[:400]
    near = torch.cdist(result.samples[0].flatten(1), x).argmin(1)
    right = y[near] == torch.arange(200) % 10
    assert right.double().mean() > 0.95  # noise moves a few to another digit


@pytest.mark.usefixtures("few")
def test_planes_draw_around_the_mean_of_the_digit_that_is_asked_for() -> None:
    (result,) = replay(2000, methods=[BY_NAME["probabilistic PCA"]], repeats=1)
    seen = load_digits("train", size=14)
    drawn = result.samples[0].view(200, 10, 196).mean(0)
    real = torch.stack([seen.x[:400][seen.y[:400] == k].mean(0) for k in range(10)])
    assert torch.cdist(drawn, real.flatten(1)).argmin(1).tolist() == list(range(10))


@pytest.mark.usefixtures("few")
def test_the_diffusion_is_a_unet_of_small_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []
    real = timeline.diffusion_images

    def short(x: torch.Tensor, y: torch.Tensor, *, steps: int) -> Any:
        asked.append((tuple(x.shape[1:]), steps))
        return real(x, y, steps=2)

    monkeypatch.setattr(timeline, "diffusion_images", short)
    (result,) = replay(10, methods=[BY_NAME["diffusion"]], repeats=1)
    assert asked == [((1, 14, 14), 700)]
    assert result.seconds > 0
    assert 0 <= result.samples.min() <= result.samples.max() <= 1


def test_the_numbers_know_digits_from_what_is_none() -> None:
    digits, test = load_digits("train", size=14), load_digits("test", size=14)
    reader = digit_reader(digits.x, digits.y)
    assert reader.accuracy(test.x, test.y) > 0.97
    g = torch.Generator().manual_seed(0)
    real, new = test.x[:500], test.x[500:]
    asked = test.y[500:]
    rows = {
        name: evaluate(x, reader, real, asked)
        for name, x in {
            "fresh": new,
            "large": load_digits("test").x[500:],
            "noise": torch.rand(500, 1, 14, 14, generator=g),
            "blurred": torch.nn.functional.avg_pool2d(new, 3, 1, 1),
            "a few": new[:20].repeat(25, 1, 1, 1),
            "moved": new.roll(1, 3),
        }.items()
    }
    fresh, large = rows["fresh"], rows["large"]
    assert fresh["read as asked"] > 0.97
    assert abs(fresh["energy distance"]) < 0.02
    assert fresh["coverage"] > 0.85
    assert large["energy distance"] == pytest.approx(fresh["energy distance"], abs=1e-4)
    for name in ("noise", "blurred"):
        assert rows[name]["Fréchet distance"] > 8 * fresh["Fréchet distance"]
        assert rows[name]["coverage"] < 0.3
    assert rows["noise"]["read as asked"] < 0.3
    assert rows["a few"]["coverage"] < 0.5 * fresh["coverage"]
    assert rows["moved"]["energy distance"] > 0.1
    assert evaluate(new, reader, real, asked.flip(0))["read as asked"] < 0.3
