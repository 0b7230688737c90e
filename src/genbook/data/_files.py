"""Committed data: read from the package, and refused when it is not what we wrote."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np

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
