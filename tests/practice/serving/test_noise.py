"""Requests drawn together get what each would get alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from genbook.models.adversarial.gan import GAN
from genbook.models.autoregressive.transformer import Transformer
from genbook.models.base import GenerativeModel
from genbook.models.density.gaussian import Gaussian
from genbook.models.density.mixture import GaussianMixture
from genbook.models.diffusion.diffusion import Diffusion
from genbook.models.flows.flow import Flow
from genbook.models.variational.vae import VAE
from genbook.practice.serving.noise import Draw, draw_together, same_alone
from seeding import seeded

MAKE: dict[str, Callable[[], GenerativeModel]] = {
    "flow": lambda: Flow(2, transforms=2),
    "labelled diffusion": lambda: Diffusion(
        (2,), width=16, depth=1, classes=3, steps=3
    ),
    "transformer": lambda: Transformer(20, 6, width=8, depth=1, heads=2),
    "vae": lambda: VAE((3,), hidden=(8,)),
    "gan": lambda: GAN((3,), hidden=(8,)),
    "mixture": lambda: GaussianMixture.from_parameters(
        torch.ones(2) / 2, torch.tensor([[-3.0], [3.0]]), torch.ones(2, 1, 1)
    ),
}


@pytest.mark.parametrize("kind", MAKE)
def test_each_gets_what_it_would_get_alone(kind: str) -> None:
    torch.manual_seed(0)
    model = MAKE[kind]().double()
    label = (lambda i: i % model.classes) if model.classes else (lambda i: None)
    draws = [Draw(1 + i % 3, 100 + i, label(i)) for i in range(5)]
    for draw, x in zip(draws, draw_together(model, draws), strict=True):
        y = None if draw.label is None else torch.full((draw.n,), draw.label)
        alone = model.sample(draw.n, y, generator=seeded(draw.seed))
        torch.testing.assert_close(x, alone, rtol=0, atol=1e-10)
    assert same_alone(model)


def test_the_global_state_is_left_alone() -> None:
    model = Flow(2, transforms=1)
    before = torch.get_rng_state()
    draw_together(model, [Draw(2, 1), Draw(1, 2)])
    assert torch.equal(before, torch.get_rng_state())


class Odd(Gaussian):
    """A model whose samples depend on one another, in one of several ways."""

    way = ""

    def sample(self, n: int, y: Any = None, *, generator: Any = None) -> Tensor:
        if self.way == "shuffled":
            return torch.randperm(n, generator=generator)[:, None].expand(n, 2).double()
        if self.way == "from the side":
            return torch.randn(2, n, generator=generator, dtype=torch.float64).T
        x = torch.randn(n, 2, generator=generator, dtype=torch.float64)
        return x - x.mean(0) if self.way == "centred" else x


@pytest.mark.parametrize(
    ("way", "alike"),
    [("", True), ("centred", False), ("shuffled", False), ("from the side", False)],
)
def test_a_model_that_cannot_share_is_found_out(way: str, alike: bool) -> None:
    model = Odd(2)
    model.way = way
    assert same_alone(model) is alike


def test_labels_for_some_are_refused() -> None:
    with pytest.raises(ValueError, match="draws must all have a label or none"):
        draw_together(Flow(2, transforms=1), [Draw(1), Draw(1, label=2)])
    with pytest.raises(ValueError, match="draws must hold at least one, got none"):
        draw_together(Flow(2, transforms=1), [])
