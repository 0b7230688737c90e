"""The rows that the desk's models are trained on."""

from __future__ import annotations

import pytest

from genbook.course.recipes.desk import desk_rows
from genbook.practice.byte_pairs import BytePairs
from genbook.practice.desk import Question


def test_the_number_of_versions_is_called_by_its_name() -> None:
    asked = [Question("PyTorch", "f", "a", "a : . Default: 1", "1", "1")]
    assert len(desk_rows(asked, BytePairs(), versions=3)) == 3
    for bad, error in ((0, ValueError), (1_001, ValueError), (2.5, TypeError)):
        with pytest.raises(error, match=r"^versions must be"):
            desk_rows(asked, BytePairs(), versions=bad)
