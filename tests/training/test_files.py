"""Saved models against damage and strangers."""

from __future__ import annotations

import hashlib
import json
import math
import os
import pickle
import re
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from genbook.models.density.gaussian import Gaussian
from genbook.models.density.kernel import KernelDensity
from genbook.training import _files, fit, load, save
from tiny_models import RUN, Line, Noisy, points, weights


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model"
    old, new = Gaussian(2), Gaussian(2).fit(points())
    save(old, path)

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            save(new, path)
    assert os.listdir(tmp_path) == ["model"]
    assert torch.equal(weights(load(Gaussian(2), path)), weights(old))


class Odd(nn.Module):
    """Shared weights, a buffer that is a scalar, one that is not there yet."""

    def __init__(self, filled: bool = False) -> None:
        super().__init__()
        self.config = {"dtype": torch.float32, "corner": torch.ones(2), "sizes": (1, 2)}
        self.a = nn.Linear(3, 3)
        self.b = nn.Linear(3, 3)
        self.b.weight = self.a.weight
        self.register_buffer("count", torch.tensor(5))
        self.register_buffer("later", torch.ones(4, 2) if filled else None)
        self.register_buffer("view", torch.arange(12.0).reshape(3, 4).T)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_round_trip(tmp_path: Path, dtype: torch.dtype) -> None:
    path = tmp_path / "model.safetensors"
    model = Gaussian(2).to(dtype).fit(points(50, dtype))
    save(model, str(path))
    twin = Gaussian(2).to(dtype)
    assert load(twin, path) is twin
    assert torch.equal(weights(twin), weights(model))
    first = path.read_bytes()
    save(twin, path)
    assert path.read_bytes() == first  # nothing in a file but the model


def test_odd_modules_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "odd"
    model = Odd(filled=True)
    save(model, path)
    twin = load(Odd(), path)
    assert twin.b.weight is twin.a.weight
    for name, value in model.state_dict().items():
        assert torch.equal(twin.state_dict()[name], value)


@pytest.mark.parametrize("already", [0, 7])
def test_a_buffer_as_large_as_the_data(tmp_path: Path, already: int) -> None:
    path, x = tmp_path / "kernel", points(30)
    model = KernelDensity(2, bandwidth=0.3).fit(x)
    save(model, path)
    twin = KernelDensity(2, bandwidth=0.3)
    if already:
        twin.fit(points(already))
    load(twin, path)
    assert torch.equal(twin.log_prob(x), model.log_prob(x))
    with pytest.raises(ValueError, match=r"bandwidth is 0.3 there and 0.4 here"):
        load(KernelDensity(2, bandwidth=0.4), path)


def refused(model: nn.Module, path: Path, message: str) -> None:
    """Loading must fail with a message and leave every tensor as it was."""
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with pytest.raises(ValueError, match=message):
        load(model, path)
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(after[k], v) for k, v in before.items())


def test_load_names_what_does_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "model"
    save(Gaussian(2), path)
    refused(Line(), path, "must be a Gaussian .* got a Line")
    refused(Gaussian(3), path, "dim is 2 there and 3 here")
    refused(Gaussian(2).double(), path, "mu is torch.float32 there and torch.float64")
    save(nn.Linear(2, 3), path)
    refused(
        nn.Linear(2, 4), path, r"bias is \(3,\) there.*weight is \(3, 2\) there and \(4"
    )
    refused(nn.Linear(2, 3, bias=False), path, "bias is unknown")
    save(nn.Linear(2, 3, bias=False), path)
    refused(nn.Linear(2, 3), path, "bias is missing")


def test_load_reads_a_checkpoint_too(tmp_path: Path) -> None:
    path, model = tmp_path / "run", Noisy()
    fit(model, points(), **RUN, checkpoint=path)
    assert torch.equal(weights(load(Noisy(), path)), weights(model))


def test_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(FileNotFoundError, match="there is no file"):
            load(Gaussian(2), path)
    with pytest.raises(FileNotFoundError, match=r"folder of .* must exist"):
        save(Gaussian(2), tmp_path / "nowhere" / "model")
    with pytest.raises(IsADirectoryError):
        save(Gaussian(2), tmp_path)
    model = Line()
    with pytest.raises(FileNotFoundError, match=r"folder of .* must exist"):
        fit(model, points(), steps=5, checkpoint=tmp_path / "nowhere" / "run")
    assert not weights(model).any()  # refused before the first step


def test_every_damaged_byte_is_noticed(tmp_path: Path) -> None:
    path, model = tmp_path / "model", Gaussian(2)
    save(model, path)
    good = path.read_bytes()
    for cut in (0, 5, len(good) // 2, len(good) - 1):
        path.write_bytes(good[:cut])
        refused(model, path, "damaged|not written by genbook")
    for i in range(len(good)):  # the header and the metadata as well
        path.write_bytes(good[:i] + bytes([good[i] ^ 1 << i % 8]) + good[i + 1 :])
        refused(model, path, "damaged|not written by genbook|format")
    path.write_bytes(os.urandom(200))
    refused(model, path, "damaged")


def test_foreign_and_later_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, model = tmp_path / "model", Gaussian(2)
    save_file(model.state_dict(), path)
    refused(model, path, "not written by genbook")
    save_file(model.state_dict(), path, {"genbook": "[1"})
    refused(model, path, "damaged")
    was = {"format": 1, "checksum": 0, "class": "Gaussian", "config": {"dim": 2}}
    save_file(model.state_dict(), path, {"genbook": json.dumps(was)})
    refused(model, path, "has format 1, an earlier genbook's; this one reads format 2")
    with monkeypatch.context() as patch:
        patch.setattr(_files, "FORMAT", 3)
        save(model, path)
    refused(model, path, "has format 3, a later genbook's; this one reads format 2")


ODD_NOTES = [
    *("[]", "5", "null", '"a"', "{}", "[" * 100_000),
    *('{"format": "2"}', '{"format": true}', '{"format": 2.0}', '{"form": 2}'),
    *('{"format": 2}', '{"format": 2, "digest": 5}', '{"format": 2, "digest": null}'),
]


@pytest.mark.parametrize("note", ODD_NOTES, ids=range(len(ODD_NOTES)))
def test_odd_metadata_are_refused(tmp_path: Path, note: str) -> None:
    path, model = tmp_path / "model", Gaussian(2)
    save_file(model.state_dict(), path, {"genbook": note})
    refused(model, path, "damaged|not written by genbook")


@pytest.mark.parametrize(
    "change",
    [{"class": 5}, {"class": None}, {"config": [2]}, {"config": "dim"}],
    ids=str,
)
def test_metadata_of_another_type_are_refused(tmp_path: Path, change: dict) -> None:
    """Even where somebody has made their digest right."""
    path, model = tmp_path / "model", Gaussian(2)
    tensors = _files.model_tensors(model)
    _files.write(path, tensors, _files.identity(model) | change)
    refused(model, path, "not written by genbook")


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, bad: float) -> None:
    path, model = tmp_path / "model", Line()
    model.mu.data[1] = bad
    message = r"must have finite parameters, mu holds 1 NaN or infinite of 2 values"
    with pytest.raises(ValueError, match=rf"model {message}"):
        save(model, path)
    assert os.listdir(tmp_path) == []
    _files.write(path, _files.model_tensors(model), _files.identity(model))
    refused(Line(), path, message)


def test_numbers_of_numpy_are_saved_as_numbers(tmp_path: Path) -> None:
    path, model = tmp_path / "model", Gaussian(2)
    model.config = {
        "dim": np.int64(2),
        "lr": np.float32(0.5),
        "on": np.bool_(True),
        "sizes": (np.int8(1), np.uint8(2)),
        "corner": np.ones(2),
    }
    save(model, path)
    twin = Gaussian(2)
    twin.config = {
        "dim": 2,
        "lr": 0.5,
        "on": True,
        "sizes": [1, 2],
        "corner": [1.0, 1.0],
    }
    assert load(twin, path) is twin


def test_a_file_that_may_not_be_read_is_not_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model"
    save(Gaussian(2), path)

    def forbidden(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", forbidden)
    with pytest.raises(PermissionError, match="Permission denied"):
        load(Gaussian(2), path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFO")
def test_a_fifo_is_neither_replaced_nor_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(OSError, match="must be a regular file, it is a FIFO"):
        save(Gaussian(2), path)
    with pytest.raises(OSError, match="must be a regular file, it is a FIFO"):
        fit(Line(), points(), steps=1, checkpoint=path)
    refused(Gaussian(2), path, "must be a regular file to be loaded")
    assert os.listdir(tmp_path) == ["pipe"]
    assert path.is_fifo()


def test_paths_and_models_of_another_type_are_refused(tmp_path: Path) -> None:
    for call in (save, load):
        with pytest.raises(TypeError, match="path must be a path, got int 5"):
            call(Gaussian(2), 5)  # type: ignore[arg-type, type-var]
        with pytest.raises(TypeError, match="model must be a module, got int"):
            call(5, tmp_path / "model")  # type: ignore[arg-type, type-var]


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def test_loading_executes_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    for write in (torch.save, lambda o, p: Path(p).write_bytes(pickle.dumps(o))):
        write({"mu": Bomb(mark)}, tmp_path / "model")
        refused(Gaussian(2), tmp_path / "model", "damaged or not safetensors")
    assert not mark.exists()


def test_what_cannot_be_saved_is_said(tmp_path: Path) -> None:
    model = Gaussian(2)
    model.config = {"dim": object()}
    with pytest.raises(TypeError, match="config\\['dim'\\] must be made of numbers"):
        save(model, tmp_path / "model")

    class Extra(Line):
        def get_extra_state(self) -> str:
            return "text"

        def set_extra_state(self, state: str) -> None: ...

    with pytest.raises(TypeError, match="_extra_state is a str"):
        save(Extra(), tmp_path / "model")
    with pytest.raises(TypeError, match="_extra_state is a str"):
        fit(Extra(), points(), steps=5, checkpoint=tmp_path / "run")
    with pytest.raises(TypeError, match="model must be a module, got dict"):
        save({}, tmp_path / "model")
    assert os.listdir(tmp_path) == []


def test_a_digest_has_32_digits() -> None:
    assert re.fullmatch("[0-9a-f]{32}", _files._digest({"a": torch.ones(1)}, {}))


def test_the_digest_of_data_is_that_of_the_files_that_there_are() -> None:
    """A run is continued only if its file names these 16 digits."""
    plain = hashlib.blake2b(struct.pack("<4f", 0, 2, 1, 3), digest_size=8).hexdigest()
    turned = torch.arange(4.0).view(2, 2).T  # its rows are 0, 2 and 1, 3
    assert _files.digest(turned) == f"float32[2, 2] {plain}"
    assert _files.digest(None) is None
