"""A chapter's own part of its key."""

from __future__ import annotations

import pytest

from genbook.publishing.running.dependencies import read_cells


@pytest.mark.parametrize("magic", ["%matplotlib inline", "!ls"])
def test_magics_do_not_hide_imports(magic: str) -> None:
    code = read_cells([(f"{magic}\nimport tiny.other", ())])
    assert code.imports.names == {"tiny.other"}
    assert not code.imports.everything


def test_cells_and_execution_tags_count_and_other_tags_do_not() -> None:
    plain = read_cells([("1 + 1", ())])
    assert read_cells([("1 + 1", ("hide-input", "remove-cell"))]) == plain
    assert read_cells([("1 + 2", ())]).digest != plain.digest
    assert read_cells([("1 + 1", ("raises-exception",))]).digest != plain.digest
    assert read_cells([("1 + 1", ()), ("", ())]).digest != plain.digest
