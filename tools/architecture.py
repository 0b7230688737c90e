"""Which part of the package may import which, and a check that none does otherwise.

The plan is that of ARCHITECTURE.md: arrows run down only. Nothing of the package is
imported: its sources are read. ``python tools/architecture.py`` lists every import that
runs against the plan; ``tests/test_architecture.py`` calls the same functions, and
``draw_architecture.py`` draws what they read.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "genbook"

Graph = dict[str, set[str]]  # a module, without "genbook.", and what it imports

BELOW = ("_validate", "_numbers", "_looking", "_files", "_printing")
#: The rooms from below, and which rooms each may import besides itself.
ROOMS: dict[str, tuple[str, ...]] = {
    "_numbers": (),
    "_looking": (),
    "_validate": ("_numbers", "_looking"),
    "_files": (),
    "_printing": (),
    "data": BELOW,
    "models": BELOW,
    "training": (*BELOW, "models"),
    "metrics": (*BELOW, "data", "models"),
    "discriminative": (*BELOW, "data", "models", "training"),
    "reinforcement": BELOW,
    "practice": (*BELOW, "data", "models", "training", "metrics", "discriminative"),
    "course": (
        *BELOW,
        *("data", "models", "training", "metrics", "discriminative", "reinforcement"),
        "practice",
    ),
    "explorables": (*BELOW, "data", "models", "course"),
    "publishing": (*BELOW, "data", "course"),
    "cli": (),
}
#: The same inside ``publishing``.
PUBLISHING: dict[str, tuple[str, ...]] = {
    "running": (),
    "content": ("running",),
    "website": ("content",),
    "print": ("content",),
    "notebooks": ("content",),
    "rules": ("content",),
}
#: Folders of ``models`` that hold no family: families stand on them and on the files
#: beside them, and not on one another.
NO_FAMILY = ("networks",)
#: The modules of a family that import another family, and why.
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("models.diffusion.closed_form", "models.density.mixture"): (
        "the exact velocity and score are those of a Gaussian mixture"
    ),
    ("models.diffusion.text_to_image", "models.representation.places"): (
        "it draws an autoencoder's codes"
    ),
    ("models.variational.closed_form", "models.density.ppca"): (
        "a linear autoencoder with noise is probabilistic principal components"
    ),
    ("models.variational.closed_form", "models.representation.autoencoder"): (
        "without its noise it is an autoencoder"
    ),
}


def read_imports(package: Path) -> Graph:
    """Return every module of a package with the modules of it that it imports.

    Imports inside functions and for type checking count too.

    Args:
        package: The folder of the package.

    Returns:
        Names without that of the package, which itself is ``""``.
    """
    files = {_name(path, package): path for path in sorted(package.rglob("*.py"))}
    known = {".".join(m.split(".")[:i]) for m in files for i in range(1, 9)}
    graph: Graph = {}
    for module, path in files.items():
        here = module.split(".") if module else []
        if path.name != "__init__.py":
            here = here[:-1]
        found: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text("utf8"))):
            if isinstance(node, ast.Import):
                named = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                up = [package.name, *here][: len(here) + 2 - node.level]
                start = ".".join(up) + "." if node.level else ""
                base = (start + (node.module or "")).rstrip(".")
                named = [f"{base}.{alias.name}" for alias in node.names]
            else:
                continue
            for name in named:
                top, _, rest = name.partition(".")
                if top == package.name:
                    while rest and rest not in known:  # a class, or a function
                        rest = rest.rpartition(".")[0]
                    found.add(rest)
        graph[module] = found - {module}
    return graph


def _name(path: Path, package: Path) -> str:
    parts = path.relative_to(package).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def problems(
    graph: Graph,
    rooms: Mapping[str, tuple[str, ...]] = ROOMS,
    publishing: Mapping[str, tuple[str, ...]] = PUBLISHING,
    exceptions: Iterable[tuple[str, str]] = tuple(EXCEPTIONS),
) -> list[str]:
    """Return a sentence for every import that runs against the plan.

    Args:
        graph: From :func:`read_imports`.
        rooms: What each room may import.
        publishing: The same inside ``publishing``.
        exceptions: Modules of a family that may import one of another.
    """
    found = []
    for module, imported in sorted(graph.items()):
        room = module.partition(".")[0]
        if room not in rooms and room:
            found.append(f"{module}: the plan has no room {room!r}")
            continue
        for other in sorted(imported - {""}):
            there = other.partition(".")[0]
            if room != there and there not in rooms.get(room, ()):
                found.append(f"{module} imports {other}: {room or 'the top'} may not")
            elif room == there == "publishing":
                here, there = inner(module), inner(other)
                if here != there and there not in publishing.get(here, ()):
                    found.append(f"{module} imports {other}: {here} may not")
            elif room == there == "models" and (module, other) not in exceptions:
                here, there = family(module, graph), family(other, graph)
                if there and here != there:
                    found.append(
                        f"{module} imports {other}: a family stands on what all share, "
                        "not on another"
                    )
    found += [f"{' imports '.join(loop)}: a circle" for loop in circles(graph)]
    found += [
        f"{one} no longer imports {two}: not an exception any more"
        for one, two in exceptions
        if one in graph and two not in graph[one]
    ]
    return found


def inner(module: str) -> str:
    """Return the second part of a module's name, or nothing."""
    return [*module.split("."), ""][1]


def family(module: str, graph: Graph) -> str:
    """Return the family that a module of ``models`` belongs to, or nothing."""
    name = inner(module)
    folder = any(other.startswith(f"models.{name}.") for other in graph)
    return name if folder and name not in NO_FAMILY else ""


def circles(graph: Graph) -> list[list[str]]:
    """Return modules that import one another, a circle each."""
    found, done = [], set()

    def visit(module: str, path: list[str]) -> None:
        if module in path:
            found.append([*path[path.index(module) :], module])
        elif module not in done:
            for other in sorted(graph.get(module, ())):
                visit(other, [*path, module])
            done.add(module)

    for module in sorted(graph):
        visit(module, [])
    return found


def main() -> int:
    """List every import that runs against the plan."""
    found = problems(read_imports(PACKAGE))
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
