"""What a call with a bad value deserves to be called."""

from __future__ import annotations

import linecache
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import genbook
from bad_values.reference import Parameter, Target, parameters
from bad_values.values import KINDS, conforms

HOME = str(Path(genbook.__file__).parent)
TABLE = tomllib.loads(Path(__file__).with_name("documented.toml").read_text("utf-8"))
RECORDS = {c for entry in TABLE["records"] for c in entry["classes"]}
GOOD = ("clear", "documented")
BAD = ("unclear", "nonsense", "hang", "memory", "crash", "no example")

NO_MEMORY = re.compile(r"not enough memory|allocate|bad_alloc|out of memory", re.I)
WORDS = {  # what a docstring says of an argument that may be so
    "wrong rank": r"any shape|any number of|\(\.\.\.|broadcast",
    "wrong dtype": r"any type|integer tensor",
    "NaN": r"\bNaN\b",
    "inf": r"\binf\b|infinit",
}
UNIT = re.compile(r"\[0, 1[\])]|between 0 and 1")


@dataclass(frozen=True)
class Trial:
    """One bad value for one argument."""

    target: Target
    parameter: Parameter
    kind: str
    value: Any


def of_error(trial: Trial, error: BaseException) -> tuple[str, str]:
    """Judge an exception.

    It is clear if the package itself raises it, on purpose, and its message names the
    argument; of the errors of the system, if it names the file. An error of a type of
    the package's own, a claim that fails, is an answer.
    """
    text = f"{type(error).__name__}: {error}".split("\n")[0][:110]
    if isinstance(error, MemoryError) or NO_MEMORY.search(str(error)):
        return "memory", text
    if type(error).__module__.startswith("genbook"):
        return "clear", text
    if isinstance(error, OSError) and str(trial.value) in str(error):
        return "clear", text
    file, _ = place(error)
    known = [trial.parameter.name]
    left_out = trial.value is None and trial.parameter.default is None
    at_bound = trial.kind not in KINDS
    if (
        trial.kind in ("empty", "huge") or at_bound or left_out
    ):  # two do not fit: either is named
        known += [p.name for p in parameters(trial.target)]
    names = re.search(rf"\b({'|'.join(map(re.escape, known))})\b", str(error))
    if not file.startswith(HOME):
        return "unclear", f"{text} (raised in {Path(file).name})"
    if names and is_ours(error):
        return "clear", text
    if not isinstance(error, Exception):
        return "unclear", text
    return "unclear", text + ("" if names else " (no name)")


def is_ours(error: BaseException) -> bool:
    """Whether the package itself raises an exception, on purpose."""
    file, number = place(error)
    line = linecache.getline(file, number)
    return file.startswith(HOME) and re.match(r"\s*(raise|stop)\b", line) is not None


def place(error: BaseException) -> tuple[str, int]:
    """Return the file and the line where an exception was raised."""
    step = error.__traceback__
    assert step is not None
    while step.tb_next is not None:
        step = step.tb_next
    return step.tb_frame.f_code.co_filename, step.tb_lineno


def of_result(trial: Trial, result: Any, usual: Any) -> tuple[str, str]:
    """Judge a value that was accepted.

    Args:
        trial: What was tried.
        result: What came back.
        usual: What comes back for good arguments.
    """
    reason = allowed(trial)
    if reason:
        return "documented", reason
    got = f"accepted, gave {_short(result)}"
    p, kind = trial.parameter, trial.kind
    if kind == "NaN" or (has_nan(result) and not has_nan(usual)):
        return "nonsense", got
    optional = p.default is None and trial.value is None
    if not (optional or conforms(trial.value, p.hint)):
        return "nonsense", got
    tensor = isinstance(trial.value, (Tensor, np.ndarray))
    if kind in ("wrong rank", "wrong dtype") and tensor:
        return "nonsense", got
    whole = _is_count(trial.value) and not conforms(0.5, p.hint)
    if kind == "inf" or (kind in ("negative", "huge") and whole):
        return "nonsense", got
    if kind in ("negative", "huge") and UNIT.search(p.doc):
        return "nonsense", got
    if kind == "negative" and isinstance(trial.value, (int, float)):
        return "nonsense", got
    return "documented", "the type allows it, and the result is a number"


def allowed(trial: Trial) -> str:
    """Return why a value may be accepted: by the docstring, or by the table."""
    words = WORDS.get(trial.kind)
    if words and re.search(words, trial.parameter.doc):
        return "the docstring says so"
    if trial.kind == "inf" and trial.parameter.default in (math.inf, -math.inf):
        return "the default is infinite"
    for entry in TABLE["accepted"]:
        if (
            trial.kind in entry["kinds"]
            and trial.parameter.name in entry["parameters"]
            and fnmatchcase(trial.target.id, entry["callable"])
        ):
            return str(entry["why"])
    return ""


def _is_count(value: Any) -> bool:
    """Whether a value is made of integers: numbers, labels, sizes."""
    if isinstance(value, (Tensor, np.ndarray)):
        return not torch.as_tensor(value).is_floating_point()
    if isinstance(value, (tuple, list)):
        return all(map(_is_count, value))
    return isinstance(value, (int, np.integer))


def has_nan(value: Any, depth: int = 3) -> bool:
    """Whether NaN stands anywhere in a result."""
    if isinstance(value, Tensor):
        return bool(value.is_floating_point() and value.isnan().any())
    if isinstance(value, np.ndarray):
        return bool(value.dtype.kind == "f" and np.isnan(value).any())
    if isinstance(value, (float, np.floating)):
        return math.isnan(value)
    if depth == 0:
        return False
    if isinstance(value, nn.Module):
        return has_nan([*value.parameters(), *value.buffers()], depth)
    if is_dataclass(value):
        return any(has_nan(getattr(value, f.name), depth - 1) for f in fields(value))
    if isinstance(value, Mapping):
        return has_nan(list(value.values()), depth)
    if isinstance(value, (tuple, list)):
        return any(has_nan(v, depth - 1) for v in value[:1000])
    return False


def _short(result: Any) -> str:
    if isinstance(result, Tensor):
        head = ", ".join(f"{v:.3g}" for v in result.detach().flatten()[:3].tolist())
        return f"{tuple(result.shape)} [{head} …]"
    try:
        text = " ".join(repr(result).split())
    except Exception:
        text = f"a {type(result).__name__} that cannot be shown"
    return text if len(text) < 60 else text[:57] + "…"
