"""Orders and units that belong to the observations, not to who gives them."""

from __future__ import annotations

import math

import pytest
import torch

from genbook.models.density._rows import column_units, power_of_two, row_order
from seeding import seeded


def test_rows_stand_in_the_order_of_their_columns() -> None:
    x = torch.randint(3, (40, 3), generator=seeded(0)).double()
    rows = [tuple(r) for r in x.tolist()]
    order = row_order(x).tolist()
    assert sorted(order) == list(range(40))
    assert [rows[i] for i in order] == sorted(rows)
    assert order == sorted(range(40), key=lambda i: (rows[i], i))  # equal ones stay


def test_units_are_mean_and_deviation_in_double_precision() -> None:
    x = torch.tensor([[0.0, 5.0, 1e30], [2.0, 5.5, -1e30], [7.0, 9.0, 1e30]])
    units = column_units(x)
    assert units.centre.dtype == units.scale.dtype == torch.float64
    exact = x.double()
    assert torch.allclose(units.centre, exact.mean(0))
    assert torch.allclose(units.scale, exact.std(0, correction=0))
    huge = torch.tensor([[-1e300], [1e300]], dtype=torch.float64)
    assert column_units(huge).scale.item() == pytest.approx(1e300)
    with pytest.raises(ValueError, match=r"^x must not be constant, got 2 times one"):
        column_units(torch.ones(2, 3))
    x[:, 1] = 5
    with pytest.raises(
        ValueError, match="two different values in each column, got only 5 in column 1"
    ):
        column_units(x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_power_of_two_brings_each_column_near_one(dtype: torch.dtype) -> None:
    limits = torch.finfo(dtype)
    columns = [3.0, -0.3, 4.0, limits.max, limits.tiny, 0.0]
    x = torch.tensor([columns, [0.0] * 6], dtype=dtype)
    found = power_of_two(x)
    assert found.dtype == dtype
    assert found.isfinite().all()
    assert (1 / found).isfinite().all()
    assert found[:3].tolist() == [4.0, 0.5, 8.0]
    shares = (x[0] / found).abs()
    assert (shares[:3] >= 0.5).all()
    assert (shares[:3] < 1).all()
    most = math.frexp(limits.max)[1] - 2
    assert found[3].item() == 2.0**most
    assert shares[4] < 1
    assert found[5] == 1
