"""The way to somebody else's machines, and a simulation of it in this process.

Within :func:`simulated` the same calls go to the library ``moto``, which keeps books of
what was made and refuses what does not fit, in this process and without an account. It
has no machine behind it: :mod:`genbook.practice.unsimulated` lists what it cannot show.
Without :func:`simulated` they go to the account that the environment names.
"""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from genbook._files import check_path, replacing

__all__ = ["pack", "simulated"]

REGION = "eu-central-1"


def library(name: str) -> Any:
    """Return a module of the extra ``aws``, or say what is missing."""
    import importlib

    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{error.name} is missing: pip install 'genbook[aws]'"
        ) from None


def client(service: str, region: str = REGION, **more: Any) -> Any:
    """Return a client of a service that tries each call once."""
    config = library("botocore.config").Config(retries={"total_max_attempts": 1})
    return library("boto3").client(service, region_name=region, config=config, **more)


@contextmanager
def simulated() -> Iterator[None]:
    """Let every call within go to a simulation in this process, empty at first.

    Raises:
        ModuleNotFoundError: If the extra ``aws`` is not installed.

    Example:
        >>> with simulated():
        ...     client("s3").list_buckets()["Buckets"]
        []
    """
    mock = library("moto").mock_aws
    with mock():
        yield


def pack(weights: str | os.PathLike[str], archive: str | os.PathLike[str]) -> int:
    """Write a model's file into a ``.tar.gz``, as SageMaker wants it.

    The same weights give the same bytes: no date, no owner.

    Args:
        weights: A file in safetensors, see :func:`~genbook.training.checkpoint.save`.
        archive: The file to write; its folder must exist.

    Returns:
        Its size in bytes.

    Raises:
        TypeError: If one is no path.
        ValueError: If ``weights`` is not a file in safetensors.
        OSError: If one cannot be read, or the other not be written.

    Example:
        >>> import tempfile, torch
        >>> from genbook.training import save
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(torch.nn.Linear(2, 1), f"{folder}/a.safetensors")
        ...     pack(f"{folder}/a.safetensors", f"{folder}/model.tar.gz") > 100
        True
    """
    source, target = check_path(weights, "weights"), check_path(archive, "archive")
    data = source.read_bytes()
    header = int.from_bytes(data[:8], "little")
    if not 2 <= header <= len(data) - 8 or data[8:9] != b"{":
        raise ValueError(f"weights must be a file in safetensors, {source} is none")
    stream = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=stream, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        member = tarfile.TarInfo("model.safetensors")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    with replacing(target) as partial:
        Path(partial).write_bytes(stream.getvalue())
    return len(stream.getvalue())
