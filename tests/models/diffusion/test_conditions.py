"""Conditions of every kind: what the network is told, and what stands for none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from doors import check_function_doors
from genbook.models.diffusion.bridge import translate
from genbook.models.diffusion.conditions import (
    MOST_CLASSES,
    check_condition,
    describe,
    null_condition,
)
from genbook.models.diffusion.diffusion import Diffusion
from genbook.models.diffusion.flow_matching import FlowMatching
from genbook.training import fit, load, save
from seeding import seeded

BEGIN, PAD = 0, 9  # tokens


class Labelled(nn.Module):
    """A network whose velocity is its label; the last label stands for none."""

    def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        """Return the label, everywhere."""
        return 0 * x + y[:, None].to(x.dtype)


class Described(nn.Module):
    """A network whose velocity is a vector; a learned one stands for none."""

    def __init__(self, features: int = 2) -> None:
        super().__init__()
        self.config = {"features": features}
        self.null_condition = nn.Parameter(torch.full((features,), 5.0))

    def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        """Return the vector."""
        return 0 * x + y


class Worded(nn.Module):
    """A network whose velocity is the mean over its tokens; it masks the padding."""

    null_condition: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 2)
        nn.init.normal_(self.embedding.weight, generator=seeded(0))
        self.register_buffer("null_condition", torch.tensor([BEGIN, PAD, PAD]))

    def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        """Return the mean over the tokens that are there."""
        there = (y != PAD)[:, :, None]  # (n, length, 1)
        return 0 * x + (self.embedding(y) * there).sum(1) / there.sum(1)


def vectors(n: int) -> Tensor:
    return torch.randn(n, 2, generator=seeded(1))


def texts(n: int) -> Tensor:
    words = torch.randint(1, 9, (n, 2), generator=seeded(2))
    words[::2, 1] = PAD
    return torch.cat([torch.full((n, 1), BEGIN), words], 1)


def labels(n: int) -> Tensor:
    return torch.arange(n) % 3


KINDS = {
    "labels": (Labelled, {"classes": 3}, labels),
    "vectors": (Described, {}, vectors),
    "tokens": (Worded, {}, texts),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Any:
    """Each kind of condition: a network, the model's options, and conditions."""
    return KINDS[request.param]


def test_the_network_hears_the_condition_as_it_is(kind: Any) -> None:
    network, options, conditions = kind
    network, y = network(), conditions(5)
    heard: list[Tensor] = []
    network.register_forward_pre_hook(lambda _, given: heard.append(given[2]))
    model = Diffusion((2,), network=network, steps=2, **options, label_dropout=0.0)
    x = torch.randn(5, 2, generator=seeded(3))
    with torch.no_grad():
        model.velocity(x, torch.tensor(0.5), y)
        model.loss(x, y)
        model.encode(x, y)
        model.decode(x, y)
        model.sample(5, y)
        model.sample_ancestral(5, y)
        model.log_prob(x, y)
        model.elbo(x, y)
        model.score(x, torch.full((5,), 0.5), y)
        translate(model, model, x, y_source=y, y_target=y)
    assert len(heard) > 10
    assert all(torch.equal(got, y) for got in heard)


def test_guidance_weighs_the_answers_with_and_without(kind: Any) -> None:
    network, options, conditions = kind
    model = FlowMatching((2,), network=network(), **options)
    x, t, y = torch.zeros(4, 2), torch.tensor(0.5), conditions(4)
    with torch.no_grad():
        null = model.null_condition.expand(4, *y.shape[1:])
        free, asked = (model.net(x, t.view(1), c) for c in (null, y))
        assert not torch.allclose(free, asked)
        assert torch.equal(model.velocity(x, t), free)
        assert torch.equal(model.velocity(x, t, y), asked)
        assert torch.equal(model.velocity(x, t, y, guidance=0.0), free)
        got = model.velocity(x, t, y, guidance=2.0)
    assert torch.allclose(got, 2 * asked - free, atol=1e-6)


def test_guidance_of_zero_and_one() -> None:
    model = FlowMatching((2,), classes=3, network=Labelled())
    x, t, y = torch.zeros(2, 2), torch.tensor(0.5), torch.tensor([0, 1])
    assert torch.equal(
        model.velocity(x, t, y, guidance=0.0), model.velocity(x, t, None)
    )
    assert torch.equal(model.velocity(x, t, y, guidance=1.0)[:, 0], y.float())
    assert torch.equal(
        model.velocity(x, t, y, guidance=2.0)[:, 0], torch.tensor([-3.0, -1.0])
    )


def test_a_condition_is_dropped_as_often_as_asked(kind: Any) -> None:
    network, options, conditions = kind
    network, y = network(), conditions(4000)
    heard: list[Any] = []
    network.register_forward_pre_hook(lambda _, given: heard.append(given))
    model = FlowMatching((2,), network=network, **options, label_dropout=0.25)
    model.loss(torch.zeros(4000, 2), y, generator=seeded(8))
    got, null = heard[0][2], model.null_condition
    out = (got == null).flatten(1).all(1) if got.ndim > 1 else got == null
    assert out.double().mean().item() == pytest.approx(0.25, abs=0.03)
    assert torch.equal(got[~out], y[~out])
    # The same rows for every kind, at the same times and with the same noise.
    plain = FlowMatching((2,), classes=3, network=Labelled(), label_dropout=0.25)
    plain.net.register_forward_pre_hook(lambda _, given: heard.append(given))
    plain.loss(torch.zeros(4000, 2), labels(4000), generator=seeded(8))
    assert torch.equal(out, heard[1][2] == 3)
    assert torch.equal(heard[0][0], heard[1][0])
    assert torch.equal(heard[0][1], heard[1][1])


def test_what_stands_for_none_can_be_learned() -> None:
    model = FlowMatching((2,), network=Described(), label_dropout=0.5)
    model.loss(torch.zeros(50, 2), vectors(50), generator=seeded(4)).backward()
    assert model.net.null_condition.grad.abs().sum() > 0


class Line(nn.Module):
    """A network that hears a condition through another, which says none for it."""

    def __init__(self, heard: nn.Module) -> None:
        super().__init__()
        self.heard = heard
        self.net = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 2))

    @property
    def null_condition(self) -> Tensor:
        """What the other says."""
        return self.heard.null_condition

    def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        """Return what two layers make of all."""
        h, time = self.heard(x, t, y), t.expand(len(x))[:, None]
        return self.net(torch.cat([x, h, time, time.square()], 1))


@pytest.mark.parametrize("name", ["vectors", "tokens"])
def test_a_vector_or_a_text_says_what_is_drawn(name: str) -> None:
    """Each condition has a Gaussian of its own; the samples follow the one asked."""
    network, _, conditions = KINDS[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = FlowMatching((2,), network=Line(network()), steps=10)
    y = conditions(3000)
    told = network()(torch.zeros(3000, 2), None, y).detach()  # of a text: a mean
    x = told + 0.1 * torch.randn(told.shape, generator=seeded(5))
    fit(model, x, y, steps=300, batch_size=256, lr=1e-2, progress=False)
    size = (told - told.mean(0)).square().mean()
    asked, free = (model.sample(3000, c, generator=seeded(6)) for c in (y, None))
    assert (asked - told).square().mean() < 0.25 * size
    assert (free - told).square().mean() > 1.5 * size  # two draws, were they exact


def test_a_network_of_ones_own_is_saved_and_loaded(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    model = Diffusion((2,), network=Described())
    assert model.config["network"] == {"class": "Described", "config": {"features": 2}}
    assert "width" not in model.config
    nn.init.normal_(model.net.null_condition, generator=seeded(7))
    save(model, file)
    twin = load(Diffusion((2,), network=Described()), file)
    assert torch.equal(twin.net.null_condition, model.net.null_condition)
    with pytest.raises(ValueError, match=r"got others: network is .*Described.*Worded"):
        load(Diffusion((2,), network=Worded()), file)
    with pytest.raises(ValueError, match=r"network is .*'features': 2.*'features': 3"):
        load(Diffusion((2,), network=Described(3)), file)
    with pytest.raises(ValueError, match=r"network is .*Described.* None here"):
        load(Diffusion((2,)), file)


def test_bad_networks_are_refused() -> None:
    with pytest.raises(TypeError, match=r"network must be a torch.nn.Module, got str"):
        Diffusion((2,), network="net")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"classes must be 0 for a network with a"):
        Diffusion((2,), network=Described(), classes=3)
    network = nn.Identity()
    network.null_condition = "none"
    with pytest.raises(TypeError, match=r"null_condition must be a torch.Tensor"):
        Diffusion((2,), network=network)

    class Shrinks(nn.Module):
        def forward(self, x: Tensor, t: Tensor, y: Tensor | None) -> Tensor:
            return x[:, :1]

    model = Diffusion((2,), network=Shrinks())
    with pytest.raises(ValueError, match=r"points \(5, 2\), got \(5, 1\)"):
        model.loss(torch.zeros(5, 2))


@pytest.mark.parametrize(
    ("network", "y", "error", "message"),
    [
        (Described, [1.0], TypeError, "y must be torch.float32 .* got list"),
        (Described, torch.zeros(3, 2).long(), TypeError, "y must be torch.float32"),
        (Described, torch.zeros(3, 4), ValueError, r"must be \(3, 2\), got \(3, 4\)"),
        (Described, torch.zeros(2, 2), ValueError, r"must be \(3, 2\), got \(2, 2\)"),
        (Described, torch.full((3, 2), torch.nan), ValueError, "y must be finite"),
        (Worded, torch.zeros(3, 3), TypeError, "y must be torch.int64"),
        (Worded, torch.zeros(3, 4).long(), ValueError, r"must be \(3, 3\)"),
        (nn.Identity, torch.zeros(3, 2), ValueError, "y must be None"),
    ],
)
def test_bad_conditions_are_refused(
    network: Any, y: Any, error: type[Exception], message: str
) -> None:
    model = FlowMatching((2,), network=network())
    for ask in (
        lambda: model.loss(torch.zeros(3, 2), y),
        lambda: model.sample(3, y),
        lambda: model.encode(torch.zeros(3, 2), y),
        lambda: model.log_prob(torch.zeros(3, 2), y),
    ):
        with pytest.raises(error, match=message):
            ask()


def test_conditions_name_what_they_refuse() -> None:
    check_function_doors(describe, network=nn.Identity())
    check_function_doors(null_condition, network=nn.Identity(), classes=2)
    null = torch.zeros(2)
    for n, error in ((-1, ValueError), (2.5, TypeError)):
        with pytest.raises(error, match="n must be"):
            check_condition(torch.ones(3, 2), null, n)
        with pytest.raises(error, match="classes must be"):
            check_condition(torch.ones(3, 2), null, 3, n)
    with pytest.raises(TypeError, match="null must be"):
        check_condition(torch.ones(3, 2), [0.0, 0.0], 3)
    with pytest.raises(ValueError, match="classes must be at most"):
        null_condition(nn.Identity(), MOST_CLASSES + 1)
    with pytest.raises(ValueError, match="null must be finite"):
        check_condition(torch.ones(3, 2), null / 0, 3)
    with pytest.raises(ValueError, match="y must be finite"):
        check_condition(torch.ones(3, 2) / 0, null, 3)
    assert check_condition(torch.ones(0, 2), null, 0).shape == (0, 2)
    assert check_condition(torch.ones(3, 0), torch.zeros(0), 3).shape == (3, 0)


def test_labels_are_those_there_are() -> None:
    for bad in (torch.tensor([0, 3]), torch.tensor([-1, 0]), torch.tensor([0])):
        with pytest.raises(ValueError, match=r"^y must"):
            check_condition(bad, torch.tensor(3), 2, 3)
    with pytest.raises(TypeError, match=r"^y must"):
        check_condition(torch.tensor([0.0, 1.0]), torch.tensor(3), 2, 3)
    found = check_condition(
        torch.tensor([0, 2], dtype=torch.uint8), torch.tensor(3), 2, 3
    )
    assert found.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("dtype", "fits"),
    [
        *((t, True) for t in (torch.uint8, torch.int16, torch.int32, torch.int64)),
        *((t, False) for t in (torch.bool, torch.float64, torch.complex64)),
    ],
)
def test_tokens_take_the_type_of_what_stands_for_none(
    dtype: torch.dtype, fits: bool
) -> None:
    y, null = torch.ones(3, 2, dtype=dtype), torch.zeros(2, dtype=torch.long)
    if fits:
        assert check_condition(y, null, 3).dtype == torch.long
    else:
        with pytest.raises(TypeError, match=r"^y must be torch\.int64 like null"):
            check_condition(y, null, 3)
    vector = torch.zeros(2)
    if dtype == torch.int64:
        with pytest.raises(TypeError, match=r"^y must be torch\.float32 like null"):
            check_condition(y, vector, 3)
