"""A few numbers and words that tell one result from another, on any machine.

A tensor becomes its type, its shape, its mean absolute value and a projection on fixed
weights, so that order and sign count. Rounding differs between machines; so numbers are
compared to within :data:`ROOM` of the mean absolute value, and words exactly.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

ROOM = 1e-3  # of the mean absolute value
FLOOR = 1e-3  # below it, a mean absolute value may be rounding alone
LEAVES = 12  # tensors that are written one by one
CLOCKS = ("seconds", "cpu_seconds", "_process", "generator")
PAIR = re.compile(r"~([-+.\w]+),([-+.\w]+)")


def digest(value: Any, most: int = LEAVES) -> str:
    """Write a result in a line, its first tensors one by one and the rest in one."""
    leaves: list[Tensor] = []
    text = "".join(_text(value, leaves, 4))
    if len(text) > 48:
        text = f"{text[:30]}…{zlib.crc32(text.encode()):08x}"
    if len(leaves) > most:
        leaves[most:] = [torch.cat([t.flatten() for t in leaves[most:]])]
    return text + "".join(map(_numbers, leaves))


def same(old: str, new: str) -> bool:
    """Whether two digests are those of one result."""
    if PAIR.sub("", old) != PAIR.sub("", new):
        return False
    for a, b in zip(PAIR.findall(old), PAIR.findall(new), strict=True):
        for x, y in zip(map(float, a), map(float, b), strict=True):
            scale = max(abs(float(a[0])), FLOOR)
            if not abs(x - y) <= ROOM * scale:
                return False
    return True


def _numbers(t: Tensor) -> str:
    t = t.flatten()
    finite = t.isfinite()
    words = f" {int((~finite).sum())} not finite" if not finite.all() else ""
    if not finite.any():
        return words
    place = torch.arange(1, len(t) + 1, dtype=torch.float64)
    weights = 2 * (place * 0.754877666).frac() - 1
    t, weights = t[finite], weights[finite]
    projection = (t * weights).sum() / math.sqrt(len(t))
    return f"{words} ~{t.abs().mean():.5g},{projection:.5g}"


def _text(value: Any, leaves: list[Tensor], depth: int) -> Iterator[str]:
    """Yield what is told in words, and put the numbers among the leaves."""
    if isinstance(value, (Tensor, np.ndarray)):
        if isinstance(value, np.ndarray) and value.dtype.kind not in "fiub":
            yield str(value.tolist())
            return
        t = value if isinstance(value, Tensor) else torch.as_tensor(np.array(value))
        yield f"{str(t.dtype).removeprefix('torch.')}{tuple(t.shape)}"
        leaves.append(t.detach().to("cpu", torch.float64).resolve_conj())
    elif isinstance(value, (bool, int, np.integer, str, type(None), Enum)):
        yield repr(value) if not isinstance(value, str) else value
    elif isinstance(value, (float, np.floating)):
        yield "float"
        leaves.append(torch.tensor([float(value)], dtype=torch.float64))
    elif isinstance(value, (torch.dtype, torch.device, torch.Size, type)):
        yield str(value)
    elif isinstance(value, (set, frozenset)):
        yield str(sorted(map(str, value)))
    elif depth == 0:
        yield type(value).__name__
    elif isinstance(value, Mapping):
        for k, v in value.items():
            yield f"{k}:"
            yield from _text(v, leaves, depth - 1)
    elif isinstance(value, list) and len(value) > 3 and _all_floats(value):
        yield from _text(np.array(value), leaves, depth)
    elif isinstance(value, (tuple, list)):
        yield f"{type(value).__name__}{len(value)}["
        for v in value[:50]:
            yield from _text(v, leaves, depth - 1)
        yield "]"
    elif isinstance(value, nn.Module):
        yield type(value).__name__
        for name, module in value.named_modules():
            if type(module).__module__.startswith("genbook"):
                yield from _plain(module, name, leaves)
        for name, t in value.state_dict(keep_vars=True).items():
            yield f"{name}{'!' if getattr(t, 'requires_grad', False) else ''} "
            if isinstance(t, Tensor):
                yield from _text(t, leaves, depth)
    elif is_dataclass(value) and not isinstance(value, type):
        yield f"{type(value).__name__}("
        for f in fields(value):
            if f.name not in CLOCKS:
                yield from _text(getattr(value, f.name, None), leaves, depth - 1)
        yield ")"
    elif type(value).__module__.startswith("genbook") and hasattr(value, "__dict__"):
        yield f"{type(value).__name__}("
        for name, v in vars(value).items():
            if name not in CLOCKS:
                yield f"{name}="
                yield from _text(v, leaves, depth - 1)
        yield ")"
    else:
        yield type(value).__name__


def _plain(module: nn.Module, name: str, leaves: list[Tensor]) -> Iterator[str]:
    """Yield the settings of a network: what it holds besides tensors."""
    yield f"{name}("
    for key, v in vars(module).items():
        if key.startswith(("_forward", "_backward", "_is_", "_version")):
            continue
        if isinstance(v, (bool, int, float, str, tuple)) and key not in CLOCKS:
            yield f"{key}="
            yield from _text(v, leaves, 2)
    yield ")"


def _all_floats(values: list[Any]) -> bool:
    return all(isinstance(v, (float, np.floating)) for v in values)
