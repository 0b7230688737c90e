"""What the doors of every model have in common, asked of each public method.

The test file of a model asks this of it, so that a check left out is noticed there:
errors of torch further inside do not count, since they name no argument.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from genbook.models.base import Model
from seeding import seeded

WANT_ROWS = ("loss", "fit")  # a mean of nothing is not a number


def bad_tensors(x: Tensor, rows: bool) -> Iterator[tuple[Any, type[Exception]]]:
    """Yield what is not a batch like ``x``, and the error that says so."""
    yield x.tolist(), TypeError
    yield x.to(other_type(x)), TypeError
    yield torch.cat([x, x], -1), ValueError
    yield x[0], ValueError
    if x.is_floating_point():
        for value in (math.nan, math.inf):
            spoilt = x.clone()
            spoilt.view(-1)[-1] = value
            yield spoilt, ValueError
    if rows:
        yield x[:0], ValueError


def other_type(x: Tensor) -> torch.dtype:
    """Return a type that a model of ``x`` does not take."""
    if not x.is_floating_point() or x.dtype == torch.float64:
        return torch.float32
    return torch.float64


def bad_values(
    parameter: str, good: Any, rows: bool
) -> Iterator[tuple[Any, type[Exception]]]:
    """Yield bad values of a parameter, and their errors."""
    if parameter in ("x", "z"):
        yield from bad_tensors(good, rows)
    elif parameter == "n":
        yield from ((-1, ValueError), (2.5, TypeError), ("2", TypeError))
    elif parameter == "generator":
        yield from ((3, TypeError), ("cpu", TypeError))
    elif parameter == "y" and good is None:
        yield torch.zeros(2, dtype=torch.long), ValueError
    elif parameter == "y":
        yield good.float(), TypeError
        yield good[:-1], ValueError
        yield good - 100, ValueError
    elif isinstance(good, (bool, int, float, str)):
        yield from wrong(good)


def methods(model: Model, skip: Sequence[str]) -> dict[str, inspect.Signature]:
    """Return the public methods of a model that are the package's own."""
    found: dict[str, inspect.Signature] = {}
    for name, f in inspect.getmembers(type(model), inspect.isfunction):
        own = f.__module__.startswith("genbook.models")
        if own and not name.startswith("_") and name not in ("forward", *skip):
            found[name] = inspect.signature(getattr(model, name))
    return found


def check_doors(
    make: Callable[[], Model],
    x: Tensor,
    *,
    skip: Sequence[str] = (),
    rows: Sequence[str] = (),
    **good: Any,
) -> None:
    """Ask each method for a named error, and for nothing where nothing is asked.

    Args:
        make: Makes the model, ready to be asked.
        x: Two observations or more that it takes.
        skip: Methods that are not asked.
        rows: Methods besides those of ``WANT_ROWS`` that refuse an empty batch.
        good: Other arguments by name: of those that a method needs, and what makes it
            quick; ``y`` where the model takes a condition.
    """
    model = make()
    given = {"x": x, "n": len(x), "y": None, "generator": None, **good}
    for name, signature in methods(model, skip).items():
        known = {p: given[p] for p in signature.parameters if p in given}
        needed = {p.name for p in signature.parameters.values() if p.default is p.empty}
        if not needed <= known.keys():
            continue
        wants_rows = name.endswith(WANT_ROWS) or name in rows
        for parameter, value in known.items():
            for bad, error in bad_values(parameter, value, wants_rows):
                what = f"{name}({parameter}={bad!r})"
                try:
                    with pytest.raises(error, match=rf"^{parameter}\b.* must "):
                        getattr(model, name)(**known | {parameter: bad})
                except pytest.fail.Exception as missing:
                    raise AssertionError(what) from missing
                except AssertionError as other:
                    raise AssertionError(f"{what}: {other}") from other
                except Exception as other:
                    raise AssertionError(f"{what}: {other!r}") from other
        if "x" in known and not wants_rows:
            none = {
                p: v[:0]
                for p, v in known.items()
                if v is x or (p == "y" and v is not None)
            }
            got = getattr(model, name)(**known | none)
            assert not isinstance(got, Tensor) or 0 in got.shape, name
        if "n" in known and known.get("y") is None:
            assert len(getattr(model, name)(**known | {"n": 0})) == 0, name


def wrong(value: Any) -> list[tuple[Any, type[Exception]]]:
    """Return values in the place of a good one that no function may take."""
    if isinstance(value, torch.Generator):
        return [(3, TypeError)]
    if isinstance(value, Tensor):
        whole = not value.is_floating_point()
        other = value.float() if whole else value.long()
        return [(value.tolist(), TypeError), (other, TypeError)]
    if isinstance(value, bool):
        return [("no", TypeError)]
    if isinstance(value, int):
        return [(-1, ValueError), (2.5, TypeError)]
    if isinstance(value, float):
        return [(math.nan, ValueError), ("much", TypeError)]
    if isinstance(value, str):
        return [("silverman", ValueError)]
    return [(None, TypeError)]


def check_function_doors(call: Callable[..., Any], **good: Any) -> None:
    """Ask a function for a named error in the place of each of its arguments."""
    call(**good)
    missed = []
    for name, value in good.items():
        for bad, error in wrong(value):
            try:
                call(**good | {name: bad})
            except error as raised:
                if str(raised).startswith(name):
                    continue
                missed.append(f"{name}={bad!r}: {raised!r}")
            except Exception as raised:
                missed.append(f"{name}={bad!r}: {raised!r}")
            else:
                missed.append(f"{name}={bad!r} is taken")
    assert not missed, "\n".join(missed)


def check_limits(
    call: Callable[..., Any], most: dict[str, int] | None = None, /, **least: int
) -> None:
    """See that the least counts are taken, and one less or more than the most is not.

    Args:
        call: Takes the counts.
        most: The largest counts, which are not tried: they may need a large machine.
        least: The smallest ones.
    """
    for name, value in least.items():
        call(**{name: value})
        with pytest.raises(ValueError, match=f"^{name} must be at least {value}"):
            call(**{name: value - 1})
    for name, value in (most or {}).items():
        with pytest.raises(ValueError, match=f"^{name} must be at most {value:,}, got"):
            call(**{name: value + 1})


def check_event_shape(make: Callable[[Any], Any]) -> None:
    """See that a shape of observations is refused unless it is made of counts."""
    for bad, error in (
        ((2, 0), ValueError),
        ((-1,), ValueError),
        ((1.5,), TypeError),
        (None, TypeError),
        (3.0, TypeError),
    ):
        with pytest.raises(error, match=r"^event_shape must"):
            make(bad)


def check_range(
    make: Callable[..., Any], name: str, good: Sequence[float], bad: Sequence[float]
) -> None:
    """See which numbers are taken, and which are not, in the place of an argument."""
    for value in good:
        make(**{name: value})
    for value in (*bad, math.nan):
        with pytest.raises(ValueError, match=rf"^{name}\b.* must "):
            make(**{name: value})
    with pytest.raises(TypeError, match=f"^{name} must "):
        make(**{name: "much"})


def check_path_doors(kind: Callable[..., Model], classes: int) -> None:
    """Ask a model of a path in the plane, with labels or without, for its doors.

    Args:
        kind: The class of the model.
        classes: How many labels there are; 0 for none.
    """
    x = torch.rand(6, 2, generator=seeded(0)) - 0.5
    check_doors(
        lambda: kind((2,), width=8, depth=1, steps=2, classes=classes),
        x,
        y=torch.arange(6) % 2 if classes else None,
        z=torch.zeros(6, 2),
        t=torch.tensor(0.5),
        s=torch.tensor(0.25),
        eta=0.5,
        guidance=1.0,
        steps=2,
    )
