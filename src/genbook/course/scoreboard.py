"""All families on one task: the same points, about the same time, the same questions.

The task is the world map, whose truth is known. A contender is a recipe of
:mod:`genbook.course.recipes`, or one of the three models that the map was first given.
:func:`train_all` trains it, and :func:`evaluate` asks it what every family is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import process_time
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from genbook import metrics
from genbook._validate import check_count, check_each, check_generator, check_tensor
from genbook.course import taxonomy
from genbook.course.recipes import World
from genbook.course.recipes.adversarial import gan_world
from genbook.course.recipes.autoregressive import made_world
from genbook.course.recipes.diffusion import diffusion_world
from genbook.course.recipes.energy import energy_world
from genbook.course.recipes.flow_matching import flow_matching_world
from genbook.course.recipes.flows import realnvp_world, spline_world
from genbook.course.recipes.vae import vae_world
from genbook.metrics.cost import nfe
from genbook.models.base import (
    GenerativeModel,
    LatentVariableModel,
    TractableModel,
    VariationalModel,
)
from genbook.models.density.box import UniformBox
from genbook.models.density.kernel import KernelDensity
from genbook.models.density.mixture import GaussianMixture
from genbook.models.energy.network import EnergyNetwork
from genbook.models.variational.vae import VAE
from genbook.training import History

__all__ = [
    "CANDIDATES",
    "Candidate",
    "TrainedModel",
    "estimate_log_prob",
    "evaluate",
    "train_all",
]

#: How many codes the importance-weighted estimate of a bounded model draws.
IMPORTANCE_SAMPLES = 500


@dataclass(frozen=True)
class Candidate:
    """A model of the world map that takes part.

    Attributes:
        name: What the table calls it.
        recipe: Trains it on points ``(n, 2)`` and returns it with its history, or
            with ``None`` where the fit has no steps to tell of.
    """

    name: str
    recipe: Callable[..., tuple[GenerativeModel, History | None]]


@dataclass(frozen=True)
class TrainedModel:
    """A contender that has been trained.

    Attributes:
        name: What the table calls it.
        model: The model.
        seconds: The processor time that its training took when it ran.
    """

    name: str
    model: GenerativeModel
    seconds: float


def _box(x: Tensor, **options: Any) -> tuple[GenerativeModel, None]:
    return UniformBox(dim=2).fit(x), None


def _mixture(x: Tensor, **options: Any) -> tuple[GenerativeModel, None]:
    g = torch.Generator().manual_seed(0)
    return GaussianMixture(dim=2, components=64).fit(x, generator=g), None


def _kernel(x: Tensor, **options: Any) -> tuple[GenerativeModel, None]:
    return KernelDensity(dim=2).fit(x), None


#: Who takes part, in the order of the book.
CANDIDATES: tuple[Candidate, ...] = (
    Candidate("box", _box),
    Candidate("mixture", _mixture),
    Candidate("kernel estimate", _kernel),
    Candidate("autoregressive", made_world),
    Candidate("spline flow", spline_world),
    Candidate("affine flow", realnvp_world),
    Candidate("VAE", vae_world),
    Candidate("energy-based", energy_world),
    Candidate("diffusion", diffusion_world),
    Candidate("flow matching", flow_matching_world),
    Candidate("GAN", gan_world),
)


def train_all(
    world: World, candidates: Sequence[Candidate] = CANDIDATES, **options: Any
) -> list[TrainedModel]:
    """Train each contender on the same points.

    Args:
        world: The task.
        candidates: Who takes part.
        options: Passed to the recipes, such as ``steps=100``; those that have no steps
            to take ignore them.

    Returns:
        One entry for each contender.

    Raises:
        TypeError: If ``world`` is not a :class:`~genbook.course.recipes.World`, or a
            candidate none.

    Example:
        >>> from genbook.course.recipes import world_data
        >>> train_all(world_data(100, 10), CANDIDATES[:1])[0].name
        'box'
    """
    _check_world(world)
    entries = []
    for candidate in check_each(candidates, "candidates", Candidate):
        start = process_time()
        model, history = candidate.recipe(world.x, **options)
        seconds = process_time() - start if history is None else history.cpu_seconds
        entries.append(TrainedModel(candidate.name, model, seconds))
    return entries


@torch.no_grad()
def estimate_log_prob(
    model: GenerativeModel, x: Tensor, *, generator: torch.Generator | None = None
) -> Tensor | None:
    """Return the best that a model can say of the log density, in nats.

    The exact value where there is one; otherwise a lower bound, importance-weighted
    with ``IMPORTANCE_SAMPLES`` codes for a variational autoencoder, or minus the energy
    with the normaliser found by quadrature.

    Args:
        model: The model.
        x: Observations, ``(n, *event_shape)``.
        generator: The source of the codes.

    Returns:
        A tensor ``(n,)``, or ``None`` from a model without any density.

    Raises:
        TypeError: If ``model`` does not generate, or ``x`` is not a floating-point
            tensor.
        ValueError: If ``x`` has another shape, is empty, or is not finite.

    Example:
        >>> box = UniformBox.from_corners([-1, -1], [1, 1])
        >>> estimate_log_prob(box, torch.zeros(1, 2))
        tensor([-1.3863])
    """
    if not isinstance(model, GenerativeModel):
        raise TypeError(f"model must be a GenerativeModel, got {type(model).__name__}")
    check_tensor(x, "x", ("n", *model.event_shape))
    check_generator(generator)
    if isinstance(model, TractableModel):
        return torch.cat([model.log_prob(part) for part in x.split(1000)])
    if isinstance(model, VAE):
        parts = [
            model.elbo(part, k=IMPORTANCE_SAMPLES, generator=generator)
            for part in x.split(250)
        ]
        return torch.cat(parts)
    if isinstance(model, VariationalModel):
        return torch.cat(
            [model.elbo(part, generator=generator) for part in x.split(1000)]
        )
    if isinstance(model, EnergyNetwork):
        return -model.energy(x) - model.log_partition()
    return None


def _check_world(world: World) -> None:
    """Refuse what is no task."""
    if not isinstance(world, World):
        raise TypeError(f"world must be a World, got {type(world).__name__}")


class _Densities:
    """A model's log densities where :mod:`genbook.metrics` asks for a model."""

    def __init__(self, values: Tensor) -> None:
        self.values = values

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.values


def evaluate(entry: TrainedModel, world: World, *, n: int = 10_000) -> dict[str, Any]:
    """Ask a model what every family is asked.

    Args:
        entry: From :func:`train_all`.
        world: The task.
        n: How many samples are drawn.

    Returns:
        ``nats`` above the true entropy with its standard error, or ``None`` without a
        density; ``land``, the share of samples on land; ``wrong``, the share on the
        wrong continent; ``missed``, the continents that no sample reaches;
        ``distance``, the energy distance to held-out points; ``r2``, how well a
        straight line reads the continent off the codes, or ``None`` without codes;
        ``density``, what can be said of it; ``evaluations`` a sample; ``train``, the
        seconds of training; ``draw``, the seconds for 1,000 samples.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If ``n`` is below 1.

    Example:
        >>> from genbook.course.recipes import world_data
        >>> world = world_data(100, 50)
        >>> (box,) = train_all(world, CANDIDATES[:1])
        >>> round(evaluate(box, world, n=100)["land"], 1)
        0.3
    """
    if not isinstance(entry, TrainedModel):
        raise TypeError(
            f"entry must be a TrainedModel of train_all, got {type(entry).__name__}"
        )
    _check_world(world)
    n = check_count(n, "n", minimum=1)
    model, rule, x = entry.model, world.p_data, world.held_out
    g = torch.Generator().manual_seed(0)
    start = process_time()
    samples = torch.cat(
        [model.sample(min(1000, n - i), generator=g) for i in range(0, n, 1000)]
    )
    draw = (process_time() - start) * 1000 / n
    reach = metrics.coverage(samples, rule.continent, rule.CONTINENTS, data=x)
    values = estimate_log_prob(model, x, generator=g)
    nats = None
    if values is not None:
        known: Any = _Densities(values)
        nats = metrics.nats_above_entropy(known, rule, x, chunk=len(x))
    r2 = None
    if isinstance(model, LatentVariableModel):
        codes = torch.cat([model.encode(part) for part in x.split(1000)]).detach()
        continents = one_hot(rule.continent(x), len(rule.CONTINENTS)).float()
        r2 = metrics.linear_probe_r2(codes, continents, generator=g).mean().item()
    return {
        "model": entry.name,
        "approach": taxonomy.approach(type(model)),
        "nats": nats,
        "land": metrics.support_share(rule, samples),
        "wrong": reach.total_variation,
        "missed": reach.missed,
        "distance": metrics.energy_distance(samples[:4000], x[:4000]),
        "r2": r2,
        "density": taxonomy.density_kind(type(model)),
        "evaluations": nfe(model),
        "train": entry.seconds,
        "draw": draw,
    }
