"""A change of units moves a flow's log density by itself, and nothing else does."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genbook.models.flows.flow import Flow
from genbook.training import fit
from seeding import seeded

KINDS = pytest.mark.parametrize("kind", ["spline", "affine"])
UNITS = {
    "tiny": ([1e-4, 1e-4, 1e-4], [0.0, 0.0, 0.0]),
    "huge": ([1e4, 1e4, 1e4], [0.0, 0.0, 0.0]),
    "each its own": ([1e-4, 1e4, 1.0], [0.0, 0.0, 0.0]),
    "far away": ([1.0, 1e-2, 1e2], [-300.0, 3.0, 1e4]),
    "squares that do not fit float32": ([1e20, 1e-24, 1.0], [0.0, 0.0, 0.0]),
}


@pytest.fixture(scope="module")
def x() -> Tensor:
    """A bent cloud, ``(1000, 3)``: no column is standard or independent."""
    x = torch.randn(1000, 3, generator=seeded(0))
    x[:, 1] = 0.5 * x[:, 1] + x[:, 0] ** 2
    x[:, 2] = 0.2 * x[:, 2] + x[:, 1].sin()
    return x


def trained(x: Tensor, y: Tensor | None = None, **config: object) -> Flow:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        options: dict = {"transforms": 2, "hidden": (16,), "bins": 6} | config
        model = Flow(x.shape[1], **options).to(x.dtype)
    fit(model, x, y, steps=40, lr=1e-2)
    return model.requires_grad_(False)


@pytest.mark.parametrize("units", UNITS.values(), ids=UNITS)
@KINDS
def test_units_move_the_log_density_by_themselves(
    kind: str, units: tuple[list[float], list[float]], x: Tensor
) -> None:
    """In float64, since Adam makes steps of what rounding leaves of a zero."""
    scale, shift = (torch.tensor(u).double() for u in units)
    other = x.double() * scale + shift
    model = trained(other, kind=kind)
    moved = model.log_prob(other) + scale.log().sum()
    plain = trained(x.double(), kind=kind)
    assert torch.allclose(moved, plain.log_prob(x.double()), rtol=0, atol=1e-5)
    drawn = (model.sample(500, generator=seeded(2)) - shift) / scale
    wanted = plain.sample(500, generator=seeded(2))
    assert torch.allclose(drawn, wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize("units", UNITS.values(), ids=UNITS)
@KINDS
def test_units_do_not_hinder_float32(
    kind: str, units: tuple[list[float], list[float]], x: Tensor
) -> None:
    scale, shift = (torch.tensor(u) for u in units)
    other = x * scale + shift
    moved = trained(other, kind=kind).log_prob(other) + scale.log().sum()
    log_p = trained(x, kind=kind).log_prob(x)
    assert (moved.mean() - log_p.mean()).abs() < 0.05


@KINDS
def test_powers_of_two_change_no_bit_of_what_is_learnt(kind: str, x: Tensor) -> None:
    scale = torch.tensor([2.0**-13, 2.0**13, 2.0**-20])
    a, b = trained(x, kind=kind), trained(x * scale, kind=kind)
    for (name, one), (_, two) in zip(
        a.named_parameters(), b.named_parameters(), strict=True
    ):
        assert torch.equal(one, two), name
    assert torch.equal(a.std * scale, b.std)


@KINDS
def test_a_box_moves_with_its_units(kind: str, x: Tensor) -> None:
    """Powers of two only: in a box even one rounding is trained on."""
    scale = torch.tensor([2.0**-13, 2.0**13, 2.0**-5])
    unit = x.tanh() * 0.9
    low, high = torch.full((3,), -1.0), torch.full((3,), 1.0)
    a = trained(unit, kind=kind, low=low, high=high)
    b = trained(unit * scale, kind=kind, low=low * scale, high=high * scale)
    moved = b.log_prob(unit * scale) + scale.log().sum()
    assert torch.allclose(moved, a.log_prob(unit), rtol=0, atol=1e-4)


def test_units_of_conditional_flows(x: Tensor) -> None:
    y = (x[:, 0] > 0).long()
    log_p = trained(x, y, classes=2).log_prob(x, y)
    moved = trained(1e-4 * x, y, classes=2).log_prob(1e-4 * x, y)
    wanted = log_p.mean() - 3 * torch.tensor(1e-4).log()
    assert (moved.mean() - wanted).abs() < 0.01


@KINDS
def test_the_order_of_rows_does_not_matter(kind: str, x: Tensor) -> None:
    """All rows in one batch, sorted and shuffled."""
    rows = x[:500].double()
    log_p = trained(rows, kind=kind).log_prob(rows)
    for order in (rows[:, 0].argsort(), torch.randperm(500, generator=seeded(3))):
        other = trained(rows[order], kind=kind).log_prob(rows)
        assert torch.allclose(other, log_p, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"kind": "affine"},
        {"kind": "affine", "low": [-9.0] * 3, "high": [9.0] * 3},
    ],
    ids=["spline", "affine", "affine-in-a-box"],
)
def test_a_constant_column_is_named(config: dict, x: Tensor) -> None:
    flat = x.clamp(-8, 8)
    flat[:, 1] = 0.1
    model = Flow(3, **config)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with pytest.raises(ValueError, match=r"x must vary .* got 0\.1 alone in column 1"):
        fit(model, flat, steps=5)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_a_nearly_constant_column_is_learnt(x: Tensor) -> None:
    near = x.clone()
    near[:, 1] = 1000 + 1e-2 * x[:, 1]
    model = trained(near)
    assert model.std[1].item() == pytest.approx(1e-2 * x[:512, 1].std(), rel=0.2)
    gain = model.log_prob(near).mean() - trained(x).log_prob(x).mean()
    assert gain.item() == pytest.approx(-torch.tensor(1e-2).log().item(), abs=0.05)


def test_units_are_part_of_the_state(x: Tensor) -> None:
    model = trained(100 + 7 * x)
    twin = Flow(**model.config)
    twin.load_state_dict(model.state_dict())
    assert torch.equal(twin.log_prob(100 + 7 * x), model.log_prob(100 + 7 * x))
