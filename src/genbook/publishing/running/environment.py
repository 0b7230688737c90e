"""What surrounds a kernel: its environment, and a folder of its own.

Nothing of the machine's settings reaches the chapters: variables are set here, handed
on because they only say where things lie, or gone. What is handed on and may change an
outcome is part of every key (:func:`settings`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from filelock import FileLock  # a requirement of PyTorch's

# One thread: chapters run side by side, and sums come out the same everywhere.
# The date goes into the figures of the chapters, so it is set in the kernel only.
FIXED = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "COLUMNS": "80",  # else the width of whoever's terminal it is
    "LINES": "24",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "SOURCE_DATE_EPOCH": "1767225600",  # 1 January 2026
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # else a debugger's advice on the terminal
}

# Handed on: they say where things lie, and whom to ask for the network.
_PLACES = (
    *("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME"),
    *("PYTHONPATH", "PYTHONHOME", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE"),
    *("VIRTUAL_ENV", "CONDA_PREFIX", "GENBOOK_RUNS"),
    *("SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "APPDATA"),
    *("LOCALAPPDATA", "PROGRAMDATA", "HOMEDRIVE", "HOMEPATH"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy"),
    *("no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
)

# Handed on, and counted: another library or another device gives other numbers.
_COUNTED = (
    "CUDA_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "DYLD_LIBRARY_PATH",
)

_PREFIX = "genbook-kernel-"
_LONGEST = 70  # of a folder for kernels: names of sockets end at 103 characters
_YOUNG = 60.0  # seconds in which a folder may be without its lock


class NoFolder(OSError):
    """There is no place for the files that a kernel is spoken to through."""


def settings(named: Iterable[str] = ()) -> tuple[tuple[str, str], ...]:
    """Return the variables that the outcome of a chapter may depend on.

    Args:
        named: Further variables that the chapters may read
            (``genbook_environment`` in the configuration).

    Returns:
        Pairs of name and value, sorted.

    Example:
        >>> dict(settings())["OMP_NUM_THREADS"]
        '1'
    """
    counted = {n: os.environ[n] for n in (*_COUNTED, *named) if n in os.environ}
    return tuple(sorted({**FIXED, **counted}.items()))


def environment(folder: Path, named: Iterable[str] = ()) -> dict[str, str]:
    """Return the environment of a kernel.

    Args:
        folder: The kernel's own folder, for the settings of IPython and Matplotlib.
        named: As of :func:`settings`.
    """
    places = {n: os.environ[n] for n in _PLACES if n in os.environ}
    return {**places, **dict(settings(named)), **_own_settings(folder)}


def _own_settings(folder: Path) -> Mapping[str, str]:
    """Keep a reader's own settings of IPython and Matplotlib out of the book.

    Matplotlib keeps the list of fonts with its settings: the kernel gets a copy.
    """
    import matplotlib

    drawing = folder / "matplotlib"
    drawing.mkdir()
    for fonts in Path(matplotlib.get_cachedir()).glob("fontlist-*.json"):
        shutil.copyfile(fonts, drawing / fonts.name)
    style = Path(matplotlib.__file__).with_name("mpl-data") / "matplotlibrc"
    return {
        "IPYTHONDIR": str(folder),
        "MPLCONFIGDIR": str(drawing),
        "MATPLOTLIBRC": str(style),
    }


@contextlib.contextmanager
def own_folder() -> Iterator[Path]:
    """Make a folder for one kernel, and remove it afterwards.

    The names of sockets have a limit, so it does not lie below a long ``TMPDIR``. What
    a killed build has left is removed when the next one makes a folder.

    Raises:
        NoFolder: If there is no folder with a short name to make it in.
    """
    parent = _parent()
    _sweep(parent)
    own = tempfile.TemporaryDirectory(
        prefix=_PREFIX, dir=parent, ignore_cleanup_errors=True
    )
    with own as name, FileLock(Path(name, "lock")):
        yield Path(name)


def _parent() -> str:
    """Return the first folder for temporary files whose name is short enough."""
    asked = tempfile.gettempdir()
    places = [asked, os.environ.get("XDG_RUNTIME_DIR", ""), "/tmp", "/var/tmp"]
    for place in places:
        short = os.name == "nt" or len(os.fsencode(place)) <= _LONGEST
        if place and short and os.access(place, os.W_OK | os.X_OK):
            return place
    raise NoFolder(
        f"TMPDIR must be a folder whose path has at most {_LONGEST} bytes, for the "
        f"kernels are spoken to through files there, got {asked}"
    )


def _sweep(parent: str) -> None:
    """Remove the folders whose builds are gone: nobody holds their locks."""
    for folder in Path(parent).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # another's folder, or one in use
            if time.time() - folder.stat().st_mtime < _YOUNG:
                continue
            with FileLock(folder / "lock", blocking=False):
                pass
            shutil.rmtree(folder, ignore_errors=True)
