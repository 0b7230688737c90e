"""Draw digits at full size with a small U-Net, and measure what is wrong with them.

Flow matching with averaged weights. A reader that saw only real digits says whether
each is what was asked for, and how far its features lie from real ones; the share of
grey pixels is compared, and copies of the training set are looked for.

Chapter: book/families/images.md
"""

from __future__ import annotations

import torch

from genbook import metrics
from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes.flow_matching import flow_matching_images
from genbook.course.recipes.reading import digit_reader
from genbook.data.digits import load_digits


def grey_share(x: torch.Tensor) -> float:
    """Return the share of pixels that are neither ink nor paper."""
    return ((x > 0.15) & (x < 0.85)).float().mean().item()


def main() -> None:
    """Train, draw, and measure."""
    parser = example_parser(__doc__)
    parser.add_argument("--guidance", type=float, default=1.6, help="its weight")
    args = parser.parse_args()
    train, test = load_digits("train"), load_digits("test")
    short = {"steps": 10} if args.fast else {}
    model, history = flow_matching_images(train.x, train.y, seed=args.seed, **short)
    print(f"{history.steps} steps in {history.cpu_seconds:.1f} CPU s")

    y = torch.arange(50 if args.fast else 400) % 10
    generator = torch.Generator().manual_seed(args.seed)
    drawn = model.sample(
        len(y), y, steps=12, guidance=args.guidance, generator=generator
    )
    x = ((drawn + 1) / 2).clamp(0, 1)
    judge = digit_reader(train.x, train.y, steps=20 if args.fast else 400)
    real, features = judge.features(test.x), judge.features(x)
    floor = metrics.noise_floor(
        real,
        metrics.frechet_distance,
        len(y),
        5,
        labels=test.y,
        generator=torch.Generator().manual_seed(args.seed),
    )
    far = metrics.frechet_distance(features, real[: len(y)])
    both = metrics.precision_recall(real[: len(y)], features)
    copies = metrics.nearest_neighbour_memorisation(
        x, train.x, test.x, ratio=0.6, generator=generator
    )
    print(f"real digits read rightly      {judge.accuracy(test.x, test.y):.1%}")
    print(f"drawn digits read as asked    {judge.accuracy(x, y):.1%}")
    print(f"Fréchet distance, in floors   {far / floor.mean:.2f}")
    print(f"precision and recall          {both.precision:.2f}, {both.recall:.2f}")
    print(f"grey pixels                   {grey_share(x):.3f}")
    print(f"grey pixels of real digits    {grey_share(test.x):.3f}")
    print(f"p-value of the test for copies  {copies.p_value:.3f}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=3.2)
    plotting.show_images(ax, x[:50], columns=10)
    fig.savefig(args.out / "digits.png")
    print(f"Figure: {args.out}/digits.png")


if __name__ == "__main__":
    main()
