"""The digits' contenders draw what they say, and are the models of the chapters."""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from genbook.course import digit_contenders
from genbook.course.digit_board import digit_board_again
from genbook.course.digit_contenders import DIGIT_CONTENDERS, DigitContender
from genbook.data.digits import load_digits
from genbook.models.diffusion.reflow import draw_pairs

ROOT = Path(__file__).parents[2]
ASKED = torch.arange(40) % 10
BY_NAME = {c.name: c for c in DIGIT_CONTENDERS}

#: How the chapter calls the recipe of a contender.
CALLS = {
    "VAE": ("variational-autoencoders", "vae_digits(ink, digits.y, latent_dim=4)"),
    "GAN": ("adversarial", "gan_digits(train.x, train.y)"),
    "PixelCNN": ("autoregressive", "pixelcnn_digits(middle[0], train.y)"),
    "flow": ("normalizing-flows", "flow_digits(train.x, train.y)"),
    "energy": ("energy-based", "energy_digits(train.x)"),
    "diffusion": ("diffusion", "diffusion_digits(digits.x, digits.y)"),
    "flow matching": ("flow-matching", "flow_matching_digits(train.x, train.y)"),
    "U-Net flow": ("images", "flow_matching_images(train.x, train.y)"),
    "U-Net flow, one step": ("one-step", "straightened(painter, pairs, labels)"),
}


def G(n: int) -> torch.Generator:
    return torch.Generator().manual_seed(n)


def seen(c: DigitContender, n: int = 400) -> tuple[torch.Tensor, torch.Tensor]:
    digits = load_digits("train", size=c.size)
    return c.see(digits.x[:n]), digits.y[:n]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every recipe take one step, and the painter draw few pairs."""
    for name in vars(digit_contenders).copy():
        if name.endswith(("_digits", "_images")):
            real = getattr(digit_contenders, name)
            one = partial(lambda f, *a, **k: f(*a, **{**k, "steps": 1}), real)
            monkeypatch.setattr(digit_contenders, name, one)
    learn = digit_contenders.straightened

    def straightened(flow: Any, pairs: Any, y: Any, **options: Any) -> Any:
        return learn(flow, pairs, y[: len(pairs)], **{**options, "steps": 1})

    def pairs(flow: Any, y: Any, *, guidance: float, seed: int) -> Any:
        return draw_pairs(flow, 70, y[:70], steps=1, generator=G(seed))

    monkeypatch.setattr(digit_contenders, "straightened", straightened)
    monkeypatch.setattr(digit_contenders, "cached_pairs", pairs)


def test_those_that_learned_come_first_and_in_order() -> None:
    years = [c.year for c in DIGIT_CONTENDERS]
    learned = [year for year in years if year is not None]
    assert years[: len(learned)] == learned
    assert all(a <= b for a, b in pairwise(learned))
    assert len(BY_NAME) == len(DIGIT_CONTENDERS)


@pytest.mark.parametrize("name", CALLS)
def test_recipes_are_called_as_the_chapters_call_them(name: str) -> None:
    chapter, call = CALLS[name]
    text = (ROOT / "book/families" / f"{chapter}.md").read_text(encoding="utf8")
    assert call in text, f"{name}: the chapter trains another model than the board"


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("name", BY_NAME)
def test_each_learns_and_draws_what_it_sees(name: str) -> None:
    c = BY_NAME[name]
    x, y = seen(c)
    before = torch.get_rng_state()
    learned = c.learn(x, y)
    a, b, other = (learned.draw(ASKED, G(s)) for s in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    assert a.shape == (40, *x.shape[1:])
    assert 0 <= a.min() <= a.max() <= 1
    assert torch.equal(a, b)
    assert name == "mean drawings" or not torch.equal(a, other)
    if c.levels < 256:
        assert x.unique().numel() == c.levels
    assert (learned.seconds is None) == (c.year is None)
    if learned.bits:
        assert 0 < learned.bits(x[:20], y[:20]) < 20


@pytest.mark.parametrize("name", ["VAE", "PixelCNN"])
def test_untrained_models_of_levels_need_as_many_bits_as_the_levels_have(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    c = BY_NAME[name]
    recipe = {"VAE": "vae_digits", "PixelCNN": "pixelcnn_digits"}[name]
    real = getattr(digit_contenders, recipe)

    def untrained(*args: Any, **options: Any) -> Any:
        model, history = real(*args, **{**options, "steps": 1})
        with torch.no_grad():
            for weight in model.parameters():
                weight.zero_()
        return model, history

    monkeypatch.setattr(digit_contenders, recipe, untrained)
    x, y = seen(c, 100)
    learned = c.learn(x, y)
    assert learned.bits is not None
    assert learned.bits(x[:20], y[:20]) == pytest.approx(math.log2(c.levels), abs=0.02)


@pytest.mark.usefixtures("short")
def test_the_bits_of_a_flow_are_positive_for_its_bins_are_counted() -> None:
    x, y = seen(BY_NAME["flow"], 100)
    learned = BY_NAME["flow"].learn(x, y)
    assert learned.bits is not None
    assert 1 < learned.bits(x[:20], y[:20]) < 8


def test_copies_are_images_of_the_digit_that_was_asked_for() -> None:
    x, y = seen(BY_NAME["copies"])
    drawn = BY_NAME["copies"].learn(x, y).draw(ASKED, G(0))
    same = (drawn[:, None] == x[None]).flatten(2).all(2)
    assert torch.equal(y[same.int().argmax(1)], ASKED)
    assert same.any(1).all()
    assert (same.sum(0) <= 1).all(), "no image twice"


def test_noisy_copies_are_copies_and_noise() -> None:
    x, y = seen(BY_NAME["noisy copies"])
    grey = 0.5 + 0 * x  # nothing is cut off
    drawn = BY_NAME["noisy copies"].learn(grey, y).draw(ASKED, G(0))
    assert (drawn - 0.5).std().item() == pytest.approx(0.1, rel=0.02)


def test_mean_drawings_are_means_of_the_digit() -> None:
    x, y = seen(BY_NAME["mean drawings"])
    drawn = BY_NAME["mean drawings"].learn(x, y).draw(torch.tensor([3, 7, 3]), G(0))
    assert torch.allclose(drawn[0], x[y == 3].mean(0))
    assert torch.equal(drawn[0], drawn[2])


def test_independent_pixels_have_the_shares_of_the_digit_and_no_neighbours() -> None:
    x, y = seen(BY_NAME["independent pixels"], 4000)
    ones = torch.ones(2000, dtype=torch.long)
    drawn = BY_NAME["independent pixels"].learn(x, y).draw(ones, G(0))
    own = x[y == 1]
    assert torch.allclose(drawn.mean(0), own.mean(0), atol=0.05)

    def together(images: torch.Tensor) -> float:
        a, b = images[:, 0, 12, 14], images[:, 0, 13, 14]
        return torch.stack([a, b]).corrcoef()[0, 1].item()

    assert together(own) > 0.7
    assert abs(together(drawn)) < 0.1


def test_the_gaussian_has_mean_and_covariance_of_the_digit() -> None:
    g = G(0)
    root = 0.03 * torch.randn(4, 4, generator=g)
    y = torch.arange(40_000) % 10
    x = 0.5 + (torch.randn(40_000, 4, generator=g) @ root.T).view(-1, 1, 2, 2)
    drawn = BY_NAME["one Gaussian a digit"].learn(x, y).draw(y[:20_000], g).flatten(1)
    wanted = root @ root.T + 1e-4 * torch.eye(4)
    assert torch.allclose(drawn.T.cov(), wanted, atol=1e-4)
    assert torch.allclose(drawn.mean(0), torch.full((4,), 0.5), atol=2e-3)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("name", [c.name for c in DIGIT_CONTENDERS if c.year])
def test_another_seed_trains_another_model(name: str) -> None:
    c = BY_NAME[name]
    x, y = seen(c)
    first, same, other = (c.learn(x, y, seed=s).draw(ASKED, G(0)) for s in (0, 0, 1))
    assert torch.equal(first, same)
    assert torch.equal(first, other) == (name == "one Gaussian a digit")


def test_the_board_again_has_each_that_learned_with_three_seeds() -> None:
    again = digit_board_again()
    assert list(again) == [c.name for c in DIGIT_CONTENDERS if c.year]
    for name, rows in again.items():
        assert [row["seed"] for row in rows] == [0, 1, 2]
        for row in rows:
            assert 0.5 < row["far"] < 100, "floors"
            assert (row["read"] is not None) == BY_NAME[name].on_request
            shares = [v for k, v in row.items() if k[:4] in ("prec", "reca", "cove")]
            assert len(shares) == 3
            assert all(0 <= v <= 1 for v in shares)
    alike = {row["far"] for row in again["one Gaussian a digit"]}
    assert len(alike) == 1, "it has no dice in its training"
