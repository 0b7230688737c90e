r"""Adapting a model that is there: all weights, or a few beside them, with replay.

**Low-rank adaptation** leaves a linear layer's matrix :math:`W` as it is and learns a
difference of small rank,

.. math:: W + s\,B A,
          \qquad A \in \mathbb R^{r \times m},\ B \in \mathbb R^{n \times r},

that begins at zero and can be added to :math:`W` in the end. **Replay** mixes what the
model knew into what it learns, so that it does not forget.

Reference:
    E. Hu et al., "LoRA: Low-rank adaptation of large language models", 2021,
    arXiv:2106.09685; D. Rolnick et al., "Experience replay for continual learning",
    2019, arXiv:1811.11682.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from genbook._numbers import check_count, check_kind, check_positive, check_seed
from genbook._validate import check_integers, check_tensor

__all__ = ["LowRankLinear", "add_lora", "merge_lora", "replay", "trained_share"]

#: No rank may be larger.
MOST_RANK = 2**12

M = TypeVar("M", bound=nn.Module)


class LowRankLinear(nn.Module):
    r"""A linear layer that stays as it is, and a difference of low rank.

    Args:
        base: The layer; its weights are no longer trained.
        rank: The rank :math:`r` of the difference, at most 4,096.
        scale: The factor :math:`s` of the difference.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If the rank or the scale is out of range.

    Example:
        >>> layer = nn.Linear(3, 2)
        >>> x = torch.ones(1, 3)
        >>> torch.equal(LowRankLinear(layer, rank=1)(x), layer(x))
        True
    """

    def __init__(self, base: nn.Linear, rank: int, scale: float = 2.0) -> None:
        super().__init__()
        check_kind(base, "base", nn.Linear)
        rank = check_count(rank, "rank", 1, MOST_RANK)
        self.scale = check_positive(scale, "scale")
        self.base = base.requires_grad_(False)
        n, m = base.weight.shape
        like = base.weight
        self.A = nn.Parameter(torch.randn(rank, m).to(like) / math.sqrt(m))
        self.B = nn.Parameter(torch.zeros(n, rank).to(like))

    @property
    def weight(self) -> Tensor:
        """The weights of the layer, without the difference."""
        return self.base.weight

    def forward(self, x: Tensor) -> Tensor:
        """Return what the layer with its difference gives, ``(..., n)``.

        Args:
            x: Vectors, ``(..., m)``, of any number of dimensions; NaN and infinity come
                out again.

        Raises:
            TypeError: If ``x`` is not of the layer's type.
            ValueError: If its vectors have another length.
        """
        dtype, m = self.base.weight.dtype, self.base.weight.shape[1]
        check_tensor(x, "x", dtype=dtype, finite=False, allow_empty=True)
        if x.shape[-1:] != (m,):
            raise ValueError(f"x must be (..., {m}), got {tuple(x.shape)}")
        weight = self.base.weight + self.scale * self.B @ self.A
        return linear(x, weight, self.base.bias)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """Return one ordinary layer that does the same."""
        n, m = self.base.weight.shape
        layer = nn.Linear(m, n, bias=self.base.bias is not None).to(self.base.weight)
        layer.weight.copy_(self.base.weight + self.scale * self.B @ self.A)
        if self.base.bias is not None:
            layer.bias.copy_(self.base.bias)
        return layer


def add_lora(model: M, rank: int, *, scale: float = 2.0, seed: int = 0) -> M:
    """Freeze a model, and put a trainable low-rank difference beside each linear layer.

    Args:
        model: The model, which is changed.
        rank: The rank of the differences, at most 4,096.
        scale: Their factor.
        seed: Decides the first ``A``; each ``B`` begins at zero.

    Returns:
        The same model, which gives what it gave before.

    Raises:
        TypeError: If ``model`` is not a module, or a number none.
        ValueError: If a number is out of range, or the model has no linear layer.

    Example:
        >>> model = add_lora(nn.Sequential(nn.Linear(8, 8)), rank=1)
        >>> sum(p.numel() for p in model.parameters() if p.requires_grad)
        16
    """
    check_kind(model, "model", nn.Module)
    check_count(rank, "rank", 1, MOST_RANK)
    check_positive(scale, "scale")
    found = list(_children(model, nn.Linear))
    if not found:
        raise ValueError("model must have a linear layer inside, got none")
    model.requires_grad_(False)
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(check_seed(seed))
        for parent, name, layer in found:
            setattr(parent, name, LowRankLinear(layer, rank, scale))
    return model


def merge_lora(model: M) -> M:
    """Add each low-rank difference to its layer; all weights can be trained again.

    Args:
        model: The model, which is changed.

    Returns:
        The same model, with the layers that it had.

    Raises:
        TypeError: If ``model`` is not a module.

    Example:
        >>> model = merge_lora(add_lora(nn.Sequential(nn.Linear(8, 8)), rank=1))
        >>> type(model[0]).__name__
        'Linear'
    """
    check_kind(model, "model", nn.Module)
    for parent, name, layer in list(_children(model, LowRankLinear)):
        setattr(parent, name, layer.merged())
    return model.requires_grad_(True)


L = TypeVar("L", bound=nn.Module)


def _children(model: nn.Module, kind: type[L]) -> Iterator[tuple[nn.Module, str, L]]:
    """Yield the parts of a kind, not looking inside them, with where they hang."""
    for name, child in model.named_children():
        if isinstance(child, kind):
            yield model, name, child
        elif not isinstance(child, LowRankLinear):
            yield from _children(child, kind)


def trained_share(model: nn.Module) -> float:
    """Return the share of a model's weights that training would change.

    The weights are those that the model has when it is merged, so that the share says
    how small the file of an adaptation is beside that of the model.

    Args:
        model: The model.

    Example:
        >>> trained_share(add_lora(nn.Sequential(nn.Linear(8, 8)), rank=1)) == 16 / 72
        True
    """
    check_kind(model, "model", nn.Module)
    added = (m for m in model.modules() if isinstance(m, LowRankLinear))
    extra = {id(p) for layer in added for p in (layer.A, layer.B)}
    sizes = [(p.numel(), p.requires_grad, id(p) in extra) for p in model.parameters()]
    whole = sum(n for n, _, is_extra in sizes if not is_extra)
    if not whole:
        raise ValueError("model must have parameters, got none")
    return sum(n for n, trained, _ in sizes if trained) / whole


def replay(new: Tensor, old: Tensor, share: float, *, seed: int = 0) -> Tensor:
    """Return new rows with old ones mixed in.

    Args:
        new: Rows of tokens to learn, ``(n, length)``.
        old: Rows of what the model knows, ``(m, length)``.
        share: How many old rows come to each new one.
        seed: Decides which.

    Returns:
        The new rows, then ``share * n`` old ones, each at most once more than others.

    Raises:
        TypeError: If the rows are not integers.
        ValueError: If their lengths differ, there are no old ones, or ``share`` is
            negative or more than 100.

    Example:
        >>> new, old = torch.zeros(4, 1).long(), torch.ones(9, 1).long()
        >>> replay(new, old, 0.5)[:, 0].tolist()
        [0, 0, 0, 0, 1, 1]
    """
    new, old = check_integers(new, "new"), check_integers(old, "old")
    if check_positive(share, "share", zero=True) > 100:
        raise ValueError(f"share must be at most 100, got {share}")
    if new.ndim != 2 or old.ndim != 2 or new.shape[1] != old.shape[1] or not len(old):
        raise ValueError(
            f"old must be (1 or more, {new.shape[-1] if new.ndim else 'length'}) "
            f"like new, got {tuple(old.shape)} beside {tuple(new.shape)}"
        )
    generator = torch.Generator().manual_seed(check_seed(seed))
    wanted = round(share * len(new))
    rounds: Sequence[Tensor] = [
        torch.randperm(len(old), generator=generator)
        for _ in range(-(-wanted // len(old)))
    ]
    chosen = torch.cat([*rounds, torch.zeros(0, dtype=torch.long)])[:wanted]
    return torch.cat([new, old[chosen]])
