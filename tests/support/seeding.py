"""A generator from a seed, as nearly every test wants one."""

from __future__ import annotations

import torch


def seeded(seed: int = 0) -> torch.Generator:
    """Return a generator that starts at a seed."""
    return torch.Generator().manual_seed(seed)
