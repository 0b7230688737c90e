"""Sums over all pairs against sums written out, and the order that makes them quick."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from genbook.models.density._kernel_sums import (
    gaussian_kernel_logsumexp,
    z_order,
)
from seeding import seeded


def points(n: int, dim: int = 2, seed: int = 0) -> Tensor:
    return torch.randn(n, dim, generator=seeded(seed)).double()


@pytest.mark.parametrize("h", [0.005, 0.1, 3.0])
def test_sums_leave_one_out(h: float) -> None:
    x = points(700)
    own = torch.randperm(700, generator=seeded(3))[:300]
    e = -0.5 * torch.cdist(x, x).square() / h**2
    e.fill_diagonal_(-torch.inf)
    wanted = e.logsumexp(dim=1)[own]
    got = gaussian_kernel_logsumexp(x[own], x, h, own)
    assert torch.allclose(got, wanted, rtol=1e-9, atol=1e-9)


@given(st.integers(1, 200), st.integers(1, 70), st.integers(0, 100))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_z_order_is_a_permutation(n: int, dim: int, seed: int) -> None:
    order = z_order(points(n, dim, seed))
    assert order.sort().values.equal(torch.arange(n))


def test_z_order_on_a_line_is_the_order() -> None:
    x = points(1000, 1)
    assert torch.equal(x[z_order(x)], x.sort(dim=0).values)


def test_z_order_brings_neighbours_together() -> None:
    x = torch.rand(4096, 2, generator=seeded(0))
    jump = x[z_order(x)].diff(dim=0).norm(dim=1).mean()
    assert jump < 0.1 * x.diff(dim=0).norm(dim=1).mean()


@pytest.mark.parametrize(
    ("dim", "coarse"), [(5, True), (31, True), (31, False), (20, False)]
)
def test_z_order_takes_the_bits_in_turn(dim: int, coarse: bool) -> None:
    bits = 62 // dim
    top = 2**bits - 1
    x = torch.randint(2, (40, dim), generator=seeded(4))  # the lowest bit decides
    if coarse:
        x = torch.randint(4, (40, dim), generator=seeded(4)) * (top // 3)
    x[0], x[1] = 0, top
    code = [
        int("".join(f"{v:0{bits}b}"[i] for i in range(bits) for v in row), 2)
        for row in x.tolist()
    ]
    wanted = sorted(range(40), key=code.__getitem__)
    assert z_order(x.double() / top).tolist() == wanted


def test_many_points_that_are_each_nothing_count_together() -> None:
    """Of 64 points here and thousands afar, each of which adds 1e-9 of one here."""
    far = math.sqrt(2 * math.log(1e9))
    x = torch.cat([torch.zeros(64, 1), torch.full((12_800, 1), far)]).double()
    got = gaussian_kernel_logsumexp(torch.zeros(1, 1).double(), x)
    assert got.item() == pytest.approx(math.log(64 + 12_800e-9), abs=1e-10)
