"""What must not change a likelihood: the columns' units, and the order of the rows.

In other units ``y = unit * x + offset`` a density is ``p(x) / unit``: the likelihood
moves by the units and by nothing else. ``PROMISES`` says of each model of the table in
``conftest.py`` what it promises, and why where that is less than all. The order of rows
changes no model: not at all where nothing is drawn, and else no loss on average.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from genbook.data.toy import TwoMoons
from genbook.models.adversarial.gan import GAN
from genbook.models.autoregressive.made import MADE
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
from genbook.models.energy.network import EnergyNetwork
from genbook.models.energy.noise_conditional import NoiseConditionalEnergy
from genbook.models.flows.flow import Flow
from genbook.models.variational.vae import VAE
from seeding import seeded

X = TwoMoons(noise=0.1).sample(600, generator=seeded(0), dtype=torch.float64)
NEW = TwoMoons(noise=0.1).sample(200, generator=seeded(1), dtype=torch.float64)
Y = (X[:, 0] > X[:, 0].mean()).long()  # a class for those models that want one
LOW, HIGH = torch.tensor([-3.0, -3.0]).double(), torch.tensor([4.0, 3.0]).double()

Corners = tuple[Tensor, Tensor]
Fit = Callable[[Any, Tensor, Tensor], Any]


def closed_form(model: Any, x: Tensor, y: Tensor) -> Any:
    return model.fit(x)


def by_class(model: Any, x: Tensor, y: Tensor) -> Any:
    return model.fit(x, y, iterations=10, generator=seeded(2))


def em(model: Any, x: Tensor, y: Tensor) -> Any:
    return model.fit(x, iterations=60, generator=seeded(2))


def adam(model: Any, x: Tensor, y: Tensor) -> Any:
    """Train for a few steps: so few that rounding has no time to grow."""
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(10):
        optimiser.zero_grad()
        model.loss(x, generator=seeded(3)).backward()
        optimiser.step()
    return model


@dataclass(frozen=True)
class Promise:
    """What a model promises.

    Attributes:
        make: Makes it untrained, for data between two corners.
        fit: Trains it on observations and their classes.
        units: ``"each"`` if the columns may have any units, ``"one"`` if all must have
            the same, which may be any; ``""`` if the units matter.
        drawn: Whether the loss draws noise, for each row its own.
        huge: Whether float32 can hold the fit of data of size 1e20, or refuses them.
        why: Why it does not promise all.
    """

    make: Callable[[Corners], Any]
    fit: Fit = closed_form
    units: str = "each"
    drawn: bool = False
    huge: bool = True
    why: str = ""


ROUND = "its noise is as wide along one column as along another"
STEPS = "gradient descent has units of its own"
SEES = "its network sees the observations in their own unit: standardise them first"
ENERGY = "has no normalised density: energy/test_units.py moves its corners"
GAME = "has no density at all"

PROMISES = {
    "box": Promise(lambda c: UniformBox(2)),
    "gaussian": Promise(lambda c: Gaussian(2)),
    "mixture": Promise(lambda c: GaussianMixture(2, 8), em),
    "histogram": Promise(lambda c: Histogram(*c, 12, pseudo_count=0.5)),
    "grid": Promise(lambda c: GridNetwork(*c, bins=12, hidden=16), adam),
    "made": Promise(lambda c: MADE(*c, bins=12, hidden=(16,), frequencies=2), adam),
    "kernel": Promise(lambda c: KernelDensity(2), units="one", why=ROUND),
    "ppca": Promise(
        lambda c: ProbabilisticPCA((2,), 1), units="one", huge=False, why=ROUND
    ),
    "ppca-mixture": Promise(
        lambda c: PPCAMixture((2,), 8, 1), em, units="one", huge=False, why=ROUND
    ),
    "class-conditional": Promise(
        lambda c: ClassConditional((2,), 2, 3, 1),
        by_class,
        units="one",
        huge=False,
        why=ROUND,
    ),
    "gaussian-by-gradient": Promise(lambda c: Gaussian(2), adam, units="", why=STEPS),
    "ppca-by-gradient": Promise(
        lambda c: ProbabilisticPCA((2,), 1), adam, units="", why=STEPS
    ),
    "flow": Promise(lambda c: Flow(2, transforms=2, hidden=(16,)), adam),
    "flow-affine": Promise(
        lambda c: Flow(2, kind="affine", transforms=4, hidden=(16,)), adam
    ),
    "flow-in-a-box": Promise(
        lambda c: Flow(2, transforms=2, hidden=(16,), low=c[0], high=c[1]), adam
    ),
    "flow-matching": Promise(
        lambda c: FlowMatching((2,), width=24, depth=1),
        adam,
        units="",
        drawn=True,
        why=SEES,
    ),
    "diffusion": Promise(
        lambda c: Diffusion((2,), width=24, depth=1),
        adam,
        units="",
        drawn=True,
        why=SEES,
    ),
    "vae": Promise(
        lambda c: VAE((2,), hidden=(24,)), adam, units="", drawn=True, why=SEES
    ),
    "energy": Promise(
        lambda c: EnergyNetwork(*c, hidden=(16,), frequencies=1, chains=128),
        adam,
        units="",
        drawn=True,
        why=ENERGY,
    ),
    "energy-by-score": Promise(
        lambda c: EnergyNetwork(*c, hidden=(16,), frequencies=1, objective="dsm"),
        adam,
        units="",
        drawn=True,
        why=ENERGY,
    ),
    "energy-of-noise": Promise(
        lambda c: NoiseConditionalEnergy((2,), width=24, depth=1),
        adam,
        units="",
        drawn=True,
        why=ENERGY,
    ),
    "gan": Promise(
        lambda c: GAN((2,), hidden=(16,)), adam, units="", drawn=True, why=GAME
    ),
    "gan-averaged": Promise(
        lambda c: GAN((2,), hidden=(16,), r1_weight=0.1, lipschitz=2.0, ema_decay=0.5),
        adam,
        units="",
        drawn=True,
        why=GAME,
    ),
}
KEPT = {name: p for name, p in PROMISES.items() if p.units}
UNITS: dict[str, list[Sequence[float]]] = {
    "each": [(1e4, 1e-4), (3e-7, 3e-7), (0.7, 1e9)],
    "one": [(1e4, 1e4), (3e-7, 3e-7)],
}


def fitted(
    promise: Promise,
    unit: Tensor,
    offset: Tensor,
    order: Tensor | None = None,
    dtype: torch.dtype = torch.float64,
) -> Any:
    """Return the model fitted in some units, with its rows in some order."""
    rows = slice(None) if order is None else order
    x = (unit * X + offset).to(dtype)[rows]
    corners = (unit * LOW + offset).to(dtype), (unit * HIGH + offset).to(dtype)
    with torch.random.fork_rng():
        torch.manual_seed(4)
        model = promise.make(corners).to(dtype)
    return promise.fit(model, x, Y[rows]).requires_grad_(False)


ONE, ZERO = torch.ones(2).double(), torch.zeros(2).double()
UNITS_OF = [(name, unit) for name, p in KEPT.items() for unit in UNITS[p.units]]


def test_every_model_of_the_table_says_what_it_promises(cases: dict[str, Any]) -> None:
    assert PROMISES.keys() == cases.keys(), "add a line to PROMISES"
    for name, promise in PROMISES.items():
        assert (promise.units == "each") != bool(promise.why), name


@pytest.mark.parametrize(("name", "unit"), UNITS_OF)
def test_the_likelihood_moves_by_the_units_alone(
    name: str, unit: Sequence[float]
) -> None:
    units = torch.tensor(unit).double()
    offset = 3 * units
    here = fitted(KEPT[name], ONE, ZERO)
    there = fitted(KEPT[name], units, offset)
    moved = there.log_prob(units * NEW + offset) + units.log().sum()
    assert torch.allclose(moved, here.log_prob(NEW), rtol=0, atol=1e-4)
    seen = there.log_prob(units * X + offset) + units.log().sum()
    assert seen.mean().item() == pytest.approx(here.log_prob(X).mean().item(), abs=1e-5)
    if hasattr(here, "history"):
        shift = units.log().sum().item()
        assert there.history[-1] + shift == pytest.approx(here.history[-1], abs=1e-6)


@pytest.mark.parametrize("name", [n for n, p in PROMISES.items() if not p.drawn])
def test_the_order_of_rows_changes_nothing(name: str) -> None:
    order = torch.randperm(len(X), generator=seeded(5))
    promise = PROMISES[name]
    a, b = fitted(promise, ONE, ZERO), fitted(promise, ONE, ZERO, order)
    backwards = fitted(promise, ONE, ZERO, torch.arange(len(X)).flip(0))
    for other in (b, backwards):
        assert torch.allclose(other.log_prob(NEW), a.log_prob(NEW), rtol=0, atol=1e-6)
    assert torch.allclose(b.log_prob(X[order]), a.log_prob(X)[order], atol=1e-6)


@pytest.mark.parametrize("name", [n for n, p in PROMISES.items() if p.drawn])
def test_the_order_of_rows_changes_no_loss_on_average(name: str) -> None:
    """Sorted rows and the same shuffled: the noise of a row must not know its place."""
    model = fitted(PROMISES[name], ONE, ZERO).eval()
    rows = X[X[:, 0].argsort()], X[torch.randperm(len(X), generator=seeded(5))]
    gap = torch.stack(
        [
            model.loss(rows[0], generator=seeded(k))
            - model.loss(rows[1], generator=seeded(k))
            for k in range(100)
        ]
    )
    error = gap.std().item() / len(gap) ** 0.5
    assert abs(gap.mean().item()) < 4 * error + 1e-9


@pytest.mark.parametrize("size", [1e-20, 1e20])
@pytest.mark.parametrize("name", KEPT)
def test_float32_fits_data_of_any_size_or_says_that_it_cannot(
    name: str, size: float
) -> None:
    promise = KEPT[name]
    if promise.fit is adam:  # which makes steps of what rounding leaves of a zero
        size = 2.0 ** round(math.log2(size))
    units = size * ONE
    if not promise.huge:
        with pytest.raises(ValueError, match="x must have variances that"):
            fitted(promise, units, ZERO, dtype=torch.float32)
        return
    here = fitted(promise, ONE, ZERO, dtype=torch.float32)
    there = fitted(promise, units, ZERO, dtype=torch.float32)
    moved = there.log_prob((units * NEW).float()) + 2 * math.log(size)
    near = (moved - here.log_prob(NEW.float())).abs() < 0.01
    assert near.double().mean() > 0.99  # a point may change its bin with its digits
    assert there.sample(100, generator=seeded(6)).isfinite().all()
