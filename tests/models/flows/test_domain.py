"""Where a flow's observations live: boxes opened and closed, and units of columns."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from genbook.models.flows import _domain
from seeding import seeded

LOW, HIGH = torch.tensor([1.0, -2.0]).double(), torch.tensor([5.0, -1.5]).double()
UNIFORM = pytest.mark.parametrize("uniform", [True, False])


def points(n: int = 20) -> Tensor:
    return LOW + torch.rand(n, 2, generator=seeded(0)).double() * (HIGH - LOW)


@UNIFORM
def test_a_box_is_opened_and_closed_again(uniform: bool) -> None:
    x = points()
    z, log_det = _domain.open_box(x, LOW, HIGH, uniform)
    u = torch.stack([(x[:, 0] - 1) / 4, (x[:, 1] + 2) / 0.5], 1)
    wanted = 2 * u - 1 if uniform else (u / (1 - u)).log()
    assert torch.allclose(z, wanted, atol=1e-12)
    assert torch.allclose(_domain.close_box(z, LOW, HIGH, uniform), x, atol=1e-12)
    for i in range(3):
        jacobian = torch.autograd.functional.jacobian(
            lambda v: _domain.open_box(v[None], LOW, HIGH, uniform)[0][0], x[i]
        )
        slope = torch.linalg.slogdet(jacobian).logabsdet
        assert log_det[i].item() == pytest.approx(slope.item(), abs=1e-10)
    assert log_det.shape == (20,)


def test_corners_are_far_away_but_not_endless() -> None:
    x = torch.stack([LOW, HIGH])
    z, log_det = _domain.open_box(x, LOW, HIGH, False)
    tiny = torch.finfo(torch.float64).eps
    far = math.log((1 - tiny) / tiny)
    assert z[0].tolist() == pytest.approx([-far, -far])
    assert z[1].tolist() == pytest.approx([far, far], rel=1e-3)
    assert log_det.isfinite().all()
    z, _ = _domain.open_box(x, LOW, HIGH, True)
    assert z.tolist() == [[-1.0, -1.0], [1.0, 1.0]]


@UNIFORM
def test_nothing_comes_back_outside_the_box(uniform: bool) -> None:
    z = torch.tensor([[-50.0, 50.0], [1.0 + 1e-9, -1.0 - 1e-9]]).double()
    x = _domain.close_box(z, LOW, HIGH, uniform)
    assert ((x >= LOW) & (x <= HIGH)).all()


def test_units_of_columns_hold_whatever_their_size() -> None:
    x = torch.tensor([[1.0, 3.0], [4.0, -1.0], [4.0, 7.0]]).double()
    mean, std = _domain.centre_and_spread(x)
    assert mean.tolist() == pytest.approx([3.0, 3.0])
    assert std.tolist() == pytest.approx([2**0.5, (32 / 3) ** 0.5])
    huge = torch.tensor([[-1e30], [1e30], [0.0]])  # whose squares are no numbers
    assert _domain.centre_and_spread(huge)[1].item() == pytest.approx(
        1e30 * (2 / 3) ** 0.5, rel=1e-6
    )
    small = torch.tensor([[-1e-25], [1e-25], [0.0]])  # whose squares are nothing
    assert _domain.centre_and_spread(small)[1].item() == pytest.approx(
        1e-25 * (2 / 3) ** 0.5, rel=1e-4, abs=0
    )


def test_corners_come_in_pairs_of_the_right_length() -> None:
    assert _domain.corners(None, None, 2) is None
    for low, high in (([0.0, 0.0], None), (None, [1.0, 1.0])):
        with pytest.raises(ValueError, match="low and high must be given together"):
            _domain.corners(low, high, 2)
    with pytest.raises(ValueError, match=r"low must be \(3,\), got \(2,\)"):
        _domain.corners([0.0, 0.0], [1.0, 1.0], 3)
    with pytest.raises(ValueError, match="low must be below high"):
        _domain.corners([0.0, 2.0], [1.0, 1.0], 2)
    found = _domain.corners([0.0, 0.5], [1.0, 2.0], 2)
    assert found is not None
    assert [t.tolist() for t in found] == [[0.0, 0.5], [1.0, 2.0]]


def test_the_first_point_outside_is_named() -> None:
    x = torch.stack([LOW, HIGH, points(1)[0]])
    _domain.check_inside(x, LOW, HIGH, "x", "the observations")
    _domain.check_inside(x[:0], LOW, HIGH, "x", "the observations")
    for shift in (-1e-9, 1e-9):
        bad = x.clone()
        bad[1 if shift > 0 else 0, 1] += shift
        bad[2, 0] = 9.0
        row = 1 if shift > 0 else 0
        with pytest.raises(
            ValueError, match=rf"^x must lie in the box of the data, got .* row {row}$"
        ):
            _domain.check_inside(bad, LOW, HIGH, "x", "the data")
    with pytest.raises(ValueError, match=r"^z must lie .* got \[0.5, 1.5\] in row 0"):
        _domain.check_inside(torch.tensor([[0.5, 1.5]]), -1, 1, "z", "the base")
