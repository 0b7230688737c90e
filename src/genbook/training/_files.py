"""Files that hold tensors: replaced whole, checked byte for byte, never executed.

A file is safetensors with one metadata entry, JSON, that says what the tensors are: the
class of the model, the arguments that made it, and for a checkpoint the run.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genbook._files import replacing

FORMAT = 1  # raised when an older reader would misread the files


def identity(model: nn.Module) -> dict[str, Any]:
    """Return what a file says of the model in it: its class and its arguments."""
    config = getattr(model, "config", None)
    return {
        "class": type(model).__name__,
        "config": None if config is None else _plainly(dict(config), "config"),
    }


def _plainly(value: Any, name: str) -> Any:
    """Return a value as JSON would give it back."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Tensor):
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


def _checksum(tensors: dict[str, Tensor]) -> int:
    crc = 0
    for name in sorted(tensors):
        crc = zlib.crc32(name.encode(), crc)
        crc = zlib.crc32(_bytes(tensors[name]), crc)
    return crc


def check_folder(path: Path) -> None:
    """Refuse a path where no file can stand."""
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder of {path} must exist, it does not")
    if path.is_dir():
        raise IsADirectoryError(f"{path} must be a file, it is a folder")


def write(path: Path, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None:
    """Replace a file, which is never seen half written."""
    from safetensors.torch import save as to_bytes

    # Copies, since safetensors refuses tensors that share memory.
    copies = {
        k: t.detach().cpu().clone(memory_format=torch.contiguous_format)
        for k, t in tensors.items()
    }
    note = {"format": FORMAT, "checksum": _checksum(copies), **meta}
    data = to_bytes(copies, {"genbook": json.dumps(note, sort_keys=True)})
    check_folder(path)
    with replacing(path) as partial:
        partial.write_bytes(data)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the metadata of a file, checked byte for byte."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path} to load")
    try:
        with safe_open(path, framework="pt") as file:
            note = (file.metadata() or {}).get("genbook")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        meta = None if note is None else json.loads(note)
    except (SafetensorError, ValueError) as error:
        raise ValueError(f"{path} is damaged or not safetensors: {error}") from error
    if meta is None or not {"format", "checksum", "class", "config"} <= set(meta):
        raise ValueError(f"{path} was not written by genbook")
    if meta["format"] > FORMAT:
        raise ValueError(
            f"{path} has format {meta['format']}, this genbook reads up to {FORMAT}"
        )
    if meta["checksum"] != _checksum(tensors):
        raise ValueError(f"{path} is damaged: its checksum does not fit its tensors")
    return tensors, meta


def fill(model: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Copy tensors into a model, or say every mismatch and change nothing."""
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
