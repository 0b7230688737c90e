"""Attention and its block: what they refuse, and that the past alone is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from doors import check_limits
from genbook.models.networks.attention import Attention, Block
from seeding import seeded


@pytest.mark.parametrize("make", [Attention, Block])
@pytest.mark.parametrize(
    ("sizes", "error", "message"),
    [
        ((8, 3), ValueError, "heads must divide width 8, got 3"),
        ((0, 1), ValueError, "width must be at least 1"),
        ((2**20, 2), ValueError, "width must be at most 16,384"),
        ((8, None), TypeError, "heads must be an integer"),
        ((8.0, 2), TypeError, "width must be an integer"),
    ],
)
def test_bad_sizes_are_refused(
    make: Callable[..., object], sizes: tuple, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make(*sizes)


@pytest.mark.parametrize("make", [Attention, Block])
def test_bad_vectors_are_refused_and_nan_goes_through(
    make: Callable[[int, int], torch.nn.Module],
) -> None:
    layer = make(8, 2)
    x = torch.randn(2, 3, 8, generator=seeded(0))
    for bad, error in (
        (None, TypeError),
        (x[0], ValueError),
        (x[..., :7], ValueError),
        (x.double(), TypeError),
    ):
        with pytest.raises(error, match="x must be"):
            layer(bad)
    x[0, 1, 0] = torch.nan
    found = layer(x)
    assert found[0, 1].isnan().all()
    assert found[1].isfinite().all()


def test_heads_look_at_parts_of_the_vectors() -> None:
    """Two heads of one number are two layers of attention side by side."""
    layer = Attention(2, heads=2)
    x = torch.randn(1, 4, 2, generator=seeded(1))
    q, k, v = layer.qkv(x)[0].chunk(3, dim=1)  # (T, 2) each

    def head(i: int) -> Tensor:
        scores = q[:, i, None] * k[:, i]
        later = torch.ones(4, 4).triu(1).bool()
        return scores.masked_fill(later, -torch.inf).softmax(1) @ v[:, i]

    wanted = layer.out(torch.stack([head(0), head(1)], 1))
    assert torch.allclose(layer(x)[0], wanted, atol=1e-6)


@pytest.mark.parametrize("kind", [Attention, Block])
def test_widths_and_heads_have_limits(kind: Any) -> None:
    check_limits(
        lambda **n: kind(**{"width": 4, "heads": 1} | n),
        {"width": 16_384, "heads": 16_384},
        width=1,
        heads=1,
    )
