"""Train the desk's base model, which the book ships: a reader of scikit-learn.

Two steps, so that the second needs no documentation where it runs:

    python tools/pretrain_desk.py --prepare desk.npz
    python tools/pretrain_desk.py --data desk.npz --out DIR --device cuda

The first writes the training rows, counterfactual values in them, the rows to validate
on, and the merges of the tokeniser. The second trains, and writes `desk.safetensors`:
the weights in half precision, their shape and the merges. It belongs into
`src/genbook/practice/`. PyTorch's documentation lends words to the tokeniser, and
nothing else: the model has never read an answer about it. Then
``python tools/card_weights.py`` measures it and writes its record, ``desk.json``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from genbook.course.cached_fit import seeded_init
from genbook.practice.byte_pairs import BytePairs
from genbook.practice.desk import LIBRARIES, counterfactuals, load_desk
from genbook.practice.reader import ANSWER_TOKENS, Reader, pack
from genbook.training import fit

VERSIONS = 100  # of each question with an answer
UNANSWERED = 20  # of each without


def prepare(path: Path, vocab_size: int) -> None:
    """Write what the training needs to a file."""
    desks = {package: load_desk(package) for package in LIBRARIES}
    texts = [q.passage for desk in desks.values() for q in desk.train]
    tokens = BytePairs.learn(texts, vocab_size)
    train, validation, _ = desks["scikit-learn"]
    rows = counterfactuals(train, VERSIONS)
    rows += [q for q in train if not q.stated] * (UNANSWERED - 1)
    np.savez_compressed(
        path,
        x=pack(rows, tokens).numpy().astype(np.uint16),
        validation=pack(validation, tokens).numpy().astype(np.uint16),
        merges=np.array([" ".join(pair) for pair in tokens.merges]),
    )
    print(f"{path}: {len(rows)} rows, {path.stat().st_size / 1e6:.2f} MB")


def train(args: argparse.Namespace) -> None:
    """Train the model, say how it does, and write it."""
    data = np.load(args.data)
    x, validation = (
        torch.from_numpy(data[name].astype(np.int64)) for name in ("x", "validation")
    )
    merges = [tuple(str(pair).split(" ")) for pair in data["merges"]]
    vocab_size = len(BytePairs(merges))
    with seeded_init(args.seed):
        model = Reader(vocab_size, width=args.width, depth=args.depth)
    start = time.perf_counter()
    history = fit(
        model.to(args.device),
        x.to(args.device),
        steps=args.steps,
        batch_size=args.batch,
        lr=args.lr,
        seed=args.seed,
        weight_decay=0.05,
        grad_clip=1.0,
        ema=0.999,
        capture=args.device != "cpu",
    )
    seconds = time.perf_counter() - start
    model.cpu().half().float()  # as it will be read back
    right = (model.complete(validation) == validation[:, -ANSWER_TOKENS:]).all(1)
    parameters = sum(p.numel() for p in model.parameters())
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "desk.safetensors"
    about = {
        "config": json.dumps(model.config, sort_keys=True),
        "merges": json.dumps([" ".join(pair) for pair in merges]),
        "trained": f"{history.steps} steps of {args.batch} rows in {seconds:.0f} s on "
        f"{args.device}, seed {args.seed}",
    }
    weights = {name: t.half().contiguous() for name, t in model.state_dict().items()}
    save_file(weights, path, about)
    print(f"{path}: {parameters} weights, {path.stat().st_size / 1e3:.0f} kB")
    print(f"{about['trained']}; right on validation {right.float().mean():.3f}")


def main() -> None:
    """Prepare or train, as asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prepare", type=Path, help="the file to write and stop")
    parser.add_argument("--data", type=Path, help="the file to train from")
    parser.add_argument("--out", type=Path, default=Path("_build/desk"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--vocab-size", type=int, default=1024)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--depth", type=int, default=4)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--lr", type=float, default=4e-3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.prepare:
        prepare(args.prepare, args.vocab_size)
    elif args.data:
        train(args)
    else:
        parser.error("give --prepare FILE or --data FILE")


if __name__ == "__main__":
    main()
