"""Calls that work, taken from the examples of the docstrings while they run.

A profiler sees every call. The first one of each callable is kept with a copy of its
arguments, before they can change; one made by an example itself is preferred to one
that the package makes on the way.
"""

from __future__ import annotations

import contextlib
import copy
import doctest
import inspect
import io
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import torch
from torch import Tensor

from bad_values.reference import Target, modules

EXAMPLES = str(Path(__file__).with_name("examples.py"))
BETWEEN = ("torch", "contextlib.py", "functools.py")  # frames that only pass calls on


@dataclass
class Call:
    """Arguments that a callable accepts.

    Attributes:
        target: What is called.
        itself: The instance, for a method.
        arguments: All others by name.
        direct: Whether an example made the call.
    """

    target: Target
    itself: Any
    arguments: dict[str, Any]
    direct: bool

    @property
    def pattern(self) -> tuple[bool, ...]:
        """Which arguments are given."""
        return tuple(v is not None for v in self.arguments.values())


@dataclass
class Harvest:
    """The calls seen so far, by target."""

    by_code: dict[CodeType, list[Target]]
    calls: dict[Target, list[Call]] = field(default_factory=dict)
    met: dict[CodeType, int] = field(default_factory=dict)

    @classmethod
    def of(cls, targets: Iterable[Target]) -> Harvest:
        """Return a harvest of the calls of some targets, none seen yet."""
        by_code: dict[CodeType, list[Target]] = {}
        for t in targets:
            by_code.setdefault(t.code, []).append(t)
        return cls(by_code)

    def see(self, frame: FrameType, event: str, _: Any) -> None:
        """Keep a call; what :func:`sys.setprofile` calls."""
        found = self.by_code.get(frame.f_code) if event == "call" else None
        if not found:
            return
        code, values = frame.f_code, frame.f_locals
        if (enough := self.met.get(code, 0)) > 40:
            return
        self.met[code] = enough + 1
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        target = found[0]
        itself = None
        if target.of is not None:
            itself = values[code.co_varnames[0]]
            kind = itself if isinstance(itself, type) else type(itself)
            same = [t for t in found if t.of is kind]
            if not same:
                return
            target, names = same[0], names[1:]
        arguments = {n: values[n] for n in names}
        count = code.co_argcount + code.co_kwonlyargcount
        if code.co_flags & inspect.CO_VARARGS:
            arguments[code.co_varnames[count]] = values[code.co_varnames[count]]
            count += 1
        if code.co_flags & inspect.CO_VARKEYWORDS:
            arguments |= values[code.co_varnames[count]]
        call = Call(target, itself, arguments, _is_direct(frame))
        self.keep(call)

    def keep(self, call: Call) -> None:
        """Keep a call unless one like it is there."""
        kept = self.calls.setdefault(call.target, [])
        like = [c for c in kept if c.pattern == call.pattern]
        if len(kept) - len(like) > 4 or any(c.direct or not call.direct for c in like):
            return
        call.arguments = {k: copied(v) for k, v in call.arguments.items()}
        call.itself = copied(call.itself) if call.target.is_method else None
        kept[:] = [c for c in kept if all(c is not other for other in like)]
        kept.append(call)
        kept.sort(key=lambda c: not c.direct)


def _is_direct(frame: FrameType) -> bool:
    caller = frame.f_back
    while caller is not None and any(b in caller.f_code.co_filename for b in BETWEEN):
        caller = caller.f_back
    name = "" if caller is None else caller.f_code.co_filename
    return name.startswith("<doctest") or name == EXAMPLES


def copied(value: Any) -> Any:
    """Return a copy, or the thing itself where there is none."""
    if isinstance(value, Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, torch.Generator):
        return torch.Generator().set_state(value.get_state())
    try:
        return copy.deepcopy(value)
    except Exception:
        return value


def harvest(
    targets: list[Target], more: Iterable[Callable[[], object]]
) -> dict[Target, list[Call]]:
    """Run all examples, and return the calls that they make.

    Args:
        targets: What to look for.
        more: Functions that call what no docstring shows.
    """
    seen = Harvest.of(targets)
    finder = doctest.DocTestFinder(exclude_empty=True)
    homes = dict.fromkeys(modules())
    homes |= {sys.modules[t.home]: None for t in targets}
    tests = [t for m in homes for t in finder.find(m, m.__name__) if t.examples]
    with contextlib.redirect_stdout(io.StringIO()):
        sys.setprofile(seen.see)
        try:
            for function in more:
                function()
            for test in tests:
                doctest.DocTestRunner(verbose=False).run(
                    test, out=lambda _: None, clear_globs=False
                )
        finally:
            sys.setprofile(None)
    borrow(seen.by_code, seen.calls)
    return seen.calls


def borrow(
    by_code: dict[CodeType, list[Target]], calls: dict[Target, list[Call]]
) -> None:
    """Give a method of a class that nobody makes the calls of an heir's."""
    for alike in by_code.values():
        for target in [t for t in alike if t.of and t not in calls]:
            for other in alike:
                if other.of and other in calls and issubclass(other.of, target.of):
                    calls[target] = calls[other]
                    break
