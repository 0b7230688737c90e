"""Committed data: read from the package, and refused when it is not what we wrote."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import torch

FOLDER = Path(__file__).parent


def read_arrays(path: Path, sha256: str) -> dict[str, np.ndarray]:
    """Return the arrays of an ``.npz`` archive whose checksum is known.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If its SHA-256 is another one.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing; it comes with the package: install genbook again"
        )
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise ValueError(
            f"{path} is corrupt: sha256 must be {sha256}, got {digest}; "
            f"install genbook again"
        )
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def check_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return ``dtype`` if it is ``torch.float32`` or ``torch.float64``.

    Raises:
        TypeError: If it is anything else.

    Example:
        >>> check_dtype(torch.float64)
        torch.float64
    """
    if dtype not in (torch.float32, torch.float64):
        raise TypeError(f"dtype must be torch.float32 or torch.float64, got {dtype!r}")
    return dtype
