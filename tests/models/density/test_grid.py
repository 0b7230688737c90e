"""The grid network: its softmax against a sum, its optimum against the histogram."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from doors import check_doors, check_limits
from genbook.data.toy import Checkerboard
from genbook.models.density.box import UniformBox
from genbook.models.density.grid import GridNetwork
from genbook.models.density.histogram import Histogram
from seeding import seeded


def network(dim: int, bins: int, **options: int) -> GridNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return GridNetwork([-1.0] * dim, [1.0] * dim, bins, **options)


def descend(model: GridNetwork, x: Tensor, steps: int) -> None:
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(steps):
        optimiser.zero_grad()
        model.loss(x).backward()
        optimiser.step()


@pytest.mark.parametrize(("dim", "bins"), [(1, 64), (2, 12), (3, 5)])
def test_sum_over_the_cells_is_one(dim: int, bins: int) -> None:
    model = network(dim, bins, hidden=16).double()
    t = (torch.arange(bins).double() + 0.5) / bins * 2 - 1
    centres = torch.cartesian_prod(*[t] * dim).view(-1, dim)
    integral = model.log_prob(centres).exp().sum() * (2 / bins) ** dim
    assert integral.item() == pytest.approx(1, abs=1e-10)
    f = model.f(model.cell_features).squeeze(1)
    wanted = f - f.exp().sum().log() - dim * torch.tensor(2 / bins).double().log()
    assert torch.allclose(model.log_prob(centres), wanted)


def test_fit_by_gradient_approaches_the_histogram() -> None:
    # With a large network the likeliest distribution over the cells is their shares.
    x = (torch.randn(400, 1, generator=seeded(0)) * 0.3).clamp(-0.99, 0.99)
    model = network(1, 16)
    descend(model, x, 300)
    best = Histogram([-1.0], [1.0], 16).fit(x).loss(x)
    assert best < model.loss(x) < best + 0.01


def test_it_learns_sharp_borders() -> None:
    board = Checkerboard()
    x = board.sample(4000, generator=seeded(0))
    new = board.sample(4000, generator=seeded(1))
    model = GridNetwork(board.low, board.high, bins=32)
    descend(model, x, 200)
    box = UniformBox.from_corners(board.low, board.high)
    floor = board.entropy
    assert floor - 0.02 < model.loss(new) < floor + 0.3 * (box.loss(new) - floor)


def test_too_many_cells_are_refused() -> None:
    with pytest.raises(ValueError, match=r"48 \* 48 \* 48 \* 48 = 5,308,416"):
        GridNetwork([0.0] * 4, [1.0] * 4, bins=48)
    with pytest.raises(ValueError, match=r"1025 \* 1024 = 1,049,600"):
        GridNetwork([0.0] * 2, [1.0] * 2, bins=[1025, 1024])


def test_points_outside_have_no_density() -> None:
    model = network(2, 8)
    outside = torch.tensor([[1.5, 0.0], [0.0, -1.01]])
    assert (model.log_prob(outside) == -torch.inf).all()


def test_the_network_sees_the_middles_of_the_cells() -> None:
    seen = network(2, 3, frequencies=2).cell_features
    side = (torch.arange(3) + 0.5) / 3
    assert seen.shape == (9, 8)
    for i in range(3):
        for j in range(3):
            angle = torch.pi * torch.stack([side[i], side[j]])[:, None]
            angle = angle * torch.tensor([1.0, 2.0])
            wanted = torch.cat([angle.sin(), angle.cos()], 1).flatten()
            assert torch.allclose(seen[3 * i + j], wanted, atol=1e-6)


def test_every_method_names_what_it_refuses() -> None:
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_doors(lambda: GridNetwork([-1.0, -1.0], [1.0, 1.0], bins=4, hidden=4), x)


def test_each_layer_bends_but_the_last() -> None:
    model = network(2, 4, hidden=8)
    (w1, b1), (w2, b2), (w3, b3) = (
        (layer.weight, layer.bias) for layer in model.f if hasattr(layer, "weight")
    )
    h = (model.cell_features @ w1.mT + b1).clamp(min=0)
    h = (h @ w2.mT + b2).clamp(min=0)
    said = (h @ w3.mT + b3)[:, 0].exp()
    wanted = (said / said.sum()).log()
    assert torch.allclose(model.log_mass(), wanted, atol=1e-6)


def test_counts_have_limits() -> None:
    check_limits(
        lambda **n: GridNetwork([-1.0, -1.0], [1.0, 1.0], **n),
        bins=1,
        hidden=1,
        frequencies=1,
    )
