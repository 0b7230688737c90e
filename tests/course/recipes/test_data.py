"""Recipes look at their data before a model is made, and say what is wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from genbook.course.recipes import adversarial, autoregressive, flows, vae, world_data
from genbook.models.adversarial.gan import GAN

OUTSIDE = torch.full((4, 2), 1.5)
GREY = torch.full((4, 1, 8, 8), 2.0)
LABELS = torch.arange(4)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: autoregressive.made_world(OUTSIDE), ValueError, r"x must lie in \[-1"),
        (lambda: flows.spline_world(OUTSIDE), ValueError, r"x must lie in \[-1, 1\]²"),
        (lambda: vae.vae_digits(GREY), ValueError, r"x must lie in \[0, 1\]"),
        (lambda: adversarial.gan_digits(None), TypeError, "x must be a torch.Tensor"),
        (
            lambda: autoregressive.pixelcnn_digits(GREY[:, 0], LABELS),
            ValueError,
            r"x must be \(n, 1, height, width\)",
        ),
        (
            lambda: autoregressive.transformer_prose(LABELS, vocab_size=5),
            ValueError,
            r"x must be \(n, context_length\)",
        ),
        (lambda: world_data(5, -1), ValueError, "held_out must be at least 0"),
    ],
)
def test_bad_data_are_refused(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"steps": 0}, ValueError, "steps must be at least 1"),
        ({"steps": 10**12}, ValueError, "steps must be at most"),
        ({"every": 11}, ValueError, "every must be at most 10"),
        ({"lr": 2.0}, ValueError, "lr must be at most 1"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"look": None}, TypeError, "look must be a function"),
        ({"x": OUTSIDE[0]}, ValueError, r"x must be \(n, 2\)"),
        ({"model": None}, TypeError, "model must be of the type GAN"),
    ],
)
def test_a_game_that_cannot_be_watched_is_refused(
    change: dict, error: type[Exception], message: str
) -> None:
    good = {"model": GAN((2,), hidden=(4,)), "x": OUTSIDE, "look": bool}
    with pytest.raises(error, match=message):
        adversarial.train_with_snapshots(**(good | {"steps": 10, "every": 5} | change))
