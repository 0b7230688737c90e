"""Each file of models, metrics and training gives what it gave, and refuses as it did.

The examples of the docstrings, and those of ``bad_values.examples``, call what a file
offers; what comes back is compared with ``bad_values/recorded.json``, and so are the
words with which bad values are refused, and values at the bounds that the words name.
Where a change is meant, record it anew, and look at what git says has changed:

    PYTHONPATH=src:tests/support python -m bad_values --record models/flows/flow.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

RECORD = Path(__file__).parent / "support" / "bad_values" / "recorded.json"
FILES: dict[str, Any] = json.loads(RECORD.read_text("utf-8"))

pytestmark = pytest.mark.xdist_group("bad-values")


@pytest.mark.parametrize("file", FILES)
def test_a_file_does_what_it_did(file: str) -> None:
    from bad_values import recorded  # here: whoever only collects imports no torch
    from bad_values.hidden import without_a_gpu

    old = FILES[file]
    seen = without_a_gpu(recorded.observe, file, tuple(old["from"]))
    found = recorded.differences(old, recorded.written(file, seen))
    assert not found, "\n".join(found)
    late = recorded.late(file, seen)
    assert not late, "\n".join(late)


def test_every_file_is_recorded() -> None:
    from bad_values import recorded

    assert sorted(FILES) == recorded.files(), recorded.__doc__


def test_no_generator_outlives_an_example() -> None:
    """Else a file would give something else where its examples ran before."""
    import torch

    from bad_values import examples

    shared = [
        name
        for name, value in vars(examples).items()
        for part in (value.values() if isinstance(value, dict) else [value])
        if isinstance(part, torch.Generator)
    ]
    assert shared == []
