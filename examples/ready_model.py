"""Tune a ready model of captions to new wares, and count what it gains and forgets.

The shipped writer of captions has never met a green lemon. It is tuned to a hundred
captions with such pairs, with old ones beside them and without; a painter draws them.

Chapter: book/practice/ready-models.md
"""

from __future__ import annotations

import copy
import math

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.drawings.still_lifes import captioned_pictures
from genbook.course.pretrained import load_pretrained
from genbook.course.recipes import language
from genbook.data.still_life.captions import still_life
from genbook.data.still_life.pictures import caption_tokens
from genbook.data.tokenisers import pack
from genbook.practice.finetuning import replay
from genbook.training import fit


def main() -> None:
    """Tune, count the nats above the floor, and draw what the tuned model writes."""
    parser = example_parser(__doc__)
    parser.add_argument("--lr", type=float, default=1e-3, help="the learning rate")
    args = parser.parse_args()
    n, steps, drawn = (2000, 2, 2) if args.fast else (10_000, 60, 16)
    words, seeded = language.still_life_words(), torch.Generator().manual_seed
    whole, before = still_life("all"), still_life()
    every = whole.captions(n, generator=seeded(21))
    new = [t for t, m in zip(*every, strict=True) if m.held_out]
    old = before.captions(500, generator=seeded(22)).texts
    rare = math.log(len(new) / n)  # only captions of new wares are judged as new
    judged = {"new": (whole, new[-100:], rare), "old": (before, old[-100:], 0.0)}

    @torch.no_grad()
    def show(name, model):
        gaps = []
        for what, (grammar, texts, share) in judged.items():
            rows = language.caption_batch(texts, words, model.context_length)
            truth = torch.tensor([grammar.log_prob(t.split()) for t in texts])
            gap = (truth - share - model.log_prob(rows)).mean().item()
            gaps.append(f"{what} {gap:6.2f}")
        print(f"{name:24} {', '.join(gaps)} nats above the floor")

    shipped, card = load_pretrained("still-life-language")
    print(f"still-life-language: {card['limits']}")
    show("as shipped", shipped)
    x, known = (pack([words.encode(t) for t in s], 64) for s in (new[:100], old[:400]))
    both = replay(x, known, 1.0, seed=args.seed)
    for name, rows in {"tuned": x, "tuned, with replay": both}.items():
        model = copy.deepcopy(shipped)
        options = {"steps": steps, "lr": args.lr, "seed": args.seed}
        fit(model, rows, batch_size=16, **options, **language.REGULAR)
        show(name, model)

    rows = model.sample(40, generator=seeded(args.seed))
    meant = {t: whole.parse(t.split()) for t in map(words.decode, rows)}
    texts = [text for text, meaning in meant.items() if meaning and meaning.held_out]
    print(f"Of 40 captions that it writes, {len(texts)} name a new ware.")
    texts = [*texts, *new][:8]
    painter, _ = load_pretrained("still-life-pictures")
    y = caption_tokens(texts)
    x = painter.sample(len(y), y, steps=drawn, generator=seeded(1))
    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    axes = captioned_pictures(x, texts)
    axes[0].figure.savefig(args.out / "wares.png")
    print(f"Figure: {args.out}/wares.png")


if __name__ == "__main__":
    main()
