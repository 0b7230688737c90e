"""What outcomes depend on beside code and versions: the machine, and files."""

from __future__ import annotations

import functools
import hashlib
import platform
import re
from pathlib import Path

from genbook._numbers import check_kind

__all__ = ["file_digest", "machine"]

# What libraries of numbers choose their routines by, as Linux describes a processor.
_UNITS = re.compile(r"(avx|fma|f16c|sse4|amx|asimd|sve)\w*|sme\d?|neon|rvv")
_MAKERS = ("vendor_id", "CPU implementer")
_DEVICES = Path("/proc/driver/nvidia/gpus")


@functools.cache
def machine(about: Path = Path("/proc/cpuinfo")) -> tuple[str, ...]:
    """Return what kind of processor, and which devices, make the numbers.

    PyTorch and what lies below it choose their routines by the maker and the vector
    units of the processor, and with another routine a sum ends in another digit.

    Args:
        about: Where Linux describes the processor; elsewhere Python is asked.

    Example:
        >>> machine()[0] == platform.machine()
        True
    """
    try:
        text = about.read_text("utf8", errors="replace")
    except OSError:
        text = ""
    lines = dict(line.partition(":")[::2] for line in text.splitlines())
    facts = {name.strip(): value.split() for name, value in lines.items()}
    makers = [word for name in _MAKERS for word in facts.get(name, [])]
    flags = facts.get("flags", []) + facts.get("Features", [])
    units = sorted(flag for flag in flags if _UNITS.fullmatch(flag))
    models = [p.read_text("utf8") for p in sorted(_DEVICES.glob("*/information"))]
    devices = [line for text in models for line in text.splitlines() if "Model" in line]
    kind = [] if text else [platform.processor()]
    return (platform.machine(), *kind, *makers, *units, *devices)


def file_digest(path: Path) -> str:
    """Return the digest of a file, which is read again only when its date changes.

    Raises:
        TypeError: If ``path`` is no path.
        OSError: If it cannot be read.
    """
    check_kind(path, "path", Path)
    stat = path.stat()
    return _digest_at(path, stat.st_mtime_ns, stat.st_size)


@functools.cache
def _digest_at(path: Path, mtime: int, size: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
