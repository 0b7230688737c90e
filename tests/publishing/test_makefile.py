"""The Makefile, the versions it installs, and what continuous integration calls."""

from __future__ import annotations

import fnmatch
import importlib.metadata
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from genbook.publishing.print import pdf

ROOT = Path(__file__).parents[2]
MAKE = shutil.which("make")
FREEZE = str(ROOT / "tools" / "freeze.py")

pytestmark = pytest.mark.skipif(MAKE is None, reason="make is missing")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone as far as make is concerned, and a PATH that holds few tools."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "touch", "test", "rm", "cp", "echo"):
        (tools / name).symlink_to(shutil.which(name))
    return tmp_path


def tool(clone: Path, name: str, script: str = 'echo "$(basename $0) $@"') -> None:
    """Put a stand-in for a program on the clone's PATH."""
    path = clone / "tools" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def make(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(clone / "tools"), "HOME": str(clone)}
    assert MAKE is not None
    return subprocess.run(
        [MAKE, *arguments],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_tex_pdf_says_in_one_line_what_to_install(clone: Path) -> None:
    done = make(clone, "pdf")
    assert done.returncode != 0
    [line] = (done.stdout + done.stderr).strip().splitlines()
    assert pdf.INSTALL in line
    assert not (clone / ".venv").exists(), "nothing was installed for nothing"


def test_an_old_python_is_named_before_anything_is_installed(clone: Path) -> None:
    tool(clone, "python3", "exit 1")
    done = make(clone, "html")
    assert done.returncode != 0
    assert "genbook needs Python 3.11 or later" in done.stdout
    assert not (clone / ".venv").exists()


def fake_python(clone: Path) -> None:
    """A Python whose environments write down what they are asked for.

    They do it, but for what is like ``FAILS``.
    """
    note = '[ "$1" = -c ] || echo "python $@" >> log'
    maker = f"""{note}
if [ "$2" = venv ]; then
    /bin/mkdir -p $3/bin
    for name in python pip jupyter-book ruff mypy; do
        {{
            echo '#!/bin/sh'
            echo 'echo "'$name' $*" >> log'
            echo 'case "$0 $*" in $FAILS) exit 1; esac'
        }} > $3/bin/$name
        /bin/chmod +x $3/bin/$name
    done
fi"""
    tool(clone, "python3", maker)


def log(clone: Path) -> list[str]:
    lines = (clone / "log").read_text().splitlines()
    (clone / "log").unlink()
    return lines


def test_a_fresh_clone_installs_once_and_builds_strictly(clone: Path) -> None:
    fake_python(clone)
    done = make(clone, "html")
    assert done.returncode == 0, done.stderr
    venv, install, build = log(clone)
    assert venv == "python -m venv .venv"
    assert install.endswith("-c constraints.txt -e .[book]")
    assert build == "jupyter-book build . -W -n --keep-going"

    make(clone, "html")
    assert log(clone) == [build], "the second call installs nothing"

    os.utime(clone / "constraints.txt", (2**31, 2**31))
    make(clone, "html")
    assert len(log(clone)) == 2, "other versions are installed"


def test_uv_is_used_when_it_is_there(clone: Path) -> None:
    fake_python(clone)
    tool(
        clone,
        "uv",
        'echo "uv $@" >> log\n[ "$1" = venv ] && PATH=$PATH:/bin python3 -m venv .venv',
    )
    make(clone, "html")
    lines = log(clone)
    assert lines[0] == "uv venv --quiet --python python3 .venv"
    [install] = [line for line in lines if line.startswith("uv pip install")]
    assert install.endswith("-c constraints.txt -e .[book]")
    assert "index" not in install, "uv's own order of indices is the safe one"


@pytest.mark.parametrize("with_uv", [False, True])
def test_torch_alone_comes_from_its_index(clone: Path, with_uv: bool) -> None:
    """Another index may offer any name, and a newer version of it."""
    fake_python(clone)
    if with_uv:
        make_venv = '[ "$1" = venv ] && PATH=$PATH:/bin python3 -m venv .venv'
        tool(clone, "uv", f'echo "uv $@" >> log\n{make_venv}\ntrue')
    done = make(clone, "html", "TORCH_INDEX=https://example.org/cpu")
    assert done.returncode == 0, done.stderr
    lines = [line for line in log(clone) if "pip install" in line]
    assert [line.startswith("uv ") for line in lines] == [with_uv] * 2
    torch, rest = lines
    assert torch.endswith(
        "-c constraints.txt --no-deps --index-url https://example.org/cpu torch"
    )
    assert rest.endswith("-c constraints.txt -e .[book]")
    assert "index" not in rest


def test_a_torch_that_cannot_be_had_stops_make(clone: Path) -> None:
    fake_python(clone)
    tool(clone, "uv", 'echo "uv $@" >> log\ncase "$*" in *index-url*) exit 1; esac')
    done = make(clone, "html", "TORCH_INDEX=https://example.org/cpu")
    assert done.returncode != 0
    assert not (clone / ".venv" / ".book").exists()
    assert log(clone)[-1].endswith("torch"), "and nothing else was installed or built"


def fake_tex(clone: Path) -> None:
    for name in ("xelatex", "latexmk"):
        tool(clone, name)
    (clone / "tools" / "cp").unlink()
    tool(clone, "cp")  # of an EPUB that nobody made


def test_all_is_built_before_the_tests(clone: Path) -> None:
    """And the PDF is compiled while the EPUB is made, which needs one core each."""
    fake_python(clone)
    fake_tex(clone)
    done = make(clone, "test")
    assert done.returncode == 0, done.stderr
    build = "jupyter-book build . -W -n --keep-going"
    html, latex, *both, tests = log(clone)[-5:]
    assert html == build
    assert latex == f"{build} --builder latex"
    assert f"{build} --builder custom --custom-builder epub" in both
    assert any(
        line.startswith("python -m genbook.publishing.print.pdf") for line in both
    )
    assert tests.startswith("python -m pytest")


@pytest.mark.parametrize("part", ["*-n --keep-going", "*latex", "*print.pdf*", "*epub"])
def test_nothing_is_tested_of_what_is_not_built(clone: Path, part: str) -> None:
    fake_python(clone)
    fake_tex(clone)
    done = make(clone, "test", f"FAILS={part}")
    assert done.returncode != 0
    lines = log(clone)
    assert fnmatch.filter(lines, part)
    assert not any("pytest" in line for line in lines)


def test_without_tex_all_else_is_tested(clone: Path) -> None:
    fake_python(clone)
    fake_tex(clone)
    (clone / "tools" / "latexmk").unlink()
    assert make(clone, "test", "FAILS=*epub").returncode != 0
    assert not any("pytest" in line for line in log(clone))
    assert make(clone, "test").returncode == 0
    lines = log(clone)
    assert lines[-1].startswith("python -m pytest")
    assert not any("latex" in line or "print.pdf" in line for line in lines)


def test_every_target_of_the_readme_is_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"`make (\w+)", (ROOT / "README.md").read_text("utf8")))
    assert {"html", "pdf", "epub", "notebooks", "test", "serve", "clean"} <= targets
    assert {"site", "help"} <= targets
    assert named <= targets


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf8").splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def test_the_constraints_are_what_is_installed_and_complete() -> None:
    """A version that is not pinned would be another one next year."""
    freeze, pinned = runpy.run_path(FREEZE), pins()
    names = freeze["closure"](freeze["wanted"]())
    installed = {name: importlib.metadata.version(name) for name in names}
    wrong = {
        name: (version, pinned.get(name))
        for name, version in installed.items()
        if version.partition("+")[0] != pinned.get(name)
    }
    assert not wrong, "run tools/freeze.py, or install with -c constraints.txt"


def test_the_constraints_install_on_every_python_that_is_promised() -> None:
    """Continuous integration runs one Python, and a reader's may be older."""
    freeze, pinned = runpy.run_path(FREEZE), pins()
    assert freeze["misfits"](set(pinned)) == []
    for python in freeze["PYTHONS"]:
        needed = freeze["closure"](freeze["wanted"](), python)
        assert needed <= set(pinned), f"not all that Python {python} needs is pinned"

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
    promised = SpecifierSet(project["requires-python"])
    assert [p for p in freeze["PYTHONS"] if p not in promised] == []
    oldest = freeze["PYTHONS"][0]
    assert project["requires-python"] == f">={oldest.removesuffix('.0')}"
    assert f"sys.version_info < ({oldest.removesuffix('.0').replace('.', ', ')})" in (
        ROOT / "Makefile"
    ).read_text("utf8")


def test_freezing_a_version_that_a_promised_python_refuses_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    freeze = runpy.run_path(FREEZE)

    def metadata(name: str) -> dict[str, str]:
        return {"Requires-Python": ">=3.11.5"} if name == "soupsieve" else {}

    monkeypatch.setattr(importlib.metadata, "metadata", metadata)
    with pytest.raises(SystemExit, match=r"^soupsieve \S+ does .* 3\.11\.0, 3\.11\.2$"):
        freeze["constraints"]()


GROUP = """
import os
import pytest

@pytest.mark.xdist_group("one")
@pytest.mark.parametrize("i", range(4))
def test_process(i):
    with open("processes", "a") as file:
        file.write(f"{os.getpid()}\\n")
"""


def test_the_tests_of_a_group_run_in_one_process(tmp_path: Path) -> None:
    (tmp_path / "test_group.py").write_text(GROUP)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    options = ["-q", "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    ran = (tmp_path / "processes").read_text().split()
    assert len(ran) == 4
    assert len(set(ran)) == 1


def test_ci_lets_nothing_skip() -> None:
    script = (ROOT / ".ci" / "run").read_text("utf8")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert "set -euo pipefail" in script
    assert "make test" in script
    assert "/usr/bin/python3 -m venv" in script, "the system's Python is tried too"
    required = re.search(r"GENBOOK_REQUIRE=(\S+)", script)
    assert required is not None
    assert {"browser", "tex"} <= set(required[1].split(","))
    for package in re.findall(r"[a-z][a-z-]+", pdf.INSTALL.partition("recommends ")[2]):
        assert package in script, f"{package} is not installed"
