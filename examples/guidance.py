"""Turn up the guidance of a conditional diffusion model, and watch variety go.

The same noise and the same labels, at weights from 0 (the label is ignored) to 5.

Chapter: book/families/diffusion.md
"""

from __future__ import annotations

import torch

from genbook import metrics
from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes.diffusion import diffusion_digits
from genbook.course.recipes.reading import digit_reader
from genbook.course.tables import table
from genbook.data.digits import load_digits


def main() -> None:
    """Train once, draw at every weight, and measure obedience and recall."""
    args = example_parser(__doc__).parse_args()
    train, test = (load_digits(part, size=14) for part in ("train", "test"))
    steps = 30 if args.fast else 700
    model, _ = diffusion_digits(train.x, train.y, steps=steps, seed=args.seed)
    reader = digit_reader(train.x, train.y, steps=20 if args.fast else 300)
    y = torch.arange(10).repeat(2 if args.fast else 40)
    real = reader.features(test.x[: len(y)])
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
        rows.append(
            {
                "guidance": weight,
                "read as asked": reader.accuracy(x, y),
                "recall": metrics.precision_recall(real, reader.features(x)).recall,
            }
        )
        sheet.append(x[:20])
    formats = {"guidance": ".1f", "read as asked": ".1%", "recall": ".2f"}
    print(table(rows, formats=formats))

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(width="wide", height=3)
    plotting.show_images(ax, torch.cat(sheet), columns=20)
    fig.savefig(args.out / "guidance.png")
    print(f"Figure: {args.out}/guidance.png (one row for each weight)")


if __name__ == "__main__":
    main()
