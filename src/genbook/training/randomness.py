"""The global random state, and what else decides bits, lent and put back as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from genbook._validate import check_kind, check_seed

__all__ = ["exact_cudnn", "isolated_rng"]


@contextmanager
def isolated_rng(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Seed the global random state inside, and put it back as it was outside.

    For what draws from no generator that one could hand over: the first weights of a
    network, dropout.

    Args:
        seed: Decides every draw inside.
        device: A CUDA device whose global state is lent too; otherwise only the CPU's.

    Raises:
        TypeError: If ``seed`` is not an integer, or ``device`` is no device.
        ValueError: If ``seed`` is negative or does not fit into 63 bits.

    Example:
        >>> with isolated_rng(0):
        ...     a = torch.rand(2)
        >>> with isolated_rng(0):
        ...     b = torch.rand(2)
        >>> torch.equal(a, b)
        True
    """
    seed = check_seed(seed)
    if device is not None:
        check_kind(device, "device", torch.device)
    devices = [device] if device is not None and device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.random.default_generator.manual_seed(seed)
        for d in devices:
            with torch.cuda.device(d):
                torch.cuda.manual_seed(seed)
        yield


@contextmanager
def exact_cudnn() -> Iterator[None]:
    """Let convolutions on a GPU give the same bits each time, while it lasts.

    The fastest ones add up gradients in the order in which they happen to come.

    Example:
        >>> with exact_cudnn():
        ...     torch.backends.cudnn.deterministic
        True
    """
    before = torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = True
    try:
        yield
    finally:
        torch.backends.cudnn.deterministic = before
