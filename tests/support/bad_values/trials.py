"""All bad values of a module, tried in a process that may hang or die."""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import inspect
import os
import pickle
import resource
import signal
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from bad_values.digest import digest
from bad_values.harvest import Call, copied
from bad_values.reference import Target, parameters
from bad_values.values import bad_values
from bad_values.verdict import Trial, is_ours, of_error, of_result

SECONDS = 2.0  # of processor time for one call
HANGS = (-signal.SIGPROF, -signal.SIGALRM)
Answer = tuple[str, str, str]  # a word, what was seen, a digest of what came back
DREW = "drew random numbers, then refused"
FOREIGN = "in the words of another package"
ROOM = 1500 * 2**20  # bytes for all that one call makes


@dataclass(frozen=True)
class Outcome:
    """What became of a trial: a word, what was seen, a digest of what came back."""

    target: Target
    parameter: str
    kind: str
    word: str
    seen: str
    mark: str = ""


def plan(target: Target, calls: list[Call]) -> Iterator[tuple[Call, Trial]]:
    """Return every trial of a target, each with a call to put the value into."""
    for p in parameters(target):
        if p.kind is inspect.Parameter.VAR_KEYWORD:
            continue
        base = next((c for c in calls if c.arguments.get(p.name) is not None), calls[0])
        value = base.arguments.get(p.name)
        starred = p.kind is inspect.Parameter.VAR_POSITIONAL
        if starred:
            value = value[0] if value else None
        for kind, bad in bad_values(value, p.hint).items():
            yield base, Trial(target, p, kind, (bad,) if starred else bad)


def invoke(call: Call, itself: Any, arguments: dict[str, Any]) -> Any:
    """Make a call with some of its arguments changed."""
    target = call.target
    if target.is_method:
        function = getattr(itself, target.attribute)
    else:
        function = target.of or target.function
    given, rest = [], dict(arguments)
    for p in parameters(target):
        if p.kind is inspect.Parameter.VAR_POSITIONAL:
            given += list(rest.pop(p.name, ()))
        elif p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD and p.name in rest:
            given.append(rest.pop(p.name))
    result = function(*given, **rest)
    if inspect.isgenerator(result):
        return list(result)
    if inspect.isgeneratorfunction(inspect.unwrap(target.function)):
        with result as entered:  # made of a generator by contextlib
            return entered
    return result


class Bench:
    """The good call of each target, made once: how long it takes, what it gives."""

    def __init__(self) -> None:
        self.usual: dict[int, Any] = {}

    def fresh(self, call: Call) -> tuple[Any, dict[str, Any]]:
        """Return copies of an instance and of its arguments."""
        return copied(call.itself), {k: copied(v) for k, v in call.arguments.items()}

    def result(self, call: Call) -> Any:
        """Return what the call gives unspoiled."""
        if id(call) not in self.usual:
            torch.default_generator.manual_seed(0)
            try:
                self.usual[id(call)] = invoke(call, *self.fresh(call))
            except Exception as error:
                self.usual[id(call)] = error
        return self.usual[id(call)]

    def attempt(self, call: Call, trial: Trial) -> Answer:
        """Make one call with one bad value, and judge it; only the call is timed."""
        usual = self.result(call)
        if isinstance(usual, Exception):
            return "no example", f"the call that works fails: {usual!r}"[:140], ""
        itself, arguments = self.fresh(call)
        dice = [g for g in arguments.values() if isinstance(g, torch.Generator)]
        arguments[trial.parameter.name] = trial.value
        dice.append(torch.default_generator.manual_seed(0))
        before = [g.get_state() for g in dice]
        try:
            with _limit(SECONDS):
                result = invoke(call, itself, arguments)
        except BaseException as error:
            word, seen = of_error(trial, error)
            after = [g.get_state() for g in dice]
            drew = not all(map(torch.equal, before, after))
            return word, seen, DREW * drew + FOREIGN * (not is_ours(error))
        if trial.kind in ("NaN", "inf", "huge"):  # whatever came back
            return *of_result(trial, result, usual), "taken"
        try:
            mark = digest(result, 1)
        except (MemoryError, RuntimeError):
            mark = "taken, and large"
        return *of_result(trial, result, usual), mark


@contextlib.contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """End this process where a call works longer."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def try_all(work: list[tuple[Call, Trial]]) -> list[Answer]:
    """Try everything in a child; start another where one hangs or dies."""
    done: list[Answer] = []
    while len(done) < len(work):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            with contextlib.suppress(BaseException):
                _child(work[len(done) :], write)
            os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as stream, contextlib.suppress(EOFError):
            while True:
                done.append(pickle.load(stream))
        _, status = os.waitpid(pid, 0)
        if len(done) < len(work):
            by = os.waitstatus_to_exitcode(status)
            if by == 0:
                raise RuntimeError(f"the tool failed: {work[len(done)][1]}")
            word = "hang" if by in HANGS else "crash"
            done.append((word, f"ended by signal {-by}", ""))
    return done


def _child(work: list[tuple[Call, Trial]], write: int) -> None:
    faulthandler.disable()
    gc.freeze()  # what the parent made is not walked through in the seconds of a call
    os.chdir(tempfile.mkdtemp())
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    with open("/proc/self/statm") as f:
        used = int(f.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, used + ROOM))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    bench = Bench()
    with os.fdopen(write, "wb", buffering=0) as answers:
        for call, trial in work:
            signal.alarm(60)  # for what waits without working
            answer = bench.attempt(call, trial)
            signal.alarm(0)
            answers.write(pickle.dumps(answer))


def run(calls: dict[Target, list[Call]]) -> list[Outcome]:
    """Try all bad values of all targets, module by module."""
    by_module: dict[str, list[tuple[Call, Trial]]] = {}
    for target, known in calls.items():
        by_module.setdefault(target.module, []).extend(plan(target, known))
    found = []
    for work in by_module.values():
        for (_, t), answer in zip(work, try_all(work), strict=True):
            found.append(Outcome(t.target, t.parameter.name, t.kind, *answer))
    return found
