"""Draw digits in one step: straighten a trained flow, distil it, and measure.

Flow matching with a small U-Net learns to draw digits. A copy of it learns from pairs
of noise and what was drawn from it, first at all times (reflow), then at the noise
alone (distillation). Each draws in one, two, four and eight steps.

Chapter: book/families/one-step.md
"""

from __future__ import annotations

import torch

from genbook import metrics
from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes.flow_matching import flow_matching_images, straightened
from genbook.course.recipes.reading import digit_reader
from genbook.data.digits import load_digits
from genbook.models.diffusion.reflow import draw_pairs


def main() -> None:
    """Train, make pairs, train the copies, and judge all of them."""
    parser = example_parser(__doc__)
    parser.add_argument("--guidance", type=float, default=1.6, help="of the pairs")
    args = parser.parse_args()
    train, test = load_digits("train"), load_digits("test")
    short = {"steps": 10} if args.fast else {}
    painter, _ = flow_matching_images(train.x, train.y, seed=args.seed, **short)

    n = 70 if args.fast else 3000
    y = torch.arange(n) % 10
    dice = torch.Generator().manual_seed(args.seed)
    pairs = draw_pairs(painter, n, y, guidance=args.guidance, generator=dice)
    straight, reflow = straightened(painter, pairs, y, seed=args.seed, **short)
    few = {"steps": 10 if args.fast else 200, "seed": args.seed}
    distilled, last = straightened(straight, pairs, y, start="noise", **few)
    print(f"reflow took {reflow.cpu_seconds:.1f} CPU s")
    print(f"distillation took {last.cpu_seconds:.1f} CPU s")

    judge = digit_reader(train.x, train.y, steps=20 if args.fast else 400)
    asked = torch.arange(50 if args.fast else 400) % 10
    z = torch.randn(len(asked), 28 * 28, generator=dice)
    every = judge.features(test.x)
    real = every[torch.arange(len(every)) // 10 % 2 == 0][: len(asked)]
    floor = metrics.noise_floor(
        every,
        metrics.frechet_distance,
        len(asked),
        5,
        labels=test.y,
        generator=torch.Generator().manual_seed(args.seed),
    ).mean
    shown = []  # ten digits of each in one step
    print("steps  drawn by    read as asked  Fréchet in floors")
    for name, model, w, steps in (
        ("painter", painter, args.guidance, (1, 2, 4, 8)),
        ("reflow", straight, 1.0, (1, 2, 4, 8)),
        ("distilled", distilled, 1.0, (1,)),
    ):
        for k in steps:
            with torch.no_grad():
                x = model.decode(z, asked, steps=k, method="euler", guidance=w)
            x = ((x + 1) / 2).clamp(0, 1)
            far = metrics.frechet_distance(judge.features(x), real) / floor
            print(f"{k:5}  {name:10}  {judge.accuracy(x, asked):13.1%}  {far:17.1f}")
            shown += [x[:10]] if k == 1 else []

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=2.2)
    plotting.show_images(ax, torch.cat(shown), columns=10)
    fig.savefig(args.out / "digits.png")
    print(f"Figure: {args.out}/digits.png")


if __name__ == "__main__":
    main()
