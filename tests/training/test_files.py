"""Saved models against damage and strangers."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

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
    for i in range(len(good) - 24, len(good), 5):  # the tensors stand at the end
        path.write_bytes(good[:i] + bytes([good[i] ^ 1]) + good[i + 1 :])
        refused(model, path, "checksum")
    path.write_bytes(os.urandom(200))
    refused(model, path, "damaged")


def test_foreign_and_later_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, model = tmp_path / "model", Gaussian(2)
    save_file(model.state_dict(), path)
    refused(model, path, "not written by genbook")
    save_file(model.state_dict(), path, {"genbook": json.dumps({"format": 1})})
    refused(model, path, "not written by genbook")
    save_file(model.state_dict(), path, {"genbook": "[1"})
    refused(model, path, "damaged")
    with monkeypatch.context() as patch:
        patch.setattr(_files, "FORMAT", 2)
        save(model, path)
    refused(model, path, "has format 2")


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
