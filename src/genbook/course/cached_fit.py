"""Trainings that several chapters share: each runs once, and the others read it.

Training is exact: the same model, data, arguments and code give the same weights. So
where the environment variable ``GENBOOK_RUNS`` names a folder, :func:`cached_fit` keeps
what a training came to under a name that depends on all of these, and the next caller,
in whatever process, gets it from there. The book is built with such a folder, so that
the scoreboard compares the very models that the chapters trained. Without the variable
everything is trained where it is asked for, and so is a model with a class that has no
file, as those of a notebook's cells: nobody could tell when it changes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genbook.course._local_code import code_behind
from genbook.course.fingerprint import Code, Imports, Package
from genbook.models.base import Model
from genbook.training import History, _files, fit, isolated_rng

__all__ = ["FOLDER", "cached_fit", "seeded_init"]

#: The environment variable that names the folder.
FOLDER = "GENBOOK_RUNS"


@contextmanager
def seeded_init(seed: int) -> Iterator[None]:
    """Let the weights of the models made inside follow from a seed alone.

    The global random state is left as it was.

    Args:
        seed: Decides the weights.

    Example:
        >>> with seeded_init(0):
        ...     a = torch.nn.Linear(2, 1)
        >>> with seeded_init(0):
        ...     b = torch.nn.Linear(2, 1)
        >>> torch.equal(a.weight, b.weight)
        True
    """
    with isolated_rng(seed):
        yield


def cached_fit(
    model: Model, x: Tensor, y: Tensor | None = None, **options: Any
) -> History:
    """Train a model, or read what the same training came to before.

    Args:
        model: The model, with its first weights.
        x: Observations, ``(n, *event_shape)``.
        y: Conditions, for models that take them.
        options: The arguments of :func:`~genbook.training.fit.fit`.

    Returns:
        The history of the training, with the seconds that it took when it ran.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If an argument has the wrong shape or value.

    Example:
        >>> from genbook.models.flows.flow import Flow
        >>> cached_fit(Flow(2, transforms=2), torch.rand(50, 2), steps=3).steps
        3
    """
    complete = isinstance(model, nn.Module) and isinstance(x, Tensor)
    complete = complete and isinstance(y, Tensor | None) and "steps" in options
    if not complete:
        return fit(model, x, y, **options)  # which says what is missing
    with kept(type(model).__name__, model, x, y, options) as path:
        if path is None:
            return fit(model, x, y, **options)
        every = options["steps"]
        return fit(model, x, y, checkpoint=path, checkpoint_every=every, **options)


@contextmanager
def kept(
    what: str, model: Model, x: Tensor, y: Tensor | None, options: dict[str, Any]
) -> Iterator[Path | None]:
    """Hold the file for what follows from a model and data; who comes second waits.

    Args:
        what: How the file's name begins.
        model: The model; whoever changes its code, class or weights gets another file.
        x: Data.
        y: Conditions.
        options: All else that the outcome depends on.

    Yields:
        The file, which may not be there yet; ``None`` where nothing is kept.
    """
    folder = os.environ.get(FOLDER)
    code = code_behind(model) if folder else None
    if not folder or code is None:
        yield None
        return
    from filelock import FileLock  # a requirement of PyTorch's

    Path(folder).mkdir(parents=True, exist_ok=True)
    path = Path(folder) / f"{what}-{_name(code, model, x, y, options)}.safetensors"
    with FileLock(f"{path}.lock"):
        yield path


def _name(
    code: Code, model: Model, x: Tensor, y: Tensor | None, options: dict[str, Any]
) -> str:
    """Return a short text that changes with anything that the result depends on."""
    training = Imports(frozenset({"genbook.training"}))
    code = Code(code.digest, code.imports | training)
    state = _files.model_tensors(model)
    content = {
        "code": Package("genbook").key(code).digest,
        "model": _files.identity(model),
        "weights": {k: _files.digest(t) for k, t in sorted(state.items())},
        "data": [_files.digest(x), _files.digest(y)],
        "options": {k: repr(v) for k, v in sorted(options.items())},
        "threads": torch.get_num_threads(),
        "vector units": torch.backends.cpu.get_cpu_capability(),
    }
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
