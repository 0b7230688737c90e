"""Pieces of a flow of images: the table of pixels, and couplings of neighbours."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from doors import check_limits
from genbook.models.flows.dequantisation import dequantise
from genbook.models.flows.images import HALVES, ImageCoupling, PixelTable
from seeding import seeded


def images(n: int = 40, dim: int = 16, levels: int = 8) -> Tensor:
    """Dark and light pixels, of whole levels made continuous, ``(n, dim)``."""
    ink = torch.rand(n, dim, generator=seeded(0), dtype=torch.float64) ** 3
    return dequantise(ink, levels, generator=seeded(1))


def test_the_table_makes_pixels_gaussian_and_comes_back() -> None:
    x = images(4000)
    table = PixelTable(16, 8).double()
    table.count(x)
    z, _ = table(x)
    torch.testing.assert_close(table.inverse(z), x, rtol=0, atol=1e-10)
    assert z.mean(0).abs().max() < 4.5 / 4000**0.5
    assert (z.var(0) - 1).abs().max() < 0.15


@pytest.mark.parametrize("turn", range(6))
def test_a_coupling_keeps_its_half_and_sees_neighbours_only(turn: int) -> None:
    coupling = ImageCoupling(12, turn, channels=4).double().requires_grad_(False)
    for p in coupling.parameters():
        torch.nn.init.normal_(p, std=0.3, generator=seeded(p.numel()))
    x = torch.randn(144, generator=seeded(2), dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda v: coupling(v[None])[0][0], x)
    moved = (jacobian != 0).view(12, 12, 12, 12)
    row, column = torch.meshgrid(torch.arange(12), torch.arange(12), indexing="ij")
    place = 2 * (row % 2) + column % 2  # of each pixel in its square
    kept = torch.isin(place, torch.tensor(HALVES[turn][0]))
    assert torch.equal(moved[kept].flatten(1).sum(1), torch.ones(72).long())
    centre = moved[4:6, 4:6][~kept[4:6, 4:6]]  # both pixels of the third square
    near = centre[:, :10, :10].flatten(1).sum(1)  # two squares away at most
    assert torch.equal(centre.flatten(1).sum(1), near)
    assert (near > 40).all()


def test_sizes_have_limits() -> None:
    check_limits(lambda **n: PixelTable(2, **n), levels=2)
    check_limits(lambda **n: ImageCoupling(4, **n), channels=1)
    with pytest.raises(ValueError, match="side must be even, got 5"):
        ImageCoupling(5)
