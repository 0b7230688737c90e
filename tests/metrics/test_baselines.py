"""The lab: what a constant costs, what a sigmoid can reach, and the trap itself."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

from genbook.data.digits import load_digits
from genbook.metrics.baselines import best_constant, clipping_error
from genbook.models.representation.autoencoder import Autoencoder
from genbook.models.representation.pca import PCA

RANGES = [(0.0, 1.0), (-1.0, 1.0), (-0.3, 0.2), (-math.inf, math.inf)]


@pytest.fixture
def x() -> Tensor:
    """Forty observations of six features around zero."""
    generator = torch.Generator().manual_seed(0)
    shift = torch.linspace(-1.5, 1.5, 6, dtype=torch.float64)
    return torch.randn(40, 6, dtype=torch.float64, generator=generator) + shift


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_best_constant_is_what_a_search_finds(x: Tensor, low: float, high: float):
    bounds = (max(low, -5.0), min(high, 5.0))
    for j, c in enumerate(best_constant(x, low, high)):
        column = x[:, j]
        found = minimize_scalar(
            lambda v, column=column: (column - v).square().sum().item(),
            bounds=bounds,
            method="bounded",
            options={"xatol": 1e-9},
        )
        assert c.item() == pytest.approx(found.x, abs=1e-4)


@pytest.mark.parametrize(("low", "high"), RANGES[:3])
def test_out_of_reach_is_what_the_best_of_many_outputs_leaves(x, low, high):
    outputs = torch.linspace(low, high, 2001, dtype=torch.float64)
    best = (x[..., None] - outputs).square().amin(-1).mean()
    assert clipping_error(x, low, high).item() == pytest.approx(best.item(), abs=1e-6)


def test_a_constant_never_passes_the_floor(x: Tensor) -> None:
    for low, high in RANGES[:3]:
        constant = (x - best_constant(x, low, high)).square().mean()
        assert clipping_error(x, low, high) <= constant


def test_a_batch_of_images_gives_one_image() -> None:
    x = torch.rand(7, 1, 4, 4)
    assert best_constant(x).shape == (1, 4, 4)
    assert clipping_error(x, 0, 1) == 0


@pytest.mark.parametrize("function", [best_constant, clipping_error])
def test_bad_input_is_refused(function) -> None:
    x = torch.zeros(3, 2)
    with pytest.raises(ValueError, match="low must be below high, got 1 and 0"):
        function(x, 1, 0)
    with pytest.raises(ValueError, match="x must be finite"):
        function(x / 0, 0, 1)
    with pytest.raises(ValueError, match="at least one observation"):
        function(x[:0], 0, 1)
    with pytest.raises(TypeError, match="floating point"):
        function(x.long(), 0, 1)


# The trap: digits scaled to [-1, 1] for a network that ends in a sigmoid -------------


def test_the_value_of_the_trap_follows_from_the_grey_pixels() -> None:
    p = load_digits().x.double()
    black = (2 * p - 1).square().mean()
    grey = 1 - 4 * (p * (1 - p)).mean()
    assert black.item() == pytest.approx(grey.item(), abs=1e-12)
    assert black.item() == pytest.approx(0.9245, abs=5e-4)


def test_the_order_of_the_baselines() -> None:
    x = 2 * load_digits().x - 1

    def loss(c: Tensor) -> float:
        return (x - c).square().mean().item()

    floor = clipping_error(x, 0, 1).item()
    mean, number = loss(best_constant(x)), loss(x.mean())
    assert mean < number < loss(torch.tensor(-1.0)) < floor
    assert floor < loss(best_constant(x, 0, 1)) < loss(torch.tensor(0.0))


def test_the_trap_closes() -> None:
    x = 2 * load_digits().x - 1
    torch.manual_seed(0)
    sizes = nn.Linear(784, 32), nn.Linear(32, 784)
    model = nn.Sequential(nn.Flatten(), sizes[0], nn.ReLU(), sizes[1], nn.Sigmoid())
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    flat = x.flatten(1)
    for i in range(120):
        rows = flat[64 * (i % 60) : 64 * (i % 60 + 1)]
        loss = (model(rows) - rows).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        out = model(flat)
    loss_at_zero = flat.square().mean().item()
    assert (out - flat).square().mean().item() == pytest.approx(loss_at_zero, abs=5e-3)
    assert (out < 1e-3).double().mean() > 0.99


def test_the_autoencoder_of_the_package_refuses_the_trap() -> None:
    x = 2 * load_digits().x[:10] - 1
    with pytest.raises(ValueError, match=r"x must lie in \[0, 1\] for a sigmoid"):
        Autoencoder((1, 28, 28), latent_dim=64).loss(x)


def test_no_linear_autoencoder_beats_the_components_on_their_own_data() -> None:
    """Eckart and Young: against a straight line of any other direction."""
    x = load_digits(size=7).x.double()
    pca = PCA((1, 7, 7), components=8).double().fit(x)
    rows = x.flatten(1) - x.flatten(1).mean(0)
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        noise = torch.randn(49, 8, dtype=torch.float64, generator=generator)
        q, _ = torch.linalg.qr(pca.V + 0.1 * noise)
        assert pca.loss(x) < (rows - rows @ q @ q.T).square().mean()
