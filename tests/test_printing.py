"""What the package prints can be printed anywhere."""

from __future__ import annotations

import io
import sys

import pytest

from genbook._printing import printable
from genbook.course.claims import Claim, check
from genbook.course.tables import table
from genbook.metrics import Estimate
from genbook.training import History

HISTORY = History(loss=[1.4, 0.6], lr=[0.1, 0.1], seconds=0.25)


def output(encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")


def written(out: io.TextIOWrapper) -> str:
    out.flush()
    return out.buffer.getvalue().decode(out.encoding).strip()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("thing", "whole", "plain"),
    [
        (HISTORY, "loss 1.4 → 0.6,", "loss 1.4 -> 0.6,"),
        (Estimate(0.5, 0.1), "0.5000 ± 0.1000", "0.5000 +/- 0.1000"),
        (check("a", -0.5, at_most=1), "✓ A: −0.5 (", "right: A: -0.5 ("),
        (table([{"a": None, "b": -1}]), "—  −1", "-  -1"),
    ],
)
def test_it_is_printed_on_any_output(
    monkeypatch: pytest.MonkeyPatch, thing: object, whole: str, plain: str
) -> None:
    for encoding, wanted in (("utf-8", whole), ("ascii", plain)):
        out = output(encoding)
        monkeypatch.setattr(sys, "stdout", out)
        print(thing.line() if isinstance(thing, Claim) else thing)
        assert wanted in written(out)


def test_only_what_an_output_lacks_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", output("cp1252"))
    assert printable("30° ± 1 → 2 ☺") == "30° ± 1 -> 2 ?"
    monkeypatch.setattr(sys, "stdout", None)
    assert printable("→") == "→"
