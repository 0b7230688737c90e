"""Write ``constraints.txt`` from what is installed: every version, nothing else.

Run it in the environment whose versions the book shall be built and tested with::

    .venv/bin/python tools/freeze.py > constraints.txt

Only what the package and its extras need is listed, so a stray tool stays out.
"""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

HEADER = """\
# The exact versions that the book is built and tested with, all of them: two installs
# a year apart agree. Ranges stand in pyproject.toml; the Makefile installs with these.
# Written by tools/freeze.py.
"""
ROOT = Path(__file__).parents[1]
FIRST = {"torch": 0, "numpy": 1, "matplotlib": 2}
# The oldest that pyproject.toml admits, Debian 12's own, and those after it.
PYTHONS = ("3.11.0", "3.11.2", "3.12.0", "3.13.0")


def wanted() -> list[str]:
    """Return what the book and its tests ask for.

    The libraries that ``benchmarks/`` compares with are left out: they are not
    installed with the rest, and nothing built or tested depends on them.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
    extras = project["optional-dependencies"]
    needed = [extras[name] for name in extras if name != "benchmarks"]
    lines = [*project["dependencies"], *(line for extra in needed for line in extra)]
    return [line for line in lines if not line.startswith(project["name"])]


def closure(requirements: list[str], python: str | None = None) -> set[str]:
    """Return the distributions that requirements need here, with what those need.

    Args:
        requirements: Such as ``"numpy>=2"``; each must be installed.
        python: The version of Python to answer for, if not the one that runs.

    Returns:
        Names in canonical form.
    """
    environment = {}
    if python is not None:
        environment["python_version"] = python.rpartition(".")[0]
        environment["python_full_version"] = python
    todo = [(line, "") for line in requirements]
    seen: set[tuple[str, str]] = set()
    while todo:
        line, extra = todo.pop()
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is not None and not marker.evaluate({**environment, "extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        for key in {(name, asked) for asked in ("", *requirement.extras)} - seen:
            seen.add(key)
            todo += [(need, key[1]) for need in importlib.metadata.requires(name) or []]
    return {name for name, _ in seen}


def misfits(names: set[str]) -> list[str]:
    """Return what of the installed distributions some Python of `PYTHONS` refuses."""
    found = []
    for name in sorted(names):
        admitted = importlib.metadata.metadata(name).get("Requires-Python", "")
        refused = [p for p in PYTHONS if p not in SpecifierSet(admitted)]
        if refused:
            python = ", ".join(refused)
            found.append(f"{name} {_version(name)} does not install on Python {python}")
    return found


def constraints() -> str:
    """Return the text of ``constraints.txt``.

    Raises:
        SystemExit: If a version would not install on a Python that the book promises
            to run on: pyproject.toml then has to bound it from above.
    """
    needed = closure(wanted())
    if wrong := misfits(needed):
        raise SystemExit("\n".join(wrong))
    names = sorted(needed, key=lambda name: (FIRST.get(name, len(FIRST)), name))
    return HEADER + "".join(f"{name}=={_version(name)}\n" for name in names)


def _version(name: str) -> str:
    """Return the version without the mark of a local build, such as ``+cpu``."""
    return re.sub(r"\+.*", "", importlib.metadata.version(name))


if __name__ == "__main__":
    print(constraints(), end="")
