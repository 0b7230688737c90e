"""Draw digits on demand with a conditional GAN, and have them read.

A classifier that never saw a made digit reads the label; nearest neighbours say
whether the samples are copies.

Chapter: book/families/adversarial.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes.adversarial import gan_digits
from genbook.course.recipes.reading import digit_reader
from genbook.data.digits import load_digits
from genbook.metrics import nearest_neighbour_memorisation, precision_recall


def main() -> None:
    """Train it, draw a hundred of each digit, and measure them."""
    args = example_parser(__doc__).parse_args()
    train, test = (load_digits(part, size=14) for part in ("train", "test"))
    options = {"steps": 150} if args.fast else {}
    model, history = gan_digits(train.x, train.y, seed=args.seed, **options)
    generator = torch.Generator().manual_seed(args.seed)
    asked = torch.arange(10).repeat(100)
    made = model.sample(1_000, asked, generator=generator)
    classifier = digit_reader(train.x, train.y, steps=20 if args.fast else 400)
    real, drawn = classifier.features(test.x), classifier.features(made)
    copied = nearest_neighbour_memorisation(
        made, train.x, test.x, ratio=0.6, generator=generator
    )

    print(f"{history.steps} steps in {history.cpu_seconds:.1f} s of CPU time")
    print(f"read as the digit asked for   {classifier.accuracy(made, asked):.1%}")
    print(f"the same for real new digits  {classifier.accuracy(test.x, test.y):.1%}")
    print(f"real digits covered           {precision_recall(real, drawn).coverage:.1%}")
    print(f"samples that may be copies    {copied.counted}")
    print(f"  nearest to a training image {copied.share:.1%}")
    print(f"  expected without copying    {copied.expected:.1%}")
    print(f"  p-value                     {copied.p_value:.3f}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=3.4)
    plotting.show_images(ax, made[:60])
    fig.savefig(args.out / "digits.png")
    print(f"Figure: {args.out}/digits.png")


if __name__ == "__main__":
    main()
