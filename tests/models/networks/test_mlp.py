"""Fully connected layers and waves: what they refuse."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from doors import check_function_doors
from genbook.models.networks.mlp import fourier_features, mlp
from seeding import seeded


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mlp([2, -1]), ValueError, "sizes must be at least 1"),
        (lambda: mlp([2, 10**12]), ValueError, "sizes must be at most 1,048,576"),
        (lambda: mlp([2, 1.5]), TypeError, "sizes must be an integer"),
        (lambda: mlp([[2, 1]]), TypeError, "sizes must be an integer"),
        (lambda: mlp(None), TypeError, "sizes must be a sequence of integers"),
        (lambda: mlp([]), ValueError, "sizes must hold at least one"),
        (lambda: mlp([2, 1], "relu"), TypeError, "between must be a function"),
    ],
)
def test_bad_layers_are_refused(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: fourier_features(x[0], 2), ValueError, r"x must be \(n, dim\)"),
        (lambda x: fourier_features(x.long(), 2), TypeError, "x must be floating"),
        (lambda x: fourier_features(x, -1), ValueError, "frequencies must be at least"),
        (lambda x: fourier_features(x, None), TypeError, "frequencies must be an int"),
        (lambda x: fourier_features(x, 65), ValueError, "frequencies must be at most"),
        (lambda x: fourier_features(x, 2, -1.0), ValueError, "rate must be positive"),
        (lambda x: fourier_features(x, 2, 1e300), ValueError, "rate must be at most"),
        (
            lambda x: fourier_features(x, 0, noise=torch.ones(2)),
            ValueError,
            r"noise must be \(3,\) or \(1,\), got \(2,\)",
        ),
        (
            lambda x: fourier_features(x, 2, noise=x[:, 0].double()),
            TypeError,
            "noise must be torch.float32",
        ),
    ],
)
def test_bad_waves_are_refused(
    call: Callable[[Tensor], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call(torch.ones(3, 2))


def test_nan_comes_out_again_and_endless_noise_leaves_no_wave() -> None:
    x = torch.tensor([[0.5], [torch.nan], [0.5]])
    found = fourier_features(x, 2, noise=torch.tensor([0.1, 0.1, torch.inf]))
    assert found[0].isfinite().all()
    assert found[1].isnan().all()
    assert found[2].abs().tolist()[1:] == pytest.approx([0, 0, 0, 0], abs=1e-12)


def test_each_wave_is_twice_as_quick_as_the_one_before() -> None:
    x = torch.tensor([[0.3, -1.2], [2.0, 0.1]]).double()
    found = fourier_features(x, 3, 0.7)
    for row, point in zip(found.tolist(), x.tolist(), strict=True):
        angles = [0.7 * 2**k * v for v in point for k in range(3)]
        waves = [*map(math.sin, angles), *map(math.cos, angles)]
        assert row == pytest.approx([*point, *waves])
    assert torch.equal(fourier_features(x, 0), x)
    assert found.dtype == torch.float64


@pytest.mark.parametrize("shared", [False, True])
def test_noise_makes_a_wave_as_small_as_its_mean(shared: bool) -> None:
    x, noise = torch.tensor([[0.4], [-0.9]]).double(), torch.tensor([0.5, 0.2]).double()
    noise = noise[:1] if shared else noise
    found = fourier_features(x, 3, 1.5, noise=noise)
    eps = torch.randn(20_000, 1, 1, generator=seeded(0), dtype=torch.float64)
    noisy = (x + noise[:, None] * eps).reshape(-1, 1)
    mean = fourier_features(noisy, 3, 1.5).unflatten(0, (-1, 2)).mean(0)
    assert torch.equal(found[:, :1], x)
    assert torch.allclose(found[:, 1:], mean[:, 1:], atol=0.025)  # 0.7 / 20000**0.5 * 5


def test_layers_have_the_sizes_and_a_bend_between_them() -> None:
    layers = mlp([2, 5, 7, 3], nn.SiLU)
    kinds = [nn.Linear, nn.SiLU, nn.Linear, nn.SiLU, nn.Linear]
    assert [type(layer) for layer in layers] == kinds
    sizes = [(m.in_features, m.out_features) for m in layers[::2]]
    assert sizes == [(2, 5), (5, 7), (7, 3)]
    assert mlp([4]) == []
    assert isinstance(mlp([1, 1, 1])[1], nn.ReLU)


@pytest.mark.parametrize("size", [1, 2**20])
def test_the_smallest_and_the_widest_layer(size: int) -> None:
    (layer,) = mlp([1, size])
    assert layer.out_features == size
    with pytest.raises(ValueError, match="sizes must be at"):
        mlp([1, 2**20 + 1 if size > 1 else 0])


def test_the_most_waves_and_the_quickest() -> None:
    x = torch.ones(3, 2)
    check_function_doors(fourier_features, x=x, frequencies=1, rate=1.0, noise=x[:, 0])
    assert fourier_features(x, 64).shape == (3, 2 * 129)
    assert fourier_features(x, 1, 1e6).shape == (3, 6)
    with pytest.raises(ValueError, match=r"rate must be at most 1,?000,?000"):
        fourier_features(x, 1, 1e6 + 1)
    assert fourier_features(x[:0], 2, noise=x[:0, 0]).shape == (0, 10)
    with pytest.raises(ValueError, match=r"noise must be \(3,\) or \(1,\), got \(0,\)"):
        fourier_features(x, 2, noise=x[:0, 0])


def test_a_wave_that_noise_drowns_is_as_small_as_at_the_bound() -> None:
    x = torch.full((3, 1), 0.5).double()
    noise = torch.tensor([0.0, 8.9, 100.0]).double()
    found = fourier_features(x, 1, 1.0, noise=noise)[:, 1:]
    plain = fourier_features(x, 1, 1.0)[:, 1:]
    for row, exponent in enumerate((0.0, -(8.9**2) / 2, -40.0)):
        wanted = plain[row] * math.exp(exponent)
        assert found[row].tolist() == pytest.approx(wanted.tolist(), rel=1e-12)
