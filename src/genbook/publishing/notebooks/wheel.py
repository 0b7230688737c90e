"""The package itself as a file of the site, so that a notebook needs nobody else.

``make html`` puts ``genbook-<version>-py3-none-any.whl`` beside the notebooks. Their
first cell installs that file, by its whole name: the one beside the notebook, or, if
the configuration gives the site an address (``html.baseurl``), the one of the site. A
chapter whose code needs more than the extra ``data`` says so in its front matter.
The same sources give the same bytes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError, ExtensionError

from genbook import __version__
from genbook._files import replacing

FOLDER = "notebooks"  # of the website
#: The wheel that goes with this version of the package.
NAME = f"genbook-{__version__}-py3-none-any.whl"

_EPOCH = "1580601600"  # the date of every file in the wheel: 2 February 2020
_BESIDE = """\
# Install the book's package where it is missing, as on Colab: from the wheel
# beside this notebook{otherwise}.
import importlib.util
from pathlib import Path

if importlib.util.find_spec("genbook") is None:
    wheel = Path("{name}")
    address = wheel.resolve().as_uri()
    if not wheel.is_file():
{missing}
    %pip install --quiet "genbook[{extras}] @ {{address}}"
"""
_FROM_SITE = """\
        address = "{base}notebooks/" + wheel.name"""
_NOWHERE = """\
        raise FileNotFoundError(
            f"{wheel} must lie beside this notebook; "
            "the book's website has both"
        )"""
#: What a chapter may ask for in its front matter, as ``extras: [serve]``.
EXTRAS = ("serve", "aws", "audits")

_ADDRESS = re.compile(
    r"(https://[\w.:-]+|http://(localhost|127\.0\.0\.1)(:\d+)?)(/[\w.~/%-]*)?"
)


def install_cell(base: str = "", name: str = NAME, extras: Sequence[str] = ()) -> str:
    """Return the code that installs the package in a notebook, if it is missing.

    Args:
        base: The address of the website; empty where nobody has said it.
        name: The file name of the wheel.
        extras: What the chapter needs besides ``data``: names of :data:`EXTRAS`.

    Raises:
        ValueError: If the address is not one that code may safely come from, or there
            is no such extra.

    Example:
        >>> "https" in install_cell(), "https" in install_cell("https://example.org/b")
        (False, True)
    """
    if unknown := [extra for extra in extras if extra not in EXTRAS]:
        raise ValueError(f"extras must be among {', '.join(EXTRAS)}, got {unknown}")
    wanted = ",".join(("data", *extras))
    if not base:
        text = _BESIDE.format(name=name, otherwise="", missing=_NOWHERE, extras=wanted)
        return text.rstrip()
    if not _ADDRESS.fullmatch(base):
        raise ValueError(
            f"html.baseurl must be empty or an address https://..., got {base!r}; "
            "the notebooks install the package from it"
        )
    missing = _FROM_SITE.format(base=base.rstrip("/") + "/")
    otherwise = ", or else from the book's website"
    text = _BESIDE.format(
        name=name, otherwise=otherwise, missing=missing, extras=wanted
    )
    return text.rstrip()


def build(source: Path, folder: Path, name: str = NAME) -> Path:
    """Build the wheel of a source tree, without a network, into a folder.

    Args:
        source: The folder of ``pyproject.toml``.
        folder: Where the wheel goes; other wheels there are removed.
        name: What its name must be.

    Returns:
        The file.

    Raises:
        RuntimeError: If hatchling fails, or makes a wheel of another version.
    """
    with tempfile.TemporaryDirectory() as made:
        done = subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", made],
            cwd=source,
            env=os.environ | {"SOURCE_DATE_EPOCH": _EPOCH},
            capture_output=True,
            text=True,
            check=False,
        )
        names = sorted(os.listdir(made))
        if names != [name]:
            said = (done.stdout + done.stderr).strip()
            raise RuntimeError(f"the wheel must be {name}, got {names}: {said}")
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.whl"):
            if old.name != name:
                old.unlink()
        with replacing(folder / name) as partial:
            shutil.copyfile(Path(made, name), partial)
    return folder / name


def configure(app: Sphinx, config: Config) -> None:
    """See where the package comes from; refuse an address that is not safe."""
    try:
        install_cell(config.html_baseurl)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if Path(app.srcdir, "pyproject.toml").is_file():
        config.genbook_wheel = NAME


def add_wheel(app: Sphinx, error: Exception | None) -> None:
    """Put the package beside the notebooks."""
    if error is None and app.builder.name == "html" and app.config.genbook_wheel:
        try:
            build(Path(app.srcdir), Path(app.outdir, FOLDER))
        except RuntimeError as problem:
            raise ExtensionError(str(problem)) from problem


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the wheel."""
    app.add_config_value("genbook_wheel", "", "env", types=(str,))
    app.connect("config-inited", configure, priority=300)
    app.connect("build-finished", add_wheel, priority=810)
    return {"version": "0.1", "parallel_read_safe": True, "parallel_write_safe": True}
