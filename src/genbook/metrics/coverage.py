"""Generation: whether samples could have been observed, and in all their variety."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral

import torch
from torch import Tensor

from genbook._validate import check_count, check_each, check_labels, check_tensor
from genbook.data.base import KnownDensity
from genbook.metrics.accuracy import Estimate

__all__ = ["Coverage", "coverage", "support_share"]


def support_share(p_data: KnownDensity, samples: Tensor) -> Estimate:
    """Return the share of samples that could have been observed.

    Args:
        p_data: The true density, which knows its support.
        samples: Draws from a model, ``(n, *event_shape)``.

    Returns:
        The share, from 0 to 1, with its binomial standard error.

    Raises:
        ValueError: If ``samples`` is empty, not finite, or of another shape.

    Example:
        >>> from genbook.data.world import WorldMap
        >>> world = WorldMap()
        >>> support_share(world, world.sample(100))
        1.0000 ± 0.0000
    """
    if not isinstance(p_data, KnownDensity):
        raise TypeError(f"p_data must be a KnownDensity, got {type(p_data).__name__}")
    check_tensor(samples, "samples", ("n", *p_data.event_shape))
    share = p_data.on_support(samples).double().mean().item()
    return Estimate(share, math.sqrt(share * (1 - share) / len(samples)))


@dataclass(frozen=True, repr=False)
class Coverage:
    """How samples spread over the classes of the data.

    Attributes:
        classes: The names of the classes.
        shares: The share of each class among the samples that have one, ``(classes,)``.
        data_shares: The same for the data, or ``None`` without data.
        unlabelled: The share of samples that belong to no class.
        missed: The classes that the data have, or might have, and no sample reaches.
    """

    classes: tuple[str, ...]
    shares: Tensor
    data_shares: Tensor | None
    unlabelled: float
    missed: tuple[str, ...]

    @property
    def reached(self) -> float:
        """The share of the data's classes that at least one sample reaches."""
        if self.data_shares is None:
            possible = len(self.classes)
        else:
            possible = int((self.data_shares > 0).sum())
        return 1 - len(self.missed) / possible

    @property
    def total_variation(self) -> float:
        """The total variation between the two lists of shares, from 0 to 1 (apart)."""
        if self.data_shares is None:
            raise ValueError("total_variation needs the data: pass data= to coverage")
        return 0.5 * (self.shares - self.data_shares).abs().sum().item()

    def __repr__(self) -> str:
        hit = len(self.classes) - len(self.missed)
        missed = f", missed {', '.join(self.missed)}" if self.missed else ""
        return f"Coverage({hit} of {len(self.classes)} classes{missed})"


def coverage(
    samples: Tensor,
    labeller: Callable[[Tensor], Tensor],
    classes: int | Sequence[str],
    *,
    data: Tensor | None = None,
) -> Coverage:
    """Return which classes of the data the samples reach, and how often.

    A class of share ``s`` is missed by ``n`` honest samples with probability
    ``(1 - s) ** n``: draw enough before calling a class forgotten.

    Args:
        samples: Draws from a model, ``(n, *event_shape)``.
        labeller: Gives the class of each, ``(n,)`` integers from 0, and -1 for none:
            the continent of a point, the digit that a classifier reads.
        classes: The names of the classes, or how many there are.
        data: Observations to compare with.

    Returns:
        A :class:`Coverage`.

    Raises:
        TypeError: If ``samples`` is not a floating-point tensor, or the labeller gives
            no integers.
        ValueError: If ``samples`` is empty, the labeller names an unknown class, or it
            finds a class for none of the data.

    Example:
        >>> x = torch.tensor([[-2.0], [-1.0], [3.0]])
        >>> side = lambda x: (x[:, 0] > 0).long()
        >>> coverage(x, side, ["left", "right"]).shares
        tensor([0.6667, 0.3333], dtype=torch.float64)
        >>> coverage(x, side, ["left", "right", "above"])
        Coverage(2 of 3 classes, missed above)
    """
    if not callable(labeller):
        raise TypeError(f"labeller must be a function, got {type(labeller).__name__}")
    names = _names(classes)
    shares, unlabelled = _shares(samples, "samples", labeller, len(names))
    data_shares = None
    if data is not None:
        data_shares, _ = _shares(data, "data", labeller, len(names))
        if not data_shares.any():
            raise ValueError(
                f"data must hold some observations of a class, the labeller finds none "
                f"for any of the {len(data)}"
            )
    expected = torch.ones(len(names)) if data_shares is None else data_shares
    missed = tuple(
        name
        for name, s, e in zip(names, shares.tolist(), expected.tolist(), strict=True)
        if s == 0 and e > 0
    )
    return Coverage(names, shares, data_shares, unlabelled, missed)


def _names(classes: int | Sequence[str]) -> tuple[str, ...]:
    """Return the names of the classes."""
    if isinstance(classes, str) or not isinstance(classes, Integral | Sequence):
        raise TypeError(f"classes must be names or a number, got {classes!r}")
    if not isinstance(classes, Sequence):
        return tuple(str(i) for i in range(check_count(classes, "classes", 1)))
    check_count(len(classes), "the number of classes", 1)
    return tuple(check_each(classes, "classes", str))


def _shares(
    x: Tensor, name: str, labeller: Callable[[Tensor], Tensor], classes: int
) -> tuple[Tensor, float]:
    """Return the share of each class among the labelled, and of the unlabelled."""
    if check_tensor(x, name).ndim == 0:
        raise ValueError(f"{name} must be (n, *event_shape), got ()")
    labels = labeller(x)
    labels = check_labels(labels, f"labeller({name})", classes, len(x), minimum=-1)
    counts = torch.bincount(labels.cpu() + 1, minlength=classes + 1).double()
    labelled = counts[1:].sum().clamp(min=1)
    return counts[1:] / labelled, (counts[0] / len(x)).item()
