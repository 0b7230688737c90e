"""A colour speaks for whoever uses it more, and no colour for whoever is unknown."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.interpolate import RegularGridInterpolator
from torch import Tensor

from genbook.data.paintings import sample_paintings
from genbook.discriminative.colours import LearnedColours


def seed(n: int) -> torch.Generator:
    return torch.Generator().manual_seed(n)


def of(colour: list[float]) -> Tensor:
    return torch.tensor(colour)[None, :, None, None].expand(1, 3, 4, 4)


def test_the_table_holds_log_ratios_of_shares() -> None:
    """Two blue images are of one kind and one red image of the other."""
    x = torch.cat([of([0.1, 0.1, 0.9]), of([0.9, 0.1, 0.1]), of([0.1, 0.1, 0.9])])
    table = LearnedColours(2, pseudo_count=1).fit(x, torch.tensor([1, 0, 1])).table
    assert table is not None
    assert table[0, 0, 1].item() == pytest.approx(math.log(33 / 40) - math.log(1 / 24))
    assert table[1, 0, 0].item() == pytest.approx(math.log(1 / 40) - math.log(17 / 24))
    unused = math.log(1 / 40) - math.log(1 / 24)
    assert table[1, 1, 1].item() == pytest.approx(unused)


def test_between_cells_it_is_interpolated_as_scipy_does() -> None:
    g = seed(0)
    x = torch.rand(6, 3, 8, 8, generator=g)
    y = torch.arange(6) % 2
    colours = LearnedColours(5).fit(x, y)
    middles = (torch.arange(5).double() + 0.5).div(5).numpy()
    assert colours.table is not None
    theirs = RegularGridInterpolator([middles] * 3, colours.table.double().numpy())
    new = 0.1 + 0.8 * torch.rand(3, 3, 4, 4, generator=g, dtype=torch.float64)
    expected = theirs(new.movedim(1, -1).numpy()).mean((1, 2))
    assert colours.measure(new).numpy() == pytest.approx(expected, abs=1e-6)


def test_it_finds_the_palette_of_unseen_paintings() -> None:
    gallery = sample_paintings(500, generator=seed(1))
    new = sample_paintings(200, generator=seed(2))
    measure = LearnedColours().fit(gallery.x, gallery.y).measure(new.x)
    both = torch.stack([measure, new.factors[:, 0]])
    assert both.corrcoef()[0, 1] > 0.6
    shuffled = gallery.y[torch.randperm(500, generator=seed(3))]
    blind = LearnedColours().fit(gallery.x, shuffled).measure(new.x)
    assert torch.stack([blind, new.factors[:, 0]]).corrcoef()[0, 1].abs() < 0.4


def test_the_measure_has_a_gradient() -> None:
    colours = LearnedColours(3).fit(torch.rand(4, 3, 6, 6), torch.tensor([0, 1, 0, 1]))
    x = (0.2 + 0.6 * torch.rand(2, 3, 2, 2, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(colours.measure, (x,), eps=1e-7, atol=1e-4)


def test_bad_input_is_named() -> None:
    x, y = torch.rand(4, 3, 6, 6), torch.tensor([0, 1, 0, 1])
    with pytest.raises(ValueError, match="cells must be"):
        LearnedColours(1)
    with pytest.raises(ValueError, match="pseudo_count"):
        LearnedColours(4, pseudo_count=0)
    with pytest.raises(ValueError, match="LearnedColours is not fitted"):
        LearnedColours().measure(x)
    with pytest.raises(ValueError, match=r"x must lie in \[0, 1\]"):
        LearnedColours().fit(x + 1, y)
    with pytest.raises(ValueError, match="y must hold both labels, got 0 only"):
        LearnedColours().fit(x, 0 * y)
    with pytest.raises(ValueError, match="y must"):
        LearnedColours().fit(x, y[:2])
