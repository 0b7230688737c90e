"""Who takes part in the digits' scoreboard, and how each learned and draws.

Nothing is trained for the board alone. A contender calls the recipe of its chapter with
the arguments of its chapter, so that where trainings are kept
(:mod:`genbook.course.cached_fit`) it is the very model that the chapter judges. Four
more learn nothing worth the name: they are there to be refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from time import process_time

import torch
from torch import Generator, Tensor

from genbook._validate import check_tensor, check_unit_interval
from genbook.course.cached_pairs import cached_pairs
from genbook.course.recipes.adversarial import gan_digits
from genbook.course.recipes.autoregressive import pixelcnn_digits
from genbook.course.recipes.diffusion import diffusion_digits
from genbook.course.recipes.energy import energy_digits
from genbook.course.recipes.flow_matching import (
    flow_matching_digits,
    flow_matching_images,
    straightened,
)
from genbook.course.recipes.flows import flow_digits
from genbook.course.recipes.vae import vae_digits
from genbook.models.diffusion.gaussian_path import GaussianPathModel
from genbook.models.flows.dequantisation import bits_per_dimension, dequantise

__all__ = ["DIGIT_CONTENDERS", "DigitContender", "Learned"]

CODES = 50  # of the importance-weighted bound of a variational autoencoder

#: Draws the digits that it is asked for: ``draw(asked, generator)``.
Draw = Callable[[Tensor, Generator], Tensor]


@dataclass(frozen=True)
class Learned:
    """A contender that has learned.

    Attributes:
        draw: Takes the digits that are asked for, ``(n,)``, and a generator; returns
            images with ink from 0 to 1, ``(n, 1, side, side)``.
        seconds: The processor time of its training when that ran; ``None`` where
            nothing was trained.
        bits: Takes images as the contender sees them, and their digits; returns the
            bits a pixel that it needs for them. ``None`` without a density.
    """

    draw: Draw
    seconds: float | None
    bits: Callable[[Tensor, Tensor], float] | None = None


@dataclass(frozen=True)
class DigitContender:
    """Something that draws digits.

    Attributes:
        name: What the tables call it.
        learn: Learns from images as it sees them, ``(n, 1, side, side)``, and their
            digits, ``(n,)``; ``seed=1`` trains another, where chance has a part.
        year: When the method was published; ``None`` for those that are there to be
            refused.
        size: At how many pixels a side the digits are loaded for it.
        prepare: What it makes of them before it learns; ``None`` for nothing.
        levels: How many levels of grey a pixel then has.
        on_request: Whether it draws the digit that it is asked for.
    """

    name: str
    learn: Callable[..., Learned]
    year: int | None = None
    size: int = 14
    prepare: Callable[[Tensor], Tensor] | None = None
    levels: int = 256
    on_request: bool = True

    def see(self, x: Tensor) -> Tensor:
        """Return images as the contender sees them.

        Args:
            x: Images of its size, ``(n, 1, size, size)``, with ink from 0 to 1.

        Raises:
            TypeError: If ``x`` is not a floating-point tensor.
            ValueError: If it has another shape, or ink outside [0, 1].

        Example:
            >>> DIGIT_CONTENDERS[1].name
            'VAE'
            >>> DIGIT_CONTENDERS[1].see(torch.full((1, 1, 28, 28), 0.7)).unique()
            tensor([1.])
        """
        check_tensor(x, "x", ("n", 1, self.size, self.size))
        check_unit_interval(x, "x")
        return x if self.prepare is None else self.prepare(x)


def _black(x: Tensor) -> Tensor:
    """Make images black and white."""
    return (x > 0.5).to(x.dtype)


def _middle(x: Tensor) -> Tensor:
    """Keep the middle twelve pixels a side, in four levels of grey."""
    return (3 * x[:, :, 1:13, 1:13]).round() / 3


def _gaussian(x: Tensor, y: Tensor, seed: int = 0) -> Learned:
    """One Gaussian for each digit, with a mean and a covariance."""
    start = process_time()
    flat = [x[y == k].flatten(1) for k in range(10)]
    ridge = 1e-4 * torch.eye(flat[0].shape[1])
    means = torch.stack([a.mean(0) for a in flat])
    roots = torch.stack([torch.linalg.cholesky(a.T.cov() + ridge) for a in flat])
    seconds = process_time() - start

    def draw(asked: Tensor, g: Generator) -> Tensor:
        eps = torch.randn(len(asked), 1, flat[0].shape[1], generator=g)
        drawn = means[asked] + (eps @ roots[asked].mT)[:, 0]
        return drawn.view(-1, *x.shape[1:]).clamp(0, 1)

    return Learned(draw, seconds)


def _vae(x: Tensor, y: Tensor, seed: int = 0) -> Learned:
    model, history = vae_digits(x, y, latent_dim=4, seed=seed)

    def bits(new: Tensor, new_y: Tensor) -> float:
        g = torch.Generator().manual_seed(0)
        bound = model.elbo(new, new_y, k=CODES, generator=g)
        return _bits_of_masses(bound, new)

    return Learned(_asked(model.sample), history.cpu_seconds, torch.no_grad()(bits))


def _gan(x: Tensor, y: Tensor, seed: int = 0) -> Learned:
    model, history = gan_digits(x, y, seed=seed)
    return Learned(_asked(model.sample), history.cpu_seconds)


def _pixelcnn(x: Tensor, y: Tensor, seed: int = 0) -> Learned:
    model, history = pixelcnn_digits(x, y, seed=seed)

    def bits(new: Tensor, new_y: Tensor) -> float:
        return _bits_of_masses(model.log_prob(model.quantise(new), new_y), new)

    return Learned(_asked(model.sample), history.cpu_seconds, torch.no_grad()(bits))


def _flow(x: Tensor, y: Tensor, seed: int = 0) -> Learned:
    model, history = flow_digits(x, y, seed=seed)

    def draw(asked: Tensor, g: Generator) -> Tensor:
        drawn = model.sample(len(asked), asked, generator=g)
        return drawn.view(-1, *x.shape[1:]).clamp(0, 1)

    def bits(new: Tensor, new_y: Tensor) -> float:
        g = torch.Generator().manual_seed(0)
        log_p = model.log_prob(dequantise(new.flatten(1), generator=g), new_y)
        return bits_per_dimension(log_p, dims=new[0].numel()).mean().item()

    return Learned(draw, history.cpu_seconds, torch.no_grad()(bits))


def _energy(x: Tensor, y: Tensor, seed: int = 0) -> Learned:
    model, history = energy_digits(x, seed=seed)

    def draw(asked: Tensor, g: Generator) -> Tensor:
        return model.sample(len(asked), langevin_steps=14, generator=g).clamp(0, 1)

    return Learned(draw, history.cpu_seconds)


def _diffusion(x: Tensor, y: Tensor, seed: int = 0) -> Learned:
    model, history = diffusion_digits(x, y, seed=seed)
    return Learned(_guided(model, 1.5, 16), history.cpu_seconds)


def _flow_matching(x: Tensor, y: Tensor, seed: int = 0) -> Learned:
    model, history = flow_matching_digits(x, y, seed=seed)
    return Learned(_guided(model, 1.5, 10), history.cpu_seconds)


def _unet(x: Tensor, y: Tensor, seed: int = 0) -> Learned:
    model, history = flow_matching_images(x, y, seed=seed)
    return Learned(_guided(model, 1.6), history.cpu_seconds)


def _one_step(x: Tensor, y: Tensor, seed: int = 0) -> Learned:
    """A copy of the U-Net's flow, straightened and then taught to draw at once."""
    teacher, first = flow_matching_images(x, y, seed=seed)
    labels = torch.arange(3000) % 10
    pairs = cached_pairs(teacher, labels, guidance=1.6, seed=7)
    straight, second = straightened(teacher, pairs, labels, seed=seed)
    model, third = straightened(
        straight, pairs, labels, start="noise", steps=200, seed=seed
    )

    def draw(asked: Tensor, g: Generator) -> Tensor:
        z = torch.randn(len(asked), x[0].numel(), generator=g)
        with torch.no_grad():
            drawn = model.decode(z, asked, steps=1, method="euler")
        return ((drawn + 1) / 2).clamp(0, 1)

    return Learned(draw, first.cpu_seconds + second.cpu_seconds + third.cpu_seconds)


def _bits_of_masses(log_p: Tensor, new: Tensor) -> float:
    """Count bits a pixel where ``log_p`` is of levels, and not a density of grey."""
    return -log_p.mean().item() / (new[0].numel() * math.log(2))


def _asked(sample: Callable[..., Tensor]) -> Draw:
    """Draw with a model whose images have ink from 0 to 1."""
    return lambda asked, g: sample(len(asked), asked, generator=g)


def _guided(model: GaussianPathModel, weight: float, steps: int | None = None) -> Draw:
    """Draw with a model whose images go from -1, paper, to 1, ink."""

    def draw(asked: Tensor, g: Generator) -> Tensor:
        drawn = model.sample(
            len(asked), asked, steps=steps, guidance=weight, generator=g
        )
        return ((drawn + 1) / 2).clamp(0, 1)

    return draw


def _pixels(x: Tensor, y: Tensor, seed: int = 0) -> Learned:
    """Each pixel from another image of the digit."""

    def draw(asked: Tensor, g: Generator) -> Tensor:
        drawn = torch.empty(len(asked), x[0].numel(), dtype=x.dtype)
        for k in asked.unique():
            own, rows = x[y == k].flatten(1), asked == k
            size = int(rows.sum()), own.shape[1]
            drawn[rows] = own.gather(0, torch.randint(len(own), size, generator=g))
        return drawn.view(-1, *x.shape[1:])

    return Learned(draw, None)


def _means(x: Tensor, y: Tensor, seed: int = 0) -> Learned:
    """Always the mean image of the digit."""
    means = torch.stack([x[y == k].mean(0) for k in range(10)])
    return Learned(lambda asked, g: means[asked], None)


def _copier(noise: float) -> Callable[..., Learned]:
    """Images of the digit that it learned from, with noise of so large a deviation."""

    def learn(x: Tensor, y: Tensor, seed: int = 0) -> Learned:
        def draw(asked: Tensor, g: Generator) -> Tensor:
            drawn = torch.empty(len(asked), *x.shape[1:], dtype=x.dtype)
            for k in asked.unique():
                own, rows = x[y == k], asked == k
                drawn[rows] = own[torch.randperm(len(own), generator=g)[: rows.sum()]]
            eps = torch.randn(drawn.shape, generator=g, dtype=x.dtype)
            return (drawn + noise * eps).clamp(0, 1)

        return Learned(draw, None)

    return learn


#: Who takes part: those that learned in the order of their invention, then those that
#: are there to be refused.
DIGIT_CONTENDERS: tuple[DigitContender, ...] = (
    DigitContender("one Gaussian a digit", _gaussian, 1809),
    DigitContender("VAE", _vae, 2014, size=28, prepare=_black, levels=2),
    DigitContender("GAN", _gan, 2014),
    DigitContender("PixelCNN", _pixelcnn, 2016, prepare=_middle, levels=4),
    DigitContender("flow", _flow, 2018),
    DigitContender("energy", _energy, 2019, on_request=False),
    DigitContender("diffusion", _diffusion, 2020),
    DigitContender("flow matching", _flow_matching, 2023),
    DigitContender("U-Net flow", _unet, 2023, size=28),
    DigitContender("U-Net flow, one step", _one_step, 2023, size=28),
    DigitContender("independent pixels", _pixels, size=28),
    DigitContender("mean drawings", _means, size=28),
    DigitContender("noisy copies", _copier(0.1), size=28),
    DigitContender("copies", _copier(0.0), size=28),
)
