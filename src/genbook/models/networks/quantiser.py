r"""Rounding to a few values, with a gradient that goes on as if nothing was rounded.

Rounding has no slope, so training would stop at it: the straight-through gradient
leaves it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from genbook._validate import check_integers, check_sizes

_MOST_TOKENS = 65_536


class FiniteScalarQuantiser(nn.Module):
    r"""Round each number of a vector to one of a few values between -1 and 1.

    With :math:`L` levels a number :math:`z` becomes

    .. math:: k = \operatorname{round}\Bigl((L-1)\,\frac{1+\tanh z}{2}\Bigr),
              \qquad q = \frac{2k}{L-1} - 1.

    All numbers together make one token, an integer in which each :math:`k` is a digit,
    the first number's the lowest. There is no table of codes to learn, and none of its
    entries can be forgotten.

    Args:
        levels: How many values each number may take, two or more; their product is how
            many tokens there are, at most 65,536.

    Raises:
        TypeError: If ``levels`` are no integers.
        ValueError: If one is below two, or there would be too many tokens.

    Reference:
        F. Mentzer et al., "Finite scalar quantization: VQ-VAE made simple", 2023,
        arXiv:2309.15505.

    Example:
        >>> fsq = FiniteScalarQuantiser([3, 2])
        >>> q = fsq(torch.tensor([[0.1, 2.0], [-9.0, -0.3]]))
        >>> q, fsq.indices(q), fsq.vocab_size
        (tensor([[ 0.,  1.],
                [-1., -1.]]), tensor([4, 0]), 6)
    """

    top: Tensor
    base: Tensor

    def __init__(self, levels: Sequence[int]) -> None:
        super().__init__()
        sizes = check_sizes(levels, "levels")
        self.vocab_size = prod(sizes)
        if min(sizes) < 2 or self.vocab_size > _MOST_TOKENS:
            raise ValueError(
                f"levels must be 2 or more each, and {_MOST_TOKENS:,} at most when "
                f"multiplied, got {list(sizes)}"
            )
        self.levels = sizes
        self.config = {"levels": list(sizes)}
        base = [prod(sizes[:i]) for i in range(len(sizes))]
        self.register_buffer("top", torch.tensor(sizes) - 1, persistent=False)
        self.register_buffer("base", torch.tensor(base), persistent=False)

    def forward(self, z: Tensor) -> Tensor:
        """Return the rounded numbers, with a gradient as if they were not.

        Args:
            z: Numbers, ``(..., len(levels))``; NaN gives NaN, infinity the last value.
        """
        squeezed = (1 + self._check(z, "z").tanh()) / 2  # from 0 to 1
        b = self.top * squeezed
        k = b + (b.round() - b).detach()
        return 2 * k / self.top - 1

    def indices(self, q: Tensor) -> Tensor:
        """Return the tokens of rounded numbers, integers, ``(...)``.

        Args:
            q: What the quantiser made, ``(..., len(levels))``; other numbers between
                -1 and 1 count as the nearest values.

        Raises:
            ValueError: If a number is not between -1 and 1.
        """
        wrong = q[~(self._check(q, "q").abs() <= 1)]  # which NaN is too
        if wrong.numel():
            raise ValueError(f"q must be between -1 and 1, got {wrong[0].item():.3g}")
        k = (self.top * (1 + q) / 2).round().long()
        return (k * self.base).sum(-1)

    def values(self, indices: Tensor) -> Tensor:
        """Return the rounded numbers that tokens stand for, ``(..., len(levels))``.

        Args:
            indices: Tokens, integers from 0 to ``vocab_size - 1``, ``(...)``.

        Raises:
            ValueError: If an integer is no token.
        """
        i = check_integers(indices, "indices", "tokens")
        if i.numel() and not 0 <= int(i.min()) <= int(i.max()) < self.vocab_size:
            raise ValueError(
                f"indices must hold tokens 0 to {self.vocab_size - 1}, got "
                f"{int(i.min())} to {int(i.max())}"
            )
        k = i.unsqueeze(-1) // self.base % (self.top + 1)
        return 2 * k / self.top - 1

    def digits(self) -> Tensor:
        """Return which digits each token has, ones and zeros.

        Returns:
            A tensor ``(vocab_size, sum of levels)``, with a one for each digit.
        """
        every = torch.arange(self.vocab_size, device=self.base.device).unsqueeze(1)
        k = every // self.base % (self.top + 1)  # (vocab_size, len(levels))
        parts = [one_hot(k[:, i], n) for i, n in enumerate(self.levels)]
        return torch.cat(parts, 1).float()

    def _check(self, z: Tensor, name: str) -> Tensor:
        if not isinstance(z, Tensor) or not z.is_floating_point():
            raise TypeError(
                f"{name} must be a tensor of floats, got {type(z).__name__}"
            )
        if z.ndim < 1 or z.shape[-1] != len(self.levels):
            raise ValueError(
                f"{name} must be (..., {len(self.levels)}), got {tuple(z.shape)}"
            )
        return z
