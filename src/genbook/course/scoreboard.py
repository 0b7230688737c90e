"""All families on one task: the same points, the same time, the same questions.

The task is the world map, whose truth is known. :func:`board_data` draws points that no
chapter has used, :func:`train_all` trains the contenders on them
(:mod:`genbook.course.contenders`), and :func:`evaluate` asks each what every family is
asked.
"""

from __future__ import annotations

from time import process_time
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from genbook import metrics
from genbook._validate import check_count, check_generator, check_tensor
from genbook.course import taxonomy
from genbook.course.contenders import (
    CANDIDATES,
    Candidate,
    TrainedModel,
    board_data,
    check_world,
    long_board,
    train_all,
)
from genbook.course.recipes import World
from genbook.data.world import WorldMap
from genbook.metrics.cost import nfe
from genbook.models.base import (
    GenerativeModel,
    LatentVariableModel,
    TractableModel,
    VariationalModel,
)
from genbook.models.energy.network import EnergyNetwork
from genbook.models.variational.vae import VAE

__all__ = [
    "CANDIDATES",
    "Candidate",
    "TrainedModel",
    "board_data",
    "estimate_log_prob",
    "evaluate",
    "long_board",
    "random_codes",
    "read_codes",
    "train_all",
]

#: How many codes the importance-weighted estimate of a bounded model draws.
IMPORTANCE_SAMPLES = 100


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
        >>> from genbook.models.density.box import UniformBox
        >>> box = UniformBox.from_corners([-1, -1], [1, 1])
        >>> estimate_log_prob(box, torch.zeros(1, 2))
        tensor([-1.3863])
    """
    _check_model(model)
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


class _Densities:
    """A model's log densities where :mod:`genbook.metrics` asks for a model."""

    def __init__(self, values: Tensor) -> None:
        self.values = values

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.values


def random_codes(
    x: Tensor, k: int, *, generator: torch.Generator | None = None
) -> Tensor:
    r"""Return codes that nothing was learned for: shares of bumps at random places.

    .. math:: z_j = \frac{e^{-\lVert\mathbf x - \mathbf c_j\rVert^2 / 2h^2}}
              {\sum_i e^{-\lVert\mathbf x - \mathbf c_i\rVert^2 / 2h^2}},
              \qquad h = k^{-1/2}

    What a code of ``k`` learned numbers says must be compared with what ``k`` numbers
    say anyway.

    Args:
        x: Points of the map, ``(n, 2)``.
        k: How many numbers a code has.
        generator: The source of the places, even over the square [-1, 1]².

    Returns:
        The codes, ``(n, k)``.

    Raises:
        TypeError: If ``x`` is not a floating-point tensor, or ``k`` not an integer.
        ValueError: If ``x`` has another shape, or ``k`` is below 1.

    Example:
        >>> random_codes(torch.zeros(3, 2), 4).shape
        torch.Size([3, 4])
    """
    check_tensor(x, "x", ("n", 2))
    k = check_count(k, "k", minimum=1)
    centres = 2 * torch.rand(k, 2, generator=check_generator(generator)) - 1
    away = torch.cdist(x, centres.to(x)).square()
    return (-away * k / 2).softmax(1)


def read_codes(
    model: GenerativeModel, p_data: WorldMap, *, n: int = 6_000
) -> dict[str, Any] | None:
    """Return how well the continent can be read off a model's codes.

    Args:
        model: The model.
        p_data: The map.
        n: On how many fresh points: half to fit the line, half to measure.

    Returns:
        ``width``, how many numbers a code has; ``r2``, how well a linear fit reads the
        continents off them, the mean; and ``r2_random``, the same for
        :func:`random_codes` of that width, or ``None`` from a model without codes.

    Raises:
        TypeError: If ``model`` does not generate or ``p_data`` is no map.
        ValueError: If ``n`` is below 1.

    Example:
        >>> from genbook.models.density.box import UniformBox
        >>> read_codes(UniformBox.from_corners([-1, -1], [1, 1]), WorldMap())
    """
    _check_model(model)
    if not isinstance(p_data, WorldMap):
        raise TypeError(f"p_data must be a WorldMap, got {type(p_data).__name__}")
    if not isinstance(model, LatentVariableModel):
        return None
    g = torch.Generator().manual_seed(3_000)
    x = p_data.sample(check_count(n, "n", minimum=1), generator=g)
    codes = torch.cat([model.encode(part) for part in x.split(1000)]).detach()
    kinds = one_hot(p_data.continent(x)).float()
    read = {}
    both = {"r2": codes, "r2_random": random_codes(x, codes.shape[1], generator=g)}
    for name, z in both.items():
        # Without a little noise a number that hardly ever moves weighs without bounds.
        z = z + 1e-2 * z.std() * torch.randn(z.shape, generator=g)
        read[name] = metrics.linear_probe_r2(z, kinds, generator=g).mean().item()
    return {"width": codes.shape[1], **read}


def _check_model(model: GenerativeModel) -> None:
    """Refuse what does not generate."""
    if not isinstance(model, GenerativeModel):
        raise TypeError(f"model must be a GenerativeModel, got {type(model).__name__}")


def evaluate(entry: TrainedModel, world: World, *, n: int = 2_000) -> dict[str, Any]:
    """Ask a model what every family is asked.

    Args:
        entry: From :func:`train_all`.
        world: The task.
        n: How many samples are drawn.

    Returns:
        ``nats`` above the true entropy with its standard error, or ``None`` without a
        density; ``log_prob`` of each held-out point; ``land``, the share of samples on
        land; ``apart``, how far the continents' shares of the samples are from those
        of the held-out points, their total variation; ``missed``, the continents that
        no sample reaches; ``distance``, the energy distance to held-out points;
        ``density``, what can be said of it;
        ``evaluations`` a sample; ``train``, the seconds of training; ``draw``, the
        seconds for 1,000 samples.

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
    check_world(world)
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
    return {
        "model": entry.name,
        "approach": taxonomy.approach(type(model)),
        "nats": nats,
        "log_prob": values,
        "land": metrics.support_share(rule, samples),
        "apart": reach.total_variation,
        "missed": reach.missed,
        "distance": metrics.energy_distance(samples[:4000], x[:4000]),
        "density": taxonomy.density_kind(type(model)),
        "evaluations": nfe(model),
        "train": entry.seconds,
        "draw": draw,
    }
