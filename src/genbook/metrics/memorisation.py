"""Generation: whether samples are copies of what was learned from."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from genbook._validate import check_count, check_generator
from genbook.metrics.two_sample import _distances, _pair, _permutation

__all__ = ["Memorisation", "nearest_neighbour_memorisation"]


class Memorisation(NamedTuple):
    """The outcome of a search for copies of the training set.

    Attributes:
        share: The share of samples whose nearest observation was trained on.
        expected: That share if the model remembers no observation.
        p_value: The chance of such a share, or a larger one, if it remembers none.
    """

    share: float
    expected: float
    p_value: float


def nearest_neighbour_memorisation(
    samples: Tensor,
    train: Tensor,
    held_out: Tensor,
    *,
    permutations: int = 999,
    generator: torch.Generator | None = None,
) -> Memorisation:
    """Test whether samples lie closer to the training set than to unseen data.

    A model that has learned the distribution is as close to observations that it never
    saw. So each sample looks for its nearest neighbour among both sets, and the labels
    *trained on* and *held out* are shuffled to see how often chance gives so many
    neighbours that were trained on. The shuffle keeps the samples' crowding around the
    same observations, which a binomial p-value would ignore.

    Args:
        samples: Draws from the model, ``(n, *event_shape)``.
        train: What it was trained on, ``(m, *event_shape)``.
        held_out: Observations of the same kind that it never saw,
            ``(k, *event_shape)``; about as many as ``train`` for the best test.
        permutations: The number of shuffles ``B``; the p-value is
            ``(1 + #{shuffled share >= share}) / (1 + B)``.
        generator: The source of randomness; the global one when ``None``.

    Returns:
        A :class:`Memorisation`.

    Raises:
        ValueError: If a set is empty, not finite, or shaped unlike the others.

    Reference:
        C. Meehan, K. Chaudhuri and S. Dasgupta, "A Non-Parametric Test to Detect
        Data-Copying in Generative Models", 2020, arXiv:2004.05675.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> train, held_out = torch.randn(2, 200, 2, generator=g)
        >>> copies = train[:100] + 0.001
        >>> nearest_neighbour_memorisation(copies, train, held_out, generator=g)
        Memorisation(share=1.0, expected=0.5, p_value=0.001)
    """
    permutations = check_count(permutations, "permutations", 1)
    check_generator(generator)
    flat, train = _pair(samples, train, ("samples", "train"), 1)
    _, held_out = _pair(samples, held_out, ("samples", "held_out"), 1)
    n = len(train) + len(held_out)
    # In random order, so that an observation that stands in both sets is no one's.
    order = _permutation(n, generator).to(flat.device)
    pool = torch.cat([train, held_out])[order]
    seen = (order < len(train)).double()
    nearest = torch.cat([d.argmin(1) for _, d in _distances(flat, pool)])
    visits = torch.bincount(nearest, minlength=n).double()  # samples at each point
    counts = [visits @ seen]
    for _ in range(permutations):
        counts.append(visits @ seen[_permutation(n, generator).to(flat.device)])
    hits = torch.stack(counts)
    larger = int((hits[1:] >= hits[0]).sum())
    return Memorisation(
        hits[0].item() / len(flat), len(train) / n, (1 + larger) / (1 + permutations)
    )
