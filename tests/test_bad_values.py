"""A bad value is refused with a word that helps, wherever a reader can pass one.

Every argument of everything public is given ``None``, text, a list, a wrong rank, a
wrong type, NaN, infinity, nothing, a negative and a huge number. What comes back must
be an error of the package that names the argument, or something documented.

=========================  ======  ============  ======
share that is as it ought  target  at the start  today
=========================  ======  ============  ======
all of the reference        95 %           65 %  99.9 %
what every reader calls    100 %           90 %   100 %
calls that never end           0             45       0
calls out of memory            0            169       0
=========================  ======  ============  ======

These are 10,900 calls, 70 seconds of one core.
"""

from __future__ import annotations

import inspect
import os
import time
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from bad_values import report, trials
from bad_values.harvest import Call, borrow
from bad_values.hidden import without_a_gpu
from bad_values.reference import Target, parameters, targets
from bad_values.trials import Outcome
from bad_values.values import KINDS
from bad_values.verdict import BAD, RECORDS, TABLE
from genbook._validate import check_count, check_tensor

ALL, CORE = 0.95, 1.0

Sweep = tuple[list[Outcome], list[Target]]


# --- the package ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def sweep() -> Sweep:
    """Everything public, and every bad value."""
    return without_a_gpu(report.sweep)


def worst(found: list[Outcome], lines: int = 40) -> str:
    """Write the counts, and the first of what is amiss."""
    bad = [o for o in found if o.word in BAD][:lines]
    text = [f"{o.word} {o.target.id}({o.parameter} = {o.kind}): {o.seen}" for o in bad]
    return "\n".join([report.counts(found), *text])


@pytest.mark.slow
@pytest.mark.xdist_group("bad-values")
class TestThePackage:
    def test_everything_has_an_example(self, sweep: Sweep) -> None:
        found, missing = sweep
        assert not missing, [t.id for t in missing]
        alone = [o for o in found if o.word == "no example"]
        assert not alone, worst(alone)

    def test_nothing_hangs_or_dies(self, sweep: Sweep) -> None:
        amiss = [o for o in sweep[0] if o.word in ("hang", "memory", "crash")]
        assert not amiss, worst(amiss)

    def test_almost_all_is_clear_or_documented(self, sweep: Sweep) -> None:
        found, _ = sweep
        assert len(found) > 5000
        assert report.share(found) >= ALL, worst(found)

    def test_what_every_reader_calls_is_clear(self, sweep: Sweep) -> None:
        core = [o for o in sweep[0] if report.is_core(o)]
        assert len(core) > 1000
        assert report.share(core) >= CORE, worst(core)


def test_the_table_names_what_is_there() -> None:
    known = {t.id: {p.name for p in parameters(t)} for t in targets()}
    assert not RECORDS - set(known)
    for entry in TABLE["accepted"]:
        assert set(entry["kinds"]) <= set(KINDS), entry
        fit = [names for t, names in known.items() if fnmatchcase(t, entry["callable"])]
        assert set(entry["parameters"]) <= set().union(*fit), entry


# --- the tool -------------------------------------------------------------------------


def checked(n: int = 3) -> int:
    return check_count(n, "n")


def unbounded(n: int = 3) -> int:
    return check_count(n, "n", maximum=10**13)


def misnamed(n: int = 3) -> int:
    return check_count(n, "steps")


def raw(n: int = 3) -> Tensor:
    return torch.zeros(n)


def endless(n: int = 3) -> int:
    while n > 3:
        n += 1
    return n


def deadly(n: int = 3) -> int:
    if n is None:
        os.abort()
    return check_count(n, "n")


def indifferent(n: int = 3) -> str:
    return "whatever"


POINTS = torch.ones(3, 2)


def points(x: Tensor = POINTS, y: Tensor | None = None) -> Tensor:
    """Return the mean.

    Args:
        x: Points, ``(n, 2)``; infinite ones are left out.
    """
    check_tensor(x, "x", ("n", 2), finite=False)
    return x.nan_to_num(torch.nan, 0, 0).mean()


def sizes(hidden: Sequence[int] = (8, 8), kind: Literal["a", "b"] = "a") -> int:
    return sum(check_count(h, "hidden") for h in hidden)


@pytest.mark.parametrize(
    ("function", "parameter", "kind", "word"),
    [
        (checked, "n", "None", "clear"),
        (checked, "n", "wrong dtype", "clear"),
        (checked, "n", "negative", "clear"),
        (checked, "n", "huge", "clear"),
        (unbounded, "n", "huge", "nonsense"),  # a count that cannot fit
        (misnamed, "n", "text", "unclear"),
        (raw, "n", "text", "unclear"),
        (raw, "n", "huge", "memory"),
        (endless, "n", "huge", "hang"),
        (deadly, "n", "None", "crash"),
        (deadly, "n", "text", "clear"),  # in the next process
        (indifferent, "n", "text", "nonsense"),
        (indifferent, "n", "NaN", "nonsense"),
        (points, "x", "list", "clear"),
        (points, "x", "wrong rank", "clear"),
        (points, "x", "empty", "clear"),
        (points, "x", "NaN", "nonsense"),
        (points, "x", "inf", "documented"),  # the docstring says so
        (points, "x", "negative", "documented"),  # a point like any other
        (points, "y", "None", "documented"),
        (sizes, "hidden", "list", "documented"),
        (sizes, "hidden", "empty", "documented"),
        (sizes, "hidden", "wrong dtype", "clear"),
        (sizes, "hidden", "None", "unclear"),
        (sizes, "kind", "text", "nonsense"),
    ],
)
def test_a_verdict(
    function: Callable[..., Any],
    parameter: str,
    kind: str,
    word: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trials, "SECONDS", 0.2)
    name = function.__name__
    target = Target("genbook", name, None, function, inspect.getdoc(function) or "")
    good = {p.name: p.default for p in parameters(target)}
    found = trials.run({target: [Call(target, None, good, True)]})
    words = {(o.parameter, o.kind): o.word for o in found}
    assert words[parameter, kind] == word, found


class Heavy:
    """What takes longer to copy than a call may last, and nothing to refuse."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Heavy:
        end = time.process_time() + 0.3
        while time.process_time() < end:
            pass
        return self


def test_the_seconds_of_a_call_are_the_calls_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trials, "SECONDS", 0.2)

    def take(heavy: Heavy, number: int) -> int:
        """Take two things.

        Args:
            heavy: A thing.
            number: A number from 1 on.

        Raises:
            TypeError: If ``heavy`` is none, or ``number`` is none.
            ValueError: If ``number`` is below 1.
        """
        if not isinstance(heavy, Heavy):
            raise TypeError(f"heavy must be a Heavy, got {type(heavy).__name__}")
        check_count(number, "number")
        return number

    target = Target("genbook", "take", None, take, inspect.getdoc(take) or "")
    found = trials.run(
        {target: [Call(target, None, {"heavy": Heavy(), "number": 3}, True)]}
    )
    assert not [o for o in found if o.word == "hang"], found


def test_what_forks_runs_where_no_gpu_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert without_a_gpu(os.getpid) == os.getpid()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert without_a_gpu(os.getpid) != os.getpid()
    assert without_a_gpu(os.getenv, "CUDA_VISIBLE_DEVICES") == ""


def test_what_a_private_file_keeps_for_a_public_module_is_public() -> None:
    public = {t.id for t in targets()}
    assert "genbook.course.plotting.grid_points" in public
    assert "genbook.course.plotting.setup" not in public  # that of style, once
    assert not [i for i in public if "._" in i]


def test_a_class_that_nobody_makes_borrows_the_calls_of_its_heirs() -> None:
    methods = {t.name: t for t in targets() if t.name.endswith("Classifier.predict")}
    base, heir = methods["Classifier.predict"], methods["ImageClassifier.predict"]
    alike = [t for t in methods.values() if t.code is base.code]
    calls = {heir: [Call(heir, None, {"x": POINTS}, True)]}
    borrow({base.code: alike}, calls)
    assert calls[base] is calls[heir]
    calls = {base: [Call(base, None, {"x": POINTS}, True)]}
    borrow({base.code: alike}, calls)
    assert list(calls) == [base]  # not the other way


def test_an_argument_left_out_may_clash_with_another() -> None:
    name = "genbook.data.toy_mixtures.GaussianMixture2D"
    target = next(t for t in targets() if t.id == name)
    good = {"weights": torch.ones(1), "means": POINTS[:1], "covariances": None}
    found = trials.run({target: [Call(target, None, good, True)]})
    words = {(o.parameter, o.kind): o for o in found}
    assert "weights must be (8,)" in words["means", "None"].seen
    assert words["means", "None"].word == "clear"
