"""The parts of networks against sums and against themselves."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import gelu

from doors import check_event_shape, check_function_doors, check_limits
from genbook.models.networks.mlp import fourier_features
from genbook.models.networks.time import TimeConditionedMLP
from genbook.training import isolated_rng
from seeding import seeded
from starts import check_start


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
    waves = net._embed(t, None)[:, : 2 * net.TIMES]
    k = torch.arange(1, net.TIMES + 1, dtype=torch.float64) * torch.pi / 2
    first = torch.cat([0 * k, 0 * k + 1])  # sines, then cosines
    wanted = torch.stack([first, torch.cat([k.sin(), k.cos()])])
    assert torch.allclose(waves, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["width", "depth", "frequencies", "classes"])
def test_bad_sizes_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        TimeConditionedMLP((2,), **{name: -1})
    with pytest.raises(TypeError, match=name):
        TimeConditionedMLP((2,), **{name: 2.5})  # type: ignore[arg-type]


def test_the_network_bends_smoothly() -> None:
    """Its divergence has no jumps, so that a likelihood made of it can be climbed."""
    net = TimeConditionedMLP((2,), width=16, depth=2).double()
    torch.nn.init.normal_(net.output.weight, generator=seeded(2))
    t = torch.tensor([0.3]).double()

    def jump(step: float) -> float:
        line = torch.arange(-1, 1, step).double()
        x = torch.stack([line, 0.3 * line], 1).requires_grad_()
        said = net(x, t)
        parts = [
            torch.autograd.grad(said[:, i].sum(), x, retain_graph=True)[0][:, i]
            for i in range(2)
        ]
        return (parts[0] + parts[1]).diff().abs().max().item()

    assert jump(2e-4) < 0.6 * jump(4e-4)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": torch.zeros(5, 3).double()}, ValueError, r"x must be \(n, 2\)"),
        ({"x": torch.zeros(5, 2)}, TypeError, "x must be torch.float64"),
        ({"t": 0.5}, TypeError, "t must be a torch.Tensor"),
        ({"t": torch.zeros(2).double()}, ValueError, r"t must be \(5,\) or \(1,\)"),
        ({"y": None}, ValueError, "y must be labels 0 to 3, got None"),
        ({"y": torch.full((5,), 4)}, ValueError, "y must hold labels 0 to 3, got 4"),
        ({"y": torch.zeros(3).long()}, ValueError, r"y must be \(5,\) or \(1,\)"),
    ],
)
def test_bad_questions_are_refused(
    change: dict, error: type[Exception], message: str
) -> None:
    net = TimeConditionedMLP((2,), width=8, depth=1, classes=3).double()
    good = {"x": torch.zeros(5, 2), "t": torch.zeros(1)}
    asked = {k: v.double() for k, v in good.items()} | {"y": torch.tensor([3])}
    assert net(**asked).shape == (5, 2)
    with pytest.raises(error, match=message):
        net(**(asked | change))
    with pytest.raises(ValueError, match="y must be None"):
        TimeConditionedMLP((2,))(torch.zeros(5, 2), torch.zeros(1), torch.zeros(5))


def test_sizes_have_a_limit() -> None:
    for name in ("width", "depth", "frequencies", "classes"):
        with pytest.raises(ValueError, match=f"{name} must be at most"):
            TimeConditionedMLP((2,), **{name: 10**9})


def test_a_new_network_says_nothing() -> None:
    net = TimeConditionedMLP((2, 3), width=8, depth=2, classes=3)
    x, t = torch.randn(4, 2, 3, generator=seeded(1)), torch.full((4,), 0.3)
    assert not net(x, t, torch.arange(4)).any()
    assert net.output.weight.requires_grad


def test_no_points_have_no_answers() -> None:
    net = TimeConditionedMLP((2,), width=8, depth=1, classes=2)
    for n in (0, 1):
        x, t, y = torch.zeros(0, 2), torch.zeros(n), torch.zeros(n).long()
        assert net(x, t, y).shape == (0, 2)


def test_what_is_no_number_gives_none() -> None:
    net = TimeConditionedMLP((2,), width=8, depth=1)
    x, t = torch.zeros(2, 2), torch.zeros(2)
    x[0, 0] = t[1] = torch.nan
    assert net(x, 0 * x[1, :1]).isnan().any(1).tolist() == [True, False]
    assert net(0 * x[1].expand(2, 2), t).isnan().any(1).tolist() == [False, True]


def test_fourier_features_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_function_doors(fourier_features, x=x, frequencies=2, rate=1.0, noise=x[:, 0])


def test_counts_have_limits() -> None:
    check_limits(
        lambda **n: TimeConditionedMLP((2,), **n),
        {"width": 65536, "depth": 1000, "frequencies": 30, "classes": 1000000},
        width=1,
        depth=0,
        frequencies=0,
        classes=0,
    )


def test_the_shape_of_observations_is_made_of_counts() -> None:
    check_event_shape(lambda shape: TimeConditionedMLP(shape, width=8))


def test_time_stretches_and_shifts_what_is_seen() -> None:
    net = TimeConditionedMLP((2,), width=8, depth=0).double()
    nn.init.normal_(net.output.weight, generator=seeded(0))
    x, t = torch.randn(5, 2, generator=seeded(1)).double(), torch.rand(5).double()
    scale, shift = net.modulation(net._embed(t, None)).chunk(2, 1)
    wanted = net.output(gelu(net.input(x) * (1 + scale) + shift))
    assert torch.allclose(net(x, t), wanted, rtol=0, atol=1e-12)


def test_a_new_network_has_these_weights() -> None:
    with isolated_rng(1):
        net = TimeConditionedMLP((2, 3), width=12, depth=2, frequencies=2, classes=3)
    shapes: dict[str, tuple[int, ...]] = {
        "input.weight": (12, 6 * 5),
        "input.bias": (12,),
        "modulation.weight": (2 * 3 * 12, 2 * 8 + 1 + 4),
        "modulation.bias": (2 * 3 * 12,),
        "blocks.?.weight": (12, 12),
        "blocks.?.bias": (12,),
        "output.weight": (6, 12),
        "output.bias": (6,),
    }
    stretch = net.modulation.weight.detach()[:36].clone()
    with torch.no_grad():  # a tenth, and as PyTorch starts the shifts
        net.modulation.weight[:36] *= 10
    check_start(net, shapes, zero=("output.*",))
    assert stretch.abs().max() < 0.1 / 21**0.5
    plain = TimeConditionedMLP((2,), width=4, depth=0)
    assert plain.modulation.weight.shape == (8, 17)
    assert plain.input.weight.shape == (4, 2)


def test_an_answer_is_what_the_blocks_say_one_after_the_other() -> None:
    with isolated_rng(2):
        net = TimeConditionedMLP((2,), width=6, depth=2, frequencies=2, classes=3)
        for p in net.parameters():
            nn.init.normal_(p, std=0.4)
    net.double()
    x = torch.randn(5, 2, generator=seeded(3)).double()
    t, y = torch.linspace(0, 1, 5).double(), torch.tensor([0, 1, 2, 3, 0])
    late = 1 - (t + 0.003).log() / math.log(0.003)
    k = torch.arange(1, 9).double() * torch.pi / 2
    angle = late[:, None] * k
    labels = torch.eye(4).double()[y]
    seen = torch.cat([angle.sin(), angle.cos(), t[:, None], labels], 1)
    told = net.modulation(seen)
    scales, shifts = told[:, :18].chunk(3, 1), told[:, 18:].chunk(3, 1)
    h = net.input(fourier_features(x, 2, torch.pi / 2, t))
    h = gelu(h * (1 + scales[0]) + shifts[0])
    for i, block in enumerate(net.blocks, 1):
        h = h + gelu(block(h) * (1 + scales[i]) + shifts[i])
    assert torch.allclose(net(x, t, y), net.output(h), rtol=0, atol=1e-9)
