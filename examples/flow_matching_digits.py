"""Draw the digit that is asked for, by flow matching, and let a judge read it.

One network learns to see the clean image in a noisy one, with the label and without.
Guidance exaggerates the difference that the label makes: the script shows what that
does to the share of digits read as asked, and to their variety.

Chapter: book/families/flow-matching.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes.flow_matching import flow_matching_digits
from genbook.course.tables import table
from genbook.data.digits import load_digits
from genbook.discriminative.image_classifier import train_image_classifier


def main() -> None:
    """Train, compare weights of guidance, and draw eight of each digit."""
    args = example_parser(__doc__).parse_args()
    train = load_digits("train", size=14)
    options = {"steps": 40} if args.fast else {}
    model, history = flow_matching_digits(train.x, train.y, seed=args.seed, **options)
    print(f"{history.steps} steps in {history.cpu_seconds:.1f} CPU s")

    classifier = train_image_classifier(2 * train.x - 1, train.y, 10)
    y = torch.arange(200 if args.fast else 1_000) % 10
    rows = []
    for guidance in (0.0, 1.0, 1.5, 3.0):
        generator = torch.Generator().manual_seed(args.seed)
        x = model.sample(
            len(y), y, steps=10, guidance=guidance, generator=generator
        ).clamp(-1, 1)
        spread = torch.stack([x[y == k].std(0).mean() for k in range(10)]).mean()
        rows.append(
            {
                "guidance": guidance,
                "read as asked": classifier.accuracy(x, y),
                "spread within a digit": spread,
            }
        )
    print(table(rows, formats={"read as asked": ".1%", "guidance": ".1f"}))

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    asked = torch.arange(80) % 10
    generator = torch.Generator().manual_seed(args.seed)
    x = model.sample(80, asked, steps=10, guidance=1.5, generator=generator)
    fig, ax = plotting.subplots(height=4.2)
    plotting.show_images(ax, (x + 1) / 2)
    fig.savefig(args.out / "digits.png")
    print(f"Figure: {args.out}/digits.png")


if __name__ == "__main__":
    main()
