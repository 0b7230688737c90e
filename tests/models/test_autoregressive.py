"""Masked networks: no coordinate sees itself or the future, and the sum is one."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from genbook.models.autoregressive import MADE


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def made(dim: int = 3, **config: object) -> MADE:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = {"bins": 4, "hidden": (12, 12), "octaves": 2} | config
        model = MADE([0.0] * dim, [1.0] * dim, **config)  # type: ignore[arg-type]
        with torch.no_grad():
            for p in model.parameters():
                p += 0.3 * torch.randn_like(p)
    return model.double().requires_grad_(False)


@pytest.mark.parametrize("order", [None, [2, 0, 1], [1, 2, 0]])
def test_nothing_depends_on_itself_or_what_comes_after(order: list[int] | None) -> None:
    model = made(order=order)
    x = torch.rand(20, 3, generator=seeded(1), dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(
        lambda v: model.log_mass(v).sum(0), x
    )  # (dim, bins, 20, dim)
    depends = (jacobian != 0).any(2).any(1)
    sequence = order or [0, 1, 2]
    place = {c: i for i, c in enumerate(sequence)}
    for i, j in itertools.product(range(3), repeat=2):
        assert bool(depends[i, j]) == (place[j] < place[i])
    for j in range(3):
        moved = x.clone()
        moved[:, j] = 0.123
        same = [i for i in range(3) if place[i] <= place[j]]
        assert torch.equal(model.log_mass(moved)[:, same], model.log_mass(x)[:, same])


def test_probabilities_of_all_cells_sum_to_one() -> None:
    model = made(dim=2, octaves=0, hidden=(8,))
    # With no octaves and one hidden layer the density still varies with the exact
    # value of the coordinate before: take the bin's centre in both.
    t = (torch.arange(400, dtype=torch.float64) + 0.5) / 400
    points = torch.cartesian_prod(t, t)
    assert model.log_prob(points).exp().mean().item() == pytest.approx(1, abs=1e-10)


def test_temperature_sharpens() -> None:
    model = made(dim=2)
    cold = model.sample(2000, temperature=0.2, generator=seeded(2))
    warm = model.sample(2000, generator=seeded(2))
    hot = model.sample(2000, temperature=5.0, generator=seeded(2))
    likelihoods = [model.log_prob(s).mean().item() for s in (cold, warm, hot)]
    assert likelihoods == sorted(likelihoods, reverse=True)


def test_labels_choose_the_density() -> None:
    model = made(dim=2, classes=3)
    x = torch.rand(1, 2, generator=seeded(3), dtype=torch.float64).expand(3, -1)
    log_p = model.log_prob(x, torch.arange(3))
    assert len(log_p.unique()) == 3
    with pytest.raises(ValueError, match="y must hold 3 labels, got None"):
        model.log_prob(x)


@pytest.mark.parametrize("order", [[0, 0, 1], [0, 1], [1, 2, 3]])
def test_an_order_names_each_coordinate_once(order: list[int]) -> None:
    with pytest.raises(ValueError, match="order must name each of 0 to 2 once"):
        made(order=order)


def test_samples_stay_in_the_box() -> None:
    x: Tensor = made().sample(3000, generator=seeded(4))
    assert ((x >= 0) & (x <= 1)).all()
