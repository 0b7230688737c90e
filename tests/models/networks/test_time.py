"""The parts of networks against sums and against themselves."""

from __future__ import annotations

import pytest
import torch

from genbook.models.networks.mlp import fourier_features
from genbook.models.networks.time import TimeConditionedMLP
from seeding import seeded


def test_waves_fade_to_their_mean_over_the_noise() -> None:
    x = torch.linspace(-1, 1, 7, dtype=torch.float64)[:, None]
    z = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    weight = (-z.square() / 2).exp() / (-z.square() / 2).exp().sum()
    noise = torch.full((7,), 0.2, dtype=torch.float64)
    many = torch.stack([fourier_features(x + 0.2 * k, 4) for k in z])
    wanted = (weight[:, None, None] * many).sum(0)
    assert torch.allclose(fourier_features(x, 4, noise=noise), wanted, atol=1e-12)


def test_one_row_of_conditions_stands_for_all() -> None:
    net = TimeConditionedMLP((2,), width=8, depth=2, frequencies=2, classes=3).double()
    torch.nn.init.normal_(net.output.weight, generator=seeded(0))
    x = torch.randn(5, 2, generator=seeded(1)).double()
    t, y = torch.tensor([0.3]).double(), torch.tensor([2])
    wanted = net(x, t.expand(5), y.expand(5))
    assert torch.allclose(net(x, t, y), wanted, rtol=0, atol=1e-12)


def test_waves_of_time_start_and_end_where_they_should() -> None:
    net = TimeConditionedMLP((2,), width=8, depth=1).double()
    t = torch.tensor([0.0, 1 - net.FIRST], dtype=torch.float64)
    sines = net._embed(t, None)[:, : net.TIMES]
    k = torch.arange(1, net.TIMES + 1, dtype=torch.float64)
    wanted = torch.stack([0 * k, (k * torch.pi / 2).sin()])
    assert torch.allclose(sines, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["width", "depth", "frequencies", "classes"])
def test_bad_sizes_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        TimeConditionedMLP((2,), **{name: -1})
    with pytest.raises(TypeError, match=name):
        TimeConditionedMLP((2,), **{name: 2.5})  # type: ignore[arg-type]
