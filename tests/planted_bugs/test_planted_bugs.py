"""Classic mistakes, planted one by one in a copy of the package: each must be caught.

The list is ``bugs.toml``. A bug replaces a text that stands exactly once in a file of
``src/genbook``; the named tests then run against the copy in a process of their own and
at least one must fail. They must pass on an unchanged copy, and a text that has drifted
away from the list fails too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import copies

pytestmark = pytest.mark.slow

PACKAGE = Path(__file__).parents[2] / "src" / "genbook"
BUGS = tomllib.loads(Path(__file__).with_name("bugs.toml").read_text("utf-8"))["bug"]
TARGETS: dict[str, set[str]] = {}  # folder of tests: all that the list runs in it
for _bug in BUGS:
    for _test in _bug["tests"]:
        TARGETS.setdefault(_test.split("::")[0].rpartition("/")[0], set()).add(_test)

Run = Callable[[Path, list[str]], tuple[int, str]]


@pytest.fixture(scope="session")
def run_tests() -> Iterator[Run]:
    """Run tests of the repository against the package in a folder (``server.py``)."""
    if not hasattr(os, "fork"):
        pytest.skip("planted bugs need os.fork")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    server = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("server.py")],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    assert server.stdout.readline() == "ready\n"

    def run(folder: Path, tests: list[str]) -> tuple[int, str]:
        log = folder / "log"
        log.unlink(missing_ok=True)
        job = {"folder": str(folder), "tests": tests, "log": str(log)}
        print(json.dumps(job), file=server.stdin, flush=True)
        code = int(server.stdout.readline())
        return code, log.read_text("utf-8")

    yield run
    server.stdin.close()
    server.wait(timeout=60)


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package, compiled once for all that follow."""
    return copies.compiled(PACKAGE, tmp_path_factory.mktemp("package"))


def plant(package: Path, folder: Path, bug: dict) -> None:
    """Copy the package into a folder, with a bug."""
    text = (package / bug["file"]).read_text("utf-8").replace(bug["old"], bug["new"])
    compile(text, bug["file"], "exec")  # a syntax error is no planted bug
    copies.changed(package, folder, bug["file"], text)


def test_the_list_is_well_formed() -> None:
    names = [bug["name"] for bug in BUGS]
    assert len(set(names)) == len(names) >= 14
    for bug in BUGS:
        assert set(bug) == {"name", "file", "old", "new", "tests"}, bug["name"]
        assert bug["tests"], bug["name"]
        assert bug["old"] != bug["new"], bug["name"]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug["name"])
def test_the_text_stands_once(bug: dict) -> None:
    found = (PACKAGE / bug["file"]).read_text("utf-8").count(bug["old"])
    assert found == 1, f"{bug['file']} has the text {found} times: {bug['old']!r}"


@pytest.mark.parametrize("target", TARGETS)
def test_the_unchanged_package_passes(
    target: str, package: Path, run_tests: Run
) -> None:
    code, log = run_tests(package.parent, sorted(TARGETS[target]))
    assert code == 0, log


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug["name"])
def test_the_bug_is_caught(
    bug: dict, package: Path, tmp_path: Path, run_tests: Run
) -> None:
    plant(package, tmp_path, bug)
    code, log = run_tests(tmp_path, bug["tests"])
    # 1: a test failed. 0: none did. Others: they did not run, which catches nothing.
    assert code == 1, log
    assert " failed" in log.splitlines()[-1], log
