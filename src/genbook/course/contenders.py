"""Who takes part in the scoreboard, on which points, and for how long.

A contender is a recipe of :mod:`genbook.course.recipes`, or one of the three models
that the map was first given. All train on points that no chapter has used, each for
about ``SECONDS``; whoever wants to know how much of a difference is chance draws again
and trains again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from time import process_time
from typing import Any

import torch
from torch import Tensor

from genbook._validate import check_count, check_each, check_seed
from genbook.course.recipes import World
from genbook.course.recipes.adversarial import gan_world
from genbook.course.recipes.autoregressive import made_world
from genbook.course.recipes.diffusion import diffusion_world
from genbook.course.recipes.energy import energy_world
from genbook.course.recipes.flow_matching import flow_matching_world
from genbook.course.recipes.flows import realnvp_world, spline_world
from genbook.course.recipes.vae import vae_world
from genbook.data.world import WorldMap
from genbook.models.base import GenerativeModel
from genbook.models.density.box import UniformBox
from genbook.models.density.kernel import KernelDensity
from genbook.models.density.mixture import GaussianMixture
from genbook.models.diffusion.gaussian_path import GaussianPathModel
from genbook.training import History

__all__ = [
    "CANDIDATES",
    "Candidate",
    "TrainedModel",
    "board_data",
    "check_world",
    "long_board",
    "train_all",
]

#: The processor time of one core that each training takes, about.
SECONDS = 1.7
#: The steps of the solver of every model that draws by solving an equation; two
#: evaluations of the network each.
SOLVER_STEPS = 20


@dataclass(frozen=True)
class Candidate:
    """A model of the world map that takes part.

    Attributes:
        name: What the table calls it.
        recipe: Trains it on points ``(n, 2)`` and returns it with its history, or
            with ``None`` where the fit has no steps to tell of.
        steps: How many steps take ``SECONDS`` on the machine that the book is written
            on; ``None`` where the fit has none and takes what it takes.
    """

    name: str
    recipe: Callable[..., tuple[GenerativeModel, History | None]]
    steps: int | None = None


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


def _same_solver(recipe: Callable[..., Any]) -> Callable[..., Any]:
    """Give what a recipe trains the solver that all such models get."""

    @wraps(recipe)
    def trained(x: Tensor, **options: Any) -> Any:
        model, history = recipe(x, **options)
        if isinstance(model, GaussianPathModel):
            model.steps = SOLVER_STEPS
        return model, history

    return trained


#: Who takes part, in the order of the book.
CANDIDATES: tuple[Candidate, ...] = (
    Candidate("box", _box),
    Candidate("mixture", _mixture),
    Candidate("kernel estimate", _kernel),
    Candidate("autoregressive", made_world, 290),
    Candidate("spline flow", spline_world, 330),
    Candidate("affine flow", realnvp_world, 200),
    Candidate("VAE", vae_world, 440),
    Candidate("energy-based", energy_world, 175),
    Candidate("diffusion", _same_solver(diffusion_world), 245),
    Candidate("flow matching", _same_solver(flow_matching_world), 250),
    Candidate("GAN", gan_world, 260),
)


def board_data(replicate: int = 0, n: int = 50_000, held_out: int = 2_000) -> World:
    """Return points for the board alone: no chapter trains or measures on them.

    Args:
        replicate: Which draw of the points to train on; the held-out points are the
            same in all, so that differences can be taken point by point.
        n: How many to train on.
        held_out: How many to measure on.

    Returns:
        The task.

    Raises:
        TypeError: If an argument is not an integer.
        ValueError: If one is negative.

    Example:
        >>> a, b = board_data(0, 5, 3), board_data(1, 5, 3)
        >>> torch.equal(a.held_out, b.held_out), torch.equal(a.x, b.x)
        (True, False)
    """
    replicate = check_seed(replicate, "replicate")
    held_out = check_count(held_out, "held_out")
    p_data = WorldMap()
    x, new = (
        p_data.sample(k, generator=torch.Generator().manual_seed(s))
        for k, s in ((n, 2_001 + replicate), (held_out, 2_000))
    )
    return World(p_data, x, new)


def train_all(
    world: World, candidates: Sequence[Candidate] = CANDIDATES, **options: Any
) -> list[TrainedModel]:
    """Train each contender on the same points.

    Args:
        world: The task.
        candidates: Who takes part.
        options: Passed to the recipes, such as ``seed=1`` or ``steps=100`` in place of
            each candidate's own; those that have no steps to take ignore them.

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
    check_world(world)
    entries = []
    for candidate in check_each(candidates, "candidates", Candidate):
        start = process_time()
        chosen = {} if candidate.steps is None else {"steps": candidate.steps}
        model, history = candidate.recipe(world.x, **chosen | options)
        seconds = process_time() - start if history is None else history.cpu_seconds
        entries.append(TrainedModel(candidate.name, model, seconds))
    return entries


def long_board() -> dict[str, list[dict[str, Any]]]:
    """Return what longer trainings of the networks gave, made once and not here.

    ``benchmarks/board.py`` made them, thirty seconds of one core each, on the points of
    :func:`board_data`, with the recipes and the solver of the board.

    Returns:
        For each network by its name one row a draw of the points: its ``steps``, the
        ``seconds`` they took, ``nats`` above the true entropy or ``None``, ``land``,
        the share of samples on land, ``distance``, the energy distance to held-out
        points, and how many continents were ``missed``.

    Example:
        >>> [row["missed"] for row in long_board()["spline flow"]]
        [0, 0, 0]
    """
    told = json.loads(Path(__file__).with_name("board.json").read_text("utf8"))
    rows: dict[str, list[dict[str, Any]]] = told["rows"]
    return rows


def check_world(world: World) -> None:
    """Refuse what is no task.

    Raises:
        TypeError: If ``world`` is not a :class:`~genbook.course.recipes.World`.
    """
    if not isinstance(world, World):
        raise TypeError(f"world must be a World, got {type(world).__name__}")
