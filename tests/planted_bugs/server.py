"""Runs tests against a copy of the package, each time in a fresh process.

Importing torch and the oracles takes longer than the tests. So they are imported here
once; each job forks, puts its copy of the package first on the path, and runs pytest.
Jobs come as lines of JSON, ``{"folder", "tests", "log"}`` and perhaps a ``limit`` in
seconds of processor time; each answers with a line, the exit code of pytest (negative
for the signal that killed it).

Two things would take longer than most tests: the plugins of pytest that other packages
bring, of which only that of hypothesis is wanted, and the collector of garbage, which
goes through all that was imported.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import Phase, settings

ROOT = Path(__file__).parents[2]
PRELOAD = [
    *("torch", "torch._dynamo", "safetensors.torch", "numpy", "matplotlib.pyplot"),
    *("hypothesis.strategies", "scipy.stats", "scipy.optimize", "scipy.integrate"),
    *("sklearn.linear_model", "sklearn.mixture", "sklearn.neighbors"),
]
OPTIONS = [
    *("-x", "-q", "-p", "_hypothesis_pytestplugin"),
    *(f"-pno:{name}" for name in ("cacheprovider", "unraisableexception")),
]


def run(folder: str, tests: list[str], log: str, limit: int = 240) -> int:
    """Run tests with the package of a folder; called in a process of its own."""
    signal.alarm(240)  # a bug may never end
    with suppress(ImportError):
        resource = importlib.import_module("resource")
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
    out = os.open(log, os.O_WRONLY | os.O_CREAT)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.chdir(ROOT)
    os.environ["PYTHONPATH"] = folder
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    package = importlib.import_module("genbook")
    assert Path(str(package.__file__)).parent == Path(folder) / "genbook", package
    return pytest.main([*tests, *OPTIONS])


def main() -> None:
    for name in PRELOAD:
        with suppress(ImportError):
            importlib.import_module(name)
    assert "genbook" not in sys.modules
    # One example that fails is enough: no search for the simplest, no memory of it.
    phases = [Phase.explicit, Phase.generate]
    settings.register_profile("planted", phases=phases, database=None)
    settings.load_profile("planted")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    gc.freeze()
    print("ready", flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            code = 99
            try:
                code = run(**json.loads(line))
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
