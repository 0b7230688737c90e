"""The start from a ready model with several seeds: how far its claims depend on them.

    python benchmarks/ready_models.py

Each seed has other captions of new wares to learn from, other rows replayed and another
order of batches. Rates are chosen by captions that do not judge, as in the chapter.
"""

from __future__ import annotations

import argparse
import copy
import math
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor

from genbook.course.cached_fit import cached_fit, seeded_init
from genbook.course.pretrained import load_pretrained
from genbook.course.recipes import language
from genbook.data.still_life.captions import still_life
from genbook.data.tokenisers import pack
from genbook.models.autoregressive.transformer import Transformer
from genbook.practice.finetuning import replay

RATES = (3e-4, 5e-4, 7e-4, 1e-3, 2e-3)
WORDS, WHOLE, BEFORE = language.still_life_words(), still_life("all"), still_life()
DRAWN = WHOLE.captions(20_000, generator=torch.Generator().manual_seed(21))
NEW = [t for t, m in zip(*DRAWN, strict=True) if m.held_out]
OLD = BEFORE.captions(900, generator=torch.Generator().manual_seed(22)).texts
SHARE = math.log(len(NEW) / len(DRAWN.texts))


def scored(new: list[str], old: list[str]) -> list[tuple[Tensor, Tensor]]:
    """Return rows and their exact log-probabilities, of new captions and of old."""
    return [
        (
            language.caption_batch(texts, WORDS, 64),
            torch.tensor([grammar.log_prob(t.split()) for t in texts]) - share,
        )
        for grammar, texts, share in ((WHOLE, new, SHARE), (BEFORE, old, 0.0))
    ]


@torch.no_grad()
def cost(model: Transformer, parts: list[tuple[Tensor, Tensor]]) -> list[float]:
    """Return the mean nats above the floor, of new captions and of old."""
    return [(truth - model.log_prob(rows)).mean().item() for rows, truth in parts]


def main() -> None:
    """Train each way at each rate with each seed, and print what was chosen."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    args = parser.parse_args()
    shipped, _ = load_pretrained("still-life-language")
    choose = scored(NEW[100:200], OLD[500:600])
    judge = scored(NEW[200:400], OLD[700:])
    known = pack([WORDS.encode(t) for t in OLD[:500]], 64)
    for seed in args.seeds:
        start = 400 + 100 * seed if seed else 0
        x = pack([WORDS.encode(t) for t in NEW[start : start + 100]], 64)
        both = replay(x, known, 1.0, seed=seed)
        with seeded_init(seed):
            blank = Transformer(**shipped.config)
        for way, base, rows, rates in (
            ("from scratch", blank, both, (4e-3, 8e-3)),
            ("tuned", shipped, x, RATES),
            ("tuned, with replay", shipped, both, RATES),
        ):
            found = []
            for lr in rates:
                model = copy.deepcopy(base)
                options = {"steps": 60, "batch_size": 16, "lr": lr, "seed": seed}
                cached_fit(model, rows, **options, **language.REGULAR)
                found.append((sum(cost(model, choose)), lr, cost(model, judge)))
            for chosen, lr, (new, old) in found:
                mark = "<- chosen" if chosen == min(found)[0] else ""
                mean = f"new {new:.2f}, old {old:.2f}, mean {(new + old) / 2:.3f}"
                print(f"seed {seed}  {way:18}  {lr:g}  {mean} {mark}", flush=True)


if __name__ == "__main__":
    main()
