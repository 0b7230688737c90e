"""Committed archives are read only when they are what we wrote."""

from __future__ import annotations

import ast
import hashlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genbook._validate import check_dtype
from genbook.data import wind, world
from genbook.data._files import FOLDER, read_arrays
from genbook.data.digits import load_digits
from genbook.data.docstring_lines import load_docstring_lines
from genbook.data.fruit import sample_fruit
from genbook.data.paintings import sample_paintings
from genbook.data.tins import sample_tins
from genbook.data.toy import TwoMoons
from genbook.data.wind import load_wind
from genbook.data.world import WorldMap


def test_reads_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=np.arange(3), y=np.eye(2))
    arrays = read_arrays(path, hashlib.sha256(path.read_bytes()).hexdigest())
    assert arrays.keys() == {"x", "y"}
    assert np.array_equal(arrays["x"], [0, 1, 2])


def test_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"b\.npz is missing"):
        read_arrays(tmp_path / "b.npz", "0" * 64)


@pytest.mark.parametrize(("name", "module"), [("world.npz", world), ("wind.npz", wind)])
def test_one_changed_byte_is_corrupt(
    name: str, module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytearray((FOLDER / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / name).write_bytes(content)
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    load = world.WorldMap if module is world else wind.load_wind
    with pytest.raises(ValueError, match="is corrupt: sha256 must be"):
        load()


def test_archives_are_small() -> None:
    assert (FOLDER / "world.npz").stat().st_size < 40_000
    assert (FOLDER / "wind.npz").stat().st_size < 40_000


@pytest.mark.parametrize("dtype", [torch.float16, torch.int64, "float32", None])
def test_other_dtypes_are_refused(dtype: object) -> None:
    with pytest.raises(TypeError, match=r"dtype must be torch\.float32 or"):
        check_dtype(dtype)


@pytest.mark.parametrize(
    "module", ["_files", "_polygons", "world", "wind", "toy", "digits", "prose"]
)
def test_imports_are_light(module: str) -> None:
    """Nothing beyond torch, NumPy and the standard library, at any depth."""
    for node in ast.walk(ast.parse((FOLDER / f"{module}.py").read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            top = name.partition(".")[0]
            assert top in {"torch", "numpy", "genbook"} | sys.stdlib_module_names


@pytest.mark.parametrize("dtype", ["float32", torch.float16, torch.int64, None])
@pytest.mark.parametrize(
    "draw",
    [
        lambda dtype: sample_tins(2, dtype=dtype),
        lambda dtype: sample_fruit(2, size=8, dtype=dtype),
        lambda dtype: sample_paintings(2, dtype=dtype),
        lambda dtype: load_docstring_lines(dtype=dtype),
        lambda dtype: load_digits(dtype=dtype),
        lambda dtype: load_wind(dtype=dtype),
        lambda dtype: WorldMap().sample(2, dtype=dtype),
        lambda dtype: TwoMoons().sample(2, dtype=dtype),
    ],
)
def test_every_loader_refuses_other_dtypes(draw: Any, dtype: object) -> None:
    with pytest.raises(TypeError, match=r"dtype must be torch\.float32 or"):
        draw(dtype)
