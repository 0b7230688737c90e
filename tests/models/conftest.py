"""The table of models, and what the battery needs: one line for each model.

Every public generative model must stand in ``CASES`` (``test_common.py`` fails on one
that does not). A later model is one more line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genbook.data.toy import TwoMoons
from genbook.models.adversarial.gan import GAN
from genbook.models.autoregressive.made import MADE
from genbook.models.base import GenerativeModel
from genbook.models.density.box import UniformBox
from genbook.models.density.class_conditional import ClassConditional
from genbook.models.density.gaussian import Gaussian
from genbook.models.density.grid import GridNetwork
from genbook.models.density.histogram import Histogram
from genbook.models.density.kernel import KernelDensity
from genbook.models.density.mixture import GaussianMixture
from genbook.models.density.ppca import ProbabilisticPCA
from genbook.models.density.ppca_mixture import PPCAMixture
from genbook.models.diffusion.diffusion import Diffusion
from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.models.diffusion.schedules import SCHEDULES, Schedule
from genbook.models.energy.network import EnergyNetwork
from genbook.models.energy.noise_conditional import NoiseConditionalEnergy
from genbook.models.flows.flow import Flow
from genbook.models.variational.vae import VAE

torch.set_num_threads(1)  # two threads beside another busy process are far slower

MOONS = TwoMoons(noise=0.1)
CORNERS = MOONS.low, MOONS.high


def seeded(seed: int) -> torch.Generator:
    """Return a new generator."""
    return torch.Generator().manual_seed(seed)


def closed_form(model: Any, x: Tensor) -> None:
    """Train with the model's own ``fit``."""
    model.fit(x)


def em(model: Any, x: Tensor) -> None:
    """Train a mixture."""
    model.fit(x, generator=seeded(1), iterations=60)


def by_class(model: Any, x: Tensor) -> None:
    """Train a class-conditional model; the class is the half of the plane."""
    model.fit(x, (x[:, 0] > x[:, 0].mean()).long(), generator=seeded(1))


def adam(model: GenerativeModel, x: Tensor, steps: int = 150) -> None:
    """Train by gradient, all data at every step."""
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    g = seeded(2)
    model.train()
    for _ in range(steps):
        optimiser.zero_grad()
        model.loss(x, generator=g).backward()
        optimiser.step()
    model.eval()


def train_briefly(model: GenerativeModel, x: Tensor) -> None:
    """Train by gradient, a few steps: enough for what is not a density."""
    adam(model, x, steps=40)


@dataclass(frozen=True)
class Case:
    """A model of the table.

    Attributes:
        make: Makes it, untrained, in float32, for points of the plane.
        train: Trains it on points ``(n, 2)``.
        everywhere: Whether its density is positive in the whole plane.
        smooth: Whether its density is continuous.
        gradients: What the loss can be differentiated by: ``x``, ``theta``.
        conditional: Whether it takes a label, 0 or 1, as its condition.
        side: Points along each side of the grid that its density is integrated on.
    """

    make: Callable[[], GenerativeModel]
    train: Callable[[Any, Tensor], None] = closed_form
    everywhere: bool = True
    smooth: bool = True
    gradients: tuple[str, ...] = ("x", "theta")
    conditional: bool = False
    side: int = 384


CASES = {
    "box": Case(lambda: UniformBox(2), everywhere=False, smooth=False, gradients=()),
    "gaussian": Case(lambda: Gaussian(2)),
    "gaussian-by-gradient": Case(lambda: Gaussian(2), adam),
    "mixture": Case(lambda: GaussianMixture(2, 8), em),
    "histogram": Case(
        lambda: Histogram(*CORNERS, 12), everywhere=False, smooth=False, gradients=()
    ),
    "kernel": Case(lambda: KernelDensity(2), gradients=("x",)),
    "ppca": Case(lambda: ProbabilisticPCA((2,), 1)),
    "ppca-by-gradient": Case(lambda: ProbabilisticPCA((2,), 1), adam),
    "ppca-mixture": Case(lambda: PPCAMixture((2,), 8, 1), em),
    "class-conditional": Case(
        lambda: ClassConditional((2,), 2, 3, 1), by_class, conditional=True
    ),
    "grid": Case(
        lambda: GridNetwork(*CORNERS, bins=24, hidden=32),
        adam,
        everywhere=False,
        smooth=False,
        gradients=("theta",),
    ),
    "made": Case(
        lambda: MADE(*CORNERS, bins=24, hidden=(24, 24), frequencies=2),
        adam,
        everywhere=False,
        smooth=False,
        gradients=("theta",),
    ),
    "flow": Case(lambda: Flow(2, transforms=2, hidden=(16,)), adam),
    "flow-affine": Case(
        lambda: Flow(2, kind="affine", transforms=4, hidden=(16,)), adam
    ),
    "flow-in-a-box": Case(
        lambda: Flow(2, transforms=2, hidden=(16,), low=CORNERS[0], high=CORNERS[1]),
        adam,
        everywhere=False,
        smooth=False,
    ),
    # Each density is an equation solved: fewer points, which err by less than 3e-5.
    "flow-matching": Case(
        lambda: FlowMatching((2,), width=24, depth=1, steps=40), adam, side=192
    ),
    "diffusion": Case(
        lambda: Diffusion((2,), width=24, depth=1, steps=40), adam, side=192
    ),
    "vae": Case(lambda: VAE((2,), hidden=(24,)), train_briefly),
    "energy": Case(
        lambda: EnergyNetwork(*CORNERS, hidden=(16,), frequencies=1, chains=128),
        train_briefly,
    ),
    "energy-by-score": Case(
        lambda: EnergyNetwork(*CORNERS, hidden=(16,), frequencies=1, objective="dsm"),
        train_briefly,
    ),
    "energy-of-noise": Case(
        lambda: NoiseConditionalEnergy((2,), width=24, depth=1), train_briefly
    ),
    # The gradient of the game is not that of any one number: see test_adversarial.py.
    "gan": Case(lambda: GAN((2,), hidden=(16,)), train_briefly, gradients=("game",)),
    "gan-averaged": Case(
        lambda: GAN((2,), hidden=(16,), r1_weight=0.1, lipschitz=2.0, ema_decay=0.5),
        train_briefly,
        gradients=("game",),
    ),
}


@pytest.fixture(params=CASES, scope="session")
def case(request: pytest.FixtureRequest) -> Case:
    """Each model of the table in turn."""
    return CASES[request.param]


@pytest.fixture(scope="session")
def moons() -> TwoMoons:
    """The p_data of the battery: we own its density."""
    return MOONS


@pytest.fixture(scope="session")
def x() -> Tensor:
    """What the models are trained on, ``(3000, 2)``, float64."""
    return MOONS.sample(3000, generator=seeded(0), dtype=torch.float64)


@pytest.fixture(scope="session")
def trained(case: Case, x: Tensor) -> GenerativeModel:
    """The model of the case in float64, trained. Do not change it: copy it first."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = case.make().double()
    case.train(model, x)
    return model.requires_grad_(False)


@pytest.fixture(scope="session")
def cases() -> dict[str, Case]:
    """The whole table."""
    return CASES


class Oracle(nn.Module):
    """The best network for Gaussian data of a given mean and variance, in each way."""

    def __init__(
        self, schedule: Schedule, prediction: str, mean: Tensor, std: Tensor
    ) -> None:
        super().__init__()
        self.schedule, self.prediction = schedule, prediction
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the conditional expectation of what is predicted."""
        s = self.schedule
        a, b = s.alpha(t)[:, None], s.sigma(t)[:, None]
        gain = a * self.std**2 / (a**2 * self.std**2 + b**2)
        x0 = self.mean + gain * (x - a * self.mean)
        # Not (x - a x0) / b, which is nothing over nothing where the noise vanishes.
        eps = b * (x - a * self.mean) / (a**2 * self.std**2 + b**2)
        if self.prediction == "x0":
            return x0
        if self.prediction == "eps":
            return eps
        return s.d_alpha(t)[:, None] * x0 + s.d_sigma(t)[:, None] * eps


class KnownGaussian:
    """Data from ``N(mean, std**2)``, for which the best network is known."""

    def __init__(self, mean: list[float], std: list[float]) -> None:
        self.mean, self.std = torch.tensor(mean).double(), torch.tensor(std).double()

    def network(self, prediction: str = "v", schedule: str = "cosine") -> Oracle:
        """Return that network."""
        return Oracle(SCHEDULES[schedule](), prediction, self.mean, self.std)

    def diffusion(self, prediction: Any = "v", schedule: Any = "cosine") -> Diffusion:
        """Return a diffusion that has it."""
        return Diffusion(
            (2,),
            prediction=prediction,
            schedule=schedule,
            steps=200,
            network=self.network(prediction, schedule),
        )


@pytest.fixture
def known_gaussian() -> Callable[[list[float], list[float]], KnownGaussian]:
    """Gaussian data of a mean and a standard deviation, with their best network."""
    return KnownGaussian


@pytest.fixture
def known() -> KnownGaussian:
    """One of them."""
    return KnownGaussian([0.5, -1.0], [0.4, 1.5])
