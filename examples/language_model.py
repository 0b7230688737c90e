"""Train a language model whose floor is known, and let it write.

Captions of still lifes are drawn from a grammar. A small transformer learns them word
by word. The grammar says what its captions cost above the floor, and which of those
that it writes are right, at several ways of drawing.

Chapter: book/families/language-models.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course.recipes import language
from genbook.data.still_life.captions import still_life


def main() -> None:
    """Train, measure, and write."""
    args = example_parser(__doc__).parse_args()
    words, grammar = language.still_life_words(), still_life()
    n, m = (500, 50) if args.fast else (64_000, 1000)
    short = {"steps": 20} if args.fast else {}
    x = language.caption_rows(n, seed=1)
    model, history = language.still_life_language(
        x, vocab_size=len(words), seed=args.seed, **short
    )
    gap = language.caption_scores(model, words, m)
    error = gap.std() / len(gap) ** 0.5
    print(f"trained           {history.steps} steps in {history.cpu_seconds:.0f} CPU s")
    print(f"the floor         {grammar.entropy:.2f} nats a caption")
    print(f"above it          {gap.mean():.3f} ± {error:.3f} nats")
    lines = []
    for name, way in (
        ("as it is", {}),
        ("temperature 0.7", {"temperature": 0.7}),
        ("top-p 0.9", {"p": 0.9}),
    ):
        generator = torch.Generator().manual_seed(args.seed)
        drawn = model.sample(m, generator=generator, **way)
        texts = [words.decode(row) for row in drawn]
        judged = language.judge_captions(texts)
        lines.append(f"{name}: {judged.grammatical:.1%} right")
        lines += [f"    {text}" for text in texts[:4]]
    print("\n".join(lines))

    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "captions.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"Text: {args.out}/captions.md")


if __name__ == "__main__":
    main()
