"""Files that hold tensors: replaced whole, checked byte for byte, never executed.

A file is safetensors with one metadata entry, JSON, that says what the tensors are: the
class of the model, the arguments that made it, and for a checkpoint the run. One digest
covers that entry and every tensor with its name, type and shape.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genbook._files import replacing

FORMAT = 2  # raised when an older reader would misread the files


def identity(model: nn.Module) -> dict[str, Any]:
    """Return what a file says of the model in it: its class and its arguments."""
    config = getattr(model, "config", None)
    return {
        "class": type(model).__name__,
        "config": None if config is None else _plainly(dict(config), "config"),
    }


def _plainly(value: Any, name: str) -> Any:
    """Return a value as JSON would give it back."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, Tensor | np.ndarray):
        return value.tolist()
    if isinstance(value, torch.dtype | torch.device | torch.Size | os.PathLike):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plainly(v, f"{name}[{i}]") for i, v in enumerate(value)]
    if isinstance(value, dict):
        return {str(k): _plainly(v, f"{name}[{k!r}]") for k, v in value.items()}
    raise TypeError(
        f"{name} must be made of numbers, texts, lists and tensors to be saved, got "
        f"{type(value).__name__}"
    )


def model_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Return the state of a model under the names it has in a file."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a module, got {type(model).__name__}")
    tensors = {}
    for name, value in model.state_dict().items():
        if not isinstance(value, Tensor):
            raise TypeError(
                f"model must hold tensors only to be saved, {name} is a "
                f"{type(value).__name__}"
            )
        tensors[f"model.{name}"] = value
    return tensors


def part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with a prefix, without it."""
    return {
        k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)
    }


def _digest(tensors: dict[str, Tensor], note: dict[str, Any]) -> str:
    """Return a short text that changes with anything that a file holds."""
    digest = hashlib.blake2b(json.dumps(note, sort_keys=True).encode(), digest_size=16)
    for name in sorted(tensors):
        t = tensors[name]
        digest.update(f"\n{name} {t.dtype} {list(t.shape)}\n".encode())
        digest.update(_bytes(t))
    return digest.hexdigest()


def write(path: Path, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None:
    """Replace a file, which is never seen half written."""
    from safetensors.torch import save as to_bytes

    # Copies, since safetensors refuses tensors that share memory.
    copies = {
        k: t.detach().cpu().clone(memory_format=torch.contiguous_format)
        for k, t in tensors.items()
    }
    note = {"format": FORMAT, **meta}
    note["digest"] = _digest(copies, note)
    data = to_bytes(copies, {"genbook": json.dumps(note, sort_keys=True)})
    with replacing(path) as partial:
        partial.write_bytes(data)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the metadata of a file, checked byte for byte."""
    from safetensors import SafetensorError
    from safetensors.torch import load as from_bytes

    data = _read_bytes(path)
    try:
        tensors = from_bytes(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        text = header.get("__metadata__", {}).get("genbook")
        note = None if text is None else json.loads(text)
    except (SafetensorError, ValueError, KeyError, RecursionError) as error:
        raise ValueError(f"{path} is damaged or not safetensors: {error}") from error
    if not isinstance(note, dict) or type(note.get("format")) is not int:
        raise ValueError(f"{path} was not written by genbook")
    if note["format"] != FORMAT:
        age = "a later" if note["format"] > FORMAT else "an earlier"
        raise ValueError(
            f"{path} has format {note['format']}, {age} genbook's; this one reads "
            f"format {FORMAT}"
        )
    if note.pop("digest", None) != _digest(tensors, note):
        raise ValueError(f"{path} is damaged: its digest does not fit what it holds")
    if type(note.get("class")) is not str or not isinstance(
        note.get("config", 0), dict | None
    ):
        raise ValueError(f"{path} was not written by genbook")
    return tensors, note


def _read_bytes(path: Path) -> bytes:
    """Return what a file holds; say plainly that there is none, or why not."""
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        mode = None
    if mode is None or stat.S_ISDIR(mode):
        raise FileNotFoundError(f"there is no file {path} to load")
    if not stat.S_ISREG(mode):
        raise ValueError(f"{path} must be a regular file to be loaded, it is none")
    return path.read_bytes()


def check_finite(tensors: dict[str, Tensor], names: set[str], where: str) -> None:
    """Refuse parameters that are not finite: a model that has them is broken."""
    for name in sorted(names & tensors.keys()):
        bad = int((~torch.isfinite(tensors[name])).sum())
        if bad:
            raise ValueError(
                f"{where} must have finite parameters, {name} holds {bad} NaN or "
                f"infinite of {tensors[name].numel()} values"
            )


def parameter_names(model: nn.Module) -> set[str]:
    """Return the names of a model's parameters, of shared ones each."""
    return {name for name, _ in model.named_parameters(remove_duplicate=False)}


def check_fits(model: nn.Module, tensors: dict[str, Tensor], path: Path) -> set[str]:
    """Say every mismatch of a file and a model; return which buffers are resized."""
    state = model.state_dict()
    empty = {n for n in tensors.keys() - state.keys() if _buffer(model, n)}
    missing = sorted(state.keys() - tensors.keys())
    unknown = sorted(tensors.keys() - state.keys() - empty)
    wrong = [f"{n} is missing" for n in missing] + [f"{n} is unknown" for n in unknown]
    resized = set(empty)
    for name in sorted(state.keys() & tensors.keys()):
        here, there = state[name], tensors[name]
        if here.dtype != there.dtype:
            wrong.append(f"{name} is {there.dtype} there and {here.dtype} here")
        elif here.shape != there.shape:
            by_data = here.ndim == there.ndim > 0 and here.shape[1:] == there.shape[1:]
            if by_data and hasattr(model, "config") and _buffer(model, name):
                resized.add(name)
            else:
                shapes = f"{tuple(there.shape)} there and {tuple(here.shape)} here"
                wrong.append(f"{name} is {shapes}")
    if wrong:
        raise ValueError(f"model does not fit {path}: {'; '.join(wrong)}")
    check_finite(tensors, parameter_names(model), str(path))
    return resized


def fill(model: nn.Module, tensors: dict[str, Tensor], resized: set[str]) -> None:
    """Copy tensors into a model; :func:`check_fits` has said that they fit."""
    like = next((t for t in (*model.parameters(), *model.buffers())), torch.empty(0))
    for name in resized:
        owner, _, leaf = name.rpartition(".")
        room = torch.empty_like(tensors[name], device=like.device)
        model.get_submodule(owner)._buffers[leaf] = room
    model.load_state_dict(tensors)


def _buffer(model: nn.Module, name: str) -> bool:
    """Return whether a name is a registered buffer of the model, filled or not."""
    owner, _, leaf = name.rpartition(".")
    try:
        return leaf in model.get_submodule(owner)._buffers
    except AttributeError:
        return False


def differences(was: dict[str, Any], now: dict[str, Any]) -> str:
    """Name what differs between two dictionaries, with both values."""
    keys = [k for k in was | now if was.get(k) != now.get(k)]
    return ", ".join(f"{k} is {was.get(k)} there and {now.get(k)} here" for k in keys)


def digest(t: Tensor | None) -> str | None:
    """Return a short text that changes when a tensor does."""
    if t is None:
        return None
    digest = hashlib.blake2b(_bytes(t), digest_size=8).hexdigest()
    return f"{str(t.dtype).removeprefix('torch.')}{list(t.shape)} {digest}"


def _bytes(t: Tensor) -> bytes:
    """Return the bytes of a tensor, wherever it lies."""
    flat = t.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes()
