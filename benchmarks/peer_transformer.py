"""The transformer of the book beside a public GPT-2, on the captions of still lifes.

    python benchmarks/peer_transformer.py --seed 0 --seed 1 --seed 2
    python benchmarks/peer_transformer.py --only step

The peer is ``GPT2LMHeadModel`` of Hugging Face's transformers, the architecture of
nanoGPT and minGPT: one block of width 64 with four heads has the same 60,000 weights in
both. It reads a row of several packed captions as one text; ours restarts at each.

- *step*: CPU time of one training step on 16 rows of 64 tokens, taken in turn in one
  loop; the ratio to ours is the median over the rounds. Also with four blocks of width
  128, as nanoGPT suggests for a processor, and with ours reading a row as one text, as
  the peer does. The aim: ours is never slower.
- *captions*: all are trained for the same CPU seconds, half a second each in turn, on
  the same rows, and then judged: nats a caption above the exact entropy of the grammar,
  and the share of 2,000 drawn captions that the grammar can say. The peer is trained
  with our settings, and with nanoGPT's (rate 1e-3 down to 1e-4 after 100 steps, betas
  0.9 and 0.99, weight decay 0.1 of matrices, 12 rows a step).
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from genbook.course.recipes import language
from genbook.models.autoregressive.transformer import Transformer
from genbook.training import one_cycle
from genbook.training.loop import Batches

ROW, LENGTH, HEADS, TURN = 64, 88, 4, 0.5
seeded = torch.Generator().manual_seed


class Public(nn.Module):
    """GPT-2 with the methods that the book's transformer has."""

    context_length = ROW

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        from transformers import GPT2Config, GPT2LMHeadModel

        config = GPT2Config(
            vocab_size=LENGTH,
            n_positions=ROW,
            n_embd=width,
            n_layer=depth,
            n_head=HEADS,
            activation_function="gelu",
            bos_token_id=0,
            eos_token_id=0,
            **dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0),
        )
        self.net = GPT2LMHeadModel(config)

    def loss(self, x: Tensor, y: None = None, *, generator: Any = None) -> Tensor:
        """Return the nats of a token; what fills a row counts nothing, as in ours."""
        filling = (x == 0) & (x.roll(1, 1) == 0)
        labels = x.masked_fill(filling, -100)
        return self.net(x, labels=labels, use_cache=False).loss

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the log-probability of one text a row, ``(n,)``."""
        out = self.net(x[:, :-1], use_cache=False).logits
        nats = cross_entropy(out.mT, x[:, 1:], reduction="none")
        return -(nats * ((x[:, 1:] != 0) | (x[:, :-1] != 0))).sum(1)

    @torch.no_grad()
    def sample(self, n: int, *, generator: torch.Generator) -> Tensor:
        """Draw texts, one a row, as the peer draws."""
        torch.manual_seed(generator.initial_seed())
        start = torch.zeros(n, 1, dtype=torch.long)
        return self.net.generate(
            start,
            attention_mask=torch.ones_like(start),
            do_sample=True,
            top_k=0,
            max_length=ROW,
            pad_token_id=0,
        )


class Settings(NamedTuple):
    """How one of them is trained."""

    rows: int
    betas: tuple[float, float]
    decay: float
    matrices_only: bool
    rate: Callable[[int, float], float]


def falling(step: int, share: float) -> float:
    """Return nanoGPT's rate: up for 100 steps, then down to a tenth along a cosine."""
    return min(1.0, (step + 1) / 100) * (
        1e-4 + 4.5e-4 * (1 + math.cos(math.pi * share))
    )


OURS = Settings(
    16, (0.9, 0.98), 0.05, False, lambda k, s: one_cycle(int(9999 * s), 10_000, 1e-2)
)
NANO = Settings(12, (0.9, 0.99), 0.1, True, falling)


class Run:
    """A training that is taken up and left again."""

    def __init__(self, model: nn.Module, x: Tensor, how: Settings, seed: int) -> None:
        self.model, self.how, self.steps, self.spent = model, how, 0, 0.0
        self.batch = Batches(x, None, how.rows, seed)
        weights = list(model.parameters())
        plain = [w for w in weights if how.matrices_only and w.ndim < 2]
        rest = [w for w in weights if not how.matrices_only or w.ndim > 1]
        groups = [
            {"params": rest, "weight_decay": how.decay},
            {"params": plain, "weight_decay": 0.0},
        ]
        self.adam = torch.optim.AdamW(
            [g for g in groups if g["params"]], lr=1e-3, betas=how.betas, fused=True
        )

    def step(self, lr: float) -> None:
        """Take one step."""
        loss = self.model.loss(self.batch(self.steps)[0])  # type: ignore[operator]
        self.adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for group in self.adam.param_groups:
            group["lr"] = lr
        self.adam.step()
        self.steps += 1

    def turn(self, seconds: float) -> None:
        """Train until the turn is over, or the training is."""
        begin, before = time.process_time(), self.spent
        end = min(before + TURN, seconds)
        while self.spent < end:
            self.step(self.how.rate(self.steps, self.spent / seconds))
            self.spent = before + time.process_time() - begin


def make(kind: str, width: int, depth: int, seed: int) -> nn.Module:
    """Return ours or the peer, with weights that the seed decides."""
    torch.manual_seed(seed)
    if kind == "peer":
        return Public(width, depth)
    end = 0 if kind == "ours" else None
    return Transformer(LENGTH, ROW, width=width, depth=depth, separator=end)


def captions(seeds: list[int], seconds: float, large: bool) -> None:
    """Train all for the same seconds and judge what they have learned."""
    words = language.still_life_words()
    x = language.caption_rows(64_000, seed=1)
    for seed in seeds:
        runs = {
            "genbook": Run(make("ours", 64, 1, seed), x, OURS, seed),
            "GPT-2, our settings": Run(make("peer", 64, 1, seed), x, OURS, seed),
            "GPT-2, nanoGPT's": Run(make("peer", 64, 1, seed), x, NANO, seed),
        }
        if large:
            runs["GPT-2, nanoGPT's, 4 × 128"] = Run(
                make("peer", 128, 4, seed), x, NANO, seed
            )
        while any(run.spent < seconds for run in runs.values()):
            for run in runs.values():
                run.turn(seconds)
        for name, run in runs.items():
            run.model.eval()
            gap = language.caption_scores(run.model, words, 1000)
            drawn = run.model.sample(2000, generator=seeded(seed))  # type: ignore[operator]
            right = language.judge_captions([words.decode(row) for row in drawn])
            print(
                f"seed {seed}  {name:27}{run.spent:5.1f} s{run.steps:6} steps   "
                f"{gap.mean():.3f} ± {gap.std() / len(gap) ** 0.5:.3f} nats above   "
                f"{right.grammatical:.3f} grammatical",
                flush=True,
            )


def steps(rounds: int) -> None:
    """Time one step of each, taken in turn."""
    x = language.caption_rows(4000, seed=1)
    for width, depth, n in ((64, 1, 5), (128, 4, 1)):
        runs = {
            name: Run(make(kind, width, depth, 0), x, OURS, 0)
            for name, kind in (
                ("genbook", "ours"),
                ("genbook, a row as one text", "plain"),
                ("GPT-2", "peer"),
            )
        }

        spent: dict[str, list[float]] = {name: [] for name in runs}
        for i in range(rounds + 1):
            for name in list(runs)[:: 1 if i % 2 else -1]:
                begin = time.process_time()
                for _ in range(n):
                    runs[name].step(1e-3)
                spent[name].append((time.process_time() - begin) / n)
        for name, seconds in spent.items():
            pairs = list(zip(seconds, spent["genbook"], strict=True))[1:]  # one to warm
            ratio = sorted(a / b for a, b in pairs)
            weights = sum(w.numel() for w in runs[name].model.parameters())
            print(
                f"{depth} × {width}  {name:27}{weights:9,} weights"
                f"{1e3 * statistics.median(seconds[1:]):7.1f} ms a step   "
                f"{statistics.median(ratio):.2f} of ours "
                f"({ratio[0]:.2f} to {ratio[-1]:.2f})",
                flush=True,
            )


def main() -> None:
    """Run one of the two, or both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=("step", "captions"))
    parser.add_argument("--seed", type=int, action="append", help="0 unless told")
    parser.add_argument("--seconds", type=float, default=45.0, help="of each training")
    parser.add_argument("--rounds", type=int, default=41, help="of steps, in turn")
    parser.add_argument("--large", action="store_true", help="nanoGPT's own size too")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if find_spec("transformers") is None:
        parser.exit(1, "transformers is missing: pip install -e '.[benchmarks]'\n")
    from transformers.utils import logging

    logging.set_verbosity_error()  # about what its version renames
    if args.only != "captions":
        steps(args.rounds)
    if args.only != "step":
        captions(args.seed or [0], args.seconds, args.large)


if __name__ == "__main__":
    main()
