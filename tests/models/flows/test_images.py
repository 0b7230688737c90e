"""Pieces of a flow of images: the table of pixels, and couplings of neighbours."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from doors import check_limits
from genbook.models.flows.dequantisation import dequantise
from genbook.models.flows.images import HALVES, ImageCoupling, PixelTable
from genbook.models.flows.splines import rqs_forward
from seeding import seeded
from starts import check_start


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


def shares_by_hand(x: Tensor, levels: int, extra: float) -> Tensor:
    """Return how often each level is in each column, ``(dim, levels)``."""
    counts = torch.full((x.shape[1], levels), extra, dtype=torch.float64)
    for row in x.tolist():
        for i, v in enumerate(row):
            counts[i, min(int(v * levels), levels - 1)] += 1
    return counts / (len(x) + levels * extra)


@pytest.mark.parametrize("extra", [0.1, 2.0])
def test_the_table_is_the_distribution_of_each_pixel(extra: float) -> None:
    x = images(50, 3, 4)
    x[0, 0] = 1.0  # belongs to the last level
    table = PixelTable(3, 4).double()
    table.count(x, extra)
    shares = shares_by_hand(x, 4, extra)
    assert torch.allclose(table.edges[:, 1:], shares.cumsum(1), atol=1e-12)
    assert not table.edges[:, 0].any()
    z, log_det = table(x)
    normal = torch.distributions.Normal(torch.tensor(0.0).double(), 1.0)
    k = (x * 4).floor().clamp(max=3).long()
    low = torch.cat([torch.zeros(3, 1).double(), shares.cumsum(1)], 1)
    columns = torch.arange(3)
    below = low[columns, k] + (x * 4 - k) * shares[columns, k]
    inside = x < 1
    assert torch.allclose(z[inside], normal.icdf(below)[inside], atol=1e-9)
    price = (shares[columns, k] * 4).log() - normal.log_prob(z)
    assert torch.allclose(log_det, price.sum(1), atol=1e-9)
    torch.testing.assert_close(table.inverse(z), x, rtol=0, atol=1e-9)


def test_a_new_table_has_equal_shares() -> None:
    assert PixelTable(2).levels == 256
    table = PixelTable(2, 5)
    assert torch.allclose(table.edges, torch.arange(6).expand(2, -1) / 5)
    x = torch.tensor([[0.1, 0.9]])
    z, _ = table(x)
    assert torch.allclose(torch.special.ndtr(z), x, atol=1e-6)


def test_ends_are_a_million_millionth_away_and_nan_stays() -> None:
    table = PixelTable(1, 4).double()
    x = torch.tensor([[0.0], [1.0], [torch.nan], [torch.inf], [-torch.inf]]).double()
    z, _ = table(x)
    far = torch.special.ndtri(torch.tensor(1e-12).double()).item()
    assert z[:2, 0].tolist() == pytest.approx([far, -far], rel=1e-5)
    assert z[3:, 0].tolist() == pytest.approx([-far, far], rel=1e-5)
    assert z[2].isnan().all()
    back = table.inverse(torch.tensor([[-40.0], [40.0], [torch.nan]]).double())
    assert back[:2, 0].tolist() == [0.0, 1.0]
    assert back[2].isnan().all()
    h = torch.ones(5, 2)
    assert table(x[:0])[0].shape == table.inverse(x[:0], h[:0]).shape == (0, 1)
    assert torch.equal(table(x[:2], h[:2])[0], z[:2])


def coupling(turn: int = 0, features: int = 0, bound: float = 2.0) -> ImageCoupling:
    made = ImageCoupling(
        4, turn, channels=3, bins=4, bound=bound, context_features=features
    )
    for p in made.parameters():
        torch.nn.init.normal_(p, std=0.5, generator=seeded(p.numel()))
    return made.double().requires_grad_(False)


@pytest.mark.parametrize("turn", range(7))
@pytest.mark.parametrize("features", [0, 2])
def test_a_coupling_is_what_its_splines_say(turn: int, features: int) -> None:
    made = coupling(turn, features)
    x = 1.5 * torch.randn(5, 16, generator=seeded(1), dtype=torch.float64)
    h = torch.rand(5, 2, generator=seeded(2)).double() if features else None
    kept, cut = HALVES[turn % 6]
    image = x.view(5, 4, 4)
    square = [image[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    if h is None:
        place = made.place
    else:
        place = sum(h[:, k, None, None, None] * made.place[k] for k in range(2))
    v = (made.first(torch.stack([square[i] for i in kept], 1)) + place).relu()
    theta = made.last(v + made.second(v).relu()).movedim(1, -1)
    wanted, log_det = image.clone(), torch.zeros(5).double()
    for i, said in zip(cut, theta.chunk(2, -1), strict=True):
        inside = square[i].abs() <= 2
        u = (square[i].clamp(-2, 2) / 2 + 1) / 2
        bent, slope = rqs_forward(u, said, 4, True)
        moved = torch.where(inside, (2 * bent - 1) * 2, square[i])
        wanted[:, i // 2 :: 2, i % 2 :: 2] = moved
        log_det += torch.where(inside, slope, 0).sum((1, 2))
    z, found = made(x, h)
    assert torch.allclose(z.view(5, 4, 4), wanted, atol=1e-10)
    assert torch.allclose(found, log_det, atol=1e-10)
    assert torch.allclose(made.inverse(z, h), x, atol=1e-9)
    assert (x.abs() > 2).any()


def test_a_new_coupling_has_these_weights_and_does_nothing() -> None:
    made = ImageCoupling(6, channels=4, bins=5, context_features=3)
    check_start(
        made,
        {
            "first.weight": (4, 2, 3, 3),
            "first.bias": (4,),
            "second.weight": (4, 4, 3, 3),
            "second.bias": (4,),
            "last.weight": (2 * 14, 4, 1, 1),
            "last.bias": (2 * 14,),
            "place": (3, 4, 3, 3),
        },
        zero=("place", "last.*"),
    )
    assert ImageCoupling(6, channels=4).place.shape == (1, 4, 3, 3)
    x = torch.randn(5, 36, generator=seeded(1))
    z, log_det = made(x, torch.ones(5, 3))
    assert torch.allclose(z, x, atol=1e-5)
    assert torch.allclose(log_det, torch.zeros(5), atol=1e-4)


def test_the_pieces_name_what_they_refuse() -> None:
    x = images(4)
    table = PixelTable(16, 8).double()
    for call, name in (
        (table, "x"),
        (table.inverse, "z"),
        (coupling(), "x"),
        (coupling().inverse, "z"),
        (table.count, "x"),
    ):
        call(x)
        for bad, error in (
            (x.tolist(), TypeError),
            (x.float(), TypeError),
            (x[0], ValueError),
            (x[:, :9], ValueError),
        ):
            with pytest.raises(error, match=f"^{name} must be"):
                call(bad)
    for bad in (x - 1, x + 1, x * torch.nan, x[:0]):
        with pytest.raises(ValueError, match=r"^x must "):
            table.count(bad)
    for extra in (0.0, -1.0):
        with pytest.raises(ValueError, match=r"^extra must be positive"):
            table.count(x, extra)
    for piece in (table, table.inverse):
        with pytest.raises(ValueError, match=r"^h must be"):
            piece(x, torch.zeros(3, 2))
    for piece in (coupling(0, 2), coupling(0, 2).inverse):
        for h, error in (
            (None, ValueError),
            (torch.zeros(4, 3).double(), ValueError),
            (torch.zeros(4, 2), TypeError),
        ):
            with pytest.raises(error, match=r"^h must be"):
                piece(x, h)
    with pytest.raises(ValueError, match=r"^h must be None"):
        coupling()(x, torch.zeros(4, 2).double())
    spoilt = x.clone()
    spoilt[0, 0] = torch.nan
    assert coupling()(spoilt)[0].isnan().any(1).tolist() == [True] + [False] * 3


def test_sizes_have_both_ends() -> None:
    check_limits(
        lambda **n: PixelTable(**{"dim": 1, "levels": 2} | n),
        {"dim": 16_384, "levels": 65_536},
        dim=1,
        levels=2,
    )
    check_limits(
        lambda **n: ImageCoupling(**{"side": 4, "channels": 1} | n),
        {"side": 128, "turn": 16_384, "channels": 2**20, "bins": 999}
        | {"context_features": 2**20},
        turn=0,
        bins=2,
        context_features=0,
    )
    assert ImageCoupling(2, channels=1).place.shape == (1, 1, 1, 1)
    for side in (0, 1):
        with pytest.raises(ValueError, match="side must be at least 2"):
            ImageCoupling(side)
    for bound in (0.0, -1.0):
        with pytest.raises(ValueError, match="bound must be positive"):
            ImageCoupling(4, bound=bound)
    assert HALVES[0] == ((0, 3), (1, 2))
    assert [sorted(a + b) for a, b in HALVES] == [[0, 1, 2, 3]] * 6
    assert [b + a for a, b in HALVES[::2]] == [
        HALVES[i][0] + HALVES[i][1] for i in (1, 3, 5)
    ]
