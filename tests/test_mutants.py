"""The sampler of small changes: what it changes, and whether a test notices."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

import mutants
from mutants import Mutant

SOURCE = '''"""A docstring of 3 words."""

__all__ = ["area"]
LIMIT = 10


def area(width: float, height: float = 2.0, *, scale: int = 3) -> float:
    """Return 1 number."""
    if not width >= 0 and height < LIMIT:
        raise ValueError(f"width must be {0} or more")
    check(width, height)
    sides = divmod(width, -height)
    return width * height + sides[0] if scale is None else max(width, 0.5)
'''


def changes(source: str = SOURCE) -> list[tuple[int, str, str, str]]:
    return [(m.line, m.kind, m.old, m.new) for m in mutants.mutants(source, "a.py")]


def test_every_kind_of_change_is_made() -> None:
    found = changes()
    for change in (
        (4, "off by one", "10", "11"),
        (4, "off by one", "10", "9"),
        (9, "comparison", "width >= 0", "(width > 0)"),
        (9, "comparison", "height < LIMIT", "(height <= LIMIT)"),
        (9, "no sign", "not width >= 0", "(width >= 0)"),
        (10, "left out", 'raise ValueError(f"width must be {0} or more")', "pass"),
        (11, "left out", "check(width, height)", "pass"),
        (11, "swapped", "check(width, height)", "check(height, width)"),
        (12, "no sign", "-height", "(height)"),
        (12, "swapped", "divmod(width, -height)", "divmod(-height, width)"),
        (13, "operator", "width * height", "(width / height)"),
        (13, "off by one", "0", "1"),
        (13, "comparison", "scale is None", "(scale is not None)"),
        (13, "constant", "0.5", "1.0"),
    ):
        assert change in found
    kinds = {kind for _, kind, *_ in found}
    assert kinds >= {"and, or", "condition"}


def test_texts_types_and_defaults_are_left_alone() -> None:
    lines = {line for line, *_ in changes()}
    assert lines == {4, 9, 10, 11, 12, 13}
    assert not [c for c in changes() if "max(" in c[2] and c[1] == "swapped"]
    assert not [c for c in changes() if c[0] == 10 and c[1] != "left out"]


def test_every_mutant_compiles_and_differs_in_one_place() -> None:
    for m in mutants.mutants("é = 'ä'; b = 1 + 2\n" + SOURCE, "a.py"):
        changed = m.apply("é = 'ä'; b = 1 + 2\n" + SOURCE)
        assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(SOURCE))
        compile(changed, "a.py", "exec")


@pytest.fixture
def tiny(tmp_path: Path) -> tuple[Path, Path]:
    """A package of one function, and the folder of its tests."""
    package, tests = tmp_path / "genbook", tmp_path / "tests"
    (package / "models").mkdir(parents=True)
    (tests / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "models" / "__init__.py").write_text("")
    source = '"""Double.\n\n>>> twice(2)\n4\n"""\n\n\ndef twice(x):\n    return x * 2\n'
    (package / "models" / "double.py").write_text(source)
    test = "from genbook.models.double import twice\n\n\ndef test_it():\n    "
    (tests / "models" / "test_double.py").write_text(test + "assert twice(0) == 0\n")
    return package, tests


def test_a_sample_depends_on_its_seed(tiny: tuple[Path, Path]) -> None:
    package, _ = tiny
    a, b, c = (mutants.sample(package, ["models"], 2, seed) for seed in (0, 0, 1))
    assert a == b != c
    assert len(mutants.sample(package, ["models"], 99, 0)) == 3


def test_where_tests_are_looked_for(tiny: tuple[Path, Path]) -> None:
    _, tests = tiny
    own = str(tests / "models" / "test_double.py")
    assert mutants.tests_of("models/double.py", tests) == [own]
    assert mutants.tests_of("models/_double.py", tests) == [own]
    assert mutants.tests_of("models/other.py", tests) == [own]  # the folder's
    (tests / "models" / "flows").mkdir()
    other = tests / "models" / "flows" / "test_flow.py"
    other.write_text("from genbook.models.other import f\n")
    (tests / "models" / "test_common.py").write_text("import genbook.models.other\n")
    assert mutants.tests_of("models/other.py", tests) == [str(other)]


def test_the_recorded_calls_of_a_module_are_its_tests(tiny: tuple[Path, Path]) -> None:
    _, tests = tiny
    models = tests.parent / "src" / "genbook" / "models"
    models.mkdir(parents=True)
    (models / "double.py").write_text("from genbook.models import _one, _other\n")
    (models / "triple.py").write_text("from genbook.models._one import once\n")
    record = tests / mutants.RECORD
    record.parent.mkdir(parents=True)
    record.write_text('{"models/double.py": {}, "models/triple.py": {}}')

    def cases(file: str) -> list[str]:
        found = mutants.cases_of(file, tests)
        assert mutants.tests_of(file, tests)[-len(found) :] == found
        return [c.rpartition("[")[2] for c in found]

    assert cases("models/double.py") == ["models/double.py]"]
    assert cases("models/_one.py") == ["models/double.py]", "models/triple.py]"]
    assert cases("models/_other.py") == ["models/double.py]"]
    assert mutants.cases_of("models/other.py", tests) == []


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the server needs os.fork")
def test_mutants_are_noticed_or_survive(tiny: tuple[Path, Path]) -> None:
    package, tests = tiny
    source = (package / "models" / "double.py").read_text()

    def mutant(old: str, new: str) -> Mutant:
        start = source.index(old, source.index("def"))
        return Mutant("models/double.py", 9, "by hand", old, new, start)

    made = [mutant("2", "3"), mutant("x * 2", "(x + x)"), mutant("x * 2", "(x / 0)")]
    found = {r.mutant: r.word for r in mutants.hunt(package, tests, made, jobs=2)}
    assert [found[m] for m in made] == ["noticed", "survived", "noticed"]
    (result,) = mutants.hunt(package, tests, made[1:2], known=made[1:2])
    assert result.word == "harmless"
    assert source == (package / "models" / "double.py").read_text()
    assert "-    return x * 2\n+    return (x + x)" in mutants.difference(
        made[1], package
    )


ENTRY = """[[mutant]]
file = "models/double.py"
line = "return x * 2"
old = "{old}"
new = "(x / 2)"
why = "it is not"
"""


def test_what_is_harmless_stands_in_the_sources(
    tiny: tuple[Path, Path], tmp_path: Path
) -> None:
    path = tmp_path / "harmless.toml"
    path.write_text(ENTRY.format(old="x * 2"))
    (m,) = mutants.harmless(tiny[0], path)
    assert (m.file, m.line, m.kind) == ("models/double.py", 9, "operator")
    path.write_text(ENTRY.format(old="x * 3"))
    with pytest.raises(ValueError, match="fits nothing"):
        mutants.harmless(tiny[0], path)


def test_every_harmless_change_fits_the_package_and_says_why() -> None:
    package = Path(__file__).parents[1] / "src" / "genbook"
    assert len(mutants.harmless(package)) == len(set(mutants.harmless(package)))
