"""Draw the digits you ask for, with a conditional diffusion model.

A judge that saw only real digits reads the drawings, and a search for near neighbours
says whether the model copied its training set.

Chapter: book/families/diffusion.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes.diffusion import diffusion_digits
from genbook.course.recipes.reading import digit_reader
from genbook.data.digits import load_digits
from genbook.metrics import nearest_neighbour_memorisation


def main() -> None:
    """Train, draw, judge, and look for copies."""
    parser = example_parser(__doc__)
    parser.add_argument("--guidance", type=float, default=1.5, help="its weight")
    args = parser.parse_args()
    train, test = (load_digits(split, size=14) for split in ("train", "test"))
    generator = torch.Generator().manual_seed(args.seed)
    model, history = diffusion_digits(
        train.x, train.y, steps=30 if args.fast else 700, seed=args.seed
    )
    print(f"trained in {history.cpu_seconds:.1f} CPU s")
    classifier = digit_reader(train.x, train.y, steps=20 if args.fast else 400)
    y = torch.arange(10).repeat(4 if args.fast else 50)
    drawn = model.sample(
        len(y), y, guidance=args.guidance, steps=16, generator=generator
    )
    x = ((drawn + 1) / 2).clamp(0, 1)
    print(f"real digits read rightly: {classifier.accuracy(test.x, test.y):.1%}")
    print(f"drawn digits read as asked: {classifier.accuracy(x, y):.1%}")
    copies = nearest_neighbour_memorisation(
        x, train.x, test.x, ratio=0.6, generator=generator
    )
    print(f"nearest neighbour trained on: {copies.share:.1%}", end=" ")
    print(f"(expected {copies.expected:.1%}, p = {copies.p_value:.3f})")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=3)
    plotting.show_images(ax, x[:40])
    fig.savefig(args.out / "digits.png")
    print(f"Figure: {args.out}/digits.png")


if __name__ == "__main__":
    main()
