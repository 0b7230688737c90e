"""Attention and its block: what they refuse, and that the past alone is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from doors import check_limits
from genbook.models.networks.attention import Attention, Block, Past
from seeding import seeded
from starts import check_start


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


def by_hand(layer: Attention, x: Tensor, mask: Tensor) -> Tensor:
    """Attend with each head in turn, ``mask`` saying who may be seen."""
    q, k, v = layer.qkv(x).chunk(3, 2)
    heads = []
    for part in zip(*(t.chunk(layer.heads, 2) for t in (q, k, v)), strict=True):
        score = part[0] @ part[1].mT / part[0].shape[2] ** 0.5
        heads.append(score.masked_fill(~mask, -torch.inf).softmax(2) @ part[2])
    return layer.out(torch.cat(heads, 2))


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_a_block_adds_attention_and_thought(heads: int) -> None:
    block = Block(8, heads).double()
    for i, p in enumerate(block.parameters()):
        torch.nn.init.normal_(p, std=0.5, generator=seeded(i))
    x = torch.randn(2, 5, 8, generator=seeded(9), dtype=torch.float64)
    causal = torch.ones(5, 5).tril().bool()
    h = x + by_hand(block.attention, block.norm1(x), causal)
    first, _, second = block.mlp
    wanted = h + second(torch.nn.functional.gelu(first(block.norm2(h))))
    assert torch.allclose(block(x), wanted, atol=1e-10)
    seen = torch.ones(5, 5).triu(-1).bool()
    h = x + by_hand(block.attention, block.norm1(x), seen)
    wanted = h + second(torch.nn.functional.gelu(first(block.norm2(h))))
    assert torch.allclose(block(x, None, seen.view(1, 1, 5, 5)), wanted, atol=1e-10)


@pytest.mark.parametrize("parts", [(1, 1, 1, 1, 1), (2, 3), (4, 1), (5,)])
def test_tokens_in_parts_are_as_all_at_once(parts: tuple[int, ...]) -> None:
    layer, past = Attention(8, 2).double(), Past()
    x = torch.randn(2, 5, 8, generator=seeded(9), dtype=torch.float64)
    assert len(past) == 0
    found = [layer(piece, past) for piece in x.split(list(parts), 1)]
    assert torch.allclose(torch.cat(found, 1), layer(x), atol=1e-10)
    assert len(past) == 5
    assert past.keys is not None
    assert past.keys.shape == (2, 2, 5, 4)


@pytest.mark.parametrize("kind", [Attention, Block])
def test_a_past_and_a_mask_are_what_they_should_be(kind: Any) -> None:
    layer, x = kind(8, 2), torch.zeros(1, 3, 8)
    with pytest.raises(TypeError, match=r"^past must be"):
        layer(x, [])
    with pytest.raises(TypeError, match=r"^seen must be"):
        layer(x, None, "all")
    with pytest.raises(ValueError, match=r"^x must be \(n, T, 8\)"):
        layer(torch.zeros(3, 8))
    for shape in ((3,), (2, 3), (3, 2), (2, 1, 3, 3), (1, 3, 3, 3), (1, 1, 1, 3, 3)):
        wanted = r"^seen must be \(1 or 1, 2 or 1, 3, 3\), got \("
        with pytest.raises(ValueError, match=wanted):
            layer(x, None, torch.ones(shape, dtype=torch.bool))
    for dtype in (torch.int64, torch.float64):
        wanted = f"^seen must be torch.bool or torch.float32, got {dtype}"
        with pytest.raises(TypeError, match=wanted):
            layer(x, None, torch.zeros(1, 1, 3, 3, dtype=dtype))
    for shape in ((3, 3), (1, 3), (2, 3, 3), (1, 1, 3, 3), (1, 2, 3, 1)):
        assert layer(x, None, torch.ones(shape, dtype=torch.bool)).shape == x.shape
    past = Past()
    with pytest.raises(ValueError, match=r"^seen must be"):
        layer(x, past, torch.ones(2, 3))
    assert len(past) == 0


def test_a_new_block_has_these_weights() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        block = Block(8, 2)
    check_start(
        block,
        {
            "attention.qkv.weight": (24, 8),
            "attention.qkv.bias": (24,),
            "attention.out.weight": (8, 8),
            "mlp.0.weight": (32, 8),
            "mlp.0.bias": (32,),
            "mlp.2.weight": (8, 32),
            "*": (8,),
        },
    )


def test_a_past_refuses_what_is_unlike_what_it_holds() -> None:
    past, good = Past(), torch.zeros(2, 3, 4, 5)
    for _ in range(2):  # an empty past, and then one that holds four
        for keys, values, error, message in (
            (None, good, TypeError, "^keys must be a torch.Tensor, got NoneType"),
            (good[0], good, ValueError, "^keys must be"),
            (good.long(), good, TypeError, "^keys must be floating point"),
            (good, good.tolist(), TypeError, "^values must be a torch.Tensor"),
            (good, good[:1], ValueError, r"^values must be \(2, 3, 4, 5\), got \(1, "),
            (good, good.double(), TypeError, "^values must be torch.float32"),
        ):
            held = len(past)
            with pytest.raises(error, match=message):
                past.extend(keys, values)
            assert len(past) == held
        past.extend(good, good)
    for other in (good[:1], good[:, :1], good[..., :1]):
        with pytest.raises(ValueError, match=r"^keys must be \(2, 3, T, 5\), got"):
            past.extend(other, other)
    with pytest.raises(TypeError, match=r"^keys must be torch.float32"):
        past.extend(good.double(), good.double())
    keys, values = past.extend(good[:, :, :1] * torch.nan, good[:, :, :1])
    assert keys.shape == values.shape == (2, 3, 9, 5)
    assert keys[:, :, -1].isnan().all()
