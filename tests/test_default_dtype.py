"""What is measured, drawn or trained follows its data, not the default type."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from genbook.data.digits import load_digits
from genbook.data.docstring_lines import load_docstring_lines
from genbook.data.fruit import sample_fruit
from genbook.data.paintings import bayes_accuracy, measure_paintings, sample_paintings
from genbook.data.tins import measure_tins, sample_tins
from genbook.data.toy import Checkerboard, Rings, TwoMoons
from genbook.data.toy_mixtures import GaussianMixture2D, Pinwheel
from genbook.data.wind import load_wind
from genbook.data.world import WorldMap
from genbook.discriminative.crf import LinearChainCRF
from genbook.discriminative.image_classifier import (
    negative_images,
    train_image_classifier,
)
from genbook.discriminative.logistic import LogisticRegression
from genbook.discriminative.tree import DecisionTree
from genbook.metrics import (
    classifier_two_sample_test,
    coverage,
    energy_test,
    linear_probe_r2,
    mean_log_prob,
    nats_above_entropy,
    nearest_neighbour_memorisation,
    reliability,
    support_share,
)
from genbook.metrics.baselines import best_constant, clipping_error
from genbook.metrics.posterior import aggregated_posterior
from genbook.models.density.box import UniformBox
from genbook.models.variational.vae import VAE
from genbook.training import fit, load, save
from seeding import seeded
from tiny_models import RUN, Noisy, points, weights

X, Y = points(40), points(80)[40:] + 1
LABELS = (X[:, 0] > 0).long()
ONES = torch.ones(2)
IMAGES = torch.rand(12, 1, 8, 8, generator=seeded(1))
G = seeded  # a new generator of the same seed at every use


STATE = Noisy().state_dict()


def noisy() -> Noisy:
    """Return the same model every time, in single precision."""
    model = Noisy().to(torch.float32)
    model.load_state_dict(STATE)
    return model


def trained(folder: Path) -> list[Any]:
    """Return a training that is stopped, goes on, and is read again."""
    model, path = noisy(), folder / "run"
    path.unlink(missing_ok=True)
    model.stop_at = 20
    with pytest.raises(KeyboardInterrupt):
        fit(model, X, **RUN, x_val=Y, checkpoint=path)
    twin = noisy()
    history = fit(twin, X, **RUN, x_val=Y, checkpoint=path)
    save(twin, folder / "model")
    again = load(noisy(), folder / "model")
    return [history.loss, history.val_loss, weights(again)]


def posterior() -> tuple[Any, ...]:
    """Return what is measured of a small variational autoencoder."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = VAE((2,), hidden=(4,))
    state = {k: torch.full_like(v, 0.1) for k, v in model.state_dict().items()}
    model.load_state_dict(state)
    return tuple(aggregated_posterior(model.float(), X, generator=G()))


CALLS: dict[str, Callable[[Path], Any]] = {
    "training": trained,
    "energy": lambda _: energy_test(X, Y, 9, generator=G()),
    "classifier": lambda _: classifier_two_sample_test(X, Y, steps=9, generator=G()),
    "copies": lambda _: nearest_neighbour_memorisation(X, X, Y, generator=G()),
    "probe": lambda _: linear_probe_r2(X, X + X**2, generator=G()),
    "coverage": lambda _: coverage(X, lambda x: (x[:, 0] > 0).long(), 2, data=Y).shares,
    "support": lambda _: support_share(WorldMap(), X / 9),
    "likelihood": lambda _: mean_log_prob(UniformBox.from_corners(-9 * ONES, ONES), -X),
    "floor": lambda _: nats_above_entropy(
        UniformBox.from_corners(-ONES, ONES), WorldMap(), 50, generator=G()
    ),
    "reliability": lambda _: tuple(reliability(X[:, 0].sigmoid(), LABELS)),
    "baselines": lambda _: (best_constant(X, 0, 1), clipping_error(X, 0, 1)),
    "posterior": lambda _: posterior(),
    "logistic": lambda _: LogisticRegression(2).float().fit(X, LABELS).predict_proba(X),
    "tree": lambda _: DecisionTree().fit(X, LABELS).predict_proba(X),
    "crf": lambda _: (
        LinearChainCRF(2, 2)
        .float()
        .fit(X[None], LABELS[None], iterations=3)
        .marginals(X[None])
    ),
    "judge": lambda _: (
        train_image_classifier(IMAGES, LABELS[:12], 2, noise=0.1, steps=3)
        .predict_proba(IMAGES)
        .dtype
    ),
    "nothing": lambda _: negative_images(IMAGES, 9, generator=G()),
    "digits": lambda _: load_digits("test", size=7).x,
    "lines": lambda _: load_docstring_lines("test").x,
    "wind": lambda _: load_wind().dequantised(G()),
    "world": lambda _: WorldMap().sample(20, generator=G()),
    "moons": lambda _: TwoMoons().log_prob(TwoMoons().sample(9, generator=G())),
    "rings": lambda _: Rings().log_prob(Rings().sample(9, generator=G())),
    "corners": lambda _: [
        (p.low, p.high)
        for p in (TwoMoons(), Rings(), Checkerboard(), Pinwheel(), WorldMap())
    ],
    "board": lambda _: Checkerboard().log_prob(Checkerboard().sample(9, generator=G())),
    "mixture": lambda _: GaussianMixture2D().log_prob(X),
    "pinwheel": lambda _: Pinwheel().log_prob(Pinwheel().sample(9, generator=G())),
    "tins": lambda _: measure_tins(sample_tins(4, generator=G()).x),
    "fruit": lambda _: sample_fruit(4, size=8, generator=G()).x,
    "paintings": lambda _: measure_paintings(
        sample_paintings(3, size=16, generator=G()).x
    ),
    "rule": lambda _: bayes_accuracy(9),
}


@pytest.fixture
def float64() -> Iterator[Callable[[], None]]:
    """Set the default type to double precision, until the test ends."""
    before = torch.get_default_dtype()
    yield lambda: torch.set_default_dtype(torch.float64)
    torch.set_default_dtype(before)


def plain(thing: Any) -> Any:
    """Return what can be compared by ``==``, types and all."""
    if isinstance(thing, Tensor):
        return str(thing.dtype), thing.tolist()
    if isinstance(thing, list | tuple):
        return [plain(part) for part in thing]
    return thing


@pytest.mark.parametrize("name", CALLS)
def test_the_default_type_does_not_matter(
    name: str, tmp_path: Path, float64: Callable[[], None]
) -> None:
    wanted = plain(CALLS[name](tmp_path))
    float64()
    assert plain(CALLS[name](tmp_path)) == wanted
