"""Small random changes of the package, one at a time: do the module's tests notice?

    python tools/mutants.py 40 --seed 0 --jobs 2 --list survivors.txt

A mutant is one change in what a module does: another operator or comparison, a number
that is off by one, a condition the other way round, two arguments swapped, a statement
left out. Left alone are annotations, texts, and the defaults of arguments, which are
choices. A mutant is noticed if the tests of its module fail within a minute of
processor time: the file of ``tests/`` at the same place, or where there is none what
imports the module, or its folder; the examples of the module; and its case of
``tests/test_calls.py``, which compares what its calls give and refuse with the record,
or for a private module those of the modules that import it as well. The battery of all
models does not count. What no test notices is listed with its line, to be explained or
tested: ``harmless.toml`` beside this file holds the changes that do nothing, and why.

The tests run in the fork server of the planted bugs, which imports torch once. That is
why this is no work for mutmut, which first runs the whole suite to learn which test
reaches what, nor for cosmic-ray, which starts an interpreter for each mutant.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import copies

ROOT = Path(__file__).parents[1]
SERVER = ROOT / "tests" / "planted_bugs" / "server.py"
HARMLESS = ROOT / "tools" / "harmless.toml"
PARTS = ("models", "metrics", "training")
LIMIT = 60  # seconds of processor time for the tests of a mutant
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
RECORD = Path("support", "bad_values", "recorded.json")
CASES = "test_calls.py::test_a_file_does_what_it_did"
MOST = 6  # cases of a mutant: a module that all import needs not all of theirs
BATTERY = "test_common"  # tests of all models: the last line, not a module's own

ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
}
COMPARISON: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
SYMMETRIC = {"max", "min", "maximum", "minimum", "logaddexp", "equal", "isinstance"}


@dataclass(frozen=True)
class Mutant:
    """One change.

    Attributes:
        file: The file within the package.
        line: Where it is.
        kind: What is done.
        old: The text that goes.
        new: The text that comes.
        start: Where the old text starts in the file, in characters.
    """

    file: str
    line: int
    kind: str
    old: str
    new: str
    start: int

    def apply(self, source: str) -> str:
        """Return the changed source."""
        end = self.start + len(self.old)
        assert source[self.start : end] == self.old, self
        return source[: self.start] + self.new + source[end:]


@dataclass(frozen=True)
class Result:
    """What became of a mutant.

    The word is ``noticed``, ``survived``, ``endless`` (the tests pass the limit, which
    notices too), ``harmless`` (known to survive, and why), or ``untested``: without a
    change the tests fail, or take so long that nothing follows from the limit, or the
    machine was so busy that the server's alarm rang before the limit was used up.
    """

    mutant: Mutant
    word: str
    seconds: float


# --- the changes ----------------------------------------------------------------------


def mutants(source: str, file: str) -> list[Mutant]:
    """Return every change that can be made to a file, in its order."""
    tree = ast.parse(source)
    starts = [0]
    for text in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(text))
    lines = source.splitlines()

    def position(line: int, column: int) -> int:  # columns count bytes
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

    found = set()
    for node in _code(tree):
        start = position(node.lineno, node.col_offset)
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        old = source[start : position(node.end_lineno, node.end_col_offset)]
        for kind, new in _changes(node, old):
            found.add(Mutant(file, node.lineno, kind, old, new, start))
    return sorted(found, key=lambda m: (m.start, m.kind, m.new))


def _code(tree: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """Walk what runs, but for defaults and the texts of errors."""
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns", "args") and not isinstance(tree, ast.Call):
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.JoinedStr) or not isinstance(node, ast.AST):
                continue
            if isinstance(node, ast.Assign) and ast.unparse(node).startswith("__all__"):
                continue
            if isinstance(node, (ast.expr, ast.stmt)):
                yield node
            if not isinstance(node, ast.Raise):
                yield from _code(node)


def _changes(node: ast.expr | ast.stmt, old: str) -> Iterator[tuple[str, str]]:
    """Return kinds and new texts."""
    if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        changed = ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right)
        yield "operator", f"({ast.unparse(changed)})"
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISON:
        ops = [COMPARISON[type(node.ops[0])](), *node.ops[1:]]
        yield (
            "comparison",
            f"({ast.unparse(ast.Compare(node.left, ops, node.comparators))})",
        )
    elif isinstance(node, ast.Constant):
        yield from _other_constants(node.value)
    elif isinstance(node, ast.BoolOp):
        op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "and, or", f"({ast.unparse(ast.BoolOp(op, node.values))})"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        yield "no sign", f"({ast.unparse(node.operand)})"
    elif isinstance(node, ast.IfExp):
        changed_if = ast.IfExp(node.test, node.orelse, node.body)
        yield "condition", f"({ast.unparse(changed_if)})"
    elif isinstance(node, ast.Call):
        yield from _swapped(node)
    elif isinstance(node, (ast.If, ast.While)):
        test = ast.unparse(node.test)
        head = old.split(test, 1)
        if len(head) == 2:
            yield "condition", f"{head[0]}(not ({test})){head[1]}"
    elif isinstance(node, (ast.AugAssign, ast.Raise)) or (
        isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
    ):
        yield "left out", "pass"


def _other_constants(value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, bool):
        yield "constant", str(not value)
    elif isinstance(value, int):
        yield "off by one", str(value + 1)
        if value > 0:
            yield "off by one", str(value - 1)
    elif isinstance(value, float):
        yield "constant", repr(2 * value if value else 1.0)


def _swapped(node: ast.Call) -> Iterator[tuple[str, str]]:
    """Swap neighbours among the positional arguments."""
    if ast.unparse(node.func).rpartition(".")[2] in SYMMETRIC:
        return
    for i in range(len(node.args) - 1):
        pair = node.args[i : i + 2]
        if any(isinstance(a, ast.Starred) for a in pair):
            continue
        if ast.dump(pair[0]) != ast.dump(pair[1]):
            args = [*node.args[:i], *reversed(pair), *node.args[i + 2 :]]
            yield "swapped", ast.unparse(ast.Call(node.func, args, node.keywords))


def sample(package: Path, parts: Sequence[str], n: int, seed: int) -> list[Mutant]:
    """Return ``n`` changes, drawn from all of some parts of a package."""
    files = sorted(f for part in parts for f in (package / part).rglob("*.py"))
    files += sorted(package / p for p in parts if p.endswith(".py"))
    names = [f.relative_to(package).as_posix() for f in files]
    pool = [
        m
        for f, name in zip(files, names, strict=True)
        for m in mutants(f.read_text("utf-8"), name)
    ]
    return random.Random(seed).sample(pool, min(n, len(pool)))


# --- the tests ------------------------------------------------------------------------


def tests_of(file: str, tests: Path) -> list[str]:
    """Return the tests of a module: its own file, or what imports it, or its folder.

    The cases of the recorded calls come last, since they take the longest to start.
    """
    return own_tests(file, tests) + cases_of(file, tests)


def own_tests(file: str, tests: Path) -> list[str]:
    """Return the files of tests that are about a module."""
    place = Path(file)
    own = tests / place.parent / f"test_{place.stem.removeprefix('_')}.py"
    if own.exists():
        return [str(own)]
    name = re.compile(rf"\bgenbook\.{'.'.join(place.with_suffix('').parts)}\b")
    part = [t for t in sorted((tests / place.parts[0]).rglob("test_*.py"))]
    part = [t for t in part if not t.name.startswith(BATTERY)]
    found = [t for t in part if name.search(t.read_text("utf-8"))]
    return [str(t) for t in found or part if found or t.parent == own.parent]


def cases_of(file: str, tests: Path) -> list[str]:
    """Return the cases of the recorded calls that reach a module."""
    record = tests / RECORD
    if not record.exists():
        return []
    known = list(json.loads(record.read_text("utf-8")))
    found = [file] if file in known else []
    place = Path(file)
    if place.stem.startswith("_") and not place.stem.startswith("__"):
        name = ".".join(("genbook", *place.with_suffix("").parts))
        parent, _, last = name.rpartition(".")
        uses = re.compile(
            rf"\bfrom {re.escape(name)} import|"
            rf"\bfrom {re.escape(parent)} import [^#]*\b{last}\b"
        )
        package = tests.parent / "src" / "genbook"
        found += [
            f
            for f in known
            if f != file
            and (package / f).exists()
            and uses.search((package / f).read_text("utf-8"))
        ]
    return [f"{tests / CASES}[{f}]" for f in found[:MOST]]


class Server:
    """The fork server, and a copy of the package that it tests."""

    def __init__(self, process: subprocess.Popen[str], package: Path) -> None:
        self.process, self.package = process, package

    def run(
        self, mutant: Mutant | None, file: str, tests: list[str], limit: int
    ) -> int:
        """Return the exit code of the tests of a file, with a change or without."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            text = (self.package / file).read_text("utf-8")
            if mutant is not None:
                text = mutant.apply(text)
            copy = copies.changed(self.package, folder, file, text)
            job: dict[str, object] = {"folder": name, "log": str(folder / "log")}
            job["tests"] = ["--doctest-modules", *tests, str(copy / file)]
            job["limit"] = limit
            print(json.dumps(job), file=self.process.stdin, flush=True)
            return int(self.process.stdout.readline())


@contextmanager
def server(package: Path) -> Iterator[Server]:
    """Start the fork server for a compiled package, and stop it in the end."""
    one = dict.fromkeys(THREADS, "1")  # a fork beside other threads may never go on
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} | one
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, SERVER], env=environment, stdin=pipe, stdout=pipe, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    try:
        yield Server(process, package)
    finally:
        process.stdin.close()
        process.wait(timeout=2 * LIMIT)


def hunt(
    package: Path,
    tests: Path,
    sampled: list[Mutant],
    jobs: int = 1,
    known: Sequence[Mutant] = (),
) -> Iterator[Result]:
    """Run the tests against each mutant, once they pass without one.

    Results come as they are there: one that takes long holds up none that does not.

    Args:
        package: The folder of the package.
        tests: The folder of its tests.
        sampled: The mutants.
        jobs: How many run at once, each in a copy of the package of its own.
        known: Those that are harmless, which are not run.
    """
    words = {0: "survived", -signal.SIGXCPU: "endless", -signal.SIGALRM: "untested"}
    free: SimpleQueue[Server] = SimpleQueue()
    passes: dict[str, bool] = {}
    locks = {m.file: threading.Lock() for m in sampled}

    def run(m: Mutant | None, file: str, found: list[str], limit: int) -> int:
        server = free.get()
        try:
            return server.run(m, file, found, limit)
        finally:
            free.put(server)

    def judge(m: Mutant) -> Result:
        if m in known:
            return Result(m, "harmless", 0.0)
        found = tests_of(m.file, tests)
        with locks[m.file]:
            if m.file not in passes:
                passes[m.file] = run(None, m.file, found, LIMIT // 2) == 0
        start = time.perf_counter()
        word = "untested"
        if passes[m.file]:
            code = run(m, m.file, found, LIMIT)
            word = words.get(code, "noticed")
        return Result(m, word, time.perf_counter() - start)

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        package = copies.compiled(package, folder)
        for _ in range(jobs):
            free.put(stack.enter_context(server(package)))
        pool = stack.enter_context(ThreadPoolExecutor(2 * jobs))
        for done in as_completed([pool.submit(judge, m) for m in sampled]):
            yield done.result()


# --- what is known, and what is written -----------------------------------------------


def harmless(package: Path, path: Path = HARMLESS) -> list[Mutant]:
    """Return the mutants of a list, as they stand in the sources now.

    An entry has the file, the line without its indent, the old and the new text within
    it as :func:`line` writes them, and why the change does nothing.

    Raises:
        ValueError: If the sources have no such change any more, or the reason is
            missing.
    """
    found = []
    for entry in tomllib.loads(path.read_text("utf-8")).get("mutant", []):
        source = (package / entry["file"]).read_text("utf-8")
        lines = source.splitlines()
        there = [
            m
            for m in mutants(source, entry["file"])
            if lines[m.line - 1].strip() == entry["line"]
            and (short(m.old), short(m.new)) == (entry["old"], entry["new"])
        ]
        if not there or not entry.get("why"):
            raise ValueError(f"{path.name} has an entry that fits nothing: {entry}")
        found += there
    return found


def short(text: str) -> str:
    """Write a piece of code in one line."""
    return " ".join(text.split())[:70]


def line(result: Result) -> str:
    """Write a result with its change."""
    m = result.mutant
    head = f"{result.word:8} {m.file}:{m.line} {m.kind}"
    return (
        f"{head} ({result.seconds:.0f} s)\n    - {short(m.old)}\n    + {short(m.new)}"
    )


def difference(mutant: Mutant, package: Path) -> str:
    """Return what a mutant changes, as a patch."""
    old = (package / mutant.file).read_text("utf-8")
    names = f"a/{mutant.file}", f"b/{mutant.file}"
    both = (t.splitlines(keepends=True) for t in (old, mutant.apply(old)))
    return "".join(difflib.unified_diff(*both, *names))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("n", type=int, nargs="?", default=40, help="how many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--parts", nargs="+", default=PARTS, metavar="FOLDER")
    parser.add_argument("--jobs", type=int, default=1, help="how many at once")
    parser.add_argument("--list", type=Path, help="where survivors' patches are put")
    options = parser.parse_args()
    package = ROOT / "src" / "genbook"
    sampled = sample(package, options.parts, options.n, options.seed)
    counts: Counter[str] = Counter()
    patches = []
    known = harmless(package)
    for result in hunt(package, ROOT / "tests", sampled, options.jobs, known):
        counts[result.word] += 1
        print(line(result), flush=True)
        if result.word in ("survived", "untested"):
            patches.append(f"{line(result)}\n{difference(result.mutant, package)}")
            if options.list:
                options.list.write_text("\n".join(patches), "utf-8")
    noticed = counts["noticed"] + counts["endless"]
    print(f"{noticed} of {len(sampled)} noticed: {dict(counts)}")


if __name__ == "__main__":
    main()
