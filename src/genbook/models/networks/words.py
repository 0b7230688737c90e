"""A reader of captions: each word becomes a vector that knows its neighbours."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from genbook._validate import check_count, check_integers, check_tensor
from genbook.models.networks._doors import check_vocabulary

#: No layer may be wider.
MOST_WIDTH = 2**14


class WordEncoder(nn.Module):
    r"""Words to vectors: embeddings, a look at the neighbours, and blocks of attention.

    The token 0 is no word: captions are padded with it to one length, and nobody looks
    there. Every word may look at every other, to its left and to its right.

    Args:
        vocabulary: How many tokens there are, the padding counted.
        length: The most tokens of a caption.
        width: The length of a word's vector, a multiple of ``heads``, at most 16,384.
        blocks: How many blocks of attention, at most 100.
        heads: How many heads each has.

    Raises:
        TypeError: If a size is not an integer.
        ValueError: If one is out of range, or ``heads`` does not divide ``width``.

    Example:
        >>> encoder = WordEncoder(9, 6, width=8, heads=2)
        >>> words, there = encoder(torch.tensor([[1, 4, 2, 0, 0, 0]]))
        >>> words.shape, there.sum().item()
        (torch.Size([1, 6, 8]), 3)
    """

    def __init__(
        self,
        vocabulary: int,
        length: int,
        *,
        width: int = 64,
        blocks: int = 1,
        heads: int = 4,
    ) -> None:
        super().__init__()
        self.vocabulary = check_count(vocabulary, "vocabulary", 2, 1_000_000)
        length = check_count(length, "length", 1, 65_536)
        width = check_count(width, "width", 1, MOST_WIDTH)
        blocks = check_count(blocks, "blocks", 0, 100)
        self.heads = check_count(heads, "heads", 1, MOST_WIDTH)
        if width % self.heads:
            raise ValueError(f"heads must divide width {width}, got {heads}")
        self.config = {
            "vocabulary": self.vocabulary,
            "length": length,
            "width": width,
            "blocks": blocks,
            "heads": self.heads,
        }
        self.token = nn.Embedding(self.vocabulary, width)
        nn.init.normal_(self.token.weight, std=0.5)
        self.place = nn.Parameter(0.3 * torch.randn(length, width))
        self.near = nn.Conv1d(width, width, 5, padding=2)
        self.blocks = nn.ModuleList(_Block(width, self.heads) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return a vector a word, ``(n, T, width)``, and which are there, ``(n, T)``.

        Args:
            y: Captions, ``(n, T)``, padded with 0 at their ends; ``T`` from 1 to
                ``length``.

        Raises:
            TypeError: If ``y`` is not a tensor of whole numbers.
            ValueError: If its shape is another, or a token out of range.
        """
        y = self.check_captions(y)
        there = y > 0
        h = self.token(y) + self.place[: y.shape[1]]
        h = h * there[..., None]  # or a neighbour would hear of the padding
        h = h + gelu(self.near(h.transpose(1, 2)).transpose(1, 2))
        for block in self.blocks:
            h = block(h, there)
        return self.norm(h), there

    def check_captions(self, y: Tensor, name: str = "y") -> Tensor:
        """Return captions in ``torch.int64``, if they are captions.

        Args:
            y: Captions, ``(n, T)``, of 1 to ``length`` tokens.
            name: The argument's name, for the message.

        Raises:
            TypeError: If it is not a tensor of whole numbers.
            ValueError: If its shape is another, or a token out of range.

        Example:
            >>> WordEncoder(9, 6, width=8).check_captions(torch.tensor([[1, 2, 0]]))
            tensor([[1, 2, 0]])
        """
        y, most = check_integers(y, name, "tokens"), len(self.place)
        if y.ndim != 2 or not 1 <= y.shape[1] <= most:
            raise ValueError(f"{name} must be (n, 1 to {most}), got {tuple(y.shape)}")
        return check_vocabulary(y, name, self.vocabulary)


class _Block(nn.Module):
    """Attention among the words of a caption, then a small network for each."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        q, k, v = (
            split_heads(t, self.heads) for t in self.qkv(self.norm1(x)).chunk(3, 2)
        )
        seen = scaled_dot_product_attention(q, k, v, attn_mask=there[:, None, None])
        x = x + self.out(seen.transpose(1, 2).flatten(2))
        return cast(Tensor, x + self.down(gelu(self.up(self.norm2(x)))))


def split_heads(x: Tensor, heads: int) -> Tensor:
    """Return vectors cut into heads, ``(n, heads, T, width / heads)``.

    Args:
        x: Vectors, ``(n, T, width)``; NaN and infinity come out again.
        heads: How many; they divide the width.

    Raises:
        TypeError: If ``x`` is not a floating-point tensor, or ``heads`` no integer.
        ValueError: If the shape is another, or ``heads`` does not divide the width.

    Example:
        >>> split_heads(torch.zeros(2, 5, 8), 4).shape
        torch.Size([2, 4, 5, 2])
    """
    check_tensor(x, "x", ("n", "T", "width"), finite=False, allow_empty=True)
    heads = check_count(heads, "heads", 1, MOST_WIDTH)
    if x.shape[2] % heads:
        raise ValueError(f"heads must divide width {x.shape[2]}, got {heads}")
    return x.unflatten(2, (heads, -1)).transpose(1, 2)
