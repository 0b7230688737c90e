"""The reader of captions: its answer by hand, its start, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm

from doors import check_limits
from genbook.models.networks.words import WordEncoder, split_heads
from genbook.training import isolated_rng
from seeding import seeded
from starts import check_start


def encoder(**options: int) -> WordEncoder:
    with isolated_rng(0):
        made = WordEncoder(9, 6, **{"width": 8, "blocks": 2, "heads": 2} | options)
        for p in made.parameters():
            nn.init.normal_(p, std=0.5)
    return made.double().requires_grad_(False)


def by_hand(made: WordEncoder, y: Tensor) -> Tensor:
    """Read one caption without padding, word by word, ``(T, width)``."""
    n = len(y)
    h = made.token.weight[y] + made.place[:n]
    near = made.near.bias.repeat(n, 1)
    for i in range(n):
        for j in range(max(i - 2, 0), min(i + 3, n)):
            near[i] += made.near.weight[:, :, j - i + 2] @ h[j]
    h = h + gelu(near)
    for block in made.blocks:
        a = layer_norm(h, (8,), block.norm1.weight, block.norm1.bias)
        q, k, v = (part.chunk(made.heads, 1) for part in block.qkv(a).chunk(3, 1))
        seen = [
            (a @ b.T / a.shape[1] ** 0.5).softmax(1) @ c
            for a, b, c in zip(q, k, v, strict=True)
        ]
        h = h + block.out(torch.cat(seen, 1))
        a = layer_norm(h, (8,), block.norm2.weight, block.norm2.bias)
        h = h + block.down(gelu(block.up(a)))
    return layer_norm(h, (8,), made.norm.weight, made.norm.bias)


@pytest.mark.parametrize("blocks", [0, 2])
def test_words_become_what_the_layers_say(blocks: int) -> None:
    made = encoder(blocks=blocks)
    y = torch.tensor([[1, 4, 2, 8, 3, 5], [1, 7, 3, 0, 0, 0], [2, 0, 0, 0, 0, 0]])
    words, there = made(y)
    assert torch.equal(there, y > 0)
    for i in range(3):
        n = int(there[i].sum())
        wanted = by_hand(made, y[i, :n])
        assert torch.allclose(words[i, :n], wanted, rtol=0, atol=1e-10)
    shorter, _ = made(y[1:, :3])
    assert torch.allclose(shorter[0], words[1, :3], rtol=0, atol=1e-10)


def test_heads_are_neighbouring_numbers() -> None:
    x = torch.randn(2, 5, 6, generator=seeded(1))
    found = split_heads(x, 3)
    assert found.shape == (2, 3, 5, 2)
    for head in range(3):
        assert torch.equal(found[:, head], x[:, :, 2 * head : 2 * head + 2])


def test_a_new_encoder_has_these_weights() -> None:
    with isolated_rng(1):
        made = WordEncoder(30, 6, width=8, blocks=2, heads=2)
    check_start(
        made,
        {
            "token.weight": (30, 8),
            "place": (6, 8),
            "near.weight": (8, 8, 5),
            "*.qkv.weight": (24, 8),
            "*.qkv.bias": (24,),
            "*.out.weight": (8, 8),
            "*.up.weight": (16, 8),
            "*.up.bias": (16,),
            "*.down.weight": (8, 16),
            "*norm*": (8,),
            "*.bias": (8,),
        },
        normal={"token.weight": 0.5, "place": 0.3},
    )
    assert made.config == {
        "vocabulary": 30,
        "length": 6,
        "width": 8,
        "blocks": 2,
        "heads": 2,
    }


def test_sizes_have_limits() -> None:
    small = {"vocabulary": 2, "length": 1, "width": 1, "blocks": 0, "heads": 1}
    check_limits(
        lambda **n: WordEncoder(**small | n),
        {
            "vocabulary": 1_000_000,
            "length": 65_536,
            "width": 16_384,
            "blocks": 100,
            "heads": 16_384,
        },
        **small,
    )
    with pytest.raises(ValueError, match="heads must divide width 8, got 3"):
        encoder(heads=3)


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        ([[1, 2]], TypeError, "^y must be a "),
        (torch.ones(1, 2), TypeError, "^y must "),
        (torch.ones(3).long(), ValueError, r"^y must be \(n, 1 to 6\), got \(3,\)"),
        (torch.ones(1, 7).long(), ValueError, r"^y must be \(n, 1 to 6\), got \(1"),
        (torch.ones(1, 0).long(), ValueError, r"^y must be \(n, 1 to 6\), got \(1, 0"),
        (torch.full((1, 2), 9), ValueError, "^y must hold tokens 0 to 8, got 9 to 9"),
        (torch.full((1, 2), -1), ValueError, "^y must hold tokens 0 to 8, got -1 to"),
    ],
)
def test_what_is_no_caption_is_refused(
    y: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        encoder()(y)
    with pytest.raises(error, match=message.replace("y", "z", 1)):
        encoder().check_captions(y, "z")  # type: ignore[arg-type]


def test_captions_become_whole_numbers_of_64_bits() -> None:
    made, y = encoder(), torch.tensor([[1, 8, 0]], dtype=torch.int32)
    assert made.check_captions(y).dtype == torch.int64
    assert made(y)[0].shape == (1, 3, 8)
    assert made(y[:0])[0].shape == (0, 3, 8)


@pytest.mark.parametrize(
    ("x", "heads", "error", "message"),
    [
        (None, 4, TypeError, "^x must be a torch.Tensor, got NoneType"),
        (torch.zeros(5, 8), 4, ValueError, r"^x must be \(n, T, width\), got \(5, 8\)"),
        (torch.zeros(2, 5, 8).long(), 4, TypeError, "^x must be floating point"),
        (torch.zeros(2, 5, 8), 0, ValueError, "^heads must be at least 1, got 0"),
        (torch.zeros(2, 5, 8), -1, ValueError, "^heads must be at least 1, got -1"),
        (torch.zeros(2, 5, 8), 3, ValueError, "^heads must divide width 8, got 3"),
        (torch.zeros(2, 5, 8), 2.0, TypeError, "^heads must be an integer"),
    ],
)
def test_what_cannot_be_cut_into_heads_is_refused(
    x: Any, heads: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        split_heads(x, heads)
    for n in (0, 2):
        assert split_heads(torch.full((n, 5, 8), torch.nan), 4).shape == (n, 4, 5, 2)
