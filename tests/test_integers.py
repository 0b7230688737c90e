"""Labels and tokens of every integer type mean what they mean in ``torch.int64``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genbook.data.fruit import sample_fruit
from genbook.data.tokens import detokenise
from genbook.discriminative.crf import LinearChainCRF
from genbook.discriminative.image_classifier import (
    ImageClassifier,
    train_image_classifier,
)
from genbook.discriminative.logistic import LogisticRegression
from genbook.discriminative.tree import DecisionTree
from genbook.metrics import (
    brier_score,
    calibration_error,
    clustering_accuracy,
    coverage,
    mean_log_prob,
    reliability,
)
from genbook.metrics.posterior import aggregated_posterior
from genbook.models.adversarial.gan import GAN
from genbook.models.autoregressive.made import MADE
from genbook.models.autoregressive.pixelcnn import PixelCNN
from genbook.models.autoregressive.transformer import Transformer
from genbook.models.base import GenerativeModel
from genbook.models.density.class_conditional import ClassConditional
from genbook.models.diffusion.diffusion import Diffusion
from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.models.flows.flow import Flow
from genbook.models.variational.vae import VAE
from genbook.training import Batches, fit
from seeding import seeded

TYPES = [
    *(torch.uint8, torch.int8, torch.int16, torch.int32),
    *(torch.uint16, torch.uint32, torch.uint64),
]
Y = torch.tensor([0, 1, 2, 0, 1, 2, 2, 1])
BITS = Y % 2
X = torch.randn(8, 2, generator=seeded(0))
IMAGES = (torch.rand(8, 1, 4, 4, generator=seeded(1)) > 0.5).float()
LOW, HIGH = torch.full((2,), -4.0), torch.full((2,), 4.0)

MODELS: dict[str, Callable[[], GenerativeModel]] = {
    "class-conditional": lambda: ClassConditional((2,), 3, 1, 1).fit(X, Y),
    "made": lambda: MADE(LOW, HIGH, bins=8, hidden=(8,), classes=3),
    "pixelcnn": lambda: PixelCNN((1, 4, 4), channels=4, depth=1, classes=3),
    "flow": lambda: Flow(2, transforms=2, hidden=(8,), classes=3),
    "affine-flow": lambda: Flow(2, kind="affine", hidden=(8,), classes=3),
    "vae": lambda: VAE((2,), hidden=(8,), classes=3),
    "gan": lambda: GAN((2,), hidden=(8,), classes=3),
    "diffusion": lambda: Diffusion((2,), width=8, depth=1, steps=4, classes=3),
    "flow-matching": lambda: FlowMatching((2,), width=8, depth=1, steps=4, classes=3),
}


def same(a: Any, b: Any) -> None:
    """Two results are equal to the last bit, whatever they are made of."""
    if isinstance(a, Tensor):
        assert torch.equal(a, b)
    elif isinstance(a, tuple):
        for one, other in zip(a, b, strict=True):
            same(one, other)
    else:
        assert a == b


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> GenerativeModel:
    """Each model that takes labels."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MODELS[request.param]()


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_models_take_labels_of_every_type(
    model: GenerativeModel, dtype: torch.dtype
) -> None:
    x = IMAGES if len(model.event_shape) == 3 else X
    calls: dict[str, Callable[[Tensor], Any]] = {
        "loss": lambda y: model.loss(x, y, generator=seeded()).detach(),
        "sample": lambda y: model.sample(8, y, generator=seeded()),
        "log_prob": lambda y: model.log_prob(x, y).detach(),  # type: ignore[operator]
        "elbo": lambda y: model.elbo(  # type: ignore[operator]
            x, y, generator=seeded()
        ).detach(),
        "encode": lambda y: model.encode(x, y),  # type: ignore[operator]
    }
    if isinstance(model, ClassConditional):
        model.fit(X, Y.to(dtype))
        calls["encode"] = lambda y: None
    for name, call in calls.items():
        if hasattr(model, name):
            same(call(Y.to(dtype)), call(Y))


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_a_model_is_trained_on_labels_of_every_type(dtype: torch.dtype) -> None:
    def trained(y: Tensor) -> list[float]:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            flow = Flow(2, transforms=2, hidden=(8,), classes=3)
        run = {"steps": 3, "batch_size": 4, "x_val": X, "y_val": y}
        history = fit(flow, X, y, **run)  # type: ignore[arg-type]
        return history.loss + history.val_loss

    assert trained(Y.to(dtype)) == trained(Y)
    batch = Batches(X, Y.to(dtype), 8, seed=0)
    assert batch(0)[1].dtype == dtype  # type: ignore[union-attr]


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_a_language_model_takes_tokens_of_every_type(dtype: torch.dtype) -> None:
    tokens = torch.randint(5, (6, 4), generator=seeded())
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Transformer(5, 4, width=8, depth=1, heads=2)
    for call in (model.log_prob, model.token_log_probs, model.loss, model.logits):
        same(call(tokens.to(dtype)).detach(), call(tokens).detach())
    history = fit(model, tokens.to(dtype), steps=2, batch_size=3)
    assert history.steps == 2
    assert detokenise(tokens[0].to(dtype), list("abcde"))


class Reader(nn.Module):
    """A network whose condition is a text of three tokens."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.words = nn.Embedding(4, 2)
        self.register_buffer("null_condition", torch.zeros(3, dtype=dtype))

    def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        return x + self.words(y).mean(1)


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_a_text_that_is_a_condition_may_be_of_every_type(dtype: torch.dtype) -> None:
    model = FlowMatching((2,), network=Reader(torch.int64))
    y = torch.randint(4, (8, 3), generator=seeded())
    for call in (
        lambda y: model.loss(X, y, generator=seeded()).detach(),
        lambda y: model.sample(8, y, generator=seeded()),
    ):
        same(call(y.to(dtype)), call(y))
    with pytest.raises(TypeError, match="y must be torch"):
        model.loss(X, y.float())


def crf(y: Tensor) -> Tensor:
    """Return what a random field, trained a little, says of labels."""
    x = X.view(1, 8, 2)
    field = LinearChainCRF(2, 3).fit(x, y[None], iterations=3)
    return field.score(x, y[None]).detach()


def classifier(y: Tensor) -> tuple[float, float]:
    """Return how a classifier, trained a little, fits labels."""
    model = train_image_classifier(IMAGES, y, 3, steps=3)
    assert isinstance(model, ImageClassifier)
    return model.accuracy(IMAGES, y), model.loss(IMAGES, y).item()


P = torch.rand(8, generator=seeded(2))
REVERSED = Y.flip(0)
USES: dict[str, Callable[[torch.dtype], Any]] = {
    "logistic": lambda t: LogisticRegression(2).fit(X, BITS.to(t)).logits(X).detach(),
    "tree": lambda t: DecisionTree().fit(X, Y.to(t)).predict_proba(X),
    "crf": lambda t: crf(Y.to(t)),
    "classifier": lambda t: classifier(Y.to(t)),
    "brier": lambda t: brier_score(P, BITS.to(t)),
    "calibration": lambda t: calibration_error(P, BITS.to(t)),
    "reliability": lambda t: tuple(reliability(P, BITS.to(t))),
    "clustering": lambda t: clustering_accuracy(Y.to(t), REVERSED.to(t)),
    "clustering-mixed": lambda t: clustering_accuracy(Y, REVERSED.to(t)),
    "coverage": lambda t: coverage(X, lambda x: Y.to(t), 3, data=X).shares,
    "likelihood": lambda t: float(
        mean_log_prob(MODELS["class-conditional"](), X, Y.to(t))
    ),
    "fruit": lambda t: sample_fruit(8, Y.to(t), size=8, generator=seeded()).x,
}


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("use", USES)
def test_labels_of_every_type_are_used_alike(use: str, dtype: torch.dtype) -> None:
    same(USES[use](dtype), USES[use](torch.int64))


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_codes_of_labels_of_every_type(dtype: torch.dtype) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = VAE((2,), hidden=(8,), classes=3)
    found, wanted = (
        aggregated_posterior(model, X, y, permutations=3, generator=seeded())
        for y in (Y.to(dtype), Y)
    )
    same(tuple(found), tuple(wanted))


def test_labels_at_the_end_of_their_type() -> None:
    """One more than the largest of a byte is no negative number."""
    labels = torch.tensor([127, 126, -1], dtype=torch.int8)
    assert coverage(X[:3], lambda x: labels, 128).unlabelled == pytest.approx(1 / 3)
    big = torch.tensor([255, 0], dtype=torch.uint8)
    assert clustering_accuracy(big, big) == 1
