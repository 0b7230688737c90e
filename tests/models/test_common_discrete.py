"""What every model of discrete observations meets, as the battery for points does."""

from __future__ import annotations

import copy
import inspect
import json

import pytest
import torch
from torch import Tensor

from genbook.models.autoregressive.pixelcnn import PixelCNN
from genbook.models.autoregressive.transformer import Transformer
from genbook.models.base import TractableModel
from seeding import seeded

CASES: dict[str, tuple[type[TractableModel], dict]] = {
    "pixels": (
        PixelCNN,
        {"event_shape": [1, 4, 4], "channels": 4, "depth": 2, "kernel_size": 3},
    ),
    "tokens": (
        Transformer,
        {"vocab_size": 4, "context_length": 5, "width": 8, "depth": 1, "heads": 2},
    ),
}


@pytest.fixture(params=CASES)
def model(request: pytest.FixtureRequest) -> TractableModel:
    """Each model in turn, untrained, in float64."""
    cls, config = CASES[request.param]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return cls(**config).double().requires_grad_(False)


@pytest.fixture
def x(model: TractableModel) -> Tensor:
    """Observations, drawn from the model itself."""
    return model.sample(9, generator=seeded(1))


def test_samples_follow_the_generator_alone(model: TractableModel) -> None:
    before = torch.get_rng_state()
    a = model.sample(20, generator=seeded(2))
    assert torch.equal(a, model.sample(20, generator=seeded(2)))
    assert not torch.equal(a, model.sample(20, generator=seeded(3)))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("n", [0, 1, 3])
def test_samples_have_shape(model: TractableModel, n: int) -> None:
    assert model.sample(n, generator=seeded(4)).shape == (n, *model.event_shape)


def test_batches_of_any_size(model: TractableModel, x: Tensor) -> None:
    whole = model.log_prob(x)
    assert whole.shape == (9,)
    assert (whole < 0).all()
    assert model.log_prob(x[:0]).shape == (0,)
    ones = torch.cat([model.log_prob(x[i : i + 1]) for i in range(9)])
    assert torch.allclose(ones, whole, rtol=0, atol=1e-10)


def test_the_order_of_rows_changes_nothing(model: TractableModel, x: Tensor) -> None:
    order = torch.randperm(9, generator=seeded(5))
    log_p = model.log_prob(x)
    assert torch.allclose(model.log_prob(x[order]), log_p[order], rtol=0, atol=1e-10)
    assert torch.allclose(model.loss(x[order]), model.loss(x), rtol=0, atol=1e-10)


def test_float32_agrees_with_float64(model: TractableModel, x: Tensor) -> None:
    single = copy.deepcopy(model).float()
    same = x.float() if x.is_floating_point() else x
    assert torch.allclose(single.log_prob(same).double(), model.log_prob(x), atol=1e-4)


def test_state_and_arguments_make_the_same_model(
    model: TractableModel, x: Tensor
) -> None:
    twin = type(model)(**json.loads(json.dumps(model.config))).double()
    twin.load_state_dict(model.state_dict())
    assert torch.equal(twin.log_prob(x), model.log_prob(x))


def test_a_condition_is_refused(model: TractableModel, x: Tensor) -> None:
    y = torch.zeros(9, dtype=torch.long)
    for call in (
        lambda: model.loss(x, y),
        lambda: model.log_prob(x, y),
        lambda: model.sample(9, y),
    ):
        with pytest.raises(ValueError, match="y must be None"):
            call()


def test_bad_arguments_are_refused(model: TractableModel) -> None:
    for name, value in model.config.items():
        for bad in (-1, "what", 2.5j):
            if value != bad:
                with pytest.raises((ValueError, TypeError), match=name):
                    type(model)(**(model.config | {name: bad}))


@pytest.mark.parametrize("n", [-1, 2.0, None])
def test_bad_counts_are_refused(model: TractableModel, n: object) -> None:
    with pytest.raises((ValueError, TypeError), match="n must be"):
        model.sample(n)  # type: ignore[arg-type]


def test_empty_loss_is_refused(model: TractableModel, x: Tensor) -> None:
    with pytest.raises(ValueError, match="x must hold at least one observation"):
        model.loss(x[:0])


def test_doors_are_documented(model: TractableModel) -> None:
    for section in ("Args:", "Raises:", "Reference:", "Example:"):
        assert section in inspect.getdoc(type(model))
