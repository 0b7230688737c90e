"""Let models of captions and of pictures from words meet the grammar and a reader.

Chapter: book/families/still-life-scoreboard.md
"""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.counted_words import CountedWords
from genbook.course.drawings.still_lifes import captioned_pictures
from genbook.course.recipes import language
from genbook.course.recipes import text_to_image as recipes
from genbook.data.still_life.captions import still_life
from genbook.data.still_life.pictures import caption_words, sample_still_lifes
from genbook.data.still_life.scenes import shares_right


def bag(y: Tensor) -> Tensor:
    """Return how often each word stands in captions ``(n, 40)``."""
    counts = torch.zeros(len(y), len(caption_words()))
    return counts.scatter_add(1, y, (y > 1).float())


def share(texts: list[str]) -> float:
    """Return the share of captions that the grammar can say."""
    return language.judge_captions(texts).grammatical


def main() -> None:
    """Write and draw, and print both boards."""
    args = example_parser(__doc__).parse_args()
    n, m, k = (500, 40, 300) if args.fast else (64_000, 300, 5000)
    short: Any
    short, seeded = {"steps": 3} if args.fast else {}, torch.Generator().manual_seed
    grammar, words = still_life(), language.still_life_words()
    texts = grammar.captions(n, generator=seeded(1)).texts
    held = grammar.captions(m, generator=seeded(2)).texts
    truth = torch.tensor([grammar.log_prob(text.split()) for text in held])
    tens, lines = CountedWords(texts, 10), []
    for count in map(tens.shorter, (0, 1, 2, 4, 10)):
        gap = (truth - count.log_prob(held)).mean().item()
        r = share(count.write(m, generator=seeded(args.seed)))
        lines.append(f"counts of {count.order:2} words  {gap:6.2f} nats {r:6.1%} right")
    x = language.caption_rows(n, seed=1)
    model, _ = language.still_life_language(x, vocab_size=len(words), **short)
    gap = language.caption_scores(model, words, m).mean().item()
    written = [words.decode(r) for r in model.sample(m, generator=seeded(args.seed))]
    lines.append(f"transformer         {gap:6.2f} nats {share(written):6.1%} right")

    shown = sample_still_lifes(200 if args.fast else 14_000, generator=seeded(21))
    test = sample_still_lifes(m, generator=seeded(23))
    other = sample_still_lifes(k, "all", generator=seeded(22))
    reader = recipes.scene_reader(other, **short)
    code, _ = recipes.picture_code(shown.x[:8000], **short)
    with torch.no_grad():
        z = code.encode(shown.x)
    flow, _ = recipes.draw_from_words(z, shown.y, code, **short)
    drawn = flow.sample(m, test.y, guidance=2.0, generator=seeded(args.seed))
    near = torch.cdist(bag(test.y), bag(shown.y), p=1).argmin(1)
    pictures = {"looked up": shown.x[near], "flow": drawn, "rendered": test.x}
    for name, x in pictures.items():
        found = shares_right(reader.read(x), test.meanings)["all"]
        lines.append(f"{name:19} {found:6.1%} of captions drawn rightly")
    print(*lines, sep="\n")
    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    captioned_pictures(drawn[:8], test.texts[:8])
    plt.savefig(args.out / "drawn.png")
    print(f"Figure: {args.out}/drawn.png")


if __name__ == "__main__":
    main()
