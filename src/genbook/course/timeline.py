"""Generative models in the order of their invention, on the same digits.

What came before 2014 is fitted here, to the images of each digit by themselves. What
came since are the models of the chapters, by the calls of the digits' scoreboard
(:mod:`genbook.course.digit_contenders`), so that where trainings are kept none of them
runs for the replay; only the diffusion's is its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import process_time
from typing import Any

import torch
from torch import Generator, Tensor

from genbook import metrics
from genbook._validate import (
    check_count,
    check_each,
    check_kind,
    check_labels,
    check_seed,
    check_tensor,
    check_unit_interval,
)
from genbook.course.cached_fit import seeded_init
from genbook.course.digit_board import at_side, judge_digits
from genbook.course.digit_contenders import (
    DIGIT_CONTENDERS,
    DigitContender,
    Learned,
)
from genbook.course.recipes.diffusion import diffusion_images
from genbook.data.digits import load_digits
from genbook.discriminative.convolutional import ConvolutionalClassifier
from genbook.models.density.class_conditional import ClassConditional
from genbook.models.density.kernel import KernelDensity

__all__ = ["METHODS", "Method", "Result", "evaluate", "replay"]


@dataclass(frozen=True)
class Method:
    """A way to learn to draw digits.

    Attributes:
        year: When it was published.
        paper: By whom.
        name: What it is, in a few words.
        contender: How it learns and draws.
    """

    year: int
    paper: str
    name: str
    contender: DigitContender


@dataclass(frozen=True)
class Result:
    """What became of a method.

    Attributes:
        method: The method.
        seconds: The processor time of its training, when that ran.
        samples: What it drew, with ink from 0 to 1, ``(repeats, n, 1, side, side)``.
    """

    method: Method
    seconds: float
    samples: Tensor


def _planes(clusters: int, components: int) -> Callable[[Tensor, Tensor], Learned]:
    """Several planes with noise around them for each digit."""

    def learn(x: Tensor, y: Tensor) -> Learned:
        start = process_time()
        model = ClassConditional(x.shape[1:], 10, clusters, components)
        model.fit(x, y, iterations=15, generator=Generator().manual_seed(0))
        seconds = process_time() - start

        def draw(asked: Tensor, g: Generator) -> Tensor:
            return model.sample(len(asked), asked, generator=g).clamp(0, 1)

        return Learned(draw, seconds)

    return learn


def _kernels(x: Tensor, y: Tensor) -> Learned:
    """A bump on every image, as wide as predicts best the others of its digit."""
    start = process_time()
    models = [KernelDensity(x[0].numel()).fit(x[y == k].flatten(1)) for k in range(10)]
    seconds = process_time() - start

    def draw(asked: Tensor, g: Generator) -> Tensor:
        drawn = torch.empty(len(asked), x[0].numel(), dtype=x.dtype)
        for k in asked.unique().tolist():
            rows = asked == k
            drawn[rows] = models[k].sample(int(rows.sum()), generator=g)
        return drawn.view(-1, *x.shape[1:]).clamp(0, 1)

    return Learned(draw, seconds)


def _diffusion(x: Tensor, y: Tensor) -> Learned:
    """The U-Net on small images, for about as long as the families before it."""
    model, history = diffusion_images(x, y, steps=700)

    def draw(asked: Tensor, g: Generator) -> Tensor:
        drawn = model.sample(len(asked), asked, guidance=1.5, generator=g)
        return ((drawn + 1) / 2).clamp(0, 1)

    return Learned(draw, history.cpu_seconds)


def _old(
    year: int, paper: str, name: str, learn: Callable[[Tensor, Tensor], Learned]
) -> Method:
    return Method(year, paper, name, DigitContender(name, learn, year))


def _of_the_board(paper: str, name: str, called: str) -> Method:
    (contender,) = [c for c in DIGIT_CONTENDERS if c.name == called]
    assert contender.year is not None
    return Method(contender.year, paper, name, contender)


#: The methods, in the order of their invention.
METHODS: tuple[Method, ...] = (
    _old(1809, "Gauss", "mean and errors", _planes(1, 0)),
    _old(1956, "Rosenblatt", "kernel estimate", _kernels),
    _old(1977, "Dempster et al.", "mixture of Gaussians", _planes(6, 0)),
    _old(1999, "Tipping & Bishop", "probabilistic PCA", _planes(1, 30)),
    _old(1999, "Tipping & Bishop", "mixture of PPCA", _planes(4, 8)),
    _of_the_board("Kingma & Welling", "variational autoencoder", "VAE"),
    _of_the_board("Goodfellow et al.", "adversarial network", "GAN"),
    _of_the_board("van den Oord et al.", "PixelCNN", "PixelCNN"),
    _of_the_board("Kingma & Dhariwal", "normalizing flow", "flow"),
    _old(2020, "Ho et al.", "diffusion", _diffusion),
    _of_the_board("Lipman et al.", "flow matching", "U-Net flow"),
)


def replay(
    n: int = 300,
    *,
    methods: Sequence[Method] = METHODS,
    repeats: int = 3,
    seed: int = 0,
) -> list[Result]:
    """Let each method learn from the same digits, and draw.

    All learn from the training digits, at the size at which each sees them, and are
    asked for 0, 1, ..., 9 in turn.

    Args:
        n: How many each method draws at once, at most 10,000.
        methods: Which methods.
        repeats: How often it does so, with other dice, at most 100.
        seed: Decides the dice of the drawings. A training has its own.

    Returns:
        One result for each method.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If a number is out of range.

    Example:
        >>> (result,) = replay(20, methods=METHODS[:1])
        >>> result.method.year, result.samples.shape
        (1809, torch.Size([3, 20, 1, 14, 14]))
    """
    asked = torch.arange(check_count(n, "n", 1, 10_000)) % 10
    repeats = check_count(repeats, "repeats", 1, 100)
    check_seed(seed)
    results = []
    for method in check_each(methods, "methods", Method):
        digits = load_digits("train", size=method.contender.size)
        with seeded_init(0):
            learned = method.contender.learn(method.contender.see(digits.x), digits.y)
        dice = [Generator().manual_seed(seed + k) for k in range(1, repeats + 1)]
        drawn = torch.stack([learned.draw(asked, g) for g in dice])
        results.append(Result(method, learned.seconds or 0.0, drawn))
    return results


def evaluate(
    samples: Tensor, reader: ConvolutionalClassifier, real: Tensor, asked: Tensor
) -> dict[str, Any]:
    """Return four numbers on drawn digits, at the size of the reader.

    Args:
        samples: What was drawn, ``(n, 1, side, side)`` with ink from 0 to 1.
        reader: From :func:`~genbook.course.recipes.reading.digit_reader`.
        real: As many real digits that nobody learned from.
        asked: Which digits were asked for, ``(n,)``.

    Returns:
        The share read as asked; the Fréchet distance between the reader's features of
        the drawn and the real digits; the coverage of the real ones in the same
        features; and the energy distance between the pixels of both.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If shapes differ, ink lies outside [0, 1], or the samples cannot be
            brought to the reader's size.
    """
    check_kind(reader, "reader", ConvolutionalClassifier)
    check_tensor(samples, "samples", ("n", 1, "side", "side"))
    check_unit_interval(samples, "samples")
    asked = check_labels(asked, "asked", reader.classes, len(samples))
    x = at_side(samples, reader.event_shape[-1])
    verdict = judge_digits(reader, x, real, asked)
    return {
        "read as asked": verdict.read,
        "Fréchet distance": verdict.frechet,
        "coverage": verdict.coverage,
        "energy distance": metrics.energy_distance(x, real),
    }
