"""The network of a coupling: what it sees, and that it starts at zero."""

from __future__ import annotations

import math

import pytest
import torch

from doors import check_limits
from genbook.models.flows.conditioner import Conditioner
from seeding import seeded


def test_only_the_last_layer_starts_at_zero() -> None:
    net = Conditioner(3, 4, (5, 6), context_features=2, frequencies=2)
    x, h = torch.randn(7, 3, generator=seeded(0)), torch.ones(7, 2)
    assert torch.equal(net(x, h), torch.zeros(7, 4))
    assert not any(p.any() for p in net.net[-1].parameters())
    first = [p for p in net.parameters() if p.shape != (4,)][:4]
    assert all(p.any() for p in first)  # or nothing could ever be learned


@pytest.mark.parametrize("features", [0, 2])
def test_it_sees_waves_of_the_coordinates_and_the_condition(features: int) -> None:
    net = Conditioner(1, 4, (5,), context_features=features, frequencies=2).double()
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.randn(p.shape, generator=seeded(p.numel())))
    x = torch.tensor([[0.3], [-0.8]]).double()
    h = torch.tensor([[1.0, 2.0], [3.0, -1.0]]).double() if features else None
    angle = torch.cat([math.pi * x, 2 * math.pi * x], 1)
    seen = torch.cat([x, angle.sin(), angle.cos(), *([] if h is None else [h])], 1)
    hidden, last = (m for m in net.net if isinstance(m, torch.nn.Linear))
    (between,) = (m for m in net.net if not isinstance(m, torch.nn.Linear))
    wanted = between(seen @ hidden.weight.T + hidden.bias) @ last.weight.T + last.bias
    assert torch.allclose(net(x, h), wanted)


def test_counts_have_limits() -> None:
    check_limits(
        lambda **n: Conditioner(**{"inputs": 2, "outputs": 3, "hidden": (4,)} | n),
        {
            "inputs": 16_384,
            "outputs": 16_384 * 3 * 999,
            "context_features": 2**20,
            "frequencies": 24,
        },
        inputs=1,
        outputs=1,
        context_features=0,
        frequencies=0,
    )
    for hidden in ([0], [2**20 + 1]):
        with pytest.raises(ValueError, match="hidden must be at"):
            Conditioner(2, 3, hidden)


def test_wrong_shapes_and_types_are_refused() -> None:
    net, x, h = Conditioner(2, 3, (4,), 5), torch.ones(6, 2), torch.ones(6, 5)
    for bad in ((x[:, :1], h), (x, h[1:]), (x, h[:, 1:]), (x, None)):
        with pytest.raises(ValueError, match="must be"):
            net(*bad)
    for bad in ((x.double(), h), (x, h.double()), (x.long(), h)):
        with pytest.raises(TypeError, match="must be"):
            net(*bad)
    with pytest.raises(ValueError, match="h must be None"):
        Conditioner(2, 3, (4,))(x, h)
    lost = net(torch.tensor([[1.0, math.nan]]), h[:1])
    assert lost.isnan().all()
    assert net(x[:0], h[:0]).shape == (0, 3)
