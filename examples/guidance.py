"""Turn up the guidance of a conditional diffusion model, and watch variety go.

The same noise and the same labels, at weights from 0 (the label is ignored) to 5.

Chapter: book/families/diffusion.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes.diffusion import diffusion_digits
from genbook.course.tables import table
from genbook.data.digits import load_digits
from genbook.discriminative.image_classifier import train_image_classifier


def main() -> None:
    """Train once, draw at every weight, and measure obedience and variety."""
    args = example_parser(__doc__).parse_args()
    train = load_digits("train", size=14)
    steps = 30 if args.fast else 700
    model, _ = diffusion_digits(train.x, train.y, steps=steps, seed=args.seed)
    classifier = train_image_classifier(
        train.x, train.y, classes=10, steps=100 if args.fast else 600
    )
    y = torch.arange(10).repeat(2 if args.fast else 40)
    rows, sheet = [], []
    for weight in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0):
        drawn = model.sample(
            len(y),
            y,
            guidance=weight,
            steps=8 if args.fast else 16,
            generator=torch.Generator().manual_seed(args.seed),
        )
        x = ((drawn + 1) / 2).clamp(0, 1)
        spread = torch.stack([x[y == c].flatten(1).std(0).mean() for c in range(10)])
        rows.append(
            {
                "guidance": weight,
                "read as asked": classifier.accuracy(x, y),
                "variety": spread.mean().item(),
            }
        )
        sheet.append(x[:20])
    formats = {"guidance": ".1f", "read as asked": ".1%", "variety": ".3f"}
    print(table(rows, formats=formats))

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(width="wide", height=3)
    plotting.show_images(ax, torch.cat(sheet), columns=20)
    fig.savefig(args.out / "guidance.png")
    print(f"Figure: {args.out}/guidance.png (one row for each weight)")


if __name__ == "__main__":
    main()
