"""The count of evaluations refuses what cannot be sampled."""

from __future__ import annotations

from collections.abc import Callable

import pytest
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
