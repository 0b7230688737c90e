"""The digits' scoreboard: whatever draws digits is asked the same questions.

Images of all sizes are brought to one size (:func:`at_side`) before one reader of that
size judges them (:func:`judge_digits`). Who takes part stands in
:mod:`genbook.course.digit_contenders`.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from genbook import metrics
from genbook._validate import (
    check_count,
    check_kind,
    check_labels,
    check_positive,
    check_tensor,
    check_unit_interval,
)
from genbook.discriminative.convolutional import ConvolutionalClassifier

__all__ = [
    "DigitVerdict",
    "at_side",
    "digit_board_again",
    "judge_digits",
    "pixel_bits",
]


class DigitVerdict(NamedTuple):
    """What a reader of digits finds in drawn ones.

    Attributes:
        read: The share read as asked; ``None`` where nothing was asked.
        frechet: The Fréchet distance between the features of drawn and real digits.
        precision: The share of the drawn that lie among the real.
        recall: The share of the real that lie among the drawn.
        coverage: The share of real neighbourhoods that hold a drawn digit.
    """

    read: float | None
    frechet: float
    precision: float
    recall: float
    coverage: float


def at_side(x: Tensor, side: int) -> Tensor:
    """Return square images at another size, without making up anything.

    Larger ones are averaged over blocks of pixels. Smaller ones are taken for the
    middle of an image, and get a border of paper.

    Args:
        x: Images with ink from 0 to 1, ``(n, 1, height, height)``.
        side: The pixels a side that they shall have, at most a thousand; a divisor of
            the height, or larger than it by an even number.

    Returns:
        Images, ``(n, 1, side, side)``.

    Raises:
        TypeError: If ``x`` is not a floating-point tensor, or ``side`` no integer.
        ValueError: If the images are not square, hold ink outside [0, 1], or cannot be
            brought to that size.

    Example:
        >>> x = torch.tensor([[[[0.0, 1.0], [1.0, 0.0]]]])
        >>> at_side(x, 1).item(), at_side(x, 4).shape
        (0.5, torch.Size([1, 1, 4, 4]))
    """
    check_unit_interval(check_tensor(x, "x", ("n", 1, "height", "height")), "x")
    side, height = check_count(side, "side", 1, 1000), x.shape[-1]
    if side > height and (side - height) % 2 == 0:
        return pad(x, [(side - height) // 2] * 4)
    if side > height or height % side:
        raise ValueError(
            f"side must divide {height} or be larger by an even number, got {side}"
        )
    return avg_pool2d(x, height // side)


def judge_digits(
    reader: ConvolutionalClassifier,
    drawn: Tensor,
    real: Tensor,
    asked: Tensor | None = None,
) -> DigitVerdict:
    """Judge drawn digits beside real ones, in the features of a reader.

    The Fréchet distance and the shares depend on how many digits are compared: take as
    many drawn as real ones, and put real against real beside them
    (:func:`~genbook.metrics.noise_floor.noise_floor`).

    Args:
        reader: A reader of digits, as
            :func:`~genbook.course.recipes.reading.digit_reader` returns it.
        drawn: What was drawn, ``(n, 1, side, side)`` with ink from 0 to 1.
        real: Real digits that nobody learned from, ``(n, 1, side, side)``.
        asked: Which digits were asked for, ``(n,)``; ``None`` where none was.

    Returns:
        The verdict.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If images are not of the reader's size or hold ink outside [0, 1],
            if there are not as many drawn as real ones, or not a label a drawing.

    Example:
        >>> reader = ConvolutionalClassifier((1, 8, 8), classes=10).eval()
        >>> x = torch.rand(20, 1, 8, 8)
        >>> judge_digits(reader, x, x).recall
        1.0
    """
    check_kind(reader, "reader", ConvolutionalClassifier)
    for images, name in ((drawn, "drawn"), (real, "real")):
        check_tensor(images, name, ("n", *reader.event_shape))
        check_unit_interval(images, name)
    if len(drawn) != len(real):
        raise ValueError(
            f"drawn must hold as many digits as real, {len(real)}, got {len(drawn)}"
        )
    if asked is not None:
        asked = check_labels(asked, "asked", reader.classes, len(drawn))
    a, b = reader.features(real), reader.features(drawn)
    among = metrics.precision_recall(a, b)
    return DigitVerdict(
        None if asked is None else reader.accuracy(drawn, asked),
        metrics.frechet_distance(a, b),
        among.precision,
        among.recall,
        among.coverage,
    )


def pixel_bits(
    x: Tensor,
    y: Tensor,
    new: Tensor,
    new_y: Tensor,
    *,
    levels: int = 256,
    count: float = 0.1,
) -> float:
    r"""Return the bits a pixel that a table of independent pixels needs for images.

    For each digit and each pixel the table holds how often each level of grey occurs,
    and ``count`` more, so that none is impossible:

    .. math:: -\frac{1}{nd} \sum_{i,j} \log_2 \frac{N_{y_i j}(x_{ij}) + c}
              {N_{y_i} + c\,K}

    Any density over the same images must need fewer to have learned anything of how
    pixels go together.

    Args:
        x: Images to count, ``(n, 1, height, width)``, with ink from 0 to 1.
        y: Which digits they show, ``(n,)``.
        new: Images to describe, ``(m, 1, height, width)``.
        new_y: Which digits they show, ``(m,)``.
        levels: How many levels ``K`` a pixel may have, at most 256; ink is rounded to
            the nearest.
        count: What each level gets on top, ``c``.

    Returns:
        Bits a pixel, the mean over images and pixels.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If shapes differ, a label is none of ten, or a number is out of
            range.

    Example:
        >>> x = torch.tensor([0.0, 1.0, 0.0, 1.0]).view(4, 1, 1, 1)
        >>> y = torch.zeros(4, dtype=torch.long)
        >>> pixel_bits(x, y, x, y, levels=2)
        1.0
    """
    check_unit_interval(check_tensor(x, "x", ("n", 1, "height", "width")), "x")
    check_unit_interval(check_tensor(new, "new", ("m", *x.shape[1:])), "new")
    y = check_labels(y, "y", 10, len(x))
    new_y = check_labels(new_y, "new_y", 10, len(new))
    levels = check_count(levels, "levels", 2, 256)
    check_positive(count, "count", maximum=1e6)
    k, unseen = ((a.flatten(1) * (levels - 1)).round().long() for a in (x, new))
    bits = torch.zeros(len(new), dtype=torch.float64)
    for digit in new_y.unique():
        own, asked = k[y == digit], unseen[new_y == digit]
        seen = torch.zeros(levels, k.shape[1], dtype=torch.float64)
        seen.scatter_add_(0, own, torch.ones_like(own, dtype=torch.float64))
        p = (seen + count) / (len(own) + count * levels)
        bits[new_y == digit] = -p.gather(0, asked).log().mean(1) / math.log(2)
    return bits.mean().item()


def digit_board_again() -> dict[str, list[dict[str, Any]]]:
    """Return how the contenders fare when they are trained again with other seeds.

    ``benchmarks/digit_board.py`` trained them, with the recipes and the judge of the
    board, and three drawings of three hundred for each.

    Returns:
        For each contender that learned, by its name, one row a ``seed``: the
        ``seconds`` of its training, its Fréchet distance ``far`` in floors, the mean of
        the three drawings, and the means of ``read`` (``None`` where nothing is asked
        for), ``precision``, ``recall`` and ``coverage``.

    Example:
        >>> [row["seed"] for row in digit_board_again()["VAE"]]
        [0, 1, 2]
    """
    told = Path(__file__).with_name("digit_board.json").read_text("utf8")
    rows: dict[str, list[dict[str, Any]]] = json.loads(told)["rows"]
    return rows
