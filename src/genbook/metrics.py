"""The three promises of a generative model, as numbers.

*Accuracy*: how likely the model finds what is observed (:func:`mean_log_prob`,
:func:`nats_above_entropy`). *Generation*: whether its samples could have been observed,
in all their variety, without being copies (:func:`support_share`, :func:`coverage`,
:func:`energy_distance`, :func:`energy_test`, :func:`classifier_two_sample_test`,
:func:`nearest_neighbour_memorisation`). *Representation*: whether its codes say what
matters (:func:`linear_r2`, :func:`clustering_accuracy`).

Probabilities of labels are judged by :func:`brier_score` and :func:`calibration_error`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from genbook._validate import check_count, check_generator, check_labels, check_tensor
from genbook.data.base import KnownDensity
from genbook.models.base import ExplicitModel

__all__ = [
    "Coverage",
    "Estimate",
    "Memorisation",
    "Reliability",
    "TwoSampleTest",
    "brier_score",
    "calibration_error",
    "classifier_two_sample_test",
    "clustering_accuracy",
    "coverage",
    "energy_distance",
    "energy_test",
    "linear_r2",
    "mean_log_prob",
    "nats_above_entropy",
    "nearest_neighbour_memorisation",
    "reliability",
    "support_share",
]


class Estimate(float):
    """A number with its standard error; in arithmetic it is the number alone.

    Attributes:
        se: The standard error, in the unit of the number; NaN where there is none.

    Example:
        >>> nats = Estimate(0.3012, 0.0041)
        >>> nats, round(nats, 2), nats.se
        (0.3012 ± 0.0041, 0.3, 0.0041)
    """

    se: float

    def __new__(cls, value: float, se: float) -> Estimate:
        self = super().__new__(cls, value)
        self.se = float(se)
        return self

    def __reduce__(self) -> tuple[type[Estimate], tuple[float, float]]:
        return Estimate, (float(self), self.se)

    def __repr__(self) -> str:
        return f"{float(self):.4f} ± {self.se:.4f}"

    __str__ = __repr__


# --- accuracy -------------------------------------------------------------------------


def mean_log_prob(
    model: ExplicitModel, x: Tensor, y: Tensor | None = None, *, chunk: int = 4096
) -> Estimate:
    r"""Return the mean log-likelihood that a model gives to observations, in nats.

    .. math:: \frac1n \sum_{i=1}^n \log p_\text{model}(\mathbf x_i)

    Args:
        model: A model with an exact density.
        x: Observations, ``(n, *event_shape)``.
        y: Their conditions, for models that take them.
        chunk: How many observations are evaluated at once.

    Returns:
        The mean, with its standard error; ``-inf`` (and a NaN error) as soon as the
        model holds one observation for impossible.

    Raises:
        TypeError: If the model has no ``log_prob``.
        ValueError: If ``x`` does not fit the model, or a log density is NaN or
            ``+inf``.

    Example:
        >>> from genbook.models.box import UniformBox
        >>> square = UniformBox.from_corners([-1, -1], [1, 1])
        >>> mean_log_prob(square, torch.zeros(100, 2))
        -1.3863 ± 0.0000
    """
    return _estimate(_log_probs(model, x, y, chunk))


def nats_above_entropy(
    model: ExplicitModel,
    p_data: KnownDensity,
    x: Tensor | int,
    *,
    generator: torch.Generator | None = None,
    chunk: int = 4096,
) -> Estimate:
    r"""Return how far a model is above the floor that no model can pass, in nats.

    This is the Kullback-Leibler divergence from the data to the model, estimated pair
    by pair, so that what both densities share costs no variance:

    .. math:: \frac1n \sum_{i=1}^n \bigl(\log p_\text{data}(\mathbf x_i)
              - \log p_\text{model}(\mathbf x_i)\bigr)

    Args:
        model: A model with an exact density.
        p_data: The true density.
        x: Observations drawn from ``p_data`` and never trained on,
            ``(n, *event_shape)``; or how many to draw.
        generator: The source of randomness when ``x`` is a number.
        chunk: How many observations are evaluated at once.

    Returns:
        The divergence, with its standard error; ``inf`` (and a NaN error) if the model
        holds one of the observations for impossible.

    Raises:
        ValueError: If ``x`` does not fit the model, or ``p_data`` holds one of the
            observations for impossible.

    Example:
        >>> from genbook.data.world import WorldMap
        >>> from genbook.models.box import UniformBox
        >>> world, square = WorldMap(), UniformBox.from_corners([-1, -1], [1, 1])
        >>> nats_above_entropy(square, world, 1000)  # log(4) minus log(land area)
        1.2424 ± 0.0000
    """
    if not isinstance(p_data, KnownDensity):
        raise TypeError(f"p_data must be a KnownDensity, got {type(p_data).__name__}")
    if not isinstance(x, Tensor):
        check_count(x, "x", 1)
        check_generator(generator)
        x = p_data.sample(x, generator=generator, dtype=_dtype_of(model))
    log_model = _log_probs(model, x, None, chunk)
    log_data = torch.cat([p_data.log_prob(part) for part in x.split(chunk)]).double()
    outside = int((~torch.isfinite(log_data)).sum())
    if outside:
        raise ValueError(
            f"x must come from p_data, got {outside} of {len(x)} points off its support"
        )
    return _estimate(log_data.cpu() - log_model)


def _dtype_of(model: object) -> torch.dtype:
    dtype = getattr(model, "dtype", None)
    return dtype if isinstance(dtype, torch.dtype) else torch.get_default_dtype()


@torch.no_grad()
def _log_probs(model: ExplicitModel, x: Tensor, y: Tensor | None, chunk: int) -> Tensor:
    """Return each log density in double precision, on the CPU, ``(n,)``."""
    if not callable(getattr(model, "log_prob", None)):
        raise TypeError(
            f"model must have a log_prob, {type(model).__name__} has no exact density"
        )
    check_count(chunk, "chunk", 1)
    if not isinstance(x, Tensor) or len(x) == 0:
        check_tensor(x, "x")
    if y is not None and len(y) != len(x):
        raise ValueError(f"y must have {len(x)} rows like x, got {len(y)}")
    parts = []
    for i in range(0, len(x), chunk):
        rows = slice(i, i + chunk)
        log_p = model.log_prob(x[rows], None if y is None else y[rows])
        parts.append(log_p.double().cpu())
    log_p = torch.cat(parts)
    bad = int((torch.isnan(log_p) | (log_p == torch.inf)).sum())
    if bad:
        raise ValueError(
            f"log_prob must be below infinity, {type(model).__name__} gave NaN or +inf "
            f"for {bad} of {len(x)} observations"
        )
    return log_p


def _estimate(values: Tensor) -> Estimate:
    """Return the mean of values in double precision, and its standard error."""
    n = len(values)
    se = values.std().item() / math.sqrt(n) if n > 1 else math.nan
    return Estimate(values.mean().item(), se)


# --- generation -----------------------------------------------------------------------


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
    def distance(self) -> float:
        """The total variation between the two lists of shares, from 0 to 1 (apart)."""
        if self.data_shares is None:
            raise ValueError("distance needs the data: pass data= to coverage")
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
        ValueError: If ``samples`` is empty or the labeller names an unknown class.

    Example:
        >>> x = torch.tensor([[-2.0], [-1.0], [3.0]])
        >>> side = lambda x: (x[:, 0] > 0).long()
        >>> coverage(x, side, ["left", "right"]).shares
        tensor([0.6667, 0.3333], dtype=torch.float64)
        >>> coverage(x, side, ["left", "right", "above"])
        Coverage(2 of 3 classes, missed above)
    """
    if isinstance(classes, str) or not isinstance(classes, int | Sequence):
        raise TypeError(f"classes must be names or a number, got {classes!r}")
    if isinstance(classes, int):
        check_count(classes, "classes", 1)
        names = tuple(str(i) for i in range(classes))
    else:
        names = tuple(classes)
        check_count(len(names), "the number of classes", 1)
    shares, unlabelled = _shares(samples, "samples", labeller, len(names))
    data_shares = None
    if data is not None:
        data_shares, _ = _shares(data, "data", labeller, len(names))
    expected = torch.ones(len(names)) if data_shares is None else data_shares
    missed = tuple(
        name
        for name, s, e in zip(names, shares.tolist(), expected.tolist(), strict=True)
        if s == 0 and e > 0
    )
    return Coverage(names, shares, data_shares, unlabelled, missed)


def _shares(
    x: Tensor, name: str, labeller: Callable[[Tensor], Tensor], classes: int
) -> tuple[Tensor, float]:
    """Return the share of each class among the labelled, and of the unlabelled."""
    check_tensor(x, name)
    labels = labeller(x)
    check_labels(labels + 1, f"labeller({name}) + 1", classes + 1, len(x))
    counts = torch.bincount(labels.cpu() + 1, minlength=classes + 1).double()
    labelled = counts[1:].sum().clamp(min=1)
    return counts[1:] / labelled, (counts[0] / len(x)).item()


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
    check_count(permutations, "permutations", 1)
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
            raise ValueError(
                f"{name} must be (n, *event_shape), got ({len(t)},); for numbers, pass "
                f"{name}[:, None]"
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
        >>> classifier_two_sample_test(x, 2 * y, generator=g).p_value < 0.01
        True
    """
    from scipy.stats import binom  # slow to import

    check_count(steps, "steps", 1)
    check_count(hidden, "hidden", 1)
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
    w1 = torch.randn(d, hidden, generator=g, device=device) * math.sqrt(2 / d)
    b1 = torch.randn(hidden, generator=g, device=device)
    w2 = torch.randn(hidden, generator=g, device=device) / math.sqrt(hidden)
    weights = [w.to(x.device).requires_grad_() for w in (w1, b1, w2)]
    b2 = torch.zeros((), device=x.device, requires_grad=True)

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
            score(x[rows]), label[rows].float()
        )
        adam.zero_grad()
        loss.backward()
        adam.step()
    return torch.no_grad()(score)


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
    check_count(permutations, "permutations", 1)
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


# --- representation -------------------------------------------------------------------


def linear_r2(
    codes: Tensor,
    factors: Tensor,
    *,
    held_out: float = 0.5,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Return how well a straight line reads each true factor off the codes.

    A linear regression with intercept is fitted on one random part; the other gives

    .. math:: R^2 = 1 - \frac{\sum_i (f_i - \hat f_i)^2}{\sum_i (f_i - \bar f)^2}

    for each factor: 1 is perfect, 0 no better than the mean, below 0 worse than that.

    Args:
        codes: The representations, ``(n, k)``.
        factors: The true factors, ``(n, f)``.
        held_out: The share of observations kept for the measurement.
        generator: The source of the random parts; the global one when ``None``.

    Returns:
        The held-out :math:`R^2` of each factor, ``(f,)``, in double precision.

    Raises:
        ValueError: If the shapes do not fit, a part is too small, or a factor does not
            vary.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> codes = torch.randn(100, 3, generator=g)
        >>> factors = torch.stack([codes[:, 0] - codes[:, 2], codes[:, 1] ** 2], 1)
        >>> linear_r2(codes, factors, generator=g).round(decimals=1)[0]
        tensor(1., dtype=torch.float64)
    """
    check_generator(generator)
    check_tensor(codes, "codes", ("n", "k"))
    n = len(codes)
    check_tensor(factors, "factors", (n, "f"))
    if not 0 < held_out < 1:
        raise ValueError(f"held_out must be between 0 and 1, got {held_out}")
    size = round(n * (1 - held_out))
    if size <= codes.shape[1] or n - size < 2:
        raise ValueError(
            f"codes must have more than {codes.shape[1]} rows to fit on and 2 to "
            f"measure on, got {size} and {n - size}"
        )
    order = _permutation(n, generator).to(codes.device)
    ones = torch.ones(n, 1, dtype=torch.float64, device=codes.device)
    z = torch.cat([codes.detach().double(), ones], 1)[order]  # (n, k + 1)
    f = factors.detach().double()[order]  # (n, f)
    spread = ((f[size:] - f[size:].mean(0)) ** 2).sum(0)
    if (spread == 0).any():
        still = int((spread == 0).nonzero()[0])
        raise ValueError(f"factors must vary, column {still} has one value only")
    weights = torch.linalg.pinv(z[:size]) @ f[:size]  # (k + 1, f)
    return 1 - ((f[size:] - z[size:] @ weights) ** 2).sum(0) / spread


def clustering_accuracy(labels: Tensor, clusters: Tensor) -> float:
    """Return the accuracy of a clustering under its best naming of the clusters.

    Each cluster gets a label of its own (no two the same) so that as many observations
    as possible are right: an assignment problem, solved exactly by SciPy. Clusters
    beyond the number of labels stay without one.

    Args:
        labels: The true labels, ``(n,)`` integers from 0.
        clusters: The clusters found, ``(n,)`` integers from 0.

    Returns:
        The share of observations whose cluster bears their label.

    Raises:
        TypeError: If either is not an integer tensor.
        ValueError: If the shapes differ or are empty.

    Reference:
        D. F. Crouse, "On implementing 2D rectangular assignment algorithms", 2016,
        doi:10.1109/TAES.2016.140952.

    Example:
        >>> labels = torch.tensor([0, 0, 1, 1, 2])
        >>> clustering_accuracy(labels, torch.tensor([2, 2, 0, 0, 0]))
        0.8
    """
    from scipy.optimize import linear_sum_assignment  # slow to import

    check_labels(labels, "labels", 1 << 16)
    check_labels(clusters, "clusters", 1 << 16, len(labels))
    if len(labels) == 0:
        raise ValueError("labels must hold at least one observation, got none")
    size = int(torch.maximum(labels.max(), clusters.max().to(labels.device))) + 1
    pairs = clusters.cpu().long() * size + labels.cpu().long()
    table = torch.bincount(pairs, minlength=size * size).view(size, size).numpy()
    hits = table[linear_sum_assignment(table, maximize=True)].sum().item()
    return hits / len(labels)


# --- probabilities of labels ----------------------------------------------------------


class Reliability(NamedTuple):
    """Predicted probabilities beside what happened, bin by bin; no bin is empty.

    Attributes:
        predicted: The mean probability that was predicted, ``(bins,)``.
        observed: The share of label 1 among those observations, ``(bins,)``.
        size: How many observations, ``(bins,)``.
    """

    predicted: Tensor
    observed: Tensor
    size: Tensor


def reliability(p: Tensor, y: Tensor, *, bins: int = 10) -> Reliability:
    """Return predicted probabilities beside what happened.

    Args:
        p: Predicted probabilities of label 1, ``(n,)``.
        y: Labels 0 or 1, ``(n,)``.
        bins: Bins of equal width between 0 and 1.

    Raises:
        TypeError: If ``p`` is not floating point or ``y`` not integer.
        ValueError: If a probability is outside [0, 1], or the shapes differ.

    Example:
        >>> reliability(torch.tensor([0.1, 0.1, 0.9]), torch.tensor([0, 1, 1]), bins=2)
        Reliability(predicted=tensor([0.1000, 0.9000], dtype=torch.float64), \
observed=tensor([0.5000, 1.0000], dtype=torch.float64), size=tensor([2, 1]))
    """
    check_count(bins, "bins", 1)
    p, hit = _forecast(p, y)
    place = (p * bins).long().clamp(max=bins - 1)
    count = torch.bincount(place, minlength=bins)
    kept = count > 0
    predicted = torch.bincount(place, p, bins)[kept] / count[kept]
    observed = torch.bincount(place, hit, bins)[kept] / count[kept]
    return Reliability(predicted, observed, count[kept])


def calibration_error(p: Tensor, y: Tensor, *, bins: int = 10) -> float:
    r"""Return the expected calibration error of predicted probabilities.

    .. math:: \sum_b \frac{n_b}{n}\, \lvert \bar y_b - \bar p_b \rvert

    over bins of equal width. It is positive even for true probabilities, because the
    share in a bin is a matter of chance.

    Args:
        p: Predicted probabilities of label 1, ``(n,)``.
        y: Labels 0 or 1, ``(n,)``.
        bins: Bins of equal width between 0 and 1.

    Reference:
        M. Pakdaman Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining Well Calibrated
        Probabilities Using Bayesian Binning", 2015, doi:10.1609/aaai.v29i1.9602.

    Example:
        >>> p, y = torch.tensor([0.2, 0.2, 0.9]), torch.tensor([0, 1, 1])
        >>> round(calibration_error(p, y), 4)
        0.2333
    """
    r = reliability(p, y, bins=bins)
    gap = (r.observed - r.predicted).abs()
    return ((r.size.double() / r.size.sum()) @ gap).item()


def brier_score(p: Tensor, y: Tensor) -> float:
    """Return the mean squared error of predicted probabilities.

    Args:
        p: Predicted probabilities of label 1, ``(n,)``.
        y: Labels 0 or 1, ``(n,)``.

    Reference:
        G. W. Brier, "Verification of Forecasts Expressed in Terms of Probability",
        Monthly Weather Review 78(1), 1950.

    Example:
        >>> round(brier_score(torch.tensor([0.2, 0.9]), torch.tensor([0, 1])), 3)
        0.025
    """
    p, hit = _forecast(p, y)
    return (p - hit).square().mean().item()


def _forecast(p: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Check probabilities and labels; return both in double precision."""
    check_tensor(p, "p", ("n",))
    check_labels(y, "y", 2, len(p))
    if p.min() < 0 or p.max() > 1:
        raise ValueError(f"p must lie in [0, 1], got {p.min():.3g} to {p.max():.3g}")
    return p.detach().double(), y.double()
