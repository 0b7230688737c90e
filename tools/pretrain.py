"""Train the pretrained models of the book, from a seed to a file.

``python tools/pretrain.py language --out DIR`` trains the language model of still lifes
on captions of its grammar and writes its weights in half precision, with a card that
says how they came about and how good they are. ``--device cuda`` trains on a GPU.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    """Return what the command line may say."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    models = parser.add_subparsers(dest="model", required=True)
    for name in ("language", "pictures"):
        one = models.add_parser(name)
        one.add_argument("--out", type=Path, required=True, help="a folder")
        one.add_argument("--device", default="cpu", help="cpu or cuda")
        one.add_argument("--steps", type=int, help="fewer, to try it")
        one.add_argument("--seed", type=int, default=0)
    return parser


def language(args: argparse.Namespace) -> None:
    """Train the language model of still lifes."""
    raise SystemExit("not here yet")


def pictures(args: argparse.Namespace) -> None:
    """Train the model that draws still lifes."""
    raise SystemExit("not here yet")


def main() -> None:
    """Train one model."""
    args = parser().parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    {"language": language, "pictures": pictures}[args.model](args)


if __name__ == "__main__":
    main()
