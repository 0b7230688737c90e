"""Train the pretrained models of the book, from a seed to a file.

``python tools/pretrain.py language --out DIR`` trains the language model of still lifes
on captions of its grammar and writes its weights in half precision, with a card that
says how they came about and how good they are. ``--device cuda`` trains on a GPU, in
about three minutes; a few processes draw the captions before. Files that go into the
package need a whole record: ``python tools/card_weights.py`` completes it.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import pretrain_pictures
from genbook.course.cached_fit import seeded_init
from genbook.course.pretrained import load_pretrained, save_pretrained
from genbook.course.recipes.language import (
    caption_rows,
    caption_scores,
    judge_captions,
    still_life_words,
)
from genbook.data.still_life.captions import still_life
from genbook.models.autoregressive.transformer import Transformer
from genbook.training import fit

SHARD = 50_000  # captions that one process draws from one seed
OPTIONS = {
    "batch_size": 128,
    "lr": 4e-3,
    "betas": (0.9, 0.98),
    "weight_decay": 0.02,
    "grad_clip": 1.0,
    "ema": 0.999,
}


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
        if name == "language":
            one.add_argument("--captions", type=int, default=4_000_000)
            one.add_argument("--judged", type=int, default=5000, help="to measure on")
        else:
            pretrain_pictures.add_arguments(one)
    return parser


# --- language -------------------------------------------------------------------------


def language(args: argparse.Namespace) -> None:
    """Train the language model of still lifes, measure it, and write it."""
    began = time.perf_counter()
    x = all_rows(args.captions, args.seed)
    print(f"{args.captions} captions, {time.perf_counter() - began:.0f} s", flush=True)
    steps, model = args.steps or 30_000, language_model(args.seed)
    model, rows = model.to(args.device), x.to(args.device)
    options = OPTIONS | {"seed": args.seed, "capture": args.device != "cpu"}
    history = fit(model, rows, steps=steps, **options)
    seconds = history.seconds
    print(f"{steps} steps, {seconds:.0f} s, loss {history.loss[-1]:.4f}", flush=True)
    card: dict[str, Any] = {
        "model": "a decoder-only transformer over the words of still-life captions",
        "parameters": sum(p.numel() for p in model.parameters()),
        "captions": args.captions,
        "data": "drawn from genbook.data.still_life, region 'seen'",
        "recipe": "tools/pretrain.py language",
        "seed": args.seed,
        "steps": steps,
        "options": {k: str(v) for k, v in OPTIONS.items()},
        "seconds": round(seconds, 1),
        "machine": machine(args.device),
        "first losses on a CPU": first_losses(args.seed),
        "limits": "knows these captions alone; pairs held out stay unlikely to it",
    }
    save_pretrained(model, card, "still-life-language", args.out)
    written = load_pretrained("still-life-language", args.out).model
    card["evaluation"] = measured(written, x, args.judged)
    print(card["evaluation"])
    path = save_pretrained(model, card, "still-life-language", args.out)
    print(f"{path}, {path.stat().st_size:,} bytes")


def language_model(seed: int) -> Transformer:
    """Return the model with its first weights."""
    with seeded_init(seed):
        return Transformer(
            len(still_life_words()), 64, width=128, depth=2, heads=4, separator=0
        )


def shard(number: int) -> Tensor:
    """Return the rows of one shard of captions."""
    return caption_rows(SHARD, seed=number).to(torch.uint8)


def all_rows(captions: int, seed: int) -> Tensor:
    """Return packed rows of captions, drawn by all cores."""
    if captions <= SHARD:
        return caption_rows(captions, seed=1000 * (seed + 1))
    numbers = [1000 * (seed + 1) + i for i in range(-(-captions // SHARD))]
    workers = min(len(numbers), os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        return torch.cat(list(pool.map(shard, numbers))).long()


def first_losses(seed: int, steps: int = 5) -> list[float]:
    """Return the first losses on a CPU, on the first thousand captions."""
    x = caption_rows(1000, seed=1000 * (seed + 1))
    history = fit(language_model(seed), x, steps=steps, seed=seed, **OPTIONS)
    return [round(v, 5) for v in history.loss]


@torch.no_grad()
def measured(model: Transformer, x: Tensor, n: int) -> dict[str, float]:
    """Return how good the model is on new captions, and what it writes."""
    words = still_life_words()
    gap = caption_scores(model, words, n, seed=7)
    generator = torch.Generator().manual_seed(8)
    drawn = model.sample(n, generator=generator)
    texts = [words.decode(row) for row in drawn]
    judged = judge_captions(texts)
    error = (judged.grammatical * (1 - judged.grammatical) / n) ** 0.5
    return {
        "nats a caption above the floor": round(gap.mean().item(), 5),
        "standard error": round(gap.std().item() / math.sqrt(n), 5),
        "grammatical": judged.grammatical,
        "its standard error": round(error, 5),
        "different": judged.varied,
        "entropy of the grammar": round(still_life().entropy, 5),
    }


# --- pictures -------------------------------------------------------------------------


def pictures(args: argparse.Namespace) -> None:
    """Train the model that draws still lifes."""
    pretrain_pictures.pictures(args, machine(args.device))


def machine(device: str) -> str:
    """Return what the model was trained on."""
    if device == "cpu":
        return f"{torch.get_num_threads()} thread(s) of {platform.machine()}"
    return torch.cuda.get_device_name(device)


def main() -> None:
    """Train one model."""
    args = parser().parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    {"language": language, "pictures": pictures}[args.model](args)


if __name__ == "__main__":
    main()
