"""Causal self-attention, and the block that a transformer stacks."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from genbook._validate import check_count, check_kind, check_tensor
from genbook.models.networks._doors import check_rows

#: No vector may be longer: a layer of such a width has a gigabyte.
MOST_WIDTH = 2**14


class Past:
    """The keys and values of the tokens so far, so that none is computed twice.

    Attributes:
        keys: ``(n, heads, T, m)``, or ``None`` at the start.
        values: Alike.

    Example:
        >>> import torch
        >>> layer, past = Attention(8, heads=2), Past()
        >>> x = torch.randn(1, 3, 8)
        >>> parts = [layer(x[:, t : t + 1], past) for t in range(3)]
        >>> torch.allclose(torch.cat(parts, 1), layer(x), atol=1e-6)
        True
    """

    keys: Tensor | None = None
    values: Tensor | None = None

    def __len__(self) -> int:
        return 0 if self.keys is None else self.keys.shape[2]

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Add those of new tokens and return all.

        Args:
            keys: Of the new tokens, ``(n, heads, T, m)``; NaN and infinity are kept.
            values: Alike; NaN and infinity are kept.

        Raises:
            TypeError: If one is not a floating-point tensor, or they differ in type.
            ValueError: If a shape is another, or unlike those before.
        """
        _check_past(keys, values, self.keys)
        if self.keys is not None and self.values is not None:
            keys = torch.cat([self.keys, keys], 2)
            values = torch.cat([self.values, values], 2)
        self.keys, self.values = keys, values
        return keys, values


class Attention(nn.Module):
    r"""Masked self-attention with several heads.

    .. math:: \operatorname{softmax}\Bigl(\frac{Q K^\top}{\sqrt{m}} + M\Bigr) V,

    where the mask :math:`M` is minus infinity above the diagonal, and :math:`m` the
    length of a head's vectors.

    Args:
        width: The length of each token's vector, a multiple of ``heads``, at most
            16,384.
        heads: How many heads.

    Raises:
        TypeError: If a size is not an integer.
        ValueError: If a size is out of range, or ``heads`` does not divide ``width``.

    Example:
        >>> import torch
        >>> Attention(8, heads=2)(torch.zeros(1, 3, 8)).shape
        torch.Size([1, 3, 8])
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        width, self.heads = _check_sizes(width, heads)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(
        self, x: Tensor, past: Past | None = None, seen: Tensor | None = None
    ) -> Tensor:
        """Return equation :eq:`eq-ar-attention` for all heads.

        Args:
            x: A vector for each token, ``(n, T, width)``; NaN and infinity give NaN.
            past: The tokens before these, to which these are added.
            seen: Which tokens each looks at, booleans ``(n, 1, T, T)`` or what can be
                broadcast to that, or what is added to each score: ``-inf`` for what is
                not seen; NaN and infinity give NaN. All up to itself when ``None``.

        Returns:
            A tensor of the shape of ``x``.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If it has another shape.
        """
        check_rows(x, self.out.weight, "n", "T")
        if seen is not None:
            _check_seen(seen, x, self.heads)
        q, k, v = (
            t.unflatten(2, (self.heads, -1)).transpose(1, 2)  # (n, heads, T, m)
            for t in self.qkv(x).chunk(3, dim=2)  # (n, T, width) each
        )
        if past is not None:
            k, v = check_kind(past, "past", Past).extend(k, v)
            new, all_ = q.shape[2], k.shape[2]
            seen = q.new_ones((new, all_), dtype=torch.bool).tril(all_ - new)
        causal = seen is None
        h = scaled_dot_product_attention(q, k, v, seen, is_causal=causal)  # (12.5)
        return self.out(h.transpose(1, 2).flatten(2))  # (n, T, width)


class Block(nn.Module):
    """Attention, then a small network for each token, each added to what came in.

    Args:
        width: The length of each token's vector, a multiple of ``heads``, at most
            16,384.
        heads: How many heads.

    Raises:
        TypeError: If a size is not an integer.
        ValueError: If a size is out of range, or ``heads`` does not divide ``width``.

    Example:
        >>> import torch
        >>> Block(8, heads=2)(torch.zeros(1, 3, 8)).shape
        torch.Size([1, 3, 8])
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        width, heads = _check_sizes(width, heads)
        self.norm1, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(
        self, x: Tensor, past: Past | None = None, seen: Tensor | None = None
    ) -> Tensor:
        """Return a tensor of the shape of ``x``, ``(n, T, width)``.

        Args:
            x: A vector for each token, ``(n, T, width)``.
            past: The tokens before these, see :class:`Attention`.
            seen: Which tokens each looks at, see :class:`Attention`; it may broadcast,
                and NaN and infinity give NaN.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If it has another shape.
        """
        check_rows(x, self.attention.out.weight, "n", "T")
        x = x + self.attention(self.norm1(x), past, seen)
        return x + self.mlp(self.norm2(x))


def _check_past(keys: Tensor, values: Tensor, before: Tensor | None) -> None:
    """Refuse keys and values that differ from one another, or from those before."""
    kept = ["n", "heads", "T", "m"] if before is None else list(before.shape)
    shape: list[int | str] = [*kept[:2], "T", kept[3]]
    dtype = None if before is None else before.dtype
    check_tensor(keys, "keys", shape, dtype=dtype, finite=False, allow_empty=True)
    like = tuple(keys.shape)
    check_tensor(
        values, "values", like, dtype=keys.dtype, finite=False, allow_empty=True
    )


def _check_seen(seen: Tensor, x: Tensor, heads: int) -> None:
    """Refuse a mask that cannot be laid over the scores of ``x``."""
    check_kind(seen, "seen", Tensor)
    if seen.dtype not in (torch.bool, torch.float32, x.dtype):
        raise TypeError(f"seen must be torch.bool or {x.dtype}, got {seen.dtype}")
    n, tokens = x.shape[:2]
    wanted = (n, heads, tokens, tokens)
    fits = all(
        have in (1, want)
        for have, want in zip(seen.shape[::-1], wanted[::-1], strict=False)
    )
    if not 2 <= seen.ndim <= 4 or not fits:
        raise ValueError(
            f"seen must be ({n} or 1, {heads} or 1, {tokens}, {tokens}), got "
            f"{tuple(seen.shape)}"
        )


def _check_sizes(width: int, heads: int) -> tuple[int, int]:
    """Check the length of a vector, and how many heads share it."""
    width = check_count(width, "width", 1, MOST_WIDTH)
    heads = check_count(heads, "heads", 1, MOST_WIDTH)
    if width % heads:
        raise ValueError(f"heads must divide width {width}, got {heads}")
    return width, heads
