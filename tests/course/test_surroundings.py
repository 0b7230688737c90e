"""What outcomes depend on beside code and versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from genbook.course.surroundings import file_digest, machine

INTEL = "processor : 0\nvendor_id : GenuineIntel\nflags : fpu smep avx2 fma {}\n\n"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (INTEL.format("avx512f"), False),
        (INTEL.format("").replace("GenuineIntel", "AuthenticAMD"), False),
        (INTEL.format("smap"), True),
        (INTEL.format("") * 8, True),
        ("processor : 0\nCPU implementer : 0x41\nFeatures : asimd sve\n", False),
    ],
)
def test_makers_and_vector_units_count(tmp_path: Path, other: str, same: bool) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text(INTEL.format(""))
    two.write_text(other)
    assert (machine(one) == machine(two)) is same


def test_a_machine_that_linux_does_not_describe_has_a_name(tmp_path: Path) -> None:
    assert machine(tmp_path / "nothing")


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("1")
    before = file_digest(path)
    path.write_text("22")
    assert file_digest(path) != before
