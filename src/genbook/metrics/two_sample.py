"""Generation: whether two samples share one distribution."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from genbook._validate import (
    check_count,
    check_flag,
    check_generator,
    check_tensor,
)

__all__ = [
    "TwoSampleTest",
    "classifier_two_sample_test",
    "energy_distance",
    "energy_test",
]


class TwoSampleTest(NamedTuple):
    """The outcome of a test whether two samples share one distribution.

    Attributes:
        statistic: What was measured.
        p_value: The chance of such a value, or a larger one, if they do.
    """

    statistic: float
    p_value: float


def energy_distance(x: Tensor, y: Tensor, *, unbiased: bool = True) -> float:
    r"""Return the energy distance between two samples.

    .. math:: D^2 = 2\,\mathbb E\|X - Y\| - \mathbb E\|X - X'\| - \mathbb E\|Y - Y'\|

    It is zero exactly when the two distributions are one. SciPy's
    ``energy_distance`` is its square root, in one dimension.

    Args:
        x: A sample, ``(n, *event_shape)``.
        y: Another, ``(m, *event_shape)``.
        unbiased: Whether the means leave out the distance of a point to itself. The
            estimate is then right on average, and may fall below zero when the
            distributions agree; otherwise it is never negative and too large by
            :math:`\mathbb E\|X - X'\| / n + \mathbb E\|Y - Y'\| / m`.

    Returns:
        The distance, in the unit of ``x``.

    Raises:
        ValueError: If a sample is empty, not finite, or shaped unlike the other, or
            has one point only where the estimate is to be unbiased.

    Reference:
        G. J. Székely and M. L. Rizzo, "Energy statistics: a class of statistics based
        on distances", 2013, doi:10.1016/j.jspi.2013.03.018.

    Example:
        >>> x = torch.tensor([[0.0], [2.0]])
        >>> energy_distance(x, x + 10), energy_distance(x, x, unbiased=False)
        (16.0, 0.0)
    """
    unbiased = check_flag(unbiased, "unbiased")
    x, y = _pair(x, y, ("x", "y"), 2 if unbiased else 1)
    n, m = len(x), len(y)
    same = 1 if unbiased else 0
    between = _total_distance(x, y) / (n * m)
    within_x = _total_distance(x, x) / (n * (n - same))
    within_y = _total_distance(y, y) / (m * (m - same))
    return 2 * between - within_x - within_y


def energy_test(
    x: Tensor,
    y: Tensor,
    permutations: int = 199,
    *,
    generator: torch.Generator | None = None,
) -> TwoSampleTest:
    r"""Test by permutation whether two samples share one distribution.

    The labels of the pooled points are shuffled ``B`` times; the p-value is
    ``(1 + #{shuffled statistic >= statistic}) / (1 + B)``, exact at any sample size.
    With the weights ``w = 1/n`` on the points of ``x`` and ``-1/m`` on those of ``y``
    the statistic is :math:`-\mathbf w^\top D\, \mathbf w`, so that all shuffles share
    one pass over the distances ``D``.

    Args:
        x: A sample, ``(n, *event_shape)``.
        y: Another, ``(m, *event_shape)``.
        permutations: The number of shuffles ``B``; the p-value is at least
            ``1 / (1 + B)``.
        generator: The source of randomness; the global one when ``None``.

    Returns:
        The energy distance, which is never negative here, and the p-value.

    Raises:
        ValueError: If a sample is empty, not finite, or shaped unlike the other.

    Reference:
        G. J. Székely and M. L. Rizzo, "Testing for equal distributions in high
        dimension", InterStat, 2004.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> x, y = torch.randn(100, 2, generator=g), torch.randn(100, 2, generator=g)
        >>> energy_test(x, y + 1, generator=g).p_value
        0.005
    """
    permutations = check_count(permutations, "permutations", 1)
    check_generator(generator)
    x, y = _pair(x, y, ("x", "y"), 1)
    n, m = len(x), len(y)
    pooled = torch.cat([x, y])
    first = torch.ones(n + m, dtype=torch.float64)
    first[:n], first[n:] = 1 / n, -1 / m
    shuffles = [_permutation(n + m, generator) for _ in range(permutations)]
    w = torch.stack([first, *(first[s] for s in shuffles)], 1).to(pooled)  # (N, 1 + B)
    statistics = torch.zeros(1 + permutations, dtype=torch.float64).to(pooled)
    for rows, d in _distances(pooled, pooled, 256):  # large enough to multiply fast
        statistics -= (w[rows] * (d @ w)).sum(0)
    observed = statistics[0]
    # Shuffles that split the points alike tie; rounding must not part them.
    slack = 1e-12 * statistics.abs().max()
    larger = int((statistics[1:] >= observed - slack).sum())
    return TwoSampleTest(observed.item(), (1 + larger) / (1 + permutations))


def _permutation(n: int, generator: torch.Generator | None) -> Tensor:
    """Return a shuffle of ``0 … n - 1`` on the CPU, from a generator anywhere."""
    device = "cpu" if generator is None else generator.device
    return torch.randperm(n, generator=generator, device=device).cpu()


def _pair(
    x: Tensor, y: Tensor, names: tuple[str, str], minimum: int
) -> tuple[Tensor, Tensor]:
    """Check two samples of one kind; return them flat and in double precision."""
    for name, t in zip(names, (x, y), strict=True):
        check_tensor(t, name)
        if t.ndim < 2:
            hint = f"; for numbers, pass {name}[:, None]" if t.ndim else ""
            raise ValueError(
                f"{name} must be (n, *event_shape), got {tuple(t.shape)}{hint}"
            )
        if len(t) < minimum:
            raise ValueError(f"{name} must have {minimum} points or more, got {len(t)}")
    if x.shape[1:] != y.shape[1:]:
        raise ValueError(
            f"{names[1]} must have observations {tuple(x.shape[1:])} like {names[0]}, "
            f"got {tuple(y.shape[1:])}"
        )
    return x.detach().flatten(1).double(), y.detach().flatten(1).double()


def _distances(
    x: Tensor, y: Tensor, chunk: int | None = None
) -> Iterator[tuple[slice, Tensor]]:
    """Yield the Euclidean distances of a few rows of ``x`` to all of ``y``."""
    if x.shape[1] <= 16:  # exact differences, in pieces of 2 MB that stay in the cache
        mode, few = "donot_use_mm_for_euclid_dist", max((1 << 18) // len(y), 1)
    else:  # in many dimensions the matrix product is far faster
        mode, few = "use_mm_for_euclid_dist", 512
    chunk = chunk or few
    for i in range(0, len(x), chunk):
        rows = slice(i, i + chunk)
        yield rows, torch.cdist(x[rows], y, compute_mode=mode)


def _total_distance(x: Tensor, y: Tensor) -> float:
    return sum(d.sum().item() for _, d in _distances(x, y))


def classifier_two_sample_test(
    x: Tensor,
    y: Tensor,
    *,
    steps: int = 300,
    hidden: int = 64,
    generator: torch.Generator | None = None,
) -> TwoSampleTest:
    """Test by a classifier whether two samples share one distribution.

    A small network learns to tell half of ``x`` from half of ``y`` and is asked about
    the other halves. If the distributions are one, it can only guess: its hits are
    binomial with probability one half, which gives the p-value. The larger sample is
    cut, at random, to the size of the smaller.

    Args:
        x: A sample, ``(n, *event_shape)``.
        y: Another, ``(m, *event_shape)``.
        steps: How long the classifier learns.
        hidden: The width of its hidden layer.
        generator: The source of randomness; the global one when ``None``.

    Returns:
        The accuracy on the held-out halves, 0.5 where they cannot be told apart, and
        the p-value.

    Raises:
        ValueError: If a sample has fewer than four points, is not finite, or is shaped
            unlike the other.

    Reference:
        D. Lopez-Paz and M. Oquab, "Revisiting Classifier Two-Sample Tests", 2017,
        arXiv:1610.06545.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> x, y = torch.randn(200, 2, generator=g), torch.randn(200, 2, generator=g)
        >>> classifier_two_sample_test(x, 2 * y, steps=20, generator=g).p_value < 0.01
        True
    """
    from scipy.stats import binom  # slow to import

    steps = check_count(steps, "steps", 1)
    hidden = check_count(hidden, "hidden", 1)
    check_generator(generator)
    x, y = _pair(x, y, ("x", "y"), 4)
    n = min(len(x), len(y))
    x = x[_permutation(len(x), generator)[:n].to(x.device)]
    y = y[_permutation(len(y), generator)[:n].to(y.device)]
    half = n // 2
    train, test = torch.cat([x[:half], y[:half]]), torch.cat([x[half:], y[half:]])
    label = torch.arange(2).repeat_interleave(half).to(x.device)
    truth = torch.arange(2).repeat_interleave(n - half).to(x.device)
    mean, scale = train.mean(0), train.std(0).clamp(min=1e-12)
    train, test = ((t - mean) / scale for t in (train, test))
    score = _classifier(train.float(), label, steps, hidden, generator)
    hits = int(((score(test.float()) > 0).long() == truth).sum())
    p_value = binom.sf(hits - 1, len(truth), 0.5).item()  # as many hits, or more
    return TwoSampleTest(hits / len(truth), p_value)


def _classifier(
    x: Tensor, label: Tensor, steps: int, hidden: int, g: torch.Generator | None
) -> Callable[[Tensor], Tensor]:
    """Return the log odds of label 1, learned by a network of one hidden layer."""
    device = x.device if g is None else g.device
    d = x.shape[1]

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=g, device=device, dtype=x.dtype)

    w1 = normal(d, hidden) * math.sqrt(2 / d)
    b1 = normal(hidden)
    w2 = normal(hidden) / math.sqrt(hidden)
    weights = [w.to(x.device).requires_grad_() for w in (w1, b1, w2)]
    b2 = torch.zeros((), device=x.device, dtype=x.dtype, requires_grad=True)

    def score(x: Tensor) -> Tensor:
        return (x @ weights[0] + weights[1]).relu() @ weights[2] + b2

    adam = torch.optim.AdamW([*weights, b2], lr=1e-2, weight_decay=1e-2)
    batch = 256
    for _ in range(steps):
        if len(x) > batch:
            rows = torch.randint(len(x), (batch,), generator=g, device=device)
            rows = rows.to(x.device)
        else:
            rows = torch.arange(len(x), device=x.device)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            score(x[rows]), label[rows].to(x.dtype)
        )
        adam.zero_grad()
        loss.backward()
        adam.step()
    return torch.no_grad()(score)
