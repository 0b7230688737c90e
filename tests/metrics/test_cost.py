"""The count of evaluations refuses what cannot be sampled."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from genbook.metrics.cost import nfe

# --- bad input -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nfe(5), TypeError, "module that can be sampled, got int"),
        (lambda: nfe(nn.Linear(2, 2)), TypeError, "can be sampled, got Linear"),
    ],
)
def test_bad_input(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


class Walker(nn.Module):
    """A model whose parts are called as often as it was told."""

    def __init__(self, often: int, seldom: int, fail: bool = False) -> None:
        super().__init__()
        self.often, self.seldom, self.fail = often, seldom, fail
        self.a, self.b, self.bend = nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU()
        self.whole = nn.Sequential(nn.Linear(2, 2))

    def sample(self, n: int, *, generator: torch.Generator) -> torch.Tensor:
        assert n == 1
        assert generator.initial_seed() == 0
        x = torch.zeros(n, 2)
        for _ in range(self.often):
            x = self.a(x)
        for _ in range(self.seldom):
            x = self.whole(self.b(x))
        for _ in range(99):  # it has no weights: it costs nothing
            x = self.bend(x)
        if self.fail:
            raise KeyError
        return x


@pytest.mark.parametrize(("often", "seldom"), [(5, 2), (2, 5), (0, 0), (1, 1)])
def test_the_busiest_layer_is_counted(often: int, seldom: int) -> None:
    assert nfe(Walker(often, seldom)) == max(often, seldom)


def test_what_is_inside_a_part_counts_and_not_the_part() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(self.layer(x))

    model = Walker(1, 3)
    model.whole = nn.Sequential(Twice())
    assert nfe(model) == 6


def test_nobody_listens_any_more_afterwards() -> None:
    for model in (Walker(2, 1), Walker(2, 1, fail=True)):
        if model.fail:
            with pytest.raises(KeyError):
                nfe(model)
        else:
            assert nfe(model) == nfe(model) == 2
        assert not any(m._forward_pre_hooks for m in model.modules())
