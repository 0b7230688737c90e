"""``genbook serve FOLDER_OR_FILE --desk``: serve saved models, and the desk."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from genbook.practice.serving.settings import Limits

#: What ``genbook serve`` is about, besides its limits.
DESCRIPTION = """Serve saved models over HTTP, and a desk that answers questions.

    genbook serve models           every model of a folder
    genbook serve models --desk    and the book's desk, at /v1/answers
    genbook serve --desk           the desk alone

A page at / draws samples and asks the desk; /openapi.json says what may be asked.
Models are read from .safetensors files, which hold numbers and never code. An audit
trail of JSON lines goes to the standard output."""

#: What ``--desk`` alone means.
BOOK_DESK = "genbook.practice.serving.desk:book_desk"


def parser() -> argparse.ArgumentParser:
    """Return what reads the arguments."""
    p = argparse.ArgumentParser(
        prog="genbook serve",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument(
        "place",
        metavar="FOLDER_OR_FILE",
        type=Path,
        nargs="?",
        help="the models; none with --desk alone",
    )
    p.add_argument(
        "--host", default="127.0.0.1", help="address (default: this machine)"
    )
    p.add_argument("--port", type=int, default=8000, help="port (default: 8000)")
    p.add_argument(
        "--keys", type=Path, help="a file with a line NAME SECRET for each application"
    )
    p.add_argument("--feedback", type=Path, help="a file of SQLite for feedback")
    p.add_argument(
        "--desk",
        metavar="MODULE:FUNCTION",
        nargs="?",
        const=BOOK_DESK,
        help="answer questions, too: with the book's desk, or with what a function "
        "without arguments returns",
    )
    p.add_argument(
        "--dtype", choices=("float64", "float32"), default="float64", help="precision"
    )
    limits = p.add_argument_group("limits")
    for field in fields(Limits):
        default: Any = field.default
        limits.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=type(default),
            default=default,
            metavar="N",
            help=f"(default: {default})",
        )
    return p


def read_keys(path: Path) -> dict[str, str]:
    """Return the secrets of a file by the names of their applications.

    Args:
        path: The file, a line ``NAME SECRET`` each; lines with ``#`` are comments.

    Raises:
        ValueError: If a line is not of this form.
    """
    keys = {}
    for number, line in enumerate(path.read_text("utf8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        found = re.fullmatch(r"([A-Za-z0-9_-]{1,64})[ \t]+([!-~]{16,256})\s*", line)
        if not found:
            raise ValueError(
                f"{path}, line {number}: must be NAME SECRET, of 16 signs or more"
            )
        keys[found[1]] = found[2]
    if not keys:
        raise ValueError(f"{path} must hold a key, it holds none")
    return keys


def make_desk(spec: str | None) -> Any:
    """Return what a function named by an operator returns.

    Args:
        spec: ``MODULE:FUNCTION``, or ``None`` for no desk.

    Raises:
        ValueError: If it is not of this form.
    """
    if spec is None:
        return None
    module, _, name = spec.partition(":")
    if not module or not name:
        raise ValueError(f"--desk must be MODULE:FUNCTION, got {spec!r}")
    return getattr(importlib.import_module(module), name)()


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until told to stop.

    Args:
        argv: The arguments; those of the process when ``None``.

    Returns:
        0 after a graceful stop, 2 if there is nothing to serve.
    """
    args = parser().parse_args(argv)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        import torch

        from genbook.practice.serving._server import listen
        from genbook.practice.serving.app import make_app
        from genbook.practice.serving.feedback import FeedbackStore
        from genbook.practice.serving.shelf import load_models
        from genbook.practice.serving.watching import load_alarms
    except ModuleNotFoundError as missing:
        print(
            f"genbook serve: {missing.name} is missing; install the extra: "
            f"pip install 'genbook[serve]'",
            file=sys.stderr,
        )
        return 2
    torch.set_num_threads(1)  # one thread computes; more would wait for one another
    try:
        limits = Limits(**{f.name: getattr(args, f.name) for f in fields(Limits)})
        desk, place, offers = make_desk(args.desk), args.place, {}
        if place is not None:
            offers = load_models(place, getattr(torch, args.dtype))
        elif desk is None:
            raise ValueError("give a folder or a file of models, or --desk")
        app = make_app(
            offers,
            limits,
            desk=desk,
            store=FeedbackStore(args.feedback) if args.feedback else None,
            keys=read_keys(args.keys) if args.keys else None,
            alarms=load_alarms(place, offers) if offers else None,
        )
    except (OSError, TypeError, ValueError, ImportError, AttributeError) as error:
        print(f"genbook serve: {error}", file=sys.stderr)
        return 2
    names = ", ".join([*offers, *(["desk"] if desk else [])])
    print(f"{names}: http://{args.host}:{args.port}/", file=sys.stderr, flush=True)
    listen(app, args.host, args.port, limits)
    return 0


if __name__ == "__main__":
    sys.exit(main())
