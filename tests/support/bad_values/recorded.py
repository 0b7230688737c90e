"""What the calls of each file gave when they were last recorded.

``python -m bad_values --record [FILE ...]`` writes ``recorded.json`` anew: for each
file of the models, metrics and training which examples call it, what each of its
functions returned there, and with which words it refuses bad values, and values at the
bounds that the words name.

The examples of a file run in a process of its own, so that nothing depends on what ran
before.
"""

from __future__ import annotations

import contextlib
import doctest
import importlib
import inspect
import io
import json
import os
import pickle
import random
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

import genbook
from bad_values import examples
from bad_values.digest import digest, same
from bad_values.harvest import Call, Harvest, borrow
from bad_values.reference import Target, of_class, of_module, parameters
from bad_values.trials import DREW, FOREIGN, plan, try_all
from bad_values.values import with_first
from bad_values.verdict import RECORDS, Trial

HOME = Path(genbook.__file__).parent
RECORD = Path(__file__).with_name("recorded.json")
PARTS = ("models", "metrics", "training")
KEPT = 6  # calls of a function that differ in which arguments are given
BOUND = re.compile(
    r"(?:at least|at most|above|below|less than|more than|between|and|to|in) "
    r"[\[(]?(-?\d[\d,]*(?:\.\d+)?(?:e-?\d+)?)"
)
FAR = ("known_densities", "folders", "figures")  # examples of other parts
LARGE = (  # what examples import, and every process would again
    *("torch._dynamo", "torch.utils.flop_counter", "scipy.optimize", "scipy.special"),
    *("scipy.stats", "sklearn.linear_model", "matplotlib.pyplot"),
)
WILD = ("NaN", "inf", "huge")  # only the package's own refusals of these are recorded
HEAVY = ("texts", "still_lifes", "recipes")  # run only where no other example calls it
LEFT_OUT = {  # files that are not recorded, and why
    "models/diffusion/text_to_image.py": "slow: pictures drawn 640 times, 9 s",
    "training/_files.py": "hashes of bytes, and names of folders",
    "training/_watch.py": "clocks, and trainings",
    "training/checkpoint.py": "names of folders",
    "training/fit.py": "trainings, and names of folders",
}
UNSTEADY = {  # whose numbers are not recorded, only how they refuse, and why
    "models/autoregressive/_gated.py GatedBlock": "layers without weights",
    "models/density/_em.py climb": "iterated until a small change",
    "models/density/*mixture.py *.fit": "iterated until a small change",
    "models/density/class_conditional.py *.fit": "iterated until a small change",
    "models/density/kernel.py select_bandwidth": "the best of a flat optimum",
    "models/density/kmeans.py k_means": "iterated choices",
    "models/density/kmeans.py kmeans_plusplus": "iterated choices",
    "models/density/ppca.py *.fit": "signs of an eigenvector",
    "models/energy/_walls.py redraw": "accepts and rejects",
    "models/energy/mcmc.py *": "accepts and rejects",
    "models/energy/noise_conditional.py NoiseConditionalEnergy": "signs of a QR",
    "models/representation/tokens.py TokenAutoencoder.*": "begins from k-means",
    "models/representation/p[cl]a*.py *.fit*": "signs of an eigenvector",
    "metrics/memorisation.py *": "counts of distances that may be ties",
    "metrics/precision_recall.py *": "counts of distances that may be ties",
    "metrics/two_sample.py *": "trains, and counts what may be ties",
    "training/loop.py descend": "trains",
}

Record = dict[str, Any]


@dataclass
class Seen:
    """What one file did.

    Attributes:
        results: A digest for each call kept, by function.
        outcomes: What bad values gave: target, parameter, kind, word, seen, mark.
        own: The targets among them that are written in the file.
        sources: The examples that made a call which is kept.
    """

    results: dict[str, list[str]] = field(default_factory=dict)
    outcomes: list[tuple[str, str, str, str, str, str]] = field(default_factory=list)
    own: set[str] = field(default_factory=set)
    sources: list[str] = field(default_factory=list)


def files() -> list[str]:
    """Return the files that are recorded, from the folder of the package."""
    found = [f for part in PARTS for f in sorted((HOME / part).rglob("*.py"))]
    names = [f.relative_to(HOME).as_posix() for f in found if f.name != "__init__.py"]
    return sorted(name for name in names if name not in LEFT_OUT)


def is_steady(file: str, name: str) -> bool:
    """Whether the numbers that a function gives are recorded."""
    full = f"{file} {name.removesuffix('.__init__')}"
    return not any(fnmatchcase(full, pattern) for pattern in UNSTEADY)


def module_of(file: str) -> str:
    """Return the module of a file."""
    return ".".join(("genbook", *Path(file).with_suffix("").parts))


# --- what runs ------------------------------------------------------------------------


def sources() -> dict[str, Callable[[], object]]:
    """Return the examples that may call a file besides its own."""
    return {f.__name__: f for f in examples.ALL if f.__name__ not in FAR}


def source(name: str) -> Callable[[], object]:
    """Return one example by name."""
    by_name = {f.__name__: f for f in examples.ALL}
    return by_name.get(name) or _doctests(importlib.import_module(name))


def _doctests(module: ModuleType) -> Callable[[], object]:
    def run() -> None:
        finder = doctest.DocTestFinder(exclude_empty=True)
        for test in finder.find(module, module.__name__):
            if test.examples:
                start_dice()
                doctest.DocTestRunner(verbose=False).run(
                    test, out=lambda _: None, clear_globs=False
                )

    return run


def start_dice() -> None:
    """Seed every global generator."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)


def functions(module: ModuleType) -> dict[CodeType, str]:
    """Return what other files may call in a module, by what the interpreter runs."""
    found: dict[CodeType, str] = {}

    def add(value: Any, name: str) -> None:
        value = getattr(value, "__func__", getattr(value, "fget", value))
        code = getattr(inspect.unwrap(value), "__code__", None)
        if code is None or code.co_filename != module.__file__:
            return
        if not code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE):
            found[code] = name

    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", "") != module.__name__:
            continue
        if inspect.isclass(value):
            for key, inner in vars(value).items():
                if not key.startswith("_") or key in ("__init__", "__call__"):
                    add(inner, f"{name}.{key}")
        elif callable(value):
            add(value, name)
    return found


class Watch:
    """Sees calls and returns: what :func:`sys.setprofile` calls."""

    def __init__(self, names: dict[CodeType, str], harvest: Harvest | None) -> None:
        self.names, self.harvest = names, harvest
        self.open: dict[int, tuple[str, Any]] = {}
        self.patterns: dict[str, set[str]] = {}
        self.results: dict[str, list[str]] = {}

    def see(self, frame: FrameType, event: str, value: Any) -> None:
        """Keep the arguments of a call, and a digest of what it returns."""
        if event == "call":
            if self.harvest is not None:
                self.harvest.see(frame, event, value)
            name = self.names.get(frame.f_code)
            if name is not None:
                self.start(frame, name)
        elif event == "return" and (begun := self.open.pop(id(frame), None)):
            name, itself = begun
            with torch.no_grad():
                line = digest(itself if value is None else value)
            self.results.setdefault(name, []).append(line)

    def start(self, frame: FrameType, name: str) -> None:
        """Note a call, if it is unlike those before."""
        code, values = frame.f_code, frame.f_locals
        count = code.co_argcount + code.co_kwonlyargcount
        names = code.co_varnames[:count]
        known = self.patterns.setdefault(name, set())
        if len(known) >= KEPT:
            return
        pattern = " ".join(_sort(values.get(n)) for n in names)
        if pattern not in known:
            known.add(pattern)
            itself = values.get("self") if "." in name else None
            self.open[id(frame)] = name, itself


def _sort(value: Any) -> str:
    """Return what kind of argument it is."""
    if isinstance(value, (str, bool)):
        return str(value)
    if isinstance(value, Tensor):
        return f"{value.dtype}{value.ndim}"
    return type(value).__name__


@contextlib.contextmanager
def _watched(watch: Watch) -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sys.setprofile(watch.see)
        try:
            yield
        finally:
            sys.setprofile(None)


@cache
def observe(file: str, names: tuple[str, ...]) -> Seen:
    """Run the examples of a file and its bad values, in a process of its own.

    Args:
        file: The file, from the folder of the package.
        names: The examples, besides its own.
    """
    for name in LARGE:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as folder:
        found: Seen = _apart(lambda: _observe(file, names, folder))
    return found


def _apart(work: Callable[[], Any]) -> Any:
    """Return what a function returns in a process of its own."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        answer: Any = RuntimeError("the process of the examples died")
        try:
            answer = work()
        except BaseException as error:
            answer = RuntimeError(f"{type(error).__name__}: {error}")
        finally:
            with os.fdopen(write, "wb") as stream:
                stream.write(pickle.dumps(answer))
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as stream:
        answer = pickle.loads(stream.read())
    os.waitpid(pid, 0)
    if isinstance(answer, Exception):
        raise answer
    return answer


def _observe(file: str, names: Sequence[str], folder: str) -> Seen:
    torch.set_num_threads(1)
    module = importlib.import_module(module_of(file))
    wanted = targets_of(file) + others_of(file)
    harvest = Harvest.of(wanted)
    watch = Watch(functions(module), harvest)
    seen = Seen()
    home = Path(folder)
    for i, name in enumerate(dict.fromkeys((module_of(file), *names))):
        _enter(home / str(i))
        before = _kept(watch, harvest)
        start_dice()
        run = source(name)
        with _watched(watch):
            run()
        if _kept(watch, harvest) != before:
            seen.sources.append(name)
    borrow(harvest.by_code, harvest.calls)
    seen.own = {t.name for t in wanted if t.home == module.__name__}
    seen.results = {n: r for n, r in watch.results.items() if is_steady(file, n)}
    seen.outcomes = _bad_values({t: c for t, c in harvest.calls.items() if t in wanted})
    return seen


def _enter(folder: Path) -> None:
    """Give the examples a folder of their own for their files."""
    folder.mkdir()
    examples.FOLDER.name = str(folder)
    os.chdir(folder)


def _kept(watch: Watch, harvest: Harvest) -> tuple[int, int]:
    kept = sum(len(c) for c in harvest.calls.values())
    return sum(map(len, watch.results.values())), kept


def _called(watch: Watch, harvest: Harvest) -> tuple[int, int]:
    return len(watch.results), len(harvest.calls)


@cache
def targets_of(file: str) -> list[Target]:
    """Return what is public of a file, but for what only holds results."""
    module = importlib.import_module(module_of(file))
    if any(part.startswith("_") for part in module.__name__.split(".")):
        return []
    return [t for t in of_module(module) if t.id not in RECORDS and parameters(t)]


@cache
def others_of(file: str) -> list[Target]:
    """Return what only the package calls: private files and abstract classes."""
    module = importlib.import_module(module_of(file))
    found: list[Target] = []
    private = any(part.startswith("_") for part in module.__name__.split("."))
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", "") != module.__name__:
            continue
        if inspect.isclass(value):
            heir = concrete(value)
            if heir is not None and (private or heir is not value):
                found += of_class(module.__name__, name, heir)
        elif private and inspect.isfunction(value):
            doc = inspect.getdoc(value) or ""
            found.append(Target(module.__name__, name, None, value, doc))
    return [t for t in found if t.home == module.__name__ and parameters(t)]


def concrete(cls: type) -> type | None:
    """Return a class that can be made: itself or its first heir."""
    heirs: list[type] = sorted(
        cls.__subclasses__(), key=lambda c: (c.__module__, c.__name__)
    )
    ours = [c for c in heirs if c.__module__.startswith("genbook.models")]
    if not inspect.isabstract(cls) and not ours:
        return cls
    return next(filter(None, map(concrete, ours)), None)


# --- bad values -----------------------------------------------------------------------


def _bad_values(
    calls: dict[Target, list[Call]],
) -> list[tuple[str, str, str, str, str, str]]:
    work = [w for t, known in calls.items() for w in plan(t, known)]
    answers = try_all(work)
    edges = list(_edges(work, answers))
    work, answers = work + edges, answers + try_all(edges)
    return [
        (t.target.name, t.parameter.name, t.kind, *answer)
        for (_, t), answer in zip(work, answers, strict=True)
    ]


def _edges(
    work: list[tuple[Call, Trial]], answers: list[tuple[str, str, str]]
) -> Iterator[tuple[Call, Trial]]:
    """Yield values at the bounds that the refusals name, and 0 and 1."""
    bounds: dict[tuple[Target, str], tuple[Call, Trial, set[float]]] = {}
    for (call, trial), (word, seen, _) in zip(work, answers, strict=True):
        key = trial.target, trial.parameter.name
        *_, known = bounds.setdefault(key, (call, trial, set()))
        if word == "clear":
            text = seen.split(", got")[0]
            known |= {float(n.replace(",", "")) for n in BOUND.findall(text)}
    for call, trial, known in bounds.values():
        name = trial.parameter.name
        good = call.arguments.get(name)
        tried = known if isinstance(good, Tensor) else known | {0.0, 1.0}
        for bound in sorted(tried)[:6]:
            if abs(bound) <= 100 and (value := _at(good, bound)) is not None:
                kind = f"{bound:g}"
                yield call, Trial(trial.target, trial.parameter, kind, value)


def _at(good: Any, bound: float) -> Any:
    """Return a good value with one number moved to a bound, if it has numbers."""
    if isinstance(good, bool):
        return None
    if isinstance(good, int):
        return int(bound) if bound == int(bound) else None
    if isinstance(good, float):
        return bound
    if isinstance(good, Tensor) and good.numel() and good.dtype != torch.bool:
        moved = good.detach().clone(memory_format=torch.contiguous_format)
        moved.view(-1)[0] = bound
        return moved
    if isinstance(good, (tuple, list)) and good:
        if all(isinstance(v, int) for v in good) and bound == int(bound):
            return with_first(good, int(bound))
        if all(isinstance(v, float) for v in good):
            return with_first(good, bound)
    return None


# --- the record -----------------------------------------------------------------------


def late(file: str, seen: Seen) -> list[str]:
    """Return where ``sample`` draws random numbers before it refuses ``y``.

    Only the network that reads a caption knows its words, and it comes after the noise.
    """
    public = {t.name for t in targets_of(file)}
    return [
        f"{name}({parameter} = {kind}): {text}"
        for name, parameter, kind, _, text, mark in seen.outcomes
        if mark.startswith(DREW) and name in public
        if name.endswith(".sample") and parameter == "y"
        if "y must hold tokens" not in text
    ]


def written(file: str, seen: Seen) -> Record:
    """Return what is recorded of a file."""
    refusals: dict[str, dict[str, dict[str, str]]] = {}
    for name, parameter, kind, word, text, mark in seen.outcomes:
        if name not in seen.own:
            continue  # recorded where it is written
        words = _words(word, text, mark, parameter)
        own = mark in ("", DREW)
        if not words or not (own or (is_steady(file, name) and kind not in WILD)):
            continue
        by_words = refusals.setdefault(name, {}).setdefault(parameter, {})
        kind = kind.removeprefix("wrong ")
        by_words[words] = f"{by_words.get(words, '')} {kind}".strip()
    return {"results": seen.results, "refusals": refusals}


def _words(word: str, text: str, mark: str, parameter: str) -> str:
    """Return what is recorded: ``V:`` and ``T:`` are errors of value and of type.

    Of an error in the words of another package it is the type alone, for the words are
    those of a version. Nothing is said of what a slow or a small machine decides.
    """
    if word in ("no example", "hang", "crash", "memory"):
        return ""
    if mark.endswith(FOREIGN):
        return text.split(":")[0]
    if mark and mark != DREW:  # it came back
        return mark
    words = re.split(r",? got\b| \(no name\)", text)[0]
    words = words.replace("ValueError: ", "V: ").replace("TypeError: ", "T: ")
    return words.replace(f": {parameter} must ", ": must ", 1)


def recorded() -> dict[str, Record]:
    """Return the record of all files."""
    if not RECORD.exists():
        return {}
    found: dict[str, Record] = json.loads(RECORD.read_text("utf-8"))
    return found


def find_sources(wanted: Sequence[str]) -> dict[str, list[str]]:
    """Return which examples call what is kept of some files; all examples run once."""
    with tempfile.TemporaryDirectory() as folder:
        found: dict[str, list[str]] = _apart(lambda: _find_sources(wanted, folder))
    return found


def _find_sources(wanted: Sequence[str], folder: str) -> dict[str, list[str]]:
    torch.set_num_threads(1)
    watches, harvests = {}, {}
    for file in wanted:
        harvests[file] = Harvest.of(targets_of(file) + others_of(file))
        names = functions(importlib.import_module(module_of(file)))
        watches[file] = Watch(names, harvests[file])
        _enter(Path(folder) / file.replace("/", " "))
        start_dice()
        with _watched(watches[file]):
            source(module_of(file))()
    by_watch = {c: w for w in watches.values() for c in w.names}
    by_harvest: dict[CodeType, list[Harvest]] = {}
    for h in harvests.values():
        for c in h.by_code:
            by_harvest.setdefault(c, []).append(h)

    class All(Watch):
        def see(self, frame: FrameType, event: str, value: Any) -> None:
            if event == "call":
                for h in by_harvest.get(frame.f_code, ()):
                    h.see(frame, event, value)
            if w := by_watch.get(frame.f_code):
                w.harvest = None  # it has seen the call
                w.see(frame, event, value)

    found: dict[str, list[str]] = {file: [] for file in wanted}
    for i, (name, run) in enumerate(sources().items()):
        _enter(Path(folder) / str(i))
        kept = _called if name in HEAVY else _kept
        before = {f: kept(watches[f], harvests[f]) for f in wanted}
        start_dice()
        with _watched(All({}, None)):
            run()
        for f in wanted:
            if kept(watches[f], harvests[f]) != before[f]:
                found[f].append(name)
    return found


def differences(old: Record, new: Record) -> list[str]:
    """Return in words what a file does otherwise than it was recorded."""
    found = []
    for name in sorted(old["results"].keys() | new["results"].keys()):
        a, b = old["results"].get(name, []), new["results"].get(name, [])
        if len(a) != len(b) or not all(map(same, a, b)):
            found.append(f"{name} gave {a}, now {b}")
    for name in sorted(old["refusals"].keys() | new["refusals"].keys()):
        before, now = (by_kind(r["refusals"].get(name, {})) for r in (old, new))
        for key in sorted(before.keys() | now.keys()):
            x, y = before.get(key, "nothing"), now.get(key, "nothing")
            if not same(x, y):
                what, kind = key
                found.append(f"{name}({what} = {kind}) gave {x!r}, now {y!r}")
    return found


def by_kind(refusals: dict[str, dict[str, str]]) -> dict[tuple[str, str], str]:
    """Return the words by parameter and kind of value."""
    return {
        (parameter, kind): words
        for parameter, by_words in refusals.items()
        for words, kinds in by_words.items()
        for kind in kinds.split()
    }


def record(wanted: Sequence[str] = ()) -> None:
    """Record some files anew, or all of them."""
    kept = {f: r for f, r in recorded().items() if f in files()} if wanted else {}
    for file, names in find_sources(wanted or files()).items():
        kept[file] = {"from": names} | written(file, observe(file, tuple(names)))
        print(file, flush=True)
    write(kept)


def write(record: dict[str, Record]) -> None:
    """Write the record, a line for each function."""
    lines = ["{"]
    for i, (file, parts) in enumerate(sorted(record.items())):
        lines.append(f" {json.dumps(file)}: {{")
        lines.append(f'  "from": {json.dumps(parts["from"])},')
        for part in ("results", "refusals"):
            rows = [
                f"   {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}"
                for k, v in sorted(parts[part].items())
            ]
            inner = ",\n".join(rows)
            lines.append(f'  "{part}": {{\n{inner}}}' + "," * (part == "results"))
        lines.append(" }" + "," * (i < len(record) - 1))
    RECORD.write_text("\n".join([*lines, "}"]) + "\n", "utf-8")
