"""One argument, spoiled in ten ways."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Any

import numpy as np
import torch
from torch import Tensor

KINDS = (
    *("None", "text", "list", "wrong rank", "wrong dtype"),
    *("NaN", "inf", "empty", "negative", "huge"),
)
NAN, INF = float("nan"), float("inf")
HUGE = 10**12  # no computer holds so many numbers
LARGE = 1e15  # of a tensor: its square is still a number in single precision


def bad_values(value: Any, hint: Any) -> dict[str, Any]:
    """Return bad values by kind, made from a good one and from what is asked for.

    Args:
        value: A value that works; ``None`` says little, so the type decides then.
        hint: The annotation.
    """
    good = value if value is not None else _stand_in(hint)
    made: dict[str, Any] = {"None": None, "text": "abc"}
    if isinstance(good, Tensor):
        made |= _of_tensor(good)
    elif isinstance(good, np.ndarray):
        as_tensor = _of_tensor(torch.as_tensor(np.asarray(good)))
        made |= {
            k: v.numpy() if isinstance(v, Tensor) else v for k, v in as_tensor.items()
        }
    elif isinstance(good, bool):
        made |= {"text": "no", "list": [good], "wrong dtype": 2, "NaN": NAN}
    elif isinstance(good, (int, float, np.number)):
        made |= _of_number(good)
    elif isinstance(good, str):
        made |= {"list": [good], "wrong dtype": 3, "empty": "", "NaN": NAN}
    elif isinstance(good, Mapping):
        made |= {"list": [3], "wrong dtype": 3, "empty": type(good)()}
    elif isinstance(good, Sequence):
        made |= _of_sequence(good)
    else:
        made |= {"list": [1.0], "wrong dtype": 3, "NaN": NAN}
    return {k: made[k] for k in KINDS if k in made}


def _of_tensor(t: Tensor) -> dict[str, Any]:
    made: dict[str, Any] = {"list": t.tolist() if t.ndim else [t.item()]}
    made["wrong rank"] = t[0] if t.ndim and len(t) else t[None]
    if t.is_floating_point():
        made["wrong dtype"] = t.detach().nan_to_num(0, 0, 0).long()
        for kind, bad in (("NaN", NAN), ("inf", INF)):
            made[kind] = t.detach().clone(memory_format=torch.contiguous_format)
            if t.numel():
                made[kind].view(-1)[0] = bad
    else:
        made["wrong dtype"] = t.float() + 0.5
    made["empty"] = t[:0] if t.ndim else t.new_empty(0)
    if t.dtype != torch.bool:
        made["negative"] = -t.detach().abs() - 1
        most = LARGE if t.is_floating_point() else min(HUGE, torch.iinfo(t.dtype).max)
        made["huge"] = torch.full_like(t, most)
    return made


def _of_number(v: Any) -> dict[str, Any]:
    whole = isinstance(v, (int, np.integer))
    return {
        "list": [v],
        "wrong rank": torch.tensor([v, v]),
        "wrong dtype": v + 0.5 if whole else complex(0, 1),
        "NaN": NAN,
        "inf": INF,
        "negative": -abs(v) - 1 if abs(v) < INF else -1.0,
        "huge": HUGE if whole else 1e300,
    }


def _of_sequence(v: Sequence[Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"list": list(v), "wrong rank": [list(v)], "wrong dtype": 3}
    if v and all(isinstance(i, (int, float)) for i in v):
        whole = all(isinstance(i, int) for i in v)
        changes = {
            "wrong dtype": "abc",
            "NaN": NAN,
            "inf": INF,
            "negative": -abs(v[0]) - 1,
            "huge": HUGE if whole else 1e300,
        }
        made |= {kind: with_first(v, first) for kind, first in changes.items()}
    else:
        made["list"] = [3]
    empty: Any = () if isinstance(v, tuple) else []
    return made | {"empty": empty}


def with_first(v: Sequence[Any], first: Any) -> Sequence[Any]:
    """Return a sequence with another first value."""
    changed = [first, *v[1:]]
    return tuple(changed) if isinstance(v, tuple) else changed


def _stand_in(hint: Any) -> Any:
    """Return a value of a type, for an argument that the example leaves out."""
    for h in alternatives(hint):
        if h is Tensor:
            return torch.ones(3, 2)
        if h in (int, float, str, bool):
            return {int: 3, float: 0.5, str: "word", bool: True}[h]
        if typing.get_origin(h) in (Sequence, tuple, list):
            return (1, 1)
        if typing.get_origin(h) is Mapping:
            return {"word": 1}
        if typing.get_origin(h) is typing.Literal:
            return typing.get_args(h)[0]
    return None


def alternatives(hint: Any) -> list[Any]:
    """Return the members of a union, or the type alone."""
    if typing.get_origin(hint) in (typing.Union, UnionType):
        return [a for h in typing.get_args(hint) for a in alternatives(h)]
    return [NoneType if hint is None else hint]


def conforms(value: Any, hint: Any) -> bool:
    """Whether the annotation allows a value."""
    return any(_is_a(value, h) for h in alternatives(hint))


def _is_a(value: Any, hint: Any) -> bool:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any or isinstance(hint, typing.TypeVar):
        return True
    if origin is typing.Literal:
        return any(value == choice for choice in inner if isinstance(value, str))
    if origin in (typing.Required, typing.NotRequired, typing.Annotated):
        return conforms(value, inner[0])
    if hint in (int, float):
        allowed = (int, np.integer) if hint is int else (int, float, np.number)
        return isinstance(value, allowed) and not isinstance(value, bool)
    if origin is tuple:
        if not isinstance(value, (tuple, list)):  # a list of the same does as well
            return False
        if len(inner) == 2 and inner[1] is Ellipsis:
            return all(conforms(v, inner[0]) for v in value)
        return len(value) == len(inner) and all(map(conforms, value, inner))
    if isinstance(origin, type):
        if not isinstance(value, origin) or isinstance(value, str):
            return False
        if isinstance(value, Sequence) and len(inner) == 1:
            return all(conforms(v, inner[0]) for v in value)
        return True
    return isinstance(hint, type) and isinstance(value, hint)
