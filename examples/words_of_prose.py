"""Let a small transformer write documentation, word by word, at two temperatures.

It learns from the prose that the installed packages carry. Each word is drawn from a
distribution that the network computes from all words before it.

Chapter: book/families/autoregressive.md
"""

from __future__ import annotations

import math

import torch

from genbook.cli import example_parser
from genbook.course.recipes.autoregressive import transformer_prose
from genbook.data.tokens import detokenise, tokenise_prose


def main() -> None:
    """Train the model, measure it on unseen text, and let it write."""
    args = example_parser(__doc__).parse_args()
    words = tokenise_prose()
    size = len(words.vocabulary)
    steps = 20 if args.fast else 900
    model, history = transformer_prose(
        words.x, vocab_size=size, steps=steps, seed=args.seed
    )
    with torch.no_grad():
        bits = model.loss(words.held_out) / math.log(2)

    print(f"trained           {history.steps} steps in {history.cpu_seconds:.0f} CPU s")
    print(f"held-out text     {bits:.2f} bits a word, of {math.log2(size):.2f}")
    prompt = [words.vocabulary.index(".")]
    lines = []
    for temperature in (0.5, 1.0):
        generator = torch.Generator().manual_seed(args.seed)
        lines.append(f"temperature {temperature}")
        for text in model.sample(
            5, prompt=prompt, temperature=temperature, generator=generator
        ):
            lines.append(f"    {detokenise(text[1:], words.vocabulary)}")
    print("\n".join(lines))

    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "prose.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"Text: {args.out}/prose.md")


if __name__ == "__main__":
    main()
