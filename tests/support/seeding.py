"""A generator from a seed, as nearly every test wants one, and that it decides."""

from __future__ import annotations

from collections.abc import Callable

import torch


def seeded(seed: int = 0) -> torch.Generator:
    """Return a generator that starts at a seed."""
    return torch.Generator().manual_seed(seed)


def assert_generator_decides(call: Callable[[torch.Generator | None], object]) -> None:
    """Check that a generator decides an outcome, and without one the global dice do.

    Args:
        call: Draws with the generator that it is given; its outcomes compare with ==.
    """
    before = torch.get_rng_state()
    assert call(seeded(1)) == call(seeded(1))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(5)
    first = call(None)
    torch.manual_seed(5)
    assert call(None) == first
