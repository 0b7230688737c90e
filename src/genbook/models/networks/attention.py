"""Causal self-attention, and the block that a transformer stacks."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class Attention(nn.Module):
    r"""Masked self-attention with several heads.

    .. math:: \operatorname{softmax}\Bigl(\frac{Q K^\top}{\sqrt{m}} + M\Bigr) V,

    where the mask :math:`M` is minus infinity above the diagonal, and :math:`m` the
    length of a head's vectors.

    Args:
        width: The length of each token's vector, a multiple of ``heads``.
        heads: How many heads.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return equation :eq:`eq-ar-attention` for all heads.

        Args:
            x: A vector for each token, ``(n, T, width)``.

        Returns:
            A tensor of the shape of ``x``.
        """
        q, k, v = (
            t.unflatten(2, (self.heads, -1)).transpose(1, 2)  # (n, heads, T, m)
            for t in self.qkv(x).chunk(3, dim=2)  # (n, T, width) each
        )
        seen = scaled_dot_product_attention(q, k, v, is_causal=True)  # (12.5)
        return self.out(seen.transpose(1, 2).flatten(2))  # (n, T, width)


class Block(nn.Module):
    """Attention, then a small network for each token, each added to what came in."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of ``x``, ``(n, T, width)``."""
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))
