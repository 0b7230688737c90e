"""Files that hold a model or a run.

The files are safetensors: reading one never executes code, and each is replaced whole
or not at all.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from genbook._files import check_path, check_place
from genbook.training import _files
from genbook.training._average import Average
from genbook.training._whole import by_weight, laid_out, what_is_wrong
from genbook.training.loop import TrainState

__all__ = ["load", "save"]

M = TypeVar("M", bound=nn.Module)


def save(model: nn.Module, path: str | os.PathLike[str]) -> None:
    """Write a model's parameters and buffers to a file, whole or not at all.

    The file is safetensors; its metadata name the model's class and, where the model
    has a ``config``, the arguments that made it. A symbolic link is followed.

    Args:
        model: The model.
        path: The file; its folder must exist.

    Raises:
        TypeError: If the model is not a module, or holds a state that is not a tensor.
        ValueError: If a parameter is NaN or infinite.
        OSError: If the file cannot be written, or is a FIFO or a device; an older one
            then stands unharmed.

    Example:
        >>> import tempfile
        >>> model = nn.Linear(2, 1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(model, f"{folder}/model.safetensors")
        ...     twin = load(nn.Linear(2, 1), f"{folder}/model.safetensors")
        >>> torch.equal(twin.weight, model.weight)
        True
    """
    path = check_path(path, "path")
    tensors = _files.model_tensors(model)
    own = _files.part(tensors, "model.")
    _files.check_finite(own, _files.parameter_names(model), "model")
    _files.write(path, tensors, _files.identity(model))


def load(model: M, path: str | os.PathLike[str]) -> M:
    """Read parameters and buffers into a model of the same class and arguments.

    A checkpoint of :func:`~genbook.training.fit.fit` serves as well; with averaged
    weights it holds these as the model's, as ``fit`` would return them. The model is
    checked against the file first and is left untouched by any failure. A buffer whose
    size follows the data, like the points of a kernel density estimate, takes the size
    it has in the file.

    Args:
        model: The model to fill.
        path: The file.

    Returns:
        The same model.

    Raises:
        TypeError: If ``model`` is not a module, or ``path`` not a path.
        OSError: If there is no such file, or it cannot be read.
        ValueError: If the file is damaged, was not written by this version's
            :func:`save` or :func:`~genbook.training.fit.fit`, holds another class,
            other arguments, other names, shapes or types, or a parameter that is NaN
            or infinite; the message names them.
    """
    path = check_path(path, "path")
    _files.model_tensors(model)  # refuses what is no module
    tensors, meta = _files.read(path)
    wanted = _files.identity(model)
    if meta["class"] != wanted["class"]:
        raise ValueError(
            f"model must be a {meta['class']} to load {path}, got a {wanted['class']}"
        )
    if meta["config"] != wanted["config"]:
        differs = _files.differences(meta["config"] or {}, wanted["config"] or {})
        raise ValueError(
            f"model must be made with the arguments in {path}, got others: {differs}"
        )
    state = _files.part(tensors, "model.")
    _files.fill(model, state, _files.check_fits(model, state, path))
    return model


# --- a run in a file ------------------------------------------------------------------


@dataclass(frozen=True)
class Checkpoint:
    """Where a run is kept, after how many steps each time, and which run it is.

    Of several processes one ``writes``, and all read.
    """

    path: Path
    every: int
    identity: dict[str, Any]
    writes: bool = True

    @classmethod
    def of(
        cls,
        model: nn.Module,
        checkpoint: str | os.PathLike[str],
        every: int,
        run: dict[str, Any],
        writes: bool = True,
    ) -> Checkpoint:
        """Return where a run is kept; refuse now what could not be written later."""
        path = check_path(checkpoint, "checkpoint")
        check_place(path)
        _files.model_tensors(model)
        return cls(path, every, _files.identity(model) | run, writes)


def save_checkpoint(
    model: nn.Module, state: TrainState, checkpoint: Checkpoint, last: list[Tensor]
) -> None:
    """Write everything from which the run can go on to the same bits.

    If the model holds an average, ``last`` are the weights of the last step.
    """
    history, device = state.history, state.generator.device
    tensors = _files.model_tensors(model)
    tensors |= {f"last.{i}": t for i, t in enumerate(last)}
    for i, moments in state.optimiser.state_dict()["state"].items():
        for key, value in moments.items():
            tensors[f"optimiser.{i}.{key}"] = torch.as_tensor(value)
    for key in ("loss", "lr", "val_loss"):
        tensors[f"history.{key}"] = torch.tensor(
            getattr(history, key), dtype=torch.float64
        )
    tensors["random.batches"] = state.batch.state(history.steps)
    tensors["random.loss"] = state.generator.get_state()
    tensors["random.global"] = torch.get_rng_state()
    if device.type == "cuda":
        tensors["random.cuda"] = torch.cuda.get_rng_state(device)
    progress = {
        "seconds": float(history.seconds),
        "cpu_seconds": float(history.cpu_seconds),
        "val_steps": history.val_steps,
    }
    run = {"run": checkpoint.identity, "progress": progress}
    _files.write(checkpoint.path, tensors, _files.identity(model) | run)


def load_checkpoint(
    model: nn.Module,
    state: TrainState,
    checkpoint: Checkpoint,
    average: Average | None,
) -> None:
    """Put a run back where its file left it; check everything before."""
    path, identity = checkpoint.path, checkpoint.identity
    tensors, meta = _files.read(path)
    if not isinstance(meta.get("run"), dict):
        raise ValueError(
            f"checkpoint must hold a run of fit, {path} holds a saved model; give "
            f"another file, or pass resume=False to replace it"
        )
    if meta["run"] != identity:
        raise ValueError(
            f"checkpoint {path} belongs to another run: "
            f"{_files.differences(meta['run'], identity)}; give another file, or pass "
            f"resume=False to start again"
        )
    weights = _files.part(tensors, "model.")
    resized = _files.check_fits(model, weights, path)
    names = ("optimiser", "last", "history", "random")
    parts = {name: _files.part(tensors, f"{name}.") for name in names}
    progress: Any = meta.get("progress")
    wrong = what_is_wrong(parts, progress, state, average)
    if wrong:
        raise ValueError(f"checkpoint {path} is no whole run: {'; '.join(wrong)}")
    _files.fill(model, weights, resized)
    if average is not None:
        average.go_on_from(parts["last"])
    moments = laid_out(by_weight(parts["optimiser"]), state.optimiser)
    groups = state.optimiser.state_dict()["param_groups"]
    state.optimiser.load_state_dict({"state": moments, "param_groups": groups})
    for key, t in parts["history"].items():
        setattr(state.history, key, t.tolist())
    for key, value in progress.items():
        setattr(state.history, key, value)
    state.batch.generator.set_state(tensors["random.batches"])
    state.generator.set_state(tensors["random.loss"])
    torch.set_rng_state(tensors["random.global"])
    if "random.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random.cuda"], state.generator.device)
