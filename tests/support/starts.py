"""How a network starts: the shapes of its weights, and what they are drawn from."""

from __future__ import annotations

from fnmatch import fnmatch

import torch
from torch import Tensor, nn


def check_start(
    net: nn.Module,
    shapes: dict[str, tuple[int, ...]],
    *,
    zero: tuple[str, ...] = (),
    times: dict[str, float] | None = None,
    normal: dict[str, float] | None = None,
) -> None:
    """See that a network has the weights of a table, and where they start.

    Layers start as PyTorch's do, uniform within 1 / sqrt(inputs) on either side of
    nothing, and those that norm a vector with weight 1 and bias 0.

    Args:
        net: The network, as it was made.
        shapes: The shape of each parameter whose name matches a pattern; each
            parameter has one.
        zero: Patterns of the names of those that are zero.
        times: Of those that were multiplied, by what.
        normal: Of those that are Gaussian, their standard deviation.
    """
    found = dict(net.named_parameters())
    for name, p in found.items():
        fitting = [s for pattern, s in shapes.items() if fnmatch(name, pattern)]
        assert fitting, f"{name} {tuple(p.shape)} stands in no line"
        assert tuple(p.shape) == fitting[0], name
        _check_values(name, p.detach(), found, zero, times or {}, normal or {})
    for pattern in shapes:
        assert any(fnmatch(name, pattern) for name in found), pattern


def _check_values(
    name: str,
    p: Tensor,
    found: dict[str, nn.Parameter],
    zero: tuple[str, ...],
    times: dict[str, float],
    normal: dict[str, float],
) -> None:
    if any(fnmatch(name, pattern) for pattern in zero):
        assert not p.any(), name
        return
    room = 1 + 4 / p.numel() ** 0.5
    for pattern, std in normal.items():
        if fnmatch(name, pattern):
            got = p.square().mean().sqrt().item() / std
            assert 1 / room < got < room, (name, got)
            return
    weight = found.get(name.rpartition(".")[0] + ".weight", p)
    if weight.ndim < 2:  # a norm
        assert torch.equal(p, torch.full_like(p, float(name.endswith("weight")))), name
        return
    bound = weight[0].numel() ** -0.5
    for pattern, factor in times.items():
        if fnmatch(name, pattern):
            bound *= factor
    got = p.square().mean().mul(3).sqrt().item() / bound
    assert p.numel() < 16 or 1 / room < got < room, (name, got)
    assert p.abs().max() <= bound * (1 + 1e-6), name
