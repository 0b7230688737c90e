"""Generation: whether samples are copies of what was learned from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import NamedTuple

import torch
from torch import Tensor

from genbook._validate import (
    check_count,
    check_each,
    check_generator,
    check_number,
    check_positive,
)
from genbook.metrics.accuracy import Estimate
from genbook.metrics.two_sample import _distances, _pair, _permutation

__all__ = ["Memorisation", "memorisation_power", "nearest_neighbour_memorisation"]


class Memorisation(NamedTuple):
    """The outcome of a search for copies of the training set.

    Attributes:
        share: The share of samples whose nearest observation was trained on; NaN where
            no sample counts.
        expected: That share if the model remembers no observation.
        p_value: The chance of such a share, or a larger one, if it remembers none.
        counted: How many samples the share is of: all, or those with ``ratio``.
    """

    share: float
    expected: float
    p_value: float
    counted: int


def nearest_neighbour_memorisation(
    samples: Tensor,
    train: Tensor,
    held_out: Tensor,
    *,
    ratio: float = 1.0,
    permutations: int = 999,
    generator: torch.Generator | None = None,
) -> Memorisation:
    """Test whether samples lie closer to the training set than to unseen data.

    A model that has learned the distribution is as close to observations that it never
    saw. So each sample looks for its nearest neighbour among both sets, and the labels
    *trained on* and *held out* are shuffled to see how often chance gives so many
    neighbours that were trained on. The shuffle keeps the samples' crowding around the
    same observations, which a binomial p-value would ignore.

    Where a few samples in a hundred are copies, the many honest ones drown them. A copy
    lies far closer to its original than to anything else: with a ``ratio`` of 0.6, only
    samples count whose nearest observation is less than 0.6 times as far away as the
    second nearest. Labels played no part in the choice, so that the test holds.

    A large p-value clears nobody by itself: :func:`memorisation_power` says how often
    the test would have noticed copies.

    Args:
        samples: Draws from the model, ``(n, *event_shape)``.
        train: What it was trained on, ``(m, *event_shape)``: all of it, since a copy
            of an observation that is left out passes for honest.
        held_out: Observations of the same kind that it never saw,
            ``(k, *event_shape)``; the more, the better the test.
        ratio: Only samples count whose nearest observation, trained on or not, is
            closer than this share of the distance to the second nearest; 1 for all.
        permutations: The number of shuffles ``B``; the p-value is
            ``(1 + #{shuffled share >= share}) / (1 + B)``.
        generator: The source of randomness; the global one when ``None``.

    Returns:
        A :class:`Memorisation`.

    Raises:
        ValueError: If a set is empty, not finite, or shaped unlike the others, or
            ``ratio`` is not above 0 and up to 1.

    Reference:
        C. Meehan, K. Chaudhuri and S. Dasgupta, "A Non-Parametric Test to Detect
        Data-Copying in Generative Models", 2020, arXiv:2004.05675; on the ratio,
        D. G. Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", 2004.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> train, held_out = torch.randn(2, 200, 2, generator=g)
        >>> copies = train[:100] + 0.001
        >>> nearest_neighbour_memorisation(copies, train, held_out, generator=g)
        Memorisation(share=1.0, expected=0.5, p_value=0.001, counted=100)
    """
    permutations = check_count(permutations, "permutations", 1)
    _check_ratio(ratio)
    check_generator(generator)
    flat, train = _pair(samples, train, ("samples", "train"), 1)
    _, held_out = _pair(samples, held_out, ("samples", "held_out"), 1)
    pool, seen = _mixed(train, held_out, generator)
    return _test(_nearest(flat, pool, ratio), seen, permutations, generator)


def memorisation_power(
    fresh: Tensor,
    train: Tensor,
    held_out: Tensor,
    *,
    shares: Sequence[float] = (0.05, 0.25, 1.0),
    noise: float = 0.0,
    ratio: float = 1.0,
    level: float = 0.05,
    repetitions: int = 40,
    permutations: int = 199,
    generator: torch.Generator | None = None,
) -> dict[float, Estimate]:
    """Return how often the test for memorisation notices a planted copier.

    In each repetition a share of the fresh observations, taken at random, gives way to
    copies of training observations, and the test of
    :func:`nearest_neighbour_memorisation` is run. A share of copies that it rarely
    notices is one of which its p-value says nothing. The result holds for these fresh
    observations: others may lie nearer to those trained on, by chance.

    Args:
        fresh: Observations that are nobody's copies, as many as the samples to be
            tested, ``(n, *event_shape)``: further real ones, or those samples.
        train: What the copier copies, ``(m, *event_shape)``: all that was trained on.
        held_out: Observations never trained on, and not among ``fresh``.
        shares: Which shares of the observations are copies, above 0 and up to 1.
        noise: The standard deviation of Gaussian noise on the copies.
        ratio: As in :func:`nearest_neighbour_memorisation`.
        level: The p-value up to which copies count as noticed.
        repetitions: How often each share is planted.
        permutations: As in :func:`nearest_neighbour_memorisation`.
        generator: The source of randomness; the global one when ``None``.

    Returns:
        For each share, the share of repetitions that noticed, with its binomial
        standard error.

    Raises:
        TypeError: If a set is not a floating-point tensor.
        ValueError: If a set is empty, not finite, or shaped unlike the others, a share
            is outside (0, 1], or a p-value cannot reach ``level``.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> train, held_out, fresh = torch.randn(3, 100, 2, generator=g)
        >>> memorisation_power(
        ...     fresh, train, held_out, shares=[1.0], repetitions=10, generator=g
        ... )
        {1.0: 1.0000 ± 0.0000}
    """
    _check_plan(shares, noise, ratio, level, repetitions, permutations)
    g = check_generator(generator)
    flat, train = _pair(fresh, train, ("fresh", "train"), 1)
    _, held_out = _pair(fresh, held_out, ("fresh", "held_out"), 1)
    pool, seen = _mixed(train, held_out, g)
    device = "cpu" if g is None else g.device
    eps = torch.randn(train.shape, generator=g, device=device).to(train)
    near_copy = _nearest(train + noise * eps, pool, ratio)  # one of each, for all
    near_fresh = _nearest(flat, pool, ratio)
    power = {}
    for share in shares:
        found = [
            _test(_planted(near_copy, near_fresh, share, g), seen, permutations, g)
            for _ in range(repetitions)
        ]
        p = sum(test.p_value <= level for test in found) / repetitions
        power[share] = Estimate(p, math.sqrt(p * (1 - p) / repetitions))
    return power


def _planted(
    copies: Tensor, fresh: Tensor, share: float, generator: torch.Generator | None
) -> Tensor:
    """Return the neighbours of fresh observations, a share of them made copies."""
    n = max(round(share * len(fresh)), 1)
    device = "cpu" if generator is None else generator.device
    rows = torch.randint(len(copies), (n,), generator=generator, device=device)
    kept = _permutation(len(fresh), generator)[n:]
    return torch.cat([copies[rows.to(copies.device)], fresh[kept.to(fresh.device)]])


def _mixed(
    train: Tensor, held_out: Tensor, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    """Return both sets in one, and which of it was trained on.

    In random order, so that an observation that stands in both sets is no one's.
    """
    n = len(train) + len(held_out)
    order = _permutation(n, generator).to(train.device)
    return torch.cat([train, held_out])[order], (order < len(train)).double()


def _nearest(x: Tensor, pool: Tensor, ratio: float) -> Tensor:
    """Return the place of each row's nearest neighbour, -1 where it is too far off."""
    found = []
    for _, d in _distances(x, pool):
        first, second = d.topk(2, largest=False).values.T
        found.append(torch.where(first <= ratio * second, d.argmin(1), -1))
    return torch.cat(found)


def _test(
    nearest: Tensor, seen: Tensor, permutations: int, generator: torch.Generator | None
) -> Memorisation:
    """Test whether more neighbours were trained on than shuffled labels give."""
    n, nearest = len(seen), nearest[nearest >= 0]
    visits = torch.bincount(nearest, minlength=n).double()  # samples at each point
    counts = [visits @ seen]
    for _ in range(permutations):
        counts.append(visits @ seen[_permutation(n, generator).to(seen.device)])
    hits = torch.stack(counts)
    larger = int((hits[1:] >= hits[0]).sum())
    return Memorisation(
        hits[0].item() / len(nearest) if len(nearest) else math.nan,
        seen.mean().item(),
        (1 + larger) / (1 + permutations),
        len(nearest),
    )


def _check_ratio(ratio: float) -> None:
    """Refuse a ratio of distances that is not above 0 and up to 1."""
    if check_positive(ratio, "ratio") > 1:
        raise ValueError(f"ratio must be at most 1, got {ratio}")


def _check_plan(
    shares: Sequence[float],
    noise: float,
    ratio: float,
    level: float,
    repetitions: int,
    permutations: int,
) -> None:
    """Check what decides the power of the test, before anything is measured."""
    check_count(repetitions, "repetitions", 1)
    check_count(permutations, "permutations", 1)
    check_positive(noise, "noise", zero=True)
    _check_ratio(ratio)
    if not 1 / (1 + permutations) <= check_number(level, "level") < 1:
        raise ValueError(
            f"level must be below 1 and at least 1 / (1 + permutations), got {level}"
        )
    for share in check_each(shares, "shares", Real):
        if not 0 < share <= 1:
            raise ValueError(f"shares must lie above 0 and up to 1, got {share}")
