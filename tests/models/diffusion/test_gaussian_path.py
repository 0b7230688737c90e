"""The path from data to noise, and what is learned on it, against closed forms."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from genbook.models.diffusion.diffusion import Diffusion
from seeding import seeded


@pytest.mark.parametrize("prediction", ["eps", "x0", "v"])
@pytest.mark.parametrize("schedule", ["cosine", "linear-beta"])
def test_what_the_network_says_is_split_into_data_and_noise(
    known: Any, prediction: str, schedule: str
) -> None:
    model = known.diffusion(prediction, schedule)
    x0, eps = (torch.randn(30, 2, generator=seeded(i)).double() for i in (0, 1))
    t = torch.linspace(0.05, 0.95, 30, dtype=torch.float64)
    x = model.add_noise(x0, eps, t)
    again = model.predict_x0_eps(x, model.target(x0, eps, t), t)
    assert torch.allclose(again[0], x0, rtol=0, atol=1e-10)
    assert torch.allclose(again[1], eps, rtol=0, atol=1e-10)


@pytest.mark.parametrize("sigma_data", [0.0, 0.5])
@pytest.mark.parametrize("classes", [0, 3])
def test_one_time_for_all_is_that_time_for_each(
    classes: int, sigma_data: float
) -> None:
    model = Diffusion(
        (2,), frequencies=2, classes=classes, sigma_data=sigma_data
    ).double()
    nn.init.normal_(model.net.output.weight, generator=seeded(0))
    x = torch.randn(5, 2, dtype=torch.float64, generator=seeded(1))
    t = torch.tensor(0.3, dtype=torch.float64)
    labels = torch.tensor([0, 2, 1, 1, 0]) if classes else None
    for y in (None, labels):
        options = {"guidance": 1.5} if y is not None else {}
        together = model.velocity(x, t, y, **options)
        each = model.velocity(x, t.expand(5), y, **options)
        assert torch.allclose(together, each, rtol=0, atol=1e-12)
        assert model.velocity(x[:0], t, y if y is None else y[:0]).shape == (0, 2)


def test_more_times_than_points_are_refused() -> None:
    with pytest.raises(RuntimeError, match="expand"):
        Diffusion((2,)).velocity(torch.zeros(1, 2), torch.full((5,), 0.3))


def test_loss_of_the_best_network_is_the_conditional_variance(known: Any) -> None:
    model = known.diffusion("eps")
    x = known.mean + known.std * torch.randn(40_000, 2, generator=seeded(9))
    u = (torch.arange(2000, dtype=torch.float64)[:, None] + 0.5) / 2000
    t = model.NEAR * ((1 + 1 / model.NEAR) ** u - 1)  # equally likely times
    a, b = model.schedule.alpha(t), model.schedule.sigma(t)
    variance = known.std**2
    wanted = (a**2 * variance / (a**2 * variance + b**2)).mean()
    got = model.loss(x.double(), generator=seeded(10)).item()
    assert got == pytest.approx(wanted.item(), abs=0.01)


@pytest.mark.parametrize("prediction", ["eps", "x0", "v"])
def test_with_sigma_data_an_untrained_model_knows_the_gaussian(
    known_gaussian: Any, prediction: str
) -> None:
    """The network says nothing at first; the rest is right for Gaussian data."""
    model = Diffusion((2,), prediction=prediction, sigma_data=0.4).double()  # type: ignore[arg-type]
    wanted = known_gaussian([0.0, 0.0], [0.4, 0.4]).diffusion(prediction)
    x = torch.randn(20, 2, generator=seeded(15)).double()
    t = torch.linspace(0.05, 0.95, 20).double()
    assert torch.allclose(model.velocity(x, t), wanted.velocity(x, t), atol=1e-12)


def test_times_are_drawn_with_the_density_that_is_said() -> None:
    model = Diffusion((2,)).double()
    c = model.NEAR
    t = model.sample_times(1000, generator=seeded(16))
    share = ((t + c) / c).log() / math.log((1 + c) / c)  # the distribution function
    wanted = (torch.arange(1000) + 0.5) / 1000
    assert torch.allclose(share, wanted.double(), rtol=0, atol=0.5 / 1000 + 1e-9)


def test_where_the_network_says_the_data_samples_are_finite() -> None:
    """The velocity divides by the noise, so the path stops where some is left."""
    model = Diffusion((2,), prediction="x0", width=8, depth=1)
    assert model.time_grid(10)[0] == pytest.approx(model.t_min)
    assert 0 < model.t_min < 0.05
    x = model.sample(20, steps=10, generator=seeded(22))
    assert x.isfinite().all()
    assert x.abs().max() < 1  # an untrained network says 0
