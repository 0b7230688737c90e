"""Write still lifes token by token after the words of their captions.

An autoencoder rounds its codes to tokens, with a straight-through gradient; a
transformer reads a caption and goes on with the tokens of its picture. A reader that
saw rendered pictures only counts what is right, and the tokens' exact probability says
what they cost in bits.

Chapter: book/families/picture-tokens.md
"""

from __future__ import annotations

import math

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.drawings.still_lifes import captioned_pictures
from genbook.course.recipes.picture_tokens import (
    token_code,
    token_use,
    write_pictures,
)
from genbook.course.recipes.text_to_image import picture_code, scene_reader
from genbook.data.still_life.pictures import sample_still_lifes
from genbook.data.still_life.scenes import shares_right


def seeded(seed: int) -> torch.Generator:
    """Return a generator that starts from a seed."""
    return torch.Generator().manual_seed(seed)


def main() -> None:
    """Train, write, and count."""
    parser = example_parser(__doc__)
    parser.add_argument("--temperature", type=float, default=1.0, help="of the draws")
    args = parser.parse_args()
    short = {"steps": 3} if args.fast else {}
    train = sample_still_lifes(200 if args.fast else 14_000, generator=seeded(21))
    test = sample_still_lifes(40 if args.fast else 500, generator=seeded(23))
    other = sample_still_lifes(5000, "all", generator=seeded(22))
    reader = scene_reader(other, **short)
    start, _ = picture_code(train.x[:8000], **short)
    code, history = token_code(train.x[:8000], start, seed=args.seed, **short)
    print(f"{history.steps} steps of rounding in {history.cpu_seconds:.1f} CPU s")
    with torch.no_grad():
        tokens, known = code.tokens(train.x), code.tokens(test.x)
        again = reader.accuracy(code.pictures(known), test.scenes)["scene"]
    period = tokens.shape[1] // code.places
    use = token_use(tokens, code.vocab_size, period)
    print(f"scenes read without error after the code {again:.1%}")
    print(f"tokens used {use.used:.1%}, {use.bits:.1f} of {use.most:.1f} bits")
    options = {"seed": args.seed, **short}
    writer, history = write_pictures(tokens, train.y, code, **options)
    print(f"{history.steps} steps of writing in {history.cpu_seconds:.1f} CPU s")
    with torch.no_grad():
        right = -writer.log_prob(known, test.y).mean().item() / math.log(2)
        wrong = -writer.log_prob(known, test.y.roll(1, 0)).mean().item() / math.log(2)
    print(f"bits a picture {right:.1f}, with another's caption {wrong:.1f}")

    dice, heat = seeded(args.seed), args.temperature
    drawn = writer.sample(len(test), test.y, temperature=heat, generator=dice)
    drawn = code.pictures(drawn)
    for part, share in shares_right(reader.read(drawn), test.meanings).items():
        print(f"{part:10} right {share:.1%}")
    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    axes = captioned_pictures(drawn[:16], test.texts[:16])
    axes[0].figure.savefig(args.out / "picture_tokens.png")
    print(f"Figure: {args.out}/picture_tokens.png")


if __name__ == "__main__":
    main()
