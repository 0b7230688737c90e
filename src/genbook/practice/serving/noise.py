"""Many requests in one batch, each with the random numbers of its own seed.

A model draws all its rows from one generator, so the rows of a request would depend on
who else stands in the batch. Here every draw is parted: each request's rows come from
its own generator, as if it were alone, and the model computes them all together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from genbook._validate import check_count, check_each, check_kind
from genbook.models.base import GenerativeModel

__all__ = ["Draw", "draw_together", "same_alone"]

#: Seeds that JavaScript can write, too.
MOST_SEED = 2**53 - 1


@dataclass(frozen=True)
class Draw:
    """What one request asks of a model.

    Args:
        n: How many samples.
        seed: Decides them.
        label: What to draw, for a model that takes labels.

    Raises:
        TypeError: If one is no integer.
        ValueError: If one is out of range.

    Example:
        >>> Draw(2, seed=7).label is None
        True
    """

    n: int
    seed: int = 0
    label: int | None = None

    def __post_init__(self) -> None:
        check_count(self.n, "n", 1, 1_000_000)
        check_count(self.seed, "seed", 0, MOST_SEED)
        if self.label is not None:
            check_count(self.label, "label")


class _RowNoise(TorchFunctionMode):
    """Part every draw from one generator among the generators of the requests."""

    def __init__(self, shared: torch.Generator, draws: Sequence[Draw]) -> None:
        super().__init__()
        self.shared = shared
        self.sizes = [d.n for d in draws]
        self.own = [torch.Generator().manual_seed(d.seed) for d in draws]

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        if kwargs.get("generator") is not self.shared:
            return func(*args, **kwargs)
        if func in (torch.rand, torch.randn):
            shape = args[0] if len(args) == 1 and _is_shape(args[0]) else args
            self._check(func, shape)
            return torch.cat(
                [
                    func((n, *shape[1:]), **kwargs | {"generator": g})
                    for n, g in zip(self.sizes, self.own, strict=True)
                ]
            )
        if func in (Tensor.normal_, Tensor.uniform_, Tensor.exponential_):
            x, *rest = args
            self._check(func, x.shape)
            for rows, g in zip(x.split(self.sizes), self.own, strict=True):
                func(rows, *rest, **kwargs | {"generator": g})
            return x
        raise NotImplementedError(f"{func} draws in a way that cannot be parted")

    def _check(self, func: Callable[..., Any], shape: Sequence[int]) -> None:
        if not shape or shape[0] != sum(self.sizes):
            raise NotImplementedError(
                f"{func} draws {tuple(shape)}, and {sum(self.sizes)} rows are wanted"
            )


def _is_shape(value: Any) -> bool:
    return isinstance(value, tuple | list | torch.Size)


def draw_together(model: GenerativeModel, draws: Sequence[Draw]) -> list[Tensor]:
    """Draw for several requests in one pass of a model.

    Args:
        model: The model.
        draws: What each request asks for.

    Returns:
        The samples of each, ``(n, *event_shape)``: those that it would get alone, up to
        the rounding of sums, which may differ with the size of a batch.

    Raises:
        TypeError: If ``model`` cannot be sampled, or ``draws`` are none.
        ValueError: If there is none, or some have a label and others not.
        NotImplementedError: If the model draws otherwise than row by row.

    Example:
        >>> from genbook.models.flows.flow import Flow
        >>> model = Flow(2, transforms=1)
        >>> one, two = draw_together(model, [Draw(1, seed=3), Draw(2, seed=4)])
        >>> [alone] = draw_together(model, [Draw(2, seed=4)])
        >>> torch.allclose(two, alone)
        True
    """
    check_kind(model, "model", GenerativeModel)
    if not check_each(draws, "draws", Draw):
        raise ValueError("draws must hold at least one, got none")
    labels = [d.label for d in draws for _ in range(d.n)]
    y = None
    if labels.count(None) < len(labels):
        if None in labels:
            raise ValueError("draws must all have a label or none, got some of each")
        y = torch.tensor(labels, device=model.device)
    shared = torch.Generator()
    with _RowNoise(shared, draws):
        x = model.sample(len(labels), y, generator=shared)
    return list(x.split([d.n for d in draws]))


def same_alone(model: GenerativeModel, decimals: int = 5) -> bool:
    """Try whether a model gives three requests what it gives to each alone.

    A model whose random numbers depend on one another, or that draws them otherwise
    than row by row, is served one request at a time.

    Args:
        model: The model.
        decimals: How many decimals of the samples must agree, up to 15.

    Raises:
        TypeError: If ``model`` cannot be sampled or ``decimals`` is no integer.
        ValueError: If ``decimals`` is out of range.

    Example:
        >>> from genbook.models.density.gaussian import Gaussian
        >>> model = Gaussian(2).fit(torch.randn(100, 2))
        >>> same_alone(model.double())
        True
    """
    check_kind(model, "model", GenerativeModel)
    slack = 0.5 * 10.0 ** -check_count(decimals, "decimals", 0, 15)
    label = 0 if model.classes else None
    draws = [Draw(n, seed, label) for n, seed in ((1, 11), (3, 12), (1, 13))]
    try:
        together = draw_together(model, draws)
        alone = [draw_together(model, [d])[0] for d in draws]
        plain = model.sample(
            3,
            None if label is None else torch.zeros(3, dtype=torch.long),
            generator=torch.Generator().manual_seed(12),
        )
    except NotImplementedError:
        return False
    pairs = [*zip(together, alone, strict=True), (together[1], plain)]
    return all(bool(((a - b).abs() <= slack).all()) for a, b in pairs)
